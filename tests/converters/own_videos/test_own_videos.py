import csv
import json
import pickle

import numpy as np
import pytest
import torch
from datasets.video_files import SIZE, Squares, write_squares
from mmengine.config import Config
from mmengine.registry import DATASETS, init_default_scope
from PIL import Image

from stssa_mm.checks import check_config
from stssa_mm.converters.own_videos import convert_own_videos, guess_format
from stssa_mm.converters.own_videos.labelled_video import LabelledVideo, Mark, safe_name, thin_out
from stssa_mm.converters.own_videos.split import split_videos
from stssa_mm.video.reader import open_video
from stssa_mm.video.writer import write_video

CONFIG = '_base_/person_crops.py'


@pytest.fixture
def clips(tmp_path):
    """Two classes with two clips each, of 2 seconds, and in run/ one without anybody; names that csv does not like."""
    folder = tmp_path / 'clips'
    write_squares(folder / 'run' / 'a, b.mp4', [4])
    write_squares(folder / 'run' / 'c.avi', [0, 30])
    write_squares(folder / 'run' / 'nobody.mp4', [])
    write_squares(folder / 'walk fast' / 'd.mp4', [10])
    write_squares(folder / 'walk fast' / 'e.mkv', [20])
    return folder


@pytest.fixture
def videos(tmp_path):
    """a.mp4 and b.mp4 with two squares, 2 seconds."""
    for name in ('a', 'b'):
        write_squares(tmp_path / 'videos' / f'{name}.mp4', [0, 30])
    return tmp_path / 'videos'


def convert(repo, source, out, **kwargs):
    return convert_own_videos(source, out, repo / 'configs' / CONFIG, **kwargs)


def rows(out, *splits):
    return [row for split in splits or ('train', 'val')
            for row in csv.reader((out / 'annotations' / f'{split}.csv').open())]


def sample(config, split):
    init_default_scope('mmaction')
    cfg = Config.fromfile(config)
    dataset = DATASETS.build(cfg[f'{split}_dataloader'].dataset)
    return dataset[0]


# Folders of clips

def test_a_folder_a_class(repo, clips, tmp_path):
    out = tmp_path / 'set'
    summary = convert(repo, clips, out, detector=Squares(), val_share=.5)
    assert summary['classes'] == ['run', 'walk fast']
    assert summary['videos'] == dict(train=2, val=2)
    assert summary['key_frames'] == dict(train=8, val=8)
    assert summary['key_frames_of'] == {'run': 8, 'walk fast': 8}
    assert summary['empty_videos'] == ['run/nobody.mp4']
    assert summary['empty_key_frames'] == [f'run/nobody.mp4,{t:04d}' for t in (4, 9, 14, 19)]
    table = rows(out)
    assert {(row[0], row[6]) for row in table} == {
        ('run/a__b.mp4', '1'), ('run/c.avi', '1'), ('walk_fast/d.mp4', '2'), ('walk_fast/e.mkv', '2')}
    assert [row[1] for row in table if row[0] == 'run/a__b.mp4'] == ['0004', '0009', '0014', '0019']
    for row in table:  # a square is where its frame has it
        if row[0] == 'run/a__b.mp4':
            assert float(row[2]) * SIZE == pytest.approx(4 + int(row[1]) - 1, abs=1.5)
    people = {(row[1], row[7]): float(row[2]) for row in table if row[0] == 'run/c.avi'}
    assert len(people) == 8 and {number for _, number in people} == {'0', '1'}
    for timestamp in ('0004', '0009', '0014', '0019'):  # the same person keeps its number
        order = people['0004', '0'] < people['0004', '1']
        assert (people[timestamp, '0'] < people[timestamp, '1']) == order
    for row in table:
        file = out / 'videos' / row[0]
        assert file.is_symlink() and len(open_video(file)) == 20
    assert not (out / 'annotations' / 'detections.part').exists()


@pytest.mark.parametrize('base', ['_base_/person_crops.py', 'stssa_jhmdb.py', 'stssa_ava.py'])
def test_the_config_loads_and_gives_samples(repo, clips, tmp_path, base):
    summary = convert_own_videos(clips, tmp_path / 'set', repo / 'configs' / base, detector=Squares())
    cfg = Config.fromfile(summary['config'])
    assert summary['config'].name == 'stssa_set.py'
    assert cfg.val_dataloader == cfg.test_dataloader and cfg.val_evaluator == cfg.test_evaluator
    assert cfg.model.roi_head.bbox_head.num_classes == cfg.val_evaluator.num_classes == 3
    assert cfg.val_evaluator.exclude_file is None and not cfg.model.roi_head.bbox_head.multilabel
    for split in ('train', 'val'):
        got = sample(summary['config'], split)
        clip, boxes = got['inputs'], got['data_samples'].proposals.bboxes
        assert clip.dtype == torch.uint8 and clip.shape[0] == 3 and clip.shape[1] in (16, 32)
        assert len(boxes) and got['data_samples'].gt_instances.labels.shape[1] == 3


def test_samples_show_their_key_frame(repo, clips, tmp_path):
    """The middle of the clip is the frame of the timestamp: the ground-truth box encloses the square."""
    summary = convert(repo, clips, tmp_path / 'set', detector=Squares())
    got = sample(summary['config'], 'val')
    clip = got['inputs'].numpy()
    x1, _, x2, _ = got['data_samples'].gt_instances.bboxes[0].numpy()
    middle = clip[0, clip.shape[1] // 2]
    bright = np.nonzero(middle[middle.shape[0] // 2] > 128)[0]
    assert abs(bright[0] - x1) < 6 and abs(bright[-1] + 1 - x2) < 6


def test_copies_and_links_replace_each_other(repo, clips, tmp_path):
    out = tmp_path / 'set'
    for copy in (False, True, True, False):
        convert(repo, clips, out, detector=Squares(), copy=copy)
        assert (out / 'videos' / 'run' / 'c.avi').is_symlink() != copy
    assert (clips / 'run' / 'c.avi').stat().st_size > 1000


def test_clips_without_a_detector(repo, clips, tmp_path):
    with pytest.raises(ValueError, match=r'no boxes: a person detector is needed.*--detector'):
        convert(repo, clips, tmp_path / 'set')


def test_classes_without_people_are_named_at_once(repo, clips, tmp_path):
    for name in ('sit', 'lie'):
        write_squares(clips / name / 'f.mp4', [])
        write_squares(clips / name / 'g.mp4', [])
    with pytest.raises(ValueError, match=r"2 classes: 'lie' \(2 videos: lie/f.mp4, .*'sit' \(2 videos.*--score-thr"):
        convert(repo, clips, tmp_path / 'set', detector=Squares())


def test_a_class_with_one_video_has_it_divided_by_time(repo, clips, tmp_path):
    write_squares(clips / 'sit' / 'f.mp4', [3], frames=40)
    summary = convert(repo, clips, tmp_path / 'set', detector=Squares())
    assert summary['classes'] == ['run', 'sit', 'walk fast']
    stamps = {split: [int(row[1]) for row in rows(tmp_path / 'set', split) if row[0] == 'sit/f.mp4']
              for split in ('train', 'val')}
    assert stamps == dict(train=[4, 9, 14, 19, 24], val=[34, 39])  # 29 is half a second before these
    assert any("sit/f.mp4 is divided by time, as 'sit'" in warning for warning in summary['warnings'])


def test_everything_trains(repo, clips, tmp_path):
    write_squares(clips / 'sit' / 'f.mp4', [3])
    out = tmp_path / 'set'
    convert(repo, clips, out, detector=Squares())
    summary = convert(repo, clips, out, detector=Squares(), val_share=0)
    assert summary['videos'] == dict(train=5, val=0) and not summary['warnings']
    assert sorted(file.name for file in (out / 'annotations').iterdir()) == [
        'action_list.pbtxt', 'key_frames_without_people.csv', 'train.csv', 'train_proposals.pkl']
    cfg = Config.fromfile(summary['config'])
    assert cfg.val_dataloader is cfg.val_evaluator is cfg.val_cfg is None
    assert len(sample(summary['config'], 'train')['data_samples'].gt_instances)
    assert len(sample(summary['config'], 'test')['data_samples'].proposals)
    assert not [finding for finding in check_config(cfg).findings if finding.level != 'note']


def test_an_own_split_by_folders(repo, clips, tmp_path):
    for name in ('run', 'walk fast'):
        (clips / 'val').mkdir(exist_ok=True)
        (clips / 'val' / name).mkdir()
    (clips / 'run' / 'c.avi').rename(clips / 'val' / 'run' / 'c.avi')
    (clips / 'walk fast' / 'e.mkv').rename(clips / 'val' / 'walk fast' / 'e.mkv')
    summary = convert(repo, clips, tmp_path / 'set', detector=Squares())
    assert {row[0] for row in rows(tmp_path / 'set', 'val')} == {'val/run/c.avi', 'val/walk_fast/e.mkv'}
    assert summary['classes'] == ['run', 'walk fast'] and summary['videos'] == dict(train=2, val=2)


def test_an_own_split_with_both_folders(repo, clips, tmp_path):
    for part, clip in (('train', 'd.mp4'), ('test', 'e.mkv')):
        place = tmp_path / 'both' / part / 'walk fast'
        place.mkdir(parents=True)
        (clips / 'walk fast' / clip).rename(place / clip)
    convert(repo, tmp_path / 'both', tmp_path / 'set', detector=Squares())
    assert {row[0] for row in rows(tmp_path / 'set', 'val')} == {'test/walk_fast/e.mkv'}


def test_an_own_split_by_a_csv(repo, clips, tmp_path):
    split = tmp_path / 'split.csv'
    split.write_text('video,split\n"run/a, b.mp4",val\nc.avi,train\nnobody,train\nwalk fast/d.mp4,train\ne,test\n')
    convert(repo, clips, tmp_path / 'set', detector=Squares(), split=split)
    assert {row[0] for row in rows(tmp_path / 'set', 'val')} == {'run/a__b.mp4', 'walk_fast/e.mkv'}


@pytest.mark.parametrize(('text', 'message'), [
    ('c.avi,train\n', r'4 labelled videos are not in it, such as run/a__b\.mp4'),
    ('c.avi,maybe\n', r":1: split='maybe': expected train or val"),
    ('x.avi,train\n', r":1: 'x\.avi': no labelled video of this name"),
    ('c.avi\n', r":1: 'c\.avi': expected video,train or video,val"),
    ('c.avi,train\nrun/c,val\n', r":2: 'run/c' is in both parts"),
])
def test_faults_of_an_own_split(repo, clips, tmp_path, text, message):
    split = tmp_path / 'split.csv'
    split.write_text(text)
    with pytest.raises(ValueError, match=rf'^{split}.*{message}'):
        convert(repo, clips, tmp_path / 'set', detector=Squares(), split=split)


def test_what_is_no_clip_is_skipped_and_counted(repo, clips, tmp_path):
    (clips / 'notes.txt').write_text('x')
    (clips / '.DS_Store').touch()
    for name in ('Thumbs.db', '.DS_Store', 'labels.xlsx', 'cover.jpg'):
        (clips / 'run' / name).write_text('x')
    (clips / 'run' / 'more').mkdir()
    summary = convert(repo, clips, tmp_path / 'set', detector=Squares())
    note, = summary['notes']
    assert note.startswith('7 files and folders that are no clips of a class are skipped: ')
    assert summary['classes'] == ['run', 'walk fast']


def test_all_broken_clips_are_named_at_once(repo, clips, tmp_path):
    (clips / 'run' / 'x.mp4').write_text('no video')
    (clips / 'walk fast' / 'y.mp4').touch()
    with pytest.raises(ValueError, match=r'(?s)^2 videos cannot be used:\n  .*run/x\.mp4: .*\n  .*walk fast/y\.mp4: '):
        convert(repo, clips, tmp_path / 'set', detector=Squares())


def test_clips_that_are_folders_of_frames(repo, clips, tmp_path):
    for number in range(20):
        image = np.zeros((SIZE, SIZE, 3), np.uint8)
        image[24:40, number:number + 16] = 255
        place = clips / 'run' / 'frames' / f'img_{number + 1:05d}.png'
        place.parent.mkdir(exist_ok=True)
        Image.fromarray(image).save(place)
    with pytest.raises(ValueError, match=r'run/frames: a folder of frames .*--fps'):
        convert(repo, clips, tmp_path / 'set', detector=Squares())
    convert(repo, clips, tmp_path / 'set', detector=Squares(), fps=10)
    lefts = {row[1]: float(row[2]) * SIZE for row in rows(tmp_path / 'set') if row[0] == 'run/frames.mp4'}
    assert lefts == {f'{t:04d}': pytest.approx(t - 1, abs=.01) for t in (4, 9, 14, 19)}


@pytest.mark.parametrize(('make', 'message'), [
    (lambda f: (f / 'empty').mkdir(), r'clips/empty: the folder is empty: expected video clips'),
    (lambda f: [(f / 'texts').mkdir(), (f / 'texts' / 'a.txt').touch()], r'texts: no video in it: expected video cl'),
    (lambda f: (f / 'run' / 'x.mp4').write_text('x'), r'x\.mp4: it cannot be opened'),
    (lambda f: (f / 'run' / 'a__b.mp4').symlink_to(f / 'run' / 'c.avi'), r'name in the dataset is run/a__b\.mp4'),
])
def test_folders_that_are_not_as_expected(repo, clips, tmp_path, make, message):
    make(clips)
    with pytest.raises(ValueError, match=message):
        convert(repo, clips, tmp_path / 'set', detector=Squares())


# csv

def write_csv(videos, *lines, header='video,start,end,label'):
    file = videos / 'labels.csv'
    file.write_text('\n'.join((header, *lines)) + '\n')
    return file


def test_several_labels_of_stretches(repo, videos, tmp_path):
    stretches = ('0,1,sit', '0.5,2,talk', '1.9,1.9,nod')
    file = write_csv(videos, *(f'{name}.mp4,{stretch}' for name in 'ab' for stretch in stretches))
    summary = convert(repo, file, tmp_path / 'set', detector=Squares())
    labels = {}
    for row in rows(tmp_path / 'set'):
        labels.setdefault((row[0], row[1], row[7]), []).append(summary['classes'][int(row[6]) - 1])
    expected = {'0004': ['sit'], '0009': ['sit', 'talk'], '0014': ['talk'], '0019': ['talk'], '0020': ['talk', 'nod']}
    assert labels == {(f'{name}.mp4', timestamp, person): found
                      for name in 'ab' for timestamp, found in expected.items() for person in '01'}
    assert Config.fromfile(summary['config']).model.roi_head.bbox_head.multilabel


@pytest.mark.parametrize('unit', ['relative', 'pixels'])
def test_given_boxes(repo, videos, tmp_path, unit):
    box = '16,24,32,40' if unit == 'pixels' else '0.25,0.375,0.5,0.625'
    file = write_csv(videos, *(f'{name}.mp4,0,1,{label},{box}' for name in 'ab' for label in ('sit', 'nod')),
                     header='video,start,end,label,x1,y1,x2,y2')
    summary = convert(repo, file, tmp_path / 'set', box_unit=unit)
    assert summary['people'] == dict(train=2, val=2)
    assert {tuple(row[2:6]) for row in rows(tmp_path / 'set')} == {('0.2500', '0.3750', '0.5000', '0.6250')}
    proposals = pickle.loads((tmp_path / 'set' / 'annotations' / 'val_proposals.pkl').read_bytes())
    assert [boxes.tolist() for boxes in proposals.values()] == [[[.25, .375, .5, .625, 1]]] * 2


def test_given_boxes_and_a_detector(repo, videos, tmp_path):
    file = write_csv(videos, 'a.mp4,0,2,sit,0.2,0.2,0.5,0.5', 'b.mp4,0,2,sit,0.2,0.2,0.5,0.5',
                     header='video,start,end,label,x1,y1,x2,y2')
    convert(repo, file, tmp_path / 'set', detector=Squares())
    proposals = pickle.loads((tmp_path / 'set' / 'annotations' / 'val_proposals.pkl').read_bytes())
    assert all(len(boxes) == 2 and (boxes[:, 4] == .8).all() for boxes in proposals.values())


BOXES = 'video,start,end,label,x1,y1,x2,y2'


@pytest.mark.parametrize(('header', 'line', 'message'), [
    ('video,begin,end,label', 'a.mp4,0,1,sit', r":1: columns 'video,begin,end,label': expected a header"),
    ('video;start;end;label', 'a.mp4;0;1;sit', r':1: columns '),
    ('', 'a.mp4,0,1', r':3: expected 4 values'),
    ('', ',0,1,sit', r':3: .*the video is missing'),
    ('', 'c.mp4,0,1,sit', r':3: .*c\.mp4: no such video'),
    ('', 'labels.csv,0,1,sit', r':3: .*labels\.csv: it cannot be opened'),
    ('', 'a.mp4,1,0.5,sit', r':3: end=0\.5 is before start=1$'),
    ('', 'a.mp4,-1,0.5,sit', r':3: start=-1: expected 0 or more'),
    ('', 'a.mp4,0:01,2,sit', r":3: start='0:01': expected a number \(seconds\)"),
    ('', 'a.mp4,0,nan,sit', r":3: end='nan': expected a number"),
    ('', 'a.mp4,0,9,sit', r':3: 0 to 9 seconds, but a\.mp4 lasts 2\.000'),
    ('', 'a.mp4,0,1,', r':3: the label is missing'),
    ('', 'a.mp4,0,1,"a ""b"""', r':3: label .*without quotation marks'),
    (BOXES, 'a.mp4,0,1,sit,0.5,0,0.4,1', r':3: box 0\.5,0,0\.4,1: expected 0 <= x1 < x2 <= 1'),
    (BOXES, 'a.mp4,0,1,sit,3,3,30,30', r':3: box 3,3,30,30: expected 0 to 1; .*--box-unit pixels'),
    (BOXES, 'a.mp4,0,1,sit,0,0,1,', r":3: y2='': expected a number \(relative\)"),
])
def test_faults_of_a_csv_name_file_and_line(repo, videos, tmp_path, header, line, message):
    first = 'b.mp4,0,1,sit' + (',0,0,1,1' if header == BOXES else '')
    file = write_csv(videos, first, line, header=header or 'video,start,end,label')
    with pytest.raises((ValueError, FileNotFoundError), match=rf'^{file}{message}'):
        convert(repo, file, tmp_path / 'set', detector=Squares())


def test_boxes_that_reach_over_the_frame_by_a_pixel_or_two_are_clipped_and_counted(repo, videos, tmp_path):
    file = write_csv(videos, 'a.mp4,0,1,sit,-2,0,65,64', 'b.mp4,0,1,sit,3,3,66,65.5', header=BOXES)
    summary = convert(repo, file, tmp_path / 'set', box_unit='pixels')
    assert summary['clipped'] == 2
    assert {tuple(row[2:6]) for row in rows(tmp_path / 'set')} == {
        ('0.0000', '0.0000', '1.0000', '1.0000'), ('0.0469', '0.0469', '1.0000', '1.0000')}
    file = write_csv(videos, 'a.mp4,0,1,sit,-0.01,0,1.02,1', 'b.mp4,0,1,sit,0,0,1,1', header=BOXES)
    assert convert(repo, file, tmp_path / 'set')['clipped'] == 1
    file = write_csv(videos, 'a.mp4,0,1,sit,0,0,1.2,1', header=BOXES)
    with pytest.raises(ValueError, match=r':2: box 0,0,1\.2,1: expected 0 <= x1 < x2 <= 1 and 0 <= y1 < y2 <= 1$'):
        convert(repo, file, tmp_path / 'set')  # these do not look like pixels


def test_boxes_frame_by_frame(repo, videos, tmp_path):
    lines = [f'{name}.mp4,{frame / 10},{frame / 10},sit,0.2,0.2,0.5,0.5' for name in 'ab' for frame in range(20)]
    convert(repo, write_csv(videos, *lines, header=BOXES), tmp_path / 'set')
    assert [row[1] for row in rows(tmp_path / 'set') if row[0] == 'a.mp4'] == ['0004', '0009', '0014', '0019']


def test_a_csv_with_its_own_split_and_people(repo, videos, tmp_path):
    header = 'video,start,end,label,split,x1,y1,x2,y2,person'
    lines = ('a.mp4,0,2,sit,val,0.2,0.2,0.5,0.5,7', 'b.mp4,0,2,sit,train,0.2,0.2,0.5,0.5,3',
             'b.mp4,0,2,,train,0.5,0.2,0.9,0.5,4')
    summary = convert(repo, write_csv(videos, *lines, header=header), tmp_path / 'set')
    assert {(row[0], row[7]) for row in rows(tmp_path / 'set', 'val')} == {('a.mp4', '7')}
    assert {(row[0], row[7]) for row in rows(tmp_path / 'set', 'train')} == {('b.mp4', '3')}
    assert summary['unlabelled'] == 1
    for line, message in (('a.mp4,0,1,sit,train,0,0,1,1,7', "split='train', and 'val' in a row above"),
                          ('b.mp4,0,1,sit,train,0,0,1,1,x', "person='x': expected a whole number")):
        with pytest.raises(ValueError, match=f':5: {message}'):
            convert(repo, write_csv(videos, *lines, line, header=header), tmp_path / 'set')


def test_boxes_in_pixels_outside_the_frame(repo, videos, tmp_path):
    file = write_csv(videos, 'a.mp4,0,1,sit,0,0,70,64', header=BOXES)
    with pytest.raises(ValueError, match=':2: box 0,0,70,64: expected 0 <= x1 < x2 <= 64'):
        convert(repo, file, tmp_path / 'set', box_unit='pixels')


# CVAT

def write_cvat(file, source, action='<attribute name="action">{}</attribute>', label='person', frames=20, meta=''):
    """An export as CVAT writes it: person 0 sits on the first ten frames, then stands; person 1 is there from 5 on."""
    def box(frame, left, attribute, outside=0):
        return (f'<box frame="{frame}" keyframe="1" outside="{outside:d}" occluded="0" xtl="{left + frame}" ytl="24" '
                f'xbr="{left + frame + 16}" ybr="40" z_order="0">{attribute}</box>')

    first = ''.join(box(i, 0, action.format('sit' if i < 10 else 'stand')) for i in range(frames))
    second = ''.join(box(i, 30, action.format('__undefined__'), i < 5) for i in range(frames))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f'<?xml version="1.0"?><annotations><version>1.1</version><meta>{meta}<task><original_size>'
                    '<width>64</width><height>64</height></original_size>'
                    f'<source>{source}</source></task></meta>'
                    f'<track id="0" label="{label}" source="manual">{first}</track>'
                    f'<track id="7" label="{label}" source="manual">{second}</track></annotations>')
    return file


def test_cvat_attributes(repo, videos, tmp_path):
    for name in 'ab':
        write_cvat(tmp_path / 'exports' / f'{name}.xml', f'{name}.mp4')
    summary = convert(repo, tmp_path / 'exports', tmp_path / 'set', videos=videos, attributes=['action'])
    assert summary['classes'] == ['sit', 'stand']
    assert summary['unlabelled'] == 6  # person 7 on frames 5, 10, 15 of two videos
    table = [row for row in rows(tmp_path / 'set') if row[0] == 'a.mp4']
    assert [(row[1], row[6], row[7]) for row in table] == [
        ('0001', '1', '0'), ('0006', '1', '0'), ('0011', '2', '0'), ('0016', '2', '0')]
    assert [float(row[2]) * SIZE for row in table] == pytest.approx([0, 5, 10, 15], abs=.01)


def test_cvat_video_of_an_odd_size_that_needs_mending(repo, tmp_path):
    """It keeps its size, so the boxes are right to the pixel."""
    for name in 'ab':
        write_video(tmp_path / f'{name}.mp4', [np.full((63, 65, 3), 90, np.uint8)] * 20, 10)
        whole = (tmp_path / f'{name}.mp4').read_bytes()
        (tmp_path / f'{name}.mp4').write_bytes(whole + b'\x00\x00\x10\x00free')  # cut off in its last part
        file = write_cvat(tmp_path / 'exports' / f'{name}.xml', f'{name}.mp4', action='', label='sit')
        file.write_text(file.read_text().replace('<width>64</width><height>64<', '<width>65</width><height>63<'))
    summary = convert(repo, tmp_path / 'exports', tmp_path / 'set', videos=tmp_path)
    assert len(summary['mended']) == 2 and open_video(tmp_path / 'set' / 'videos' / 'a.mp4.mp4').size == (65, 63)
    table = [row for row in rows(tmp_path / 'set') if row[0] == 'a.mp4.mp4' and row[7] == '0']
    assert [float(row[4]) * 65 for row in table] == pytest.approx([16, 21, 26, 31], abs=.01)


def test_cvat_tasks_unzipped_in_folders_of_their_own(repo, videos, tmp_path):
    for number, name in enumerate('ab'):
        write_cvat(tmp_path / 'tasks' / f'task_{number}' / 'annotations.xml', f'{name}.mp4')
    summary = convert(repo, tmp_path / 'tasks', tmp_path / 'set', videos=videos, attributes=['action'])
    assert summary['videos'] == dict(train=1, val=1)


def test_cvat_finds_videos_whose_folders_it_forgot(repo, videos, tmp_path):
    (videos / 'inside').mkdir()
    (videos / 'b.mp4').rename(videos / 'inside' / 'b.mp4')
    for name in 'ab':
        write_cvat(tmp_path / 'exports' / f'{name}.xml', f'{name}.mp4')
    convert(repo, tmp_path / 'exports', tmp_path / 'set', videos=videos, attributes=['action'])
    assert {row[0] for row in rows(tmp_path / 'set')} == {'a.mp4', 'inside/b.mp4'}


def test_cvat_boxes_with_rotation(repo, videos, tmp_path):
    """A box of 16 x 16 pixels that is turned by 45 degrees has one of 22.6 around it."""
    for name in 'ab':
        file = write_cvat(tmp_path / 'exports' / f'{name}.xml', f'{name}.mp4')
        file.write_text(file.read_text().replace('frame="5" ', 'frame="5" rotation="45.00" '))
    summary = convert(repo, tmp_path / 'exports', tmp_path / 'set', videos=videos, attributes=['action'])
    box = next([float(side) * SIZE for side in row[2:6]] for row in rows(tmp_path / 'set') if row[1] == '0006')
    half = 16 / 2 ** .5
    assert box == pytest.approx([13 - half, 32 - half, 13 + half, 32 + half], abs=.01)
    assert summary['notes'] == ['4 boxes are rotated: the upright boxes around them are taken']


def test_cvat_videos_without_an_action_are_left_out_and_named(repo, videos, tmp_path):
    for name in 'ab':
        file = write_cvat(tmp_path / 'exports' / f'{name}.xml', f'{name}.mp4')
    file.write_text(file.read_text().replace('>sit<', '>__undefined__<').replace('>stand<', '><'))
    summary = convert(repo, tmp_path / 'exports', tmp_path / 'set', videos=videos, attributes=['action'])
    assert summary['notes'] == ['1 videos have no box with an action and are left out: b.mp4']
    assert {row[0] for row in rows(tmp_path / 'set')} == {'a.mp4'}


def test_cvat_labels_of_tracks(repo, videos, tmp_path):
    for name in 'ab':
        write_cvat(tmp_path / 'exports' / f'{name}.xml', f'{name}.mp4', action='', label='sit')
    convert(repo, tmp_path / 'exports', tmp_path / 'set', videos=videos)
    table = [row for row in rows(tmp_path / 'set') if row[0] == 'a.mp4']
    assert [(row[1], row[7]) for row in table] == [
        ('0001', '0'), ('0006', '0'), ('0006', '7'), ('0011', '0'), ('0011', '7'), ('0016', '0'), ('0016', '7')]


def test_cvat_checkboxes(repo, videos, tmp_path):
    boxes = '<attribute name="sits">true</attribute><attribute name="nods">false</attribute>'
    for name in 'ab':
        write_cvat(tmp_path / 'exports' / f'{name}.xml', f'{name}.mp4', action=boxes)
    summary = convert(repo, tmp_path / 'exports', tmp_path / 'set', videos=videos, attributes=['sits', 'nods'])
    assert summary['classes'] == ['sits'] and summary['unlabelled'] == 0


@pytest.mark.parametrize(('kwargs', 'options', 'message'), [
    ({}, {}, r"a\.xml: all tracks have the label 'person', and attributes action: .*--attribute action"),
    ({}, {'attributes': ['verb']}, r"a\.xml: track 0, frame 0: no attribute 'verb': expected one of action"),
    ({'source': 'c.mp4'}, {'attributes': ['action']}, r'a\.xml: .*c\.mp4: no video of this name'),
    ({'source': '../videos/a.mp4'}, {'attributes': ['action']}, r'expected the path of a video inside'),
    ({'frames': 26}, {'attributes': ['action']}, r'a\.xml: track 0, frame 20: .*a\.mp4 has 20 frames'),
    ({'meta': '<project/>'}, {}, r'a\.xml: the export of a project'),
])
def test_faults_of_a_cvat_export(repo, videos, tmp_path, kwargs, options, message):
    file = write_cvat(tmp_path / 'a.xml', **{'source': 'a.mp4', **kwargs})
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        convert(repo, file, tmp_path / 'set', videos=videos, **options)


@pytest.mark.parametrize(('text', 'message'), [
    ('<annotations>', r'a\.xml:1: not XML'),
    ('<annotations><image/></annotations>', r'a\.xml: no tracks in it: export the task as "CVAT for video 1\.1"'),
    ('<annotations><track id="3"><polygon/></track></annotations>', r'a\.xml: track 3: polygon: expected boxes'),
])
def test_files_that_are_no_cvat_exports_of_boxes(repo, videos, tmp_path, text, message):
    file = videos / 'a.xml'
    file.write_text(text)
    with pytest.raises(ValueError, match=message):
        convert(repo, file, tmp_path / 'set')


# COCO

@pytest.fixture
def coco(tmp_path):
    """Two videos of 20 images with a person that waves, whose box is that of the square; frame 10 has nobody."""
    data = dict(images=[], annotations=[], categories=[dict(id=5, name='wave'), dict(id=6, name='jump')])
    for name in ('x', 'y'):
        for frame in range(20):
            image = np.zeros((SIZE, SIZE, 3), np.uint8)
            image[24:40, frame:frame + 16] = (255, 0, 0)
            path = tmp_path / 'images' / name / f'{frame}.png'
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path)
            number = len(data['images'])
            data['images'].append(dict(id=number, file_name=f'{name}/{frame}.png', width=SIZE, height=SIZE))
            for category in (5, 6) if frame != 10 else ():
                data['annotations'].append(dict(id=len(data['annotations']), image_id=number, category_id=category,
                                                bbox=[frame, 24, 16, 16]))
    return data, tmp_path / 'images' / 'labels.json'


def write_coco(coco):
    data, file = coco
    file.write_text(json.dumps(data))
    return file


def test_coco_images_become_videos(repo, coco, tmp_path):
    summary = convert(repo, write_coco(coco), tmp_path / 'set', fps=10)
    table = [row for row in rows(tmp_path / 'set') if row[0] == 'x.mp4']
    assert [row[1] for row in table[::2]] == ['0001', '0006', '0012', '0017']  # frame 10 has nobody
    assert {row[7] for row in table} == {'0'} and summary['key_frames_of'] == {'jump': 8, 'wave': 8}
    reader = open_video(tmp_path / 'set' / 'videos' / 'x.mp4')
    assert len(reader) == 20 and reader.get_avg_fps() == 10
    red, green, blue = reader.read([16])[0][32, 24]  # natural order: 16 comes after 2
    assert red > 200 and green < 60 and blue < 60


def test_coco_images_of_an_odd_size_lose_no_pixel(repo, coco, tmp_path):
    data, file = coco
    for image in data['images']:
        place = next(file.parent.rglob(image['file_name']))
        Image.open(place).resize((65, 63)).save(place)
        image.update(width=65, height=63)
    for entry in data['annotations']:
        entry['bbox'][1] -= 2
    convert(repo, write_coco(coco), tmp_path / 'set', fps=10)
    video = open_video(tmp_path / 'set' / 'videos' / 'x.mp4')
    assert video.size == (65, 63) and len(video) == 20


@pytest.mark.parametrize('upright', [True, False])
def test_coco_images_with_an_orientation(repo, coco, tmp_path, upright):
    """Stored lying (EXIF 6: turn by 90 degrees): the video is as the json has its sizes."""
    data, file = coco
    for image in data['images']:
        place = file.parent / image['file_name']
        picture = Image.fromarray(np.asarray(Image.open(place))[:48])  # 64 x 48
        exif = picture.getexif()
        exif[0x0112] = 6
        (picture.transpose(Image.ROTATE_90) if upright else picture).save(place, exif=exif)
        image.update(width=64, height=48)
    convert(repo, write_coco(coco), tmp_path / 'set', fps=10)
    video = open_video(tmp_path / 'set' / 'videos' / 'x.mp4')
    assert video.size == (64, 48)
    red, green, blue = video.read([16])[0][32, 24]
    assert red > 200 and green < 60 and blue < 60


def test_coco_with_text_track_ids(repo, coco, tmp_path):
    data, _ = coco
    for entry in data['annotations']:
        entry['track_id'] = 'p2' if entry['image_id'] % 2 else 'p1'
    convert(repo, write_coco(coco), tmp_path / 'set', fps=10)
    assert {(row[1], row[7]) for row in rows(tmp_path / 'set')} == {
        ('0001', '0'), ('0006', '1'), ('0012', '1'), ('0017', '0')}


def test_coco_with_videos_and_tracks(repo, coco, tmp_path):
    data, _ = coco
    data['videos'] = [dict(id=1, name='first.avi'), dict(id=2, name='second.avi')]
    for image in data['images']:
        name, frame = image['file_name'][:-4].split('/')
        image.update(video_id=1 if name == 'x' else 2, frame_index=3 * int(frame))
    for entry in data['annotations']:
        entry['track_id'] = 42
    convert(repo, write_coco(coco), tmp_path / 'set', fps=10)
    assert {(row[0], row[7]) for row in rows(tmp_path / 'set')} == {('first.mp4', '42'), ('second.mp4', '42')}


def change(*path, to):
    def apply(data):
        *places, last = path
        for place in places:
            data = data[place]
        data[last] = to
    return apply


@pytest.mark.parametrize(('fault', 'message'), [
    (change('images', to=[]), r"labels\.json: no 'images' in it"),
    (change('images', 0, 'file_name', to='x/99.png'), r'image 0: .*x/99\.png: no such file'),
    (change('annotations', 3, 'bbox', to=[60, 24, 16, 16]), r'annotation 3: box 60,24,76,40: expected'),
    (change('annotations', 3, 'bbox', to=[]), r'annotation 3: bbox=\[\]: expected four numbers'),
    (change('annotations', 3, 'bbox', to=[1, 2, 3, 'x']), r'annotation 3: bbox='),
    (change('images', 3, 'width', to=65), r'image 3: the file says 65 x 64 pixels, but .* has 64 x 64'),
    (change('annotations', 3, 'image_id', to=777), r'annotation 3: image_id=777'),
    (change('annotations', 3, 'category_id', to=1), r'annotation 3: category_id=1'),
    (change('annotations', 3, to={'id': 3}), r"an entry is not as COCO describes it: KeyError\('image_id'"),
    (change('videos', to=[dict(id=0, name='../../x')]), None),
    (lambda data: [image.update(video_id=0, frame_id=image['id'] + (image['id'] > 5)) for image in data['images']],
     r'video 0: frame_id goes from 5 to 7'),
])
def test_faults_of_a_coco_file(repo, coco, tmp_path, fault, message):
    fault(coco[0])
    if message is None:  # a name that leads out of the dataset
        for image in coco[0]['images']:
            image['video_id'] = 0
        message = 'expected the path of a video inside'
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        convert(repo, write_coco(coco), tmp_path / 'set', fps=10)


def test_coco_needs_a_frame_rate(repo, coco, tmp_path):
    with pytest.raises(ValueError, match=r'labels\.json: .*--fps'):
        convert(repo, write_coco(coco), tmp_path / 'set')


def test_coco_with_a_file_that_is_no_image(repo, coco, tmp_path):
    file = write_coco(coco)
    (file.parent / 'x' / '3.png').write_text('something')
    with pytest.raises(ValueError, match=r'x/3\.png: cannot be read as an image'):
        convert(repo, file, tmp_path / 'set', fps=10)


def test_coco_images_of_different_size(repo, coco, tmp_path):
    file = write_coco(coco)
    Image.new('RGB', (8, 8)).save(file.parent / 'x' / '3.png')
    with pytest.raises(ValueError, match=r'image 3: the file says 64 x 64 pixels, but .*x/3\.png has 8 x 8'):
        convert(repo, file, tmp_path / 'set', fps=10)


# Parts

def test_formats_are_guessed(tmp_path, clips, videos):
    write_cvat(tmp_path / 'exports' / 'a.xml', 'a.mp4')
    assert guess_format(clips) == 'folders'
    assert guess_format(tmp_path / 'exports') == 'cvat'
    via = json.dumps({key: {} for key in ('project', 'attribute', 'file', 'metadata', 'view')})
    for name, text, form in (('a.csv', '', 'csv'), ('a.xml', '', 'cvat'), ('a.json', '{"images": []}', 'coco'),
                             ('b.json', via, 'via'), ('a.pkl', '', 'tubes')):
        (tmp_path / name).write_text(text)
        assert guess_format(tmp_path / name) == form
    for name, text, found in (('c.json', '{"a": 1}', 'found a: neither COCO'), ('d.json', '{', 'not JSON'),
                              ('e.json', '{"x1": {"regions": []}}', 'VIA 2.*export it as COCO'),
                              ('a.mat', '', 'cannot be read as labels: expected one of folders of clips, a csv')):
        (tmp_path / name).write_text(text)
        with pytest.raises(ValueError, match=found):
            guess_format(tmp_path / name)
    (tmp_path / 'tasks' / 'task_1').mkdir(parents=True)
    (tmp_path / 'tasks' / 'task_1' / 'annotations.xml').touch()
    assert guess_format(tmp_path / 'tasks') == 'cvat'
    with pytest.raises(ValueError, match='say which they are with --format'):
        guess_format(tmp_path)
    (tmp_path / 'empty').mkdir()
    with pytest.raises(ValueError, match='empty: the folder is empty'):
        guess_format(tmp_path / 'empty')
    with pytest.raises(FileNotFoundError, match='nowhere'):
        guess_format(tmp_path / 'nowhere')


def test_key_frames_lie_in_the_middle_of_their_stretches():
    def frames(*marks, fps=10, count=40, every=1):
        marks = [Mark(first, last, *label or ['sit']) for first, last, *label in marks]
        return LabelledVideo('x', None, fps, count, marks).key_frames(every)

    assert frames((0, 39)) == [5, 15, 25, 35]
    assert frames((15, 25)) == [15, 25]
    assert frames((16, 24)) == [20]  # too short for one of the grid: its own middle
    assert frames((0, 39), (7, 8)) == [5, 15, 25, 35]  # nothing new so soon
    assert frames((0, 39), (7, 8, 'nod')) == [5, 7, 15, 25, 35]
    assert frames((3, 3)) == [3]
    assert frames((0, 3), count=4) == [1]
    assert frames((0, 39), fps=29.97, every=.5) == [7, 22, 37]


@pytest.mark.parametrize(('step', 'expected'), [(1, range(8, 600, 15)), (3, range(0, 600, 15)),
                                                (10, range(0, 600, 20))])
def test_boxes_given_frame_by_frame_keep_the_distance_of_key_frames(step, expected):
    """Each box is a mark of one frame, with another label from half of the video on."""
    marks = [Mark(frame, frame, 'sit' if frame < 300 else 'stand', (0, 0, .5, .5)) for frame in range(0, 600, step)]
    assert LabelledVideo('x', None, 30, 600, marks).key_frames(.5) == list(expected)


def test_thinning_keeps_a_distance():
    assert thin_out([0, 1, 2, 9, 10, 11, 30], 10) == [0, 10, 30]
    assert thin_out(range(0, 60), 14.985) == [0, 15, 30, 45]


def test_a_split_of_videos_with_several_labels():
    labels = {f'v{i}': {'sit'} | ({'talk'} if i % 2 else set()) | ({'nod'} if i in (3, 4) else set())
              for i in range(20)}
    val = split_videos(labels, .25)
    for name in ('sit', 'talk', 'nod'):
        sides = {video in val for video in labels if name in labels[video]}
        assert sides == {True, False}


@pytest.mark.parametrize('path', ['/x.mp4', '../x.mp4', 'a/../../x.mp4'])
def test_names_stay_in_the_folder(path):
    from pathlib import Path
    with pytest.raises(ValueError, match='inside the folder'):
        safe_name(Path(path))


@pytest.mark.parametrize('name', [
    "o'brien", 'say "x"', "x'+__import__('os').system('touch called')+'", '{{ x }}', '{{ fileDirname }}', 'a{b', 'a}b',
    'a\\b', 'line\nbreak', "'''", 'tab\tbed'])
def test_a_folder_whose_path_would_be_code_in_the_config_is_refused(repo, clips, tmp_path, name):
    with pytest.raises(ValueError, match='expected a folder whose path has no quotation marks') as error:
        convert(repo, clips, tmp_path / name)
    assert '\n' not in str(error.value) and not (tmp_path / name).exists()
