"""Videos to boxes of people, an action chosen for each, and back to a dataset."""
import csv
import json
from xml.etree import ElementTree

import numpy as np
import pytest
from datasets.video_files import SIZE, Squares, write_squares

from stssa_mm.converters.own_videos import convert_own_videos
from stssa_mm.converters.own_videos.pre_annotation import find_tracks, pre_annotate


@pytest.fixture
def videos(tmp_path):
    """a.mp4 with two people, in/b.mp4 with one, none.mp4 with none; they move a pixel a frame."""
    write_squares(tmp_path / 'videos' / 'a.mp4', [0, 30])
    write_squares(tmp_path / 'videos' / 'in' / 'b.mp4', [10])
    write_squares(tmp_path / 'videos' / 'none.mp4', [])
    return tmp_path / 'videos'


@pytest.fixture
def labels(videos, tmp_path):
    return pre_annotate(videos, tmp_path / 'labels', Squares(), ['wave', 'sit'], every=.5)


def choose(file, actions):
    """Choose the action of each track, as a person does."""
    tree = ElementTree.parse(file)
    for track, action in zip(tree.getroot().findall('track'), actions):
        for attribute in track.iterfind('box/attribute'):
            attribute.text = action
    tree.write(file)


def annotations(out):
    return sorted((row[0], int(row[1]), round(float(row[2]) * SIZE), row[6])
                  for row in csv.reader((out / 'annotations' / 'train.csv').open()))


# Frame i has the squares at i, i + 30 and i + 10; key frames are 3, 8, 13 and 18, whose timestamps count from 1.
EXPECTED = sorted((video, frame + 1, frame + left, label) for frame in (3, 8, 13, 18)
                  for video, left, label in (('a.mp4', 0, '2'), ('a.mp4', 30, '1'), ('in/b.mp4', 10, '2')))


def test_the_way_there_and_back_by_cvat(videos, labels, tmp_path, repo):
    assert (labels['tracks'], labels['boxes'], labels['empty']) == (3, 12, ['none.mp4'])
    assert [file.name for file in labels['exports']] == ['a.mp4.xml', 'b.mp4.xml']
    with pytest.raises(ValueError, match='no box with an action, as in the other 1 exports'):
        convert_own_videos(tmp_path / 'labels', tmp_path / 'set', repo / 'configs/_base_/person_crops.py',
                           videos=videos, form='cvat', attributes=['action'])
    tracks = ElementTree.parse(labels['exports'][0]).getroot().findall('track')
    lefts = [float(track.find('box').get('xtl')) for track in tracks]
    choose(labels['exports'][0], ['wave' if left < 20 else 'sit' for left in lefts])
    choose(labels['exports'][1], ['wave'])
    summary = convert_own_videos(tmp_path / 'labels', tmp_path / 'set', repo / 'configs/_base_/person_crops.py',
                                 videos=videos, form='cvat', attributes=['action'], val_share=0)
    assert summary['classes'] == ['sit', 'wave'] and annotations(tmp_path / 'set') == EXPECTED


def test_the_way_there_and_back_by_csv(videos, labels, tmp_path, repo):
    with open(labels['csv'], newline='') as file:
        table = list(csv.DictReader(file))
    assert len(table) == 12 and not any(row['label'] for row in table)
    for row in table:
        row['label'] = 'sit' if row['video'] == 'a.mp4' and float(row['x1']) > .4 else 'wave'
    assert {row['person'] for row in table if row['label'] == 'sit'} < {'0', '1'}
    with open(labels['csv'], 'w', newline='') as file:
        writer = csv.DictWriter(file, table[0])
        writer.writeheader()
        writer.writerows(table)
    convert_own_videos(labels['csv'], tmp_path / 'set', repo / 'configs/_base_/person_crops.py', videos=videos,
                       val_share=0)
    assert annotations(tmp_path / 'set') == EXPECTED


def test_an_export_is_as_cvat_imports_it(labels):
    root = ElementTree.parse(labels['exports'][0]).getroot()
    assert root.findtext('version') == '1.1' and root.findtext('meta/task/size') == '20'
    assert root.findtext('meta/task/labels/label/attributes/attribute/values') == '__undefined__\nwave\nsit'
    for track in root.findall('track'):
        assert track.get('label') == 'person'
        assert [int(box.get('frame')) for box in track] == [3, 8, 13, 18]
        assert {box.get('outside') for box in track} == {'0'}
    label, = json.loads(labels['labels'].read_text())
    assert label['attributes'][0]['values'] == ['__undefined__', 'wave', 'sit']


def test_a_track_ends_where_the_person_is_gone(videos, tmp_path):
    class UntilFrame10(Squares):

        @staticmethod
        def find(frame):
            boxes = Squares.find(frame)
            return boxes[boxes[:, 0] * SIZE < 12]

    write_squares(videos / 'a.mp4', [0])
    labels = pre_annotate(videos / 'a.mp4', tmp_path / 'labels', UntilFrame10(), every=.5)
    track, = ElementTree.parse(labels['exports'][0]).getroot().findall('track')
    assert [(int(box.get('frame')), box.get('outside')) for box in track] == [(3, '0'), (8, '0'), (13, '1')]
    assert track.find('box/attribute').text is None  # a text to be typed


def test_people_that_the_detector_misses_now_and_then_are_one_track():
    box, none = np.array([[.1, .1, .3, .5]]), np.zeros((0, 4))
    track, = find_tracks([box, none, box + .02, none, none, box + .04], range(0, 60, 10))
    assert track.frames == [0, 20, 50] and track.boxes.shape == (3, 4)


def test_a_killed_run_goes_on(videos, tmp_path):
    class Killed(Squares):

        def __call__(self, frames):
            if self.calls == 1:
                raise KeyboardInterrupt
            return super().__call__(frames)

    with pytest.raises(KeyboardInterrupt):
        pre_annotate(videos, tmp_path / 'labels', Killed(), every=.5)
    detector = Squares()
    assert pre_annotate(videos, tmp_path / 'labels', detector, every=.5)['boxes'] == 12
    assert detector.frames == 8 and not (tmp_path / 'labels' / 'detections.part').exists()


def test_faults(videos, tmp_path):
    with pytest.raises(FileNotFoundError, match='nowhere: no such file or folder'):
        pre_annotate(tmp_path / 'nowhere', tmp_path / 'labels', Squares())
    (tmp_path / 'empty').mkdir()
    with pytest.raises(ValueError, match='empty: no videos in it'):
        pre_annotate(tmp_path / 'empty', tmp_path / 'labels', Squares())
    with pytest.raises(ValueError, match="action 'false'"):
        pre_annotate(videos, tmp_path / 'labels', Squares(), ['false'])
    with pytest.raises(ValueError, match='every=0: expected more'):
        pre_annotate(videos, tmp_path / 'labels', Squares(), every=0)
    (videos / 'x.mp4').touch()
    (videos / 'y.mp4').write_text('x')
    with pytest.raises(ValueError, match=r'(?s)2 videos cannot be used:.*x\.mp4.*y\.mp4'):
        pre_annotate(videos, tmp_path / 'labels', Squares())
