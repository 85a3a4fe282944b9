import csv
import json

import numpy as np
import pytest

from stssa_mm.apis.events import EventFinder, find_events, stretches, write_events
from stssa_mm.files.detected_actions import KeyFrameActions, Person

CLASSES = {1: 'run', 5: 'fall'}


def key_frame(time, people, video='a'):
    """``people``: id to the two scores."""
    return KeyFrameActions(video, round(10 * time), time, (10, 10), [
        Person(number, (0, 0, 1, 1), [], np.array(scores, float)) for number, scores in people.items()], CLASSES)


def series(*scores, step=1):
    """One person whose score of the first class is given; None: not there."""
    return [key_frame(step * number, {} if score is None else {7: (score, 0)}) for number, score in enumerate(scores)]


def found(key_frames, high=0.8, step=1, **options):
    options = {'low': 0.5, 'min_length': 0, **options}
    return [(event.start, event.end, event.score)
            for event in find_events(key_frames, {1: high, 5: high}, step, **options)]


@pytest.mark.parametrize(('scores', 'expected'), [
    ([], []),
    ([.1, .1], []),
    ([.9], [(0, 1)]),
    ([.1, .9, .1], [(1, 2)]),
    ([.5, .9, .5, .1, .9], [(0, 3), (4, 5)]),  # low scores belong to it before and behind
    ([.5, .5, .5], []),  # never high
    ([.8, .4, .8], [(0, 1), (2, 3)]),
    ([.8, .6, .8], [(0, 3)]),
])
def test_stretches_with_hysteresis(scores, expected):
    assert stretches(np.arange(len(scores)), scores, 0.8, 0.5, 1) == expected


def test_a_gap_ends_a_stretch():
    assert stretches([0, 1, 3, 4], [.9] * 4, .8, .5, 1) == [(0, 2), (2, 4)]
    assert stretches([0, 1, 3, 4], [.9] * 4, .8, .5, 2) == [(0, 4)]
    with pytest.raises(ValueError, match='low=0.9: expected at most high=0.8'):
        stretches([0], [1], .8, .9, 1)


def test_an_event_lasts_half_a_step_to_both_sides_within_the_video():
    assert found(series(.1, .8, .9, .1)) == [(.5, 2.5, .85)]
    assert found(series(.8, .8), duration=1.2) == [(0, 1.2, .8)]


def test_the_low_threshold_is_a_share_of_the_high_one():
    assert found(series(.8, .41, .8)) == [(0, 2.5, .67)]
    assert found(series(.8, .39, .8)) == [(0, .5, .8), (1.5, 2.5, .8)]
    assert found(series(.8, .41, .8), low=1) == [(0, .5, .8), (1.5, 2.5, .8)]


def test_short_events_are_left_out():
    assert found(series(.1, .9, .1, .9, .9), min_length=1.5) == [(2.5, 4.5, .9)]
    assert found(series(.1, .9, .1), min_length=1) == [(.5, 1.5, .9)]


def test_somebody_who_is_missed_once_goes_on_and_twice_does_not():
    assert found(series(.9, None, .9)) == [(0, 2.5, .9)]
    assert found(series(.9, None, None, .9)) == [(0, .5, .9), (2.5, 3.5, .9)]
    assert found(series(.9, None, .9), max_gap=1) == [(0, .5, .9), (1.5, 2.5, .9)]


def test_people_classes_and_videos_are_apart():
    frames = [key_frame(0, {1: (.9, .9), 2: (.9, .1)}), key_frame(1, {1: (.9, .1), 2: (.1, .9)})]
    events = find_events(frames, {1: .8, 5: .8}, 1, low=.5, min_length=0)
    assert [(e.person, e.action, e.start, e.end, e.key_frames) for e in events] == [
        (1, 'run', 0, 1.5, 2), (1, 'fall', 0, .5, 1), (2, 'run', 0, .5, 1), (2, 'fall', .5, 1.5, 1)]
    finder = EventFinder({1: .8, 5: .8}, 1, .5, 0)
    assert finder.add(key_frame(0, {1: (.9, 0)}, 'a')) == []
    assert [event.video for event in finder.add(key_frame(0, {1: (.9, 0)}, 'b'))] == ['a']
    assert [event.video for event in finder.finish()] == ['b']


def test_each_class_has_its_threshold():
    frames = [key_frame(0, {1: (.6, .6)})]
    assert [e.action for e in find_events(frames, {1: .7, 5: .5}, 1, min_length=0)] == ['fall']


def test_ended_events_are_given_at_once_and_nothing_of_them_is_kept():
    finder = EventFinder({1: .8, 5: .8}, 1, .5, 0)
    given = [len(finder.add(frame)) for frame in series(.9, .1, .9, .1, .9, .1)]
    assert given == [0, 1, 0, 1, 0, 1] and not finder._open


@pytest.mark.parametrize('options', [dict(low=1.1), dict(min_length=-1), dict(step=0), dict(low=float('nan'))])
def test_arguments_out_of_range(options):
    with pytest.raises(ValueError, match=f'{next(iter(options))}='):
        EventFinder({1: .8}, **{'step': 1, **options})


def test_files(tmp_path):
    events = find_events([*series(.1, .9), *[key_frame(9, {3: (.1, .9)}), key_frame(10, {})]], {1: .8, 5: .8}, 1,
                         min_length=0)
    write_events(tmp_path / 'e.csv', events[::-1])
    write_events(tmp_path / 'e.json', events)
    rows = list(csv.DictReader((tmp_path / 'e.csv').read_text().splitlines()))
    assert [row['action'] for row in rows] == ['run', 'fall'] and rows[0]['start'] == '0.5'
    assert json.loads((tmp_path / 'e.json').read_text())[1] == dict(
        video='a', person=3, action_id=5, action='fall', start=8.5, end=9.5, score=.9, key_frames=1)
    with pytest.raises(ValueError, match='expected events as'):
        write_events(tmp_path / 'e.txt', events)
