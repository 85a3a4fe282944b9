import numpy as np
import pytest

from stssa_mm.video.clock import frame_at, nearest_frame

VARYING = np.array([0, 0.1, 0.2, 1.2, 2.2, 2.3])


@pytest.mark.parametrize(('seconds', 'frame'), [(0, 0), (0.04, 0), (0.14, 1), (0.16, 2), (0.6, 2), (0.8, 3), (2.2, 4),
                                                (2.26, 5), (9, 5)])
def test_the_nearest_frame(seconds, frame):
    assert nearest_frame(seconds, VARYING) == frame


@pytest.mark.parametrize('fps', [10, 24, 25, 29.97, 30, 60])
def test_of_two_frames_equally_near_the_later_whatever_rounding_does(fps):
    times = np.arange(1000) / fps
    for half in (0.5, 1.5, 7.5, 100.5, 900.5):
        assert nearest_frame(half / fps, times) == half + 0.5
        assert frame_at(900 + half / fps, 900, fps, None, (0, 1000), 'v') == half + 0.5


def test_pictures_and_videos_of_one_rate_agree():
    rng, times = np.random.default_rng(0), np.arange(3000) / 30
    for timestamp in rng.uniform(900, 999, 200):
        assert frame_at(timestamp, 900, 30, times, (0, 3000)) == frame_at(timestamp, 900, 30, None, (0, 3000))


def test_timestamps_that_are_frame_numbers_ignore_times():
    assert frame_at(4, 1, 1, VARYING, (0, 6)) == 3


@pytest.mark.parametrize(('timestamp', 'times'), [(899.9, None), (904.1, None), (903.4, VARYING), (899.9, VARYING)])
def test_outside(timestamp, times):
    message = rf'^v: the annotated moment {timestamp:g} is outside of the video, which has the frames 0 to [^\n]*$'
    with pytest.raises(ValueError, match=message):
        frame_at(timestamp, 900, 30, times, (0, 6 if times is not None else 90), 'v')


def test_lengths_are_rounded_by_a_second():
    assert frame_at(903.9, 900, 30, None, (0, 90)) == 89 and frame_at(903.2, 900, 30, VARYING, (0, 6)) == 5
    with pytest.raises(ValueError, match='outside'):
        frame_at(7, 1, 1, VARYING, (0, 6))
