"""Work that grows with the labels and key frames of a video, not with their product; ids and rates that are too
high."""
from pathlib import Path

import numpy as np
import pytest

from stssa_mm.converters.own_videos import convert_own_videos
from stssa_mm.converters.own_videos.dataset import video_rows
from stssa_mm.converters.own_videos.labelled_video import LabelledVideo, Mark, person_id
from stssa_mm.people.proposals import KeyFrame, make_proposals


class Counted(int):
    """A number that counts how often it is compared."""
    compared = 0

    def _count(compare):
        def run(self, other):
            Counted.compared += 1
            return compare(int(self), int(other))
        return run

    __lt__, __le__, __gt__, __ge__ = map(_count, (int.__lt__, int.__le__, int.__gt__, int.__ge__))


def comparisons(frames, people=10):
    """How often the frame of a label is compared, for a video with a label of each person on each frame."""
    box = (0.1, 0.2, 0.3, 0.4)
    marks = [Mark(Counted(frame), Counted(frame), 'run', (0.1 + person / 100, *box[1:]), person)
             for frame in range(frames) for person in range(people)]
    video = LabelledVideo('v.mp4', Path('v.mp4'), 25, frames, marks)
    Counted.compared = 0
    rows = video_rows(video, [KeyFrame('v.mp4', frame + 1, frame) for frame in range(frames)], {}, ['run'])
    assert len(rows) == frames * people
    return Counted.compared


def test_labels_are_not_compared_with_all_key_frames():
    few, many = comparisons(20), comparisons(160)
    assert few and many < 3 * 8 * few  # with the product: 64 times


def test_marks_of_key_frames_are_those_that_cover_them_in_their_order():
    rng = np.random.default_rng(0)
    marks = []
    for person in range(60):
        first, last = sorted(rng.integers(0, 100, 2).tolist())
        marks.append(Mark(first, last, f'c{person % 7}', (0.1, 0.2, 0.3 + person / 100, 0.4), person))
    video = LabelledVideo('v.mp4', Path('v.mp4'), 25, 100, marks)
    key_frames = [KeyFrame('v.mp4', frame + 1, frame) for frame in rng.permutation(100).tolist()]
    classes = [f'c{index}' for index in range(7)]
    rows = video_rows(video, key_frames, {}, classes)
    expected = [(key_frame.timestamp, mark.person, classes.index(mark.label) + 1) for key_frame in key_frames
                for mark in marks if mark.first <= key_frame.frame <= mark.last]
    assert [(row.timestamp, row.person, row.label) for row in rows] == expected


@pytest.mark.parametrize('every', [0, -1, 1e-9, 1e-300, float('inf'), float('nan'), -float('inf'), 0.0009, -0.0, -1e-9])
def test_seconds_between_key_frames_that_cannot_be(every, tmp_path):
    (tmp_path / 'labels.csv').write_text('video,start,end,label\n')
    with pytest.raises(ValueError, match=r'^every=.*: expected more than 0 seconds, 0\.001 at least$'):
        convert_own_videos(tmp_path / 'labels.csv', tmp_path / 'out', Path('base.py'), every=every)


@pytest.mark.parametrize('fps', [-1, 1e9, 1e300, float('inf'), float('nan'), -float('inf'), 10_001, -1e-9])
def test_images_a_second_that_cannot_be(fps, tmp_path):
    (tmp_path / 'labels.json').write_text('{}')
    with pytest.raises(ValueError, match='^fps=.*: expected a number above 0, 10000 at most$'):
        convert_own_videos(tmp_path / 'labels.json', tmp_path / 'out', Path('base.py'), fps=fps)


@pytest.mark.parametrize('arguments', [dict(fps=value) for value in (0, -1, float('inf'), float('nan'))]
                         + [dict(timestamp_start=value) for value in (float('inf'), -float('inf'), float('nan'))])
def test_times_of_proposals_that_cannot_be(arguments, tmp_path):
    with pytest.raises(ValueError, match=r'^(fps|timestamp_start)=(0|-1|-?inf|nan): expected a number'):
        make_proposals(tmp_path / 'a.csv', tmp_path, None, tmp_path / 'p.pkl', **arguments)


@pytest.mark.parametrize('value', ['x', '', None, '1.5', 2**53, -2**53, 2**63, 2**64, 10**400,
                                   float('inf'), float('nan'), [], {},
                                   '9' * 5000])
def test_numbers_of_people_that_a_csv_does_not_keep(value):
    with pytest.raises(ValueError, match=r'^file: track 1: person .*: expected a whole number below 2\*\*53$') as error:
        person_id(value, 'file: track 1')
    assert len(str(error.value)) < 200
