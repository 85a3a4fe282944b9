from pathlib import Path

import pytest

from stssa_mm.video.find import find_video, find_videos, has_extension


@pytest.fixture
def videos(tmp_path):
    for name in ('a.mp4', 'w.x.MKV', 'a.csv', 'b.mp4', 'b.mkv', 'part/c.avi'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / 'd.mp4').mkdir()
    return tmp_path


@pytest.mark.parametrize(('video', 'file'), [('a', 'a.mp4'), ('a.mp4', 'a.mp4'), ('w.x', 'w.x.MKV'), ('b.mkv', 'b.mkv'),
                                             ('part/c', 'part/c.avi')])
def test_videos_are_found_with_and_without_extension(videos, video, file):
    assert find_video(videos, video) == videos / file


def test_what_is_missing_or_there_twice_is_named(videos):
    for video in ('c', 'd', 'nowhere/c'):
        with pytest.raises(FileNotFoundError, match=f'^{videos}/{video}: no video of this name'):
            find_video(videos, video)
    with pytest.raises(ValueError, match=r'b: several files of this name: b\.mkv, b\.mp4: keep one'):
        find_video(videos, 'b')
    found = find_videos(videos, ['a', 'b', 'c'])
    assert found['a'] == videos / 'a.mp4' and isinstance(found['b'], ValueError)
    assert isinstance(found['c'], FileNotFoundError)


def test_a_folder_is_listed_once_whatever_the_number_of_videos(videos, monkeypatch):
    listed, iterdir = [], Path.iterdir
    monkeypatch.setattr(Path, 'iterdir', lambda folder: (listed.append(folder), iterdir(folder))[1])
    find_videos(videos, ['a', 'b', 'w.x', 'part/c', 'part/d'])
    assert listed == [videos, videos / 'part']


def test_ids_that_carry_an_extension():
    assert has_extension('aerobic/v_xx.mp4') and has_extension('x.AVI')
    assert not has_extension('cam1.2020') and not has_extension('mp4')
