"""Damaged copies of a sound dataset: each fault is found and named, and decides the exit status."""
import json
import pickle
import shutil

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import DATASETS, init_default_scope
from numbered_videos import cut_off, zeroed

from stssa_mm.checks import check_config
from stssa_mm.video.probe import BrokenVideoError
from stssa_mm.video.reader import open_video

TRAIN, VAL = 'train_dataloader.dataset', 'val_dataloader.dataset'
UPSTREAM = [dict(type='DecordInit'), dict(type='SampleAVAFrames', clip_len=16)]  # counts frames by the dataset's fps


FRAMES = [dict(type='STSSASampleFrames', clip_len=4, frame_interval=1), dict(type='STSSARawFrameDecode')]


def config_of(repo, folder, name='stssa_toy'):
    cfg = Config.fromfile(repo / 'configs' / f'{name}.py')
    return Config(json.loads(json.dumps(cfg.to_dict()).replace('data/toy', str(folder))))


@pytest.fixture
def sound(toy, tmp_path, repo):
    """A copy of the toy set and its config."""
    shutil.copytree(toy, tmp_path / 'toy')
    return tmp_path / 'toy', config_of(repo, tmp_path / 'toy')


def options(**changes):
    """A damage: other options, in all datasets that have the key, or in the part that it names."""

    def damage(folder, cfg):
        for key, value in changes.items():
            part, _, name = key.rpartition('__')
            value = str(folder / value[1:]) if isinstance(value, str) and value.startswith('@') else value
            parts = [part.replace('__', '.')] if part else [TRAIN, VAL, 'test_dataloader.dataset']
            cfg.merge_from_dict({f'{name_of}.{name}': value for name_of in parts})

    return damage


def proposals(change):
    """A damage: other proposals, of training and validation."""

    def damage(folder, cfg):
        for split in ('train', 'val'):
            path = folder / 'annotations' / f'{split}_proposals.pkl'
            path.write_bytes(pickle.dumps(change(pickle.loads(path.read_bytes()))))

    return damage


def boxes(change):
    return proposals(lambda found: {key: change(array) for key, array in found.items()})


def text(name, change):
    """A damage: another text in a file of the annotations."""

    def damage(folder, cfg):
        path = folder / 'annotations' / name
        path.write_text(change(path.read_text()))

    return damage


def rows(change):
    """A damage: other rows, of training and validation."""

    def damage(folder, cfg):
        for split in ('train', 'val'):
            text(f'{split}.csv', lambda found: ''.join(
                ','.join(change(line.split(','))) + '\n' for line in found.splitlines()))(folder, cfg)

    return damage


def without_videos(folder, cfg):
    (folder / 'videos' / 'val_0001.mp4').unlink()


def broken_video(folder, cfg):
    (folder / 'videos' / 'val_0001.mp4').write_bytes(b'no video')


def damaged_video(folder, cfg):
    zeroed(folder / 'videos' / 'val_0001.mp4', folder / 'videos' / 'val_0001.mp4', 15, 20)


def cut_video(folder, cfg):
    cut_off(folder / 'videos' / 'val_0001.mp4', folder / 'videos' / 'val_0001.mp4', 0.9)


def low_scores(array):
    """Good boxes of score 0.5, and a corner of score 0.99."""
    good = np.column_stack([array[:, :4], np.full(len(array), 0.5)])
    return np.vstack([good, [[0, 0, 0.01, 0.01, 0.99]]])


DAMAGES = {
    'proposal file deleted': (lambda folder, cfg: (folder / 'annotations' / 'val_proposals.pkl').unlink(),
                              'error', 'missing file', 'val', 'val_proposals.pkl'),
    'proposals deleted': (proposals(lambda found: dict(list(found.items())[2:])), 'error', 'missing proposals', 'train',
                          '1 of 11 key frames are not in'),
    'proposals by another name': (proposals(lambda found: {f'x{key}': array for key, array in found.items()}), 'error',
                                  'missing proposals', 'val', 'are not in'),
    'proposals not set': (options(proposal_file=None), 'error', 'no proposals', 'train', 'proposal_file is not set'),
    'proposals x and y swapped': (boxes(lambda array: array[:, [1, 0, 3, 2, 4]]), 'error', 'recall of the proposals',
                                  'val', 'With x and y swapped it would be 100.0%'),
    'proposals in pixels': (boxes(lambda array: array * [160, 96, 160, 96, 1]), 'error', 'malformed file', 'train',
                            'divide pixels'),
    'proposals of low score': (boxes(low_scores), 'error', 'recall of the proposals', 'train',
                               'person_det_score_thr=0.9 leaves them out'),
    'annotations in pixels': (rows(lambda row: [*row[:2], '16', '9', '80', '48', *row[6:]]), 'error', 'malformed file',
                              'val', 'val.csv:1'),
    'annotations x and y swapped': (rows(lambda row: [*row[:2], row[3], row[2], row[5], row[4], *row[6:]]), 'error',
                                    'recall of the proposals', 'val', 'With x and y swapped'),
    'annotations deleted': (lambda folder, cfg: (folder / 'annotations' / 'train.csv').unlink(), 'error',
                            'missing file', 'train', 'train.csv'),
    'a class gone': (rows(lambda row: [*row[:6], '1', *row[7:]]), 'warning', 'absent classes', 'val', '7 of 8 classes'),
    'label map of another set': (text('action_list.pbtxt', lambda found: 'item {\n  name: "x"\n  id: 1\n}\n'), 'error',
                                 'num_classes', 'val_evaluator', '9: expected 2'),
    'label map with a gap': (text('action_list.pbtxt', lambda found: '\n'.join(
        block for block in found.split('item') if 'id: 1\n' not in block).replace('{', 'item {')), 'warning',
        'unknown classes', 'val', 'class id that the label map does not have: 1'),
    'label map broken': (text('action_list.pbtxt', lambda found: 'name'), 'error', 'label map', TRAIN, 'no class'),
    'exclusions broken': (text('val_excluded_timestamps.csv', lambda found: 'one\n'), 'error', 'malformed file', 'val',
                          'expected video,timestamp'),
    'leakage': (options(train_dataloader__dataset__ann_file='@annotations/val.csv',
                        train_dataloader__dataset__proposal_file='@annotations/val_proposals.pkl'), 'error', 'leakage',
                'val', 'key frames are in training too'),
    'num_classes of the head': (options(model__roi_head__bbox_head__num_classes=81), 'error', 'num_classes',
                                'model.roi_head.bbox_head', '81: expected 9'),
    'num_classes of a dataset': (options(train_dataloader__dataset__num_classes=8), 'error', 'num_classes', TRAIN,
                                 '8: expected 9'),
    'evaluator of another file': (options(val_evaluator__ann_file='@annotations/train.csv'), 'error', 'evaluator',
                                  'val_evaluator', 'expected the same'),
    'evaluator without exclusions': (options(val_evaluator__exclude_file=None), 'error', 'evaluator', 'val_evaluator',
                                     'exclude_file=None'),
    'video missing': (without_videos, 'error', 'missing videos', 'val', 'val_0001.mp4'),
    'video broken': (broken_video, 'error', 'unreadable video', 'val', 'val_0001.mp4'),
    'video cut off': (cut_video, 'error', 'unreadable video', 'val', 'so it is cut off'),
    'frames of a video lost': (damaged_video, 'error', 'unreadable video', 'val', 'cannot be decoded'),
    'pipeline for frames': (options(pipeline=FRAMES), 'error', 'pipeline', 'train', 'use_frames=False: the dataset '
                            "names video files, and the pipeline's STSSARawFrameDecode reads folders of frames"),
    'pipeline for videos': (options(use_frames=True), 'error', 'pipeline', 'train', 'use_frames=True: the dataset '
                            "names folders of frames, and the pipeline's STSSAVideoInit reads video files"),
    'a head for one label': (options(model__roi_head__bbox_head__multilabel=False), 'error', 'several labels', 'train',
                             'bbox_head.multilabel=False trains one'),
    'folder of videos wrong': (options(data_prefix=dict(img='/nowhere')), 'error', 'missing videos', 'train',
                               '6 of 6 videos'),
    'timestamps past the end': (options(timestamp_start=0), 'error', 'timestamps', 'train', 'past their end'),
    'timestamps before the start': (options(timestamp_start=1000), 'error', 'timestamps', 'train', 'before the start'),
    'fps wrong': (options(fps=5, pipeline=UPSTREAM), 'warning', 'fps', 'train', 'another rate'),
    'fps wrong, and past the end': (options(fps=60, pipeline=UPSTREAM), 'error', 'timestamps', 'train',
                                    'past their end'),
}


def test_a_sound_set_has_no_errors(sound):
    folder, cfg = sound
    checked = check_config(cfg, videos=-1)
    assert not [finding for finding in checked.findings if finding.level == 'error']
    assert checked.verdict.startswith('no error found')
    found = {(finding.where, finding.name): finding.text for finding in checked.findings}
    assert 'find 100.0% of the' in found['val', 'recall of the proposals']
    assert 'at IoU 0.9' in found['train', 'recall of the proposals']
    assert 'would reach frame-mAP@0.5 1.0000, random scores 0.' in found['val', 'upper bound']
    lines = [line.split(',') for line in (folder / 'annotations' / 'train.csv').read_text().splitlines()]
    excluded = (folder / 'annotations' / 'train_excluded_timestamps.csv').read_text().split()
    labels = [int(line[6]) for line in lines if ','.join(line[:2]) not in excluded]
    assert [checked.histogram['train'][number] for number in range(9)] == np.bincount(labels, minlength=9).tolist()


@pytest.mark.parametrize('damage', DAMAGES)
def test_each_fault_is_named(sound, damage):
    break_it, level, name, where, text_of_it = DAMAGES[damage]
    break_it(*sound)
    checked = check_config(sound[1], videos=-1)
    assert any((finding.level, finding.name, finding.where) == (level, name, where) and text_of_it in finding.text
               for finding in checked.findings), checked.findings
    assert checked.verdict.startswith('training cannot work' if level == 'error' else 'no error found')
    assert all('\n' not in finding.text for finding in checked.findings)


def as_frames(folder, cfg, name='img_{:05}.jpg', first=1, **changes):
    """Write the videos as pictures, and change the config for them."""
    for file in (folder / 'videos').iterdir():
        place = folder / 'frames' / file.stem
        place.mkdir(parents=True)
        video = open_video(file)
        for number, frame in enumerate(video.read(range(len(video)))):
            cv2.imwrite(str(place / name.format(number + first)), np.ascontiguousarray(frame[..., ::-1]))
    options(pipeline=FRAMES, use_frames=True, data_prefix=dict(img=str(folder / 'frames')), start_index=1,
            timestamp_end=904, **changes)(folder, cfg)


def lose(number):
    return lambda folder: folder.joinpath(f'img_{number:05}.jpg').unlink()


@pytest.mark.parametrize('name', ['img_{:05}.jpg', 'v-1_{:06}.png'])
def test_frames_of_any_name_are_read(sound, name):
    as_frames(*sound, name=name)
    assert check_config(sound[1], videos=-1).verdict.startswith('no error found')
    assert len(_train(sound[1])[0]['imgs']) == 4


@pytest.mark.parametrize(('arguments', 'change', 'message'), [
    (dict(filename_tmpl='frame_{:05}.jpg'), None, "filename_tmpl='frame_{:05}.jpg': no such frame, but there is img_"),
    (dict(filename_tmpl='img_{:05}.png'), None, "filename_tmpl='img_{:05}.png': no such frame"),
    (dict(first=0), None, 'its first frame is img_00000.jpg, and start_index=1 says img_00001.jpg'),
    ({}, lose(17), 'img_00017.jpg: no such frame'),
    ({}, lose(1), 'its first frame is img_00002.jpg, and start_index=1 says img_00001.jpg'),
    ({}, lambda folder: folder.joinpath('img_00011.jpg').write_bytes(b''), 'img_00011.jpg: the file is empty'),
])
def test_frames_that_training_cannot_read_are_refused_with_its_words(sound, arguments, change, message):
    as_frames(*sound, **arguments)
    if change:
        for folder in (sound[0] / 'frames').iterdir():
            change(folder)
    with pytest.raises(BrokenVideoError) as error:
        list(_train(sound[1]))
    checked = check_config(sound[1], videos=-1)
    texts = [finding.text for finding in checked.findings if finding.name == 'unreadable video']
    assert message in str(error.value) and str(error.value) in texts
    assert checked.verdict.startswith('training cannot work')


def _train(cfg):
    """The training dataset of a config."""
    init_default_scope('mmaction')
    return DATASETS.build(cfg.train_dataloader.dataset)


@pytest.mark.parametrize('fps', [5, 60])
def test_videos_tell_their_own_rate_where_the_pipeline_listens(sound, fps):
    options(fps=fps)(*sound)
    assert not {'fps', 'timestamps'} & {finding.name for finding in check_config(sound[1], videos=-1).findings}


def test_the_verdict_says_that_videos_were_left_unopened(sound):
    checked = check_config(sound[1], videos=1)
    assert checked.verdict.endswith('warnings, but not all videos were opened')
    assert {finding.where: finding.text[:6] for finding in checked.findings if finding.name == 'videos not opened'} == {
        'train': '5 of 6', 'val': '2 of 3'}
    assert check_config(sound[1], videos=-1).verdict.endswith('warnings')


def test_a_proposal_file_of_other_videos_is_an_error_also_where_some_may_be_missing(sound):
    options(val_dataloader__dataset__proposal_file='@annotations/train_proposals.pkl',
            val_dataloader__dataset__missing_proposals='empty')(*sound)
    assert any((finding.level, finding.name, finding.where) == ('error', 'missing proposals', 'val')
               for finding in check_config(sound[1]).findings)


def test_a_network_that_finds_the_people_itself_needs_no_proposals(sound, repo):
    folder, _ = sound
    checked = check_config(config_of(repo, folder, 'stssa_toy_faster-rcnn'))
    assert 'no proposals' not in {finding.name for finding in checked.findings}
    assert checked.verdict == check_config(config_of(repo, folder)).verdict
