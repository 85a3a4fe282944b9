import numpy as np
import pytest

from stssa_mm.datasets.transforms import STSSASampleFrames


def sample(timestamp, clip_len=32, frame_interval=2, test_mode=True, **kwargs):
    """The clip of a 100 s video of 30 fps that starts at 900 s."""
    results = dict(timestamp=timestamp, timestamp_start=900, fps=30, start_index=0, shot_info=(0, 3000), frame_dir='v1')
    return STSSASampleFrames(clip_len, frame_interval, test_mode)({**results, **kwargs})['frame_inds']


@pytest.mark.parametrize('clip_len', [1, 15, 16, 32])
@pytest.mark.parametrize('frame_interval', [1, 2, 3])
@pytest.mark.parametrize('start_index', [0, 1])
def test_the_moment_is_in_the_middle(clip_len, frame_interval, start_index):
    indices = sample(950, clip_len, frame_interval, start_index=start_index)
    assert len(indices) == clip_len and indices.dtype == np.int32
    assert indices[clip_len // 2] == 50 * 30 + start_index  # its file is img_01501.jpg: the first frame's is img_00001
    assert (np.diff(indices) == frame_interval).all()


@pytest.mark.parametrize(('timestamp', 'frame'), [(900, 0), (900.5, 15), (901.1, 33), (950.016, 1500), (950.017, 1501)])
def test_moments_between_seconds(timestamp, frame):
    assert sample(timestamp)[16] == frame
    assert sample(timestamp, start_index=1)[16] == frame + 1


@pytest.mark.parametrize('frame', [1, 2, 20, 40])
def test_timestamps_that_are_frame_numbers(frame):
    indices = sample(frame, 16, 1, timestamp_start=1, fps=1, shot_info=None, total_frames=40,
                     frame_times=np.arange(40) / 30)
    assert indices[8] == frame - 1
    np.testing.assert_array_equal(indices, np.clip(np.arange(frame - 9, frame + 7), 0, 39))


def test_a_video_has_its_own_rate():
    """A file of 25 fps in a dataset of 30."""
    assert sample(910, total_frames=2500, shot_info=None, frame_times=np.arange(2500) / 25)[16] == 250


def test_frames_of_varying_length():
    times = np.array([0, 0.1, 0.2, 1.2, 2.2, 2.3])
    for moment, frame in ((0.14, 1), (0.16, 2), (0.6, 2), (0.8, 3), (2.2, 4), (3, 5)):
        indices = sample(900 + moment, clip_len=1, total_frames=6, shot_info=None, frame_times=times)
        assert indices.tolist() == [frame]


@pytest.mark.parametrize(('kwargs', 'first', 'last'), [
    (dict(shot_info=(0, 90)), 0, 89),
    (dict(shot_info=(40, 75)), 40, 74),
    (dict(shot_info=(40, 75), start_index=1), 41, 75),
    (dict(shot_info=None, total_frames=70), 0, 69),
    (dict(shot_info=(40, 200), total_frames=70), 40, 69),
])
def test_what_lies_outside_is_the_first_or_last_frame(kwargs, first, last):
    indices = sample(902, clip_len=64, **kwargs)
    assert (indices.min(), indices.max()) == (first, last)
    assert (np.diff(indices) >= 0).all()
    assert indices[32] == 60 + kwargs.get('start_index', 0)


def test_training_moves_frames_by_half_an_interval_at_most_and_never_that_of_the_moment():
    for interval, moves in ((1, {0}), (2, {-1, 0}), (3, {-1, 0, 1})):
        still = sample(950, frame_interval=interval)
        clips = np.stack([sample(950, frame_interval=interval, test_mode=False) for _ in range(50)])
        assert set(np.unique(clips - still)) == moves
        assert (clips[:, 16] == 1500).all()
        assert (np.diff(clips) >= 0).all()


def test_keys_are_those_of_the_parent():
    results = STSSASampleFrames(8, 4)(dict(timestamp=1, timestamp_start=0, fps=30, shot_info=(0, 60)))
    assert (results['clip_len'], results['frame_interval'], results['num_clips']) == (8, 4, 1)
    assert results['crop_quadruple'].tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize(('timestamp', 'kwargs'), [
    (899, {}), (1001.1, {}), (902, dict(shot_info=(90, 200))), (41, dict(timestamp_start=1, fps=1, shot_info=(0, 40))),
    (903.5, dict(shot_info=None, total_frames=60, frame_times=np.arange(60) / 30)),
])
def test_a_moment_outside_of_the_video_is_named(timestamp, kwargs):
    message = rf'^v1: the annotated moment {timestamp} is outside[^\n]*timestamp_start or fps=[^\n]*$'
    with pytest.raises(ValueError, match=message):
        sample(timestamp, **kwargs)


def test_lengths_are_rounded_by_a_second():
    assert sample(1000)[16] == sample(1000.9)[16] == 2999


def trained(frame=30, clip_len=8, interval=8, **options):
    """1000 training clips of a 2 s video of 30 fps."""
    transform = STSSASampleFrames(clip_len, interval, **options)
    info = dict(timestamp=frame + 1, timestamp_start=1, fps=1, shot_info=None, total_frames=60, start_index=0,
                frame_times=np.arange(60) / 30, filename='v1.mp4')
    np.random.seed(0)
    return np.stack([transform(dict(info))['frame_inds'] for _ in range(1000)]), transform.reach(dict(info))


@pytest.mark.parametrize('frame', [0, 3, 30, 59])
@pytest.mark.parametrize('options', [{}, dict(shift=4), dict(grid=4), dict(shift=3, grid=4), dict(interval=1, shift=2)])
def test_reach_is_all_that_training_may_choose(frame, options):
    clips, reach = trained(frame, **options)
    assert set(clips.ravel()) <= set(reach)
    assert len(set(clips.ravel())) > 0.8 * len(reach)  # and hardly more
    assert (np.diff(reach) > 0).all()


def test_the_clip_is_shifted_as_a_whole():
    clips, _ = trained(interval=1, shift=3)
    assert set(clips[:, 4]) == set(range(27, 34))
    np.testing.assert_array_equal(np.diff(clips), 1)


def test_on_a_grid():
    clips, reach = trained(grid=4)
    assert not (clips % 4).any() and not (reach % 4).any()
    assert set(clips[:, 4]) == {28}


def test_neither_is_for_testing():
    test = STSSASampleFrames(8, 8, test_mode=True, shift=4, grid=4)
    info = dict(timestamp=31, timestamp_start=1, fps=1, total_frames=60, frame_times=np.arange(60) / 30, filename='v')
    frames = test(dict(info))['frame_inds']
    assert frames.tolist() == [0, 6, 14, 22, 30, 38, 46, 54]
    assert test.reach(dict(info)).tolist() == [0, 6, 14, 22, 30, 38, 46, 54]


def test_reach_of_a_folder_counts_from_its_start_index():
    info = dict(timestamp=950, timestamp_start=900, fps=30, start_index=1, shot_info=(0, 3000), frame_dir='v1')
    reach = STSSASampleFrames(4, 2, test_mode=True).reach(dict(info))
    assert reach.tolist() == sample(950, 4, 2, start_index=1).tolist()
