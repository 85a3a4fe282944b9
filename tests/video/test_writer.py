import os
import shutil
import sys

import cv2
import numpy as np
import pytest
from numbered_videos import H264, HEIGHT, WIDTH, number_of, numbered_frames

from stssa_mm.converters.own_videos.labelled_video import open_source
from stssa_mm.video.probe import BrokenVideoError
from stssa_mm.video.reader import open_video
from stssa_mm.video.writer import (
    Window,
    cut_fault,
    cut_video,
    extract_frames,
    find_ffmpeg,
    frames_fault,
    mend_video,
    movie_fault,
    write_video,
)

WINDOW = Window(start=2, seconds=2, tolerance=0.5)


def write_movie(path, seconds=6, size=(48, 64), fps=10):
    """Second s is grey, of brightness 30 * s."""
    write_video(path, (np.full((*size, 3), 30 * (frame // fps), np.uint8) for frame in range(seconds * fps)), fps)


@pytest.fixture
def movie(tmp_path):
    write_movie(tmp_path / '-movie_1.mp4')
    return tmp_path / '-movie_1.mp4'


@pytest.mark.parametrize('suffix', ['.mp4', '.mkv', '.webm'])
def test_cut_and_frames_begin_at_the_start_of_the_window(movie, tmp_path, suffix):
    cut, folder = tmp_path / 'cuts' / f'-movie_1{suffix}', tmp_path / 'frames' / '-movie_1'
    cut_video(movie, cut, WINDOW)
    assert cut_fault(cut, WINDOW) is None
    extract_frames(cut, folder, WINDOW)
    files = sorted(file.name for file in folder.iterdir())
    assert files == [f'img_{number:05d}.jpg' for number in range(1, 61)]
    # Second t of the movie begins with frame 30 * (t - start) + 1.
    means = [cv2.imread(str(folder / f'img_{number:05d}.jpg')).mean() for number in (1, 30, 31, 60)]
    assert means == pytest.approx([60, 60, 90, 90], abs=6)
    assert [file.name for file in cut.parent.iterdir()] == [cut.name]
    assert [file.name for file in folder.parent.iterdir()] == [folder.name]


@pytest.mark.parametrize('size, short_side, scaled', [((48, 64), 32, (32, 42)), ((64, 48), 32, (42, 32)),
                                                      ((48, 64), 320, (48, 64)), ((48, 64), 0, (48, 64))])
def test_larger_videos_are_scaled_down_and_none_up(tmp_path, size, short_side, scaled):
    write_movie(tmp_path / 'a.mp4', size=size)
    cut_video(tmp_path / 'a.mp4', tmp_path / 'cut.mp4', WINDOW, short_side)
    assert open_video(tmp_path / 'cut.mp4').read([0])[0].shape[:2] == scaled
    cut_video(tmp_path / 'a.mp4', tmp_path / 'cut.mp4', WINDOW)
    extract_frames(tmp_path / 'cut.mp4', tmp_path / 'frames', WINDOW, short_side, quality=5)
    assert cv2.imread(str(tmp_path / 'frames' / 'img_00001.jpg')).shape[:2] == scaled


def test_quality_changes_the_size_of_frames(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
    write_video(tmp_path / 'cut.mp4', [noise] * 60, 30)
    sizes = []
    for quality in (1, 31):
        extract_frames(tmp_path / 'cut.mp4', tmp_path / 'frames', WINDOW, quality=quality)
        sizes.append((tmp_path / 'frames' / 'img_00001.jpg').stat().st_size)
    assert sizes[0] > 2 * sizes[1]


def test_faults_of_movies(movie, tmp_path):
    assert movie_fault(movie, WINDOW) is None
    assert movie_fault(movie, WINDOW._replace(seconds=20)) == 'has no frame at second 21.5'
    movie.write_bytes(movie.read_bytes()[:-500])
    assert movie_fault(movie, WINDOW) == 'cannot be decoded'


def test_faults_of_cuts(movie, tmp_path):
    assert cut_fault(movie, WINDOW) == 'has 10 frames per second, not 30'
    cut = tmp_path / 'cut.mkv'
    cut_video(movie, cut, WINDOW._replace(seconds=4))
    assert cut_fault(cut, WINDOW) == 'is 4.0 s long, not 2'
    whole = cut.read_bytes()
    cut.write_bytes(whole[:len(whole) // 2])
    assert cut_fault(cut, WINDOW._replace(seconds=4)).endswith(', so it is cut off')
    cut.write_bytes(b'')
    assert cut_fault(cut, WINDOW) == 'cannot be decoded: the file is empty'


def test_faults_of_frames(tmp_path):
    for number in range(1, 61):
        (tmp_path / f'img_{number:05d}.jpg').touch()
    assert frames_fault(tmp_path, WINDOW) is None
    (tmp_path / 'img_00001.jpg').rename(tmp_path / 'img_00000.jpg')  # counted from 0
    assert 'img_00001.jpg to img_00060.jpg' in frames_fault(tmp_path, WINDOW)
    for number in range(40):
        (tmp_path / f'img_{number:05d}.jpg').unlink(missing_ok=True)
    assert frames_fault(tmp_path, WINDOW) == 'holds 21 frames, not 60'


def test_frames_are_replaced_and_other_files_stay(movie, tmp_path):
    folder = tmp_path / 'frames'
    folder.mkdir()
    for name in ('img_00001.jpg', 'img_00999.jpg', 'flow_x_00001.jpg'):
        (folder / name).write_text('old')
    cut_video(movie, tmp_path / 'cut.mp4', WINDOW)
    extract_frames(tmp_path / 'cut.mp4', folder, WINDOW)
    assert frames_fault(folder, WINDOW) is None
    assert (folder / 'flow_x_00001.jpg').read_text() == 'old'
    assert cv2.imread(str(folder / 'img_00001.jpg')) is not None


def test_a_movie_that_is_too_short_gives_no_cut(movie, tmp_path):
    with pytest.raises(BrokenVideoError, match=r'-movie_1.mp4: its cut of 9 s from second 2 is 4.0 s long, not 9'):
        cut_video(movie, tmp_path / 'cuts' / 'a.mp4', WINDOW._replace(seconds=9))
    assert not list((tmp_path / 'cuts').iterdir())


def test_what_ffmpeg_cannot_read_is_told_in_one_line(tmp_path):
    (tmp_path / 'a.mp4').write_text('no video')
    with pytest.raises(BrokenVideoError, match=r'^\S*a.mp4: ffmpeg: .*$'):
        cut_video(tmp_path / 'a.mp4', tmp_path / 'cut.mp4', WINDOW)


def test_ffmpeg_of_the_system_else_of_the_package_else_an_error(monkeypatch):
    monkeypatch.setattr(shutil, 'which', lambda name: '/usr/bin/ffmpeg')
    assert find_ffmpeg() == '/usr/bin/ffmpeg'
    monkeypatch.setattr(shutil, 'which', lambda name: None)
    assert 'imageio_ffmpeg' in find_ffmpeg() == find_ffmpeg(package_first=True)
    monkeypatch.setattr(shutil, 'which', lambda name: '/usr/bin/ffmpeg')
    assert 'imageio_ffmpeg' in find_ffmpeg(package_first=True)
    monkeypatch.setitem(sys.modules, 'imageio_ffmpeg', None)
    assert find_ffmpeg(package_first=True) == '/usr/bin/ffmpeg'
    monkeypatch.setattr(shutil, 'which', lambda name: None)
    with pytest.raises(FileNotFoundError, match='pip install imageio-ffmpeg'):
        find_ffmpeg()


@pytest.fixture
def old_ffmpeg(tmp_path):
    """A program that answers as ffmpeg before 5.1 does."""
    program = tmp_path / 'bin' / 'ffmpeg'
    program.parent.mkdir()
    program.write_text('#!/bin/sh\necho "Unrecognized option \'fps_mode\'." >&2\n'
                       'echo "Error splitting the argument list: Option not found" >&2\nexit 1\n')
    program.chmod(0o755)
    return program


def test_an_old_ffmpeg_of_the_system_does_not_keep_a_video_from_being_mended(tmp_path, monkeypatch, old_ffmpeg):
    monkeypatch.setenv('PATH', str(old_ffmpeg.parent), prepend=os.pathsep)
    assert find_ffmpeg() == str(old_ffmpeg)
    mend_video(H264, tmp_path / 'out.mp4')
    assert len(open_video(tmp_path / 'out.mp4')) == 150


def test_what_ffmpeg_says_is_in_the_error(tmp_path, monkeypatch, old_ffmpeg):
    monkeypatch.setenv('IMAGEIO_FFMPEG_EXE', str(old_ffmpeg))
    with pytest.raises(BrokenVideoError,
                       match=r"^[^\n]*ffmpeg: Unrecognized option 'fps_mode'\.; Error splitting[^\n]*$"):
        mend_video(H264, tmp_path / 'out.mp4')
    data = H264.read_bytes()
    (tmp_path / 'cut.mp4').write_bytes(data[:-100])
    with pytest.raises(ValueError, match=r"^[^\n]*cut\.mp4: it announces[^\n]*cut off\. It cannot be mended either: "
                       r"ffmpeg: Unrecognized option 'fps_mode'[^\n]*$"):
        open_source(tmp_path / 'cut.mp4', 'cut.mp4', tmp_path / 'videos')
    assert not list((tmp_path / 'videos').glob('*'))


def corner(size):
    """Grey, with a white square that ends in the last row and column."""
    frame = np.full((size[1], size[0], 3), 60, np.uint8)
    frame[-17:, -17:] = 255
    return frame


def test_a_video_of_an_odd_size_is_written_whole(tmp_path):
    for size in ((65, 49), (64, 49), (65, 48), (64, 48)):
        write_video(tmp_path / 'a.mp4', [corner(size)] * 10, 29.97)
        video = open_video(tmp_path / 'a.mp4')
        assert video.size == size and len(video) == 10 and video.get_avg_fps() == pytest.approx(29.97, abs=0.01)
        np.testing.assert_allclose(video.read([9])[0].astype(int), corner(size), atol=40)
        assert (np.abs(video.read([9])[0].astype(int) - corner(size)) < 25).mean() > 0.97


@pytest.mark.parametrize('size', [(65, 49), (64, 49), (65, 48), (64, 48)])
def test_a_mended_video_has_the_same_size(tmp_path, size):
    write_video(tmp_path / 'a.mp4', [corner(size)] * 10, 30)
    mend_video(tmp_path / 'a.mp4', tmp_path / 'b.mp4')
    before, after = open_video(tmp_path / 'a.mp4'), open_video(tmp_path / 'b.mp4')
    assert after.size == size and len(after) == 10
    np.testing.assert_allclose(after.read([9])[0].astype(int), before.read([9])[0], atol=25)


def test_h264_plays_in_browsers_and_keeps_frames_and_rate(tmp_path):
    write_video(tmp_path / 'a.mp4', numbered_frames(40), 30000 / 1001, 'h264')
    video = open_video(tmp_path / 'a.mp4')
    assert (video.probe.codec, len(video), video.size) == ('h264', 40, (WIDTH, HEIGHT))
    assert video.get_avg_fps() == pytest.approx(30000 / 1001)
    assert [number_of(frame) for frame in video.read(range(40))] == list(range(40))
    data = (tmp_path / 'a.mp4').read_bytes()
    assert data.index(b'moov') < data.index(b'mdat')  # a page may show it before it is loaded


def test_h264_wants_even_sizes_and_another_codec_is_refused(tmp_path):
    with pytest.raises(ValueError, match='33 x 32 pixels: expected even sizes'):
        write_video(tmp_path / 'a.mp4', [np.zeros((32, 33, 3), np.uint8)], 10, 'h264')
    with pytest.raises(ValueError, match="codec='vp9': expected one of"):
        write_video(tmp_path / 'a.mp4', [np.zeros((32, 32, 3), np.uint8)], 10, 'vp9')
    assert not list(tmp_path.iterdir())
