"""One bad movie, cut or folder of frames does not end the run; it is named at the end."""
import shutil
import zipfile

import pytest
from converters.test_ava import ava, movies, prepare  # noqa: F401

from stssa_mm.converters import ava as converter
from stssa_mm.converters.ava import unpack_annotations
from stssa_mm.video.writer import run_ffmpeg


def sound_only(file):
    run_ffmpeg(file, '-f', 'lavfi', '-i', 'sine=duration=6', '-map', '1', str(file.with_suffix('.m4a')))
    file.with_suffix('.m4a').replace(file)


BAD = {
    'text': lambda file: file.write_text('no video'), 'empty': lambda file: file.write_bytes(b''),
    'a page': lambda file: file.write_text('<html>quota exceeded</html>'), 'sound alone': sound_only,
    'half': lambda file: file.write_bytes(file.read_bytes()[:file.stat().st_size // 2]),
    'zeros': lambda file: file.write_bytes(bytes(file.stat().st_size)),
    'zeros in its middle': lambda file: file.write_bytes(file.read_bytes()[:200] + bytes(1500)
                                                         + file.read_bytes()[1700:]),
    'a list of another': lambda file: file.write_text('ffconcat version 1.0\nfile c.mp4\n'),
    'a playlist': lambda file: file.write_text('#EXTM3U\n#EXTINF:6,\nc.mp4\n'),
    'a dangling link': lambda file: (file.unlink(), file.symlink_to('nowhere')),
    'a link to itself': lambda file: (file.unlink(), file.symlink_to(file.name)),
    'another container in its name': lambda file: file.write_bytes(b'\x1a\x45\xdf\xa3' + bytes(100)),
}


@pytest.mark.parametrize('kind', BAD)
def test_a_bad_movie(ava, tmp_path, kind):  # noqa: F811
    assert prepare(tmp_path, ava, steps=('annotations', 'videos'))['missing'] == {}
    BAD[kind](tmp_path / 'videos' / 'b.mp4')
    found = prepare(tmp_path, ava, steps=('cut', 'frames'))
    assert list(found['missing']) == ['b'] and found['videos'] == 3
    assert '\n' not in found['missing']['b'] and str(tmp_path) in found['missing']['b']
    assert (tmp_path / 'missing.txt').read_text() == f'b: {found["missing"]["b"]}\n'
    assert sorted(path.name for path in (tmp_path / 'rawframes').iterdir()) == ['-a_1', 'c']
    assert sorted(path.name for path in (tmp_path / 'videos_15min').iterdir()) == ['-a_1.mkv', 'c.mp4']


LATER = {'videos/b.mp4': ['videos_15min/b.mp4', 'rawframes/b'], 'videos_15min/b.mp4': ['rawframes/b']}


def folder_in_place(file):
    file.unlink() if not file.is_dir() else shutil.rmtree(file)
    file.mkdir()


@pytest.mark.parametrize(('place', 'change'), [
    ('videos/b.mp4', folder_in_place), ('videos_15min/b.mp4', folder_in_place),
    ('rawframes/b', lambda file: (shutil.rmtree(file), file.write_text('x'))),
    ('rawframes/b', lambda file: (shutil.rmtree(file), file.symlink_to('b'))),
    ('rawframes', lambda file: (shutil.rmtree(file), file.write_text('x')))])
def test_something_else_in_its_place(ava, tmp_path, place, change):  # noqa: F811
    assert prepare(tmp_path, ava)['missing'] == {}
    change(tmp_path / place)
    for later in LATER.get(place, ()):  # or the movie is not needed
        shutil.rmtree(tmp_path / later) if (tmp_path / later).is_dir() else (tmp_path / later).unlink()
    found = prepare(tmp_path, ava)
    assert 'b' in found['missing'] and (len(found['missing']) == 1 or place == 'rawframes')
    assert all('\n' not in reason for reason in found['missing'].values())


@pytest.mark.parametrize('change', [
    lambda data: data[:len(data) // 2], lambda data: b'PK\x03\x04' + bytes(100), lambda data: b'<html>',
    lambda data: data.replace(b'research', b'rese\xffrch', 1), lambda data: data[:40] + b'\xff' * 40 + data[80:]])
def test_a_damaged_archive_is_one_line(ava, tmp_path, change):  # noqa: F811
    (tmp_path / 'a.zip').write_bytes(change(ava.files['/ann/ava_v2.1.zip']))
    with pytest.raises(ValueError, match=rf'^{tmp_path}/a\.zip: [^\n]*: delete it and run again$'):
        unpack_annotations(tmp_path / 'a.zip', tmp_path)


def test_an_archive_that_unpacks_to_more_than_annotations_have(tmp_path, monkeypatch):
    monkeypatch.setattr(converter, 'MAX_UNPACKED', 1 << 20)  # for 1 GB
    with zipfile.ZipFile(tmp_path / 'a.zip', 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('ava_train_v2.1.csv', bytes((1 << 20) + 1))
    assert (tmp_path / 'a.zip').stat().st_size < 2000
    with pytest.raises(ValueError, match=r'ava_train_v2\.1\.csv unpacks to 1048577 bytes'):
        unpack_annotations(tmp_path / 'a.zip', tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ['a.zip']
