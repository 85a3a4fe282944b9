import csv
import json
import os
import sys

import numpy as np
import pytest

from stssa_mm.files.annotations import read_detections
from stssa_mm.files.detected_actions import Action, ActionFile, KeyFrameActions, Person

CLASSES = {1: 'run', 5: 'fall, hard'}


@pytest.fixture
def key_frame():
    people = [
        Person(3, (.1, .2, .5, .8), [Action(5, 'fall, hard', .75), Action(1, 'run', .5)], np.array([.5, .75]), .9),
        Person(4, (0, 0, 1, 1), [], np.array([.001, .25]))]
    return KeyFrameActions('a', 15, .5, (200, 100), people, CLASSES)


def test_csv_has_names_and_what_reaches_its_threshold(key_frame, tmp_path):
    with ActionFile(tmp_path / 'new' / 'd.csv') as file:
        file.add(key_frame)
        assert len((tmp_path / 'new' / 'd.csv').read_text().splitlines()) == 3  # it stays, whatever comes next
    rows = list(csv.DictReader((tmp_path / 'new' / 'd.csv').read_text().splitlines()))
    assert [row['action'] for row in rows] == ['fall, hard', 'run']
    assert rows[0] == dict(video='a', time='0.5', frame='15', person='3', x1='0.1', y1='0.2', x2='0.5', y2='0.8',
                           action_id='5', action='fall, hard', score='0.75')


def test_ava_csv_is_read_by_the_evaluation(key_frame, tmp_path):
    with ActionFile(tmp_path / 'd.csv', 'ava') as file:
        file.add(key_frame)
    rows = read_detections(tmp_path / 'd.csv')
    assert rows.label.tolist() == [1, 5, 5] and rows.score.tolist() == [.5, .75, .25]
    assert rows.timestamp.tolist() == [.5] * 3 and rows.box[0].tolist() == [.1, .2, .5, .8] and rows.notes == ()


def test_json_lines(key_frame, tmp_path):
    with ActionFile(tmp_path / 'd.jsonl', 'jsonl') as file:
        file.add(key_frame)
        file.add(key_frame)
    first, second = map(json.loads, (tmp_path / 'd.jsonl').read_text().splitlines())
    assert first == second and (first['width'], first['time'], len(first['people'])) == (200, .5, 2)
    assert first['people'][0]['actions'][0] == dict(id=5, name='fall, hard', score=.75)


def test_boxes_in_pixels(key_frame):
    assert key_frame.pixels(key_frame.people[0]) == (20, 20, 100, 80)


@pytest.mark.skipif(not os.path.exists('/dev/full'), reason='needs /dev/full')
def test_a_full_disk_is_named(key_frame, tmp_path):
    (tmp_path / 'd.csv').symlink_to('/dev/full')
    with pytest.raises(OSError, match=r"No space left on device: '.*d.csv'"), ActionFile(tmp_path / 'd.csv') as file:
        file.add(key_frame)
    with pytest.raises(ValueError, match="form='xml'"):
        ActionFile(tmp_path / 'x', 'xml')


def test_supervision(key_frame):
    pytest.importorskip('supervision')
    found = key_frame.to_supervision()
    assert found.xyxy.tolist() == [[20, 20, 100, 80]] * 2 and found.class_id.tolist() == [5, 1]
    assert found.tracker_id.tolist() == [3, 3] and found.data['class_name'].tolist() == ['fall, hard', 'run']
    key_frame.people = []
    assert len(key_frame.to_supervision()) == 0


def test_supervision_that_is_not_installed_is_named(key_frame, monkeypatch):
    monkeypatch.setitem(sys.modules, 'supervision', None)
    with pytest.raises(ImportError, match='pip install supervision'):
        key_frame.to_supervision()
