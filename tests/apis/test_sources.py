import os

import cv2
import numpy as np
import pytest
from numbered_videos import make_video, number_of

from stssa_mm.apis.sources import Place, find_sources, open_source
from stssa_mm.video.probe import BrokenVideoError


@pytest.fixture
def clips(tmp_path):
    """Two folders with videos, of which two have the same name."""
    for name in ('a/1.mp4', 'a/2.mp4', 'b/1.mp4'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        make_video(tmp_path / name, 12, 10)
    (tmp_path / 'a' / 'notes.txt').write_text('no video')
    return tmp_path


def names(inputs):
    return [place.name for place in find_sources(inputs)]


def test_files_folders_patterns_and_lists(clips):
    assert names(clips / 'a' / '1.mp4') == names(str(clips / 'a' / '1.mp4')) == ['1']
    assert names(clips / 'a') == ['1', '2']
    assert names(f'{clips}/a/*.mp4') == names(f'{clips}/a/*.mp?') == ['1', '2']
    assert names([clips / 'a' / '2.mp4', f'{clips}/b']) == ['2', '1']
    assert names(f'{clips}/*/1.mp4') == ['a_1.mp4', 'b_1.mp4']  # each has its own
    assert names([clips / 'a' / '1.mp4'] * 2) == ['1_1.mp4', '2_1.mp4']


def test_a_file_whose_name_looks_like_a_pattern(clips):
    (clips / 'a' / '1.mp4').rename(clips / 'cam[1].mp4')
    assert names(clips / 'cam[1].mp4') == ['cam[1]']


@pytest.mark.parametrize(('inputs', 'error', 'expected'), [
    ('{}/nothing.mp4', FileNotFoundError, 'nothing.mp4: no such file'),
    ('{}/*.mkv', FileNotFoundError, 'no file of this pattern'),
    ('{}/empty', FileNotFoundError, 'neither videos .* nor frames as pictures in it'),
    ('rtsp://camera/1', ValueError, 'streams cannot be read: give a file'),
    (0, ValueError, '0: expected a video file'), ([], ValueError, 'no videos'), ([None], ValueError, 'None: expected'),
    (np.zeros((0, 4, 4, 3), np.uint8), ValueError, 'no frames'),
])
def test_inputs_that_are_none(clips, inputs, error, expected):
    (clips / 'empty').mkdir()
    with pytest.raises(error, match=expected):
        find_sources(inputs.format(clips) if isinstance(inputs, str) else inputs)


def test_a_source_has_numbers_times_and_size(clips):
    source = open_source(find_sources(clips / 'a' / '1.mp4')[0])
    assert len(source) == 12 and source.size == (96, 64)
    assert source.fps == pytest.approx(10) and source.duration == pytest.approx(1.2)
    source.hold(-3, 99)
    assert [number_of(frame) for frame in source.read([11, 0, 5])] == [11, 0, 5]
    source.close()


def test_pictures_are_read_once_while_they_are_held(tmp_path, monkeypatch):
    for number in range(6):
        cv2.imwrite(str(tmp_path / f'{number}.png'), np.full((4, 6, 3), number, np.uint8))
    source = open_source(find_sources(tmp_path)[0], fps=2)
    assert source.times.tolist() == [0, .5, 1, 1.5, 2, 2.5] and source.size == (6, 4)
    source.hold(0, 4)
    read = []
    own = source._frames._folder.read
    monkeypatch.setattr(source._frames._folder, 'read', lambda numbers: read.extend(numbers) or own(numbers))
    first, *_ = source.read([0, 1, 2, 3])
    first[:] = 9
    assert [int(frame[0, 0, 0]) for frame in source.read([3, 0, 1])] == [3, 0, 1] and read == [0, 1, 2, 3]
    assert open_source(find_sources(tmp_path)[0]).fps == 30


@pytest.mark.parametrize(('frames', 'fps', 'expected'), [
    (np.zeros((2, 4, 4, 3)), 10, r'frame 0: float64 \(4, 4, 3\): expected RGB'),
    (np.zeros((2, 4, 4), np.uint8), 10, r'uint8 \(4, 4\)'),
    ([np.zeros((4, 4, 3), np.uint8), np.zeros((4, 5, 3), np.uint8)], 10, r'frame 1: \(4, 5, 3\): expected \(4, 4, 3\)'),
    (np.zeros((2, 4, 4, 3), np.uint8), None, 'need fps'), (np.zeros((2, 4, 4, 3), np.uint8), 0, 'fps=0: expected'),
])
def test_arrays_that_are_no_frames(frames, fps, expected):
    with pytest.raises(ValueError, match=expected):
        open_source(find_sources(frames)[0], fps)


def test_one_frame_is_a_video():
    source = open_source(find_sources(np.zeros((1, 4, 4, 3), np.uint8))[0], 10)
    assert len(source) == 1 and 0 < source.duration < 1


def test_what_is_no_video_is_one_line_without_advice_on_training(tmp_path):
    (tmp_path / 'a.mp4').write_text('no video')
    with pytest.raises(BrokenVideoError, match=r'a\.mp4: .*re-encode') as error:
        open_source(find_sources(tmp_path / 'a.mp4')[0])
    assert 'training' not in str(error.value) and '\n' not in str(error.value)


def test_a_file_that_one_may_not_read(tmp_path):
    path = make_video(tmp_path / 'a.mp4', 5, 10)
    path.chmod(0)
    user = os.geteuid()
    try:
        if user == 0:
            os.seteuid(65534)
        with pytest.raises(BrokenVideoError, match=r'a\.mp4: it cannot be opened \(Permission denied\)\. Ask for'):
            open_source(Place('a', path))
    finally:
        os.seteuid(user)
