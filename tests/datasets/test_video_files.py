import cv2
import numpy as np
import pytest
from datasets.video_files import write_squares

from stssa_mm.datasets.video_files import FrameFolder, find_video, open_video, read_frames


@pytest.fixture(scope='module')
def videos(tmp_path_factory):
    """a.mp4, 20 frames."""
    folder = tmp_path_factory.mktemp('videos')
    write_squares(folder / 'a.mp4', [4])
    return folder


def test_videos_are_found_with_and_without_extension(videos, tmp_path):
    assert find_video(videos, 'a') == find_video(videos, 'a.mp4') == videos / 'a.mp4'
    with pytest.raises(FileNotFoundError, match='no video of this name'):
        find_video(videos, 'c')
    for name in ('x.mp4', 'x.mkv', 'x.csv'):
        (tmp_path / name).touch()
    with pytest.raises(ValueError, match='several files of this name: x.mkv, x.mp4'):
        find_video(tmp_path, 'x')


@pytest.mark.parametrize('end', [0, 10, -200])
def test_a_file_that_is_no_whole_video(videos, tmp_path, end):
    (tmp_path / 'x.mp4').write_bytes((videos / 'a.mp4').read_bytes()[:end])
    with pytest.raises(ValueError, match=r'x\.mp4: cannot be read as a video \([^\n]*\)[^\n]*$'):
        open_video(tmp_path / 'x.mp4')


def test_pictures_are_in_the_order_of_their_numbers(tmp_path):
    for number in (8, 9, 10, 11):
        cv2.imwrite(str(tmp_path / f'{number}.png'), np.full((4, 6, 3), (number, 0, 200), np.uint8))
    (tmp_path / 'notes.txt').touch()
    frames = FrameFolder(tmp_path)
    assert len(frames) == 4
    assert [image[0, 0].tolist() for image in read_frames(frames, [2, 0, 3])] == [
        [200, 0, 10], [200, 0, 8], [200, 0, 11]]


@pytest.mark.parametrize(('names', 'message'), [
    ((), 'no pictures'), (('1.png', '3.png'), r'\*\.png number 2 is missing'),
    (('img_1.png', 'x_1.png'), r'pictures of several kinds \(img_\*\.png, x_\*\.png\)')])
def test_a_folder_that_does_not_hold_the_frames_is_named(tmp_path, names, message):
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(ValueError, match=f'^{tmp_path}: {message}'):
        FrameFolder(tmp_path)


@pytest.mark.parametrize(('change', 'message'), [
    (lambda data: b'', 'the file is empty'), (lambda data: b'x', 'it is no picture'),
    (lambda data: data[:-200], 'the file is cut off')])
def test_a_broken_picture_is_named(tmp_path, change, message):
    file = tmp_path / '1.jpg'
    cv2.imwrite(str(file), np.random.default_rng(0).integers(0, 255, (32, 32, 3), np.uint8))
    assert read_frames(FrameFolder(tmp_path), [0])[0].shape == (32, 32, 3)
    file.write_bytes(change(file.read_bytes()))
    with pytest.raises(ValueError, match=rf'1\.jpg: {message}: replace it'):
        read_frames(FrameFolder(tmp_path), [0])
