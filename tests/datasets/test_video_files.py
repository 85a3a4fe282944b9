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
    for number in (1, 2, 9, 10, 11):
        cv2.imwrite(str(tmp_path / f'{number}.png'), np.full((4, 6, 3), (number, 0, 200), np.uint8))
    (tmp_path / 'notes.txt').touch()
    frames = FrameFolder(tmp_path)
    assert len(frames) == 5
    assert [image[0, 0].tolist() for image in read_frames(frames, [3, 0, 4])] == [
        [200, 0, 10], [200, 0, 1], [200, 0, 11]]


def test_a_folder_without_pictures_and_a_picture_that_is_none_are_named(tmp_path):
    with pytest.raises(ValueError, match=f'^{tmp_path}: no pictures'):
        FrameFolder(tmp_path)
    (tmp_path / '1.jpg').write_bytes(b'x')
    with pytest.raises(ValueError, match=r'1\.jpg: cannot be read as a picture'):
        read_frames(FrameFolder(tmp_path), [0])
