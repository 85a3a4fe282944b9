"""To FFmpeg a name may be a protocol, a pattern or an option, and a file a list of other files: here it is a file."""
import os
import re
import subprocess

import av
import numpy as np
import pytest
from PIL import Image

from stssa_mm.video.probe import BrokenVideoError
from stssa_mm.video.reader import open_video
from stssa_mm.video.writer import (
    Window,
    cut_video,
    extract_frames,
    find_ffmpeg,
    mend_video,
    movie_fault,
    run_ffmpeg,
    write_video,
)

NAMES = ['concat:other.mp4', 'concat:other.mp4|other.mp4', 'file:other.mp4', 'http:other.mp4', 'pipe:1.mp4',
         'tcp:1.mp4', 'data:video,x.mp4', 'async:other.mp4', 'subfile,,start,0,end,0,,:other.mp4', 'crypto:other.mp4',
         'a:b.mp4', '-i.mp4', '-y', '-', '--help.mp4', '%d.mp4', 'a%03d.mp4', 'a%%.mp4', '%s%n.mp4', 'a[0-9].mp4',
         '*.mp4', '?.mp4', '{}.mp4', '$HOME.mp4', '`id`.mp4', "a'b.mp4", 'a"b.mp4', 'a b.mp4', 'a\nb.mp4', 'a\\b.mp4',
         'é.mp4', '#.mp4', 'a|b.mp4', ';a.mp4', 'desktop.mp4', 'a%03d.gif', 'x.png', 'x.m3u8']
WINDOW = Window(start=0, seconds=1, tolerance=0.1)


@pytest.fixture(autouse=True)
def other(tmp_path, monkeypatch):
    """The working directory, with a video of green frames that nobody asks for."""
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / 'other.mp4', [np.full((48, 64, 3), (0, 200, 0), np.uint8)] * 5, 10)
    for number in range(3):
        Image.new('RGB', (64, 48), 'green').save(f'a{number}.png')
    return tmp_path


def red(count):
    return [np.full((48, 64, 3), (200, 0, 0), np.uint8)] * count


def video_named(name):
    write_video('made.mp4', red(30), 30)
    os.replace('made.mp4', name)


def is_red(file, frame=0):
    picture = open_video(file).read([frame])[0]
    return picture[24, 32, 0] > 150 and picture[24, 32, 1] < 60


@pytest.mark.parametrize('name', NAMES)
def test_a_video_of_any_name_is_written_and_read(name, other):
    before = {file.name for file in other.iterdir()}
    if name.endswith('.mp4'):
        write_video(name, red(30), 30)
    else:
        video_named(name)
    assert {file.name for file in other.iterdir()} == before | {name}
    assert is_red(name) and len(open_video(name)) == 30
    assert movie_fault(name, WINDOW) is None


def test_these_names_are_hostile():
    """Of FFmpeg by itself most read something else or nothing."""
    wrong = []
    for name in (*NAMES, 'a%d.png'):
        video_named(name)
        try:
            with av.open(name) as container:
                frame = next(container.decode(video=0)).to_ndarray(format='rgb24')
                wrong += [name] if frame[24, 32, 0] < 150 else []
        except (OSError, av.error.FFmpegError, ValueError):
            wrong.append(name)
    assert len(wrong) >= 10 and 'concat:other.mp4' in wrong and 'a%d.png' in wrong


@pytest.mark.parametrize('name', [*NAMES[:5], '-i.mp4', 'a%03d.mp4', 'a[0-9].mp4', '*.mp4', "a'b.mp4",
                                  'a\nb.mp4'])
def test_the_program_takes_it_for_a_file(name, other):
    write_video(name, red(30), 30)
    extract_frames(name, other / 'frames%d' / name, WINDOW)
    folder = other / 'frames%d' / name
    assert [file.name for file in sorted(folder.iterdir())] == [f'img_{number:05d}.jpg' for number in range(1, 31)]
    assert np.asarray(Image.open(folder / 'img_00030.jpg'))[24, 32, 1] < 60


@pytest.mark.parametrize('name', ['concat:other.mp4', '-y.mp4', 'a%03d.mp4', 'http:x.mp4'])
def test_what_the_program_writes_has_the_name_too(name, other):
    write_video('movie.mp4', red(30), 30)
    cut_video('movie.mp4', other / 'cut' / name, WINDOW)
    mend_video('movie.mp4', other / 'mended' / name)
    for folder in ('cut', 'mended'):
        assert [file.name for file in (other / folder).iterdir()] == [name]
        assert is_red(other / folder / name)


SDP = 'v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n'
MPD = ('<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT1S" '
       'profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period><AdaptationSet>'
       '<Representation id="1" bandwidth="1"><BaseURL>other.mp4</BaseURL></Representation></AdaptationSet></Period>'
       '</MPD>')
HLS = '#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{}\n#EXT-X-ENDLIST\n'
LISTS = {  # name of the file, and what is in it
    'a list': ('a.mp4', 'ffconcat version 1.0\nfile other.mp4\n'),
    'a list named mkv': ('a.mkv', 'ffconcat version 1.0\nfile other.mp4\n'),
    'a list without an extension': ('a', 'ffconcat version 1.0\nfile other.mp4\n'),
    'a list of a list': ('a.mp4', 'ffconcat version 1.0\nfile b.mp4\n'),
    'a list of parts': ('a.mp4', 'ffconcat version 1.0\nfile other.mp4\ninpoint 0.1\noutpoint 0.3\n'),
    'a list with options': ('a.mp4', 'ffconcat version 1.0\nfile other.mp4\noption protocol_whitelist file,http\n'),
    'a list that leads out': ('a.mp4', 'ffconcat version 1.0\nfile ../other.mp4\n'),
    'a list of an address': ('a.mp4', 'ffconcat version 1.0\nfile http://127.0.0.1:1/a.mp4\n'),
    'a playlist': ('a.m3u8', HLS.format('other.mp4')),
    'a playlist named mp4': ('a.mp4', HLS.format('other.mp4')),
    'a playlist of an address': ('a.m3u8', HLS.format('http://127.0.0.1:1/a.ts')),
    'a playlist of a joined file': ('a.m3u8', HLS.format('concat:other.mp4')),
    'a session': ('a.sdp', SDP), 'a session named mp4': ('a.mp4', SDP), 'a manifest': ('a.mpd', MPD),
    'a manifest named mp4': ('a.mp4', MPD), 'an archive of a player': ('a.avs', 'import other\n'),
    'a picture': ('a1.png', None)}


@pytest.mark.parametrize('kind', LISTS)
def test_a_file_that_names_others_is_no_video(kind, other):
    name, content = LISTS[kind]
    (other / 'b.mp4').write_text('ffconcat version 1.0\nfile other.mp4\n')
    if content is not None:
        (other / name).write_text(content)
    with pytest.raises(BrokenVideoError, match=rf'^{name}: it (cannot be opened|is a playlist, a picture)[^\n]*$'):
        open_video(name)
    with pytest.raises(BrokenVideoError, match=rf'^{name}: ffmpeg: [^\n]*$'):
        run_ffmpeg(name, '-c', 'copy', str(other / 'out.mp4'))
    assert not (other / 'out.mp4').exists()
    with pytest.raises(BrokenVideoError):
        mend_video(name, other / 'out.mp4')


@pytest.mark.parametrize('kind', ['a list', 'a list named mkv', 'a list without an extension', 'a list of parts',
                                  'a list of a list', 'a playlist', 'a picture'])
def test_these_files_are_hostile(kind, other):
    """FFmpeg by itself shows what the other file holds."""
    name, content = LISTS[kind]
    (other / 'b.mp4').write_text('ffconcat version 1.0\nfile other.mp4\n')
    if content is not None:
        (other / name).write_text(content)
    with av.open(name) as container:
        assert next(container.decode(video=0)).to_ndarray(format='rgb24')[24, 32, 1] > 100
    if kind == 'a list':
        subprocess.run([find_ffmpeg(), '-v', 'error', '-i', name, '-c', 'copy', 'out.mp4'], check=True)
        assert not is_red('out.mp4')


def test_bytes_of_a_list_are_no_video_either():
    from stssa_mm.video.probe import probe
    with pytest.raises(BrokenVideoError, match=r'^a\.mp4: it is a playlist'):
        probe(b'ffconcat version 1.0\nfile other.mp4\n', 'a.mp4')


def test_the_message_of_the_program_is_one_line(other):
    (other / 'a\nb.mp4').write_text('no video')
    with pytest.raises(BrokenVideoError) as error:
        run_ffmpeg('a.mp4', 'out.mp4')
    assert re.fullmatch(r'a\.mp4: ffmpeg: .*No such file or directory.*', str(error.value))
