"""Pictures are opened by the kinds that are meant: what only has the name of one starts no program."""
import contextlib
import io
import os
import re
import shutil
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import EpsImagePlugin, Image, UnidentifiedImageError

from stssa_mm.converters.jhmdb import rgb_frames
from stssa_mm.converters.own_videos.dataset import _images
from stssa_mm.video.folder import FrameFolder
from stssa_mm.video.picture import kind_of, read_picture
from stssa_mm.video.probe import BrokenVideoError

EPS = b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n%%EOF\n'


def dos_eps():
    """An EPS behind the head that DOS gave it."""
    return struct.pack('<7I', 0xC6D3D0C5, 32, len(EPS), 0, 0, 0, 0) + b'\xff\xff\0\0' + EPS


def saved(kind, **kwargs):
    data = io.BytesIO()
    Image.new('RGB', (8, 8), 'red').save(data, kind, **kwargs)
    return data.getvalue()


def png(width, height):
    """The head of a PNG of this size, and nothing else."""
    head = b'IHDR' + struct.pack('>2I5B', width, height, 8, 2, 0, 0, 0)
    return b'\x89PNG\r\n\x1a\n' + struct.pack('>I', 13) + head + struct.pack('>I', zlib.crc32(head))


PROGRAMS = {'EPS': EPS, 'EPS of DOS': dos_eps(), 'EPS with a preview': EPS.replace(b'%%EndComments', (
    b'%%BeginPreview: 8 8 1 8\n% 00\n%%EndPreview\n%%EndComments')), 'EPS with an image': EPS.replace(
        b'showpage', b'%ImageData: 8 8 8 3 1 8 1 "x"\nshowpage')}
OTHERS = {'PDF': saved('PDF'), 'TIFF': saved('TIFF'), 'GIF': saved('GIF'), 'PPM': saved('PPM'), 'TGA': saved('TGA'),
          'PCX': saved('PCX'), 'ICO': saved('ICO'), 'DDS': saved('DDS'), 'text': b'a picture', 'a zero': b'\0',
          'SVG': b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
          'HDR': b'#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 1 +X 1\n\x80\x80\x80\x80', 'AVI': b'RIFF\0\0\0\0AVI LIST',
          'playlist': b'#EXTM3U\n#EXTINF:1,\nframe.png\n'}
DAMAGED = {'half a PNG': saved('PNG')[:45], 'half a WEBP': saved('WEBP')[:40], 'half a BMP': saved('BMP')[:60],
           'half a JPEG': saved('JPEG')[:300], 'the head of a PNG': png(8, 8),
           'a PNG of 4 gigapixels': png(65535, 65535),
           'a PNG of no pixels': png(0, 8), 'a PNG whose crc is wrong': saved('PNG').replace(b'IHDR', b'IHDX'),
           'a BMP with a wild head': b'BM' + b'\xff' * 60,
           'a JPEG without a head': b'\xff\xd8\xff' + b'\0' * 60 + b'\xff\xd9'}


@pytest.fixture
def gs(tmp_path, monkeypatch):
    """A program that stands for Ghostscript, and the file that it makes."""
    marker, program = tmp_path / 'marker', tmp_path / 'bin' / 'gs'
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\ntouch {marker}\n')
    program.chmod(0o755)
    monkeypatch.setenv('PATH', f'{program.parent}{os.pathsep}{os.environ["PATH"]}')
    monkeypatch.setattr(EpsImagePlugin, 'gs_binary', None)
    assert shutil.which('gs') == str(program)
    return marker


@pytest.mark.parametrize('name', PROGRAMS)
def test_an_eps_named_png_starts_no_program(name, gs, tmp_path):
    folder = tmp_path / 'frames'
    folder.mkdir()
    file = folder / '00001.png'
    file.write_bytes(PROGRAMS[name])
    if name != 'EPS with an image':
        with pytest.raises((OSError, ValueError)):  # the program gives no picture
            Image.open(file).convert('RGB')
        assert gs.exists()  # so this is hostile
        gs.unlink()
    line = rf'^{re.escape(str(file))}: .*it is no picture \(BMP, JPEG, PNG, WEBP\)[^\n]*$'
    for read in (lambda: read_picture(file), lambda: list(_images([file], False)), lambda: list(rgb_frames(folder, 1))):
        with pytest.raises(ValueError, match=line):
            read()
    frames = FrameFolder(folder)
    for read in (frames.read, frames.check):
        with pytest.raises(BrokenVideoError, match=line):
            read([0])
    assert not gs.exists()


@pytest.mark.parametrize('name', OTHERS)
def test_another_kind_is_refused_whatever_its_name(name, tmp_path):
    file = tmp_path / '1.png'
    file.write_bytes(OTHERS[name])
    line = rf'^{re.escape(str(file))}: cannot be read as an image: it is no picture[^\n]*$'
    with pytest.raises(ValueError, match=line):
        read_picture(file)
    with pytest.raises(BrokenVideoError, match='it is no picture'):
        FrameFolder(tmp_path).read([0])


def test_pillow_reads_most_of_them():
    """So that it is the kinds that keep them out."""
    read = 0
    for data in OTHERS.values():
        with contextlib.suppress(UnidentifiedImageError):
            read += Image.open(io.BytesIO(data)).convert('RGB').size != (0, 0)
    assert read >= 7


@pytest.mark.parametrize('name', DAMAGED)
def test_a_damaged_picture_is_one_line(name, tmp_path):
    file = tmp_path / '1.png'
    file.write_bytes(DAMAGED[name])
    with pytest.raises(ValueError, match=rf'^{re.escape(str(file))}: cannot be read as an image [^\n]*$'):
        read_picture(file)


@pytest.mark.parametrize(('kind', 'mode'), [
    ('PNG', 'RGB'), ('PNG', 'L'), ('PNG', 'P'), ('PNG', 'RGBA'), ('PNG', '1'), ('JPEG', 'RGB'), ('JPEG', 'L'),
    ('JPEG', 'CMYK'), ('BMP', 'RGB'), ('WEBP', 'RGB')])
def test_the_kinds_that_are_meant_are_read(kind, mode, tmp_path):
    Image.new('RGB', (9, 5), 'white').convert(mode).save(tmp_path / '1.png', kind)
    assert kind_of((tmp_path / '1.png').read_bytes()) == kind
    picture = read_picture(tmp_path / '1.png')
    assert picture.shape == (5, 9, 3) and picture.dtype == np.uint8 and picture.min() > 250
    assert FrameFolder(tmp_path).read([0])[0].shape == (5, 9, 3)


def test_changed_bytes_are_a_picture_or_one_line(tmp_path):
    """Of each kind 60 times four bytes at random."""
    rng = np.random.default_rng(0)
    for kind in ('PNG', 'JPEG', 'BMP', 'WEBP'):
        whole = saved(kind)
        for _ in range(60):
            changed = bytearray(whole)
            for place in rng.integers(0, len(whole), 4):
                changed[place] = rng.integers(256)
            (tmp_path / '1.png').write_bytes(changed)
            try:
                assert read_picture(tmp_path / '1.png').ndim == 3
            except ValueError as error:
                assert str(error).startswith(f'{tmp_path}/1.png: cannot be read') and '\n' not in str(error)


def test_opencv_starts_no_program(gs):
    for data in PROGRAMS.values():
        assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) is None
    assert not gs.exists()
