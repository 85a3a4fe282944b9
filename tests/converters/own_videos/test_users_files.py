"""from_videos overwrites nothing that it did not write."""
import os
import shutil
from pathlib import Path

import pytest
from converters.own_videos.test_own_videos import change, clips, coco, convert, videos, write_coco, write_csv  # noqa: F401
from datasets.video_files import Squares

ANNOTATIONS = ['action_list.pbtxt', 'train.csv', 'val.csv', 'train_proposals.pkl', 'val_proposals.pkl',
               'key_frames_without_people.csv']


def state(folder):
    """Each file and link below a folder, with what is in it."""
    return {str(path.relative_to(folder)): os.readlink(path) if path.is_symlink() else path.read_bytes()
            for path in sorted(folder.rglob('*')) if path.is_symlink() or path.is_file()}


def refuses(repo, source, out, named, detector=None, **kwargs):
    """Nothing in ``out`` changes, and nobody is looked for; one line names the file."""
    before, detector = state(out), detector or Squares()
    with pytest.raises(ValueError, match=r'it is there, and from_videos did not write it') as error:
        convert(repo, source, out, detector=detector, **kwargs)
    assert str(error.value).startswith(f'{named}: ') and '\n' not in str(error.value)
    assert {name: data for name, data in state(out).items() if name in before} == before
    assert not detector.calls


def labels_in(out, videos):  # noqa: F811
    (out / 'annotations').mkdir(parents=True)
    return shutil.copy(write_csv(videos, *(f'{name}.mp4,0,2,sit' for name in 'ab')), out / 'annotations' / 'train.csv')


def test_labels_where_it_would_write_its_own(repo, videos, tmp_path):  # noqa: F811
    source = Path(labels_in(tmp_path / 'set', videos))
    refuses(repo, source, tmp_path / 'set', source, videos=videos)


@pytest.mark.parametrize('name', [f'annotations/{name}' for name in ANNOTATIONS] + ['stssa_set.py'])
@pytest.mark.parametrize('content', ['mine', None], ids=['a file', 'a dangling link'])
def test_each_file_that_it_writes(repo, videos, tmp_path, name, content):  # noqa: F811
    file = tmp_path / 'set' / name
    file.parent.mkdir(parents=True)
    file.symlink_to('nowhere') if content is None else file.write_text(content)
    source = write_csv(videos, *(f'{name}.mp4,0,2,sit' for name in 'ab'))
    refuses(repo, source, tmp_path / 'set', file)


def test_a_config_that_was_edited(repo, videos, tmp_path):  # noqa: F811
    source = write_csv(videos, *(f'{name}.mp4,0,2,sit' for name in 'ab'))
    convert(repo, source, tmp_path / 'set', detector=Squares())
    convert(repo, source, tmp_path / 'set', detector=Squares())  # its own it replaces
    config = tmp_path / 'set' / 'stssa_set.py'
    config.write_text(f'{config.read_text()}train_cfg = dict(max_epochs=7)\n')
    refuses(repo, source, tmp_path / 'set', config)
    config.unlink()
    convert(repo, source, tmp_path / 'set', detector=Squares())
    assert config.exists()


@pytest.mark.parametrize('copy', [False, True])
def test_an_original_in_its_folder_of_videos(repo, videos, tmp_path, copy):  # noqa: F811
    other = tmp_path / 'set' / 'videos' / 'b.mp4'
    other.parent.mkdir(parents=True)
    other.write_bytes(b'the only copy of another video')
    source = write_csv(videos, *(f'{name}.mp4,0,2,sit' for name in 'ab'))
    refuses(repo, source, tmp_path / 'set', other, copy=copy)
    assert not (other.parent / 'a.mp4').exists()


def test_originals_that_are_the_videos_themselves_stay(repo, videos, tmp_path):  # noqa: F811
    (tmp_path / 'set').mkdir()
    videos = shutil.move(videos, tmp_path / 'set' / 'videos')
    source = write_csv(Path(videos), *(f'{name}.mp4,0,2,sit' for name in 'ab'))
    before = state(Path(videos))
    for copy in (False, True, False):
        convert(repo, source, tmp_path / 'set', detector=Squares(), copy=copy)
        assert state(Path(videos)) == before


def test_an_original_where_a_video_of_images_belongs(repo, coco, tmp_path):  # noqa: F811
    original = tmp_path / 'set' / 'videos' / 'x.mp4'
    original.parent.mkdir(parents=True)
    original.write_bytes(b'the video that the images were made from')
    refuses(repo, write_coco(coco), tmp_path / 'set', original, fps=10)


def test_an_original_where_a_mended_video_belongs(repo, videos, tmp_path):  # noqa: F811
    broken = videos / 'a.mp4'
    broken.write_bytes(broken.read_bytes() + b'\x00\x00\x10\x00free')
    mended = tmp_path / 'set' / 'videos' / 'a.mp4.mp4'
    mended.parent.mkdir(parents=True)
    source = write_csv(videos, *(f'{name}.mp4,0,2,sit' for name in 'ab'))
    for age in (0, 10**6):  # it was taken for the mended video where it was newer, and replaced where it was older
        mended.write_bytes(b'mine')
        os.utime(mended, (age, age) if age == 0 else None)
        with pytest.raises(ValueError, match=rf':2: {mended}: it is there, and from_videos did not write it'):
            convert(repo, source, tmp_path / 'set', detector=Squares())
        assert mended.read_bytes() == b'mine'
    mended.unlink()
    convert(repo, source, tmp_path / 'set', detector=Squares())
    first = mended.stat().st_mtime_ns
    convert(repo, source, tmp_path / 'set', detector=Squares())
    assert mended.stat().st_mtime_ns == first  # its own is kept
    broken.write_bytes(broken.read_bytes() + b'\0')
    convert(repo, source, tmp_path / 'set', detector=Squares())
    assert mended.stat().st_mtime_ns > first  # and made again of another video


def test_a_link_of_somebody_else_to_another_video(repo, videos, tmp_path):  # noqa: F811
    link = tmp_path / 'set' / 'videos' / 'b.mp4'
    link.parent.mkdir(parents=True)
    link.symlink_to(videos / 'a.mp4')
    source = write_csv(videos, *(f'{name}.mp4,0,2,sit' for name in 'ab'))
    refuses(repo, source, tmp_path / 'set', link)


def test_a_video_that_replaced_its_link(repo, videos, tmp_path):  # noqa: F811
    source = write_csv(videos, *(f'{name}.mp4,0,2,sit' for name in 'ab'))
    convert(repo, source, tmp_path / 'set', detector=Squares())
    link = tmp_path / 'set' / 'videos' / 'b.mp4'
    link.unlink()
    shutil.copy(videos / 'a.mp4', link)
    refuses(repo, source, tmp_path / 'set', link)
