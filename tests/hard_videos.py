"""Videos of all kinds of containers, codecs and habits, made by the ffmpeg of imageio-ffmpeg.

Their frames show their own numbers (see ``numbered_videos``) and are 25 a second unless a kind says otherwise.
"""
import struct
import subprocess
from functools import lru_cache
from pathlib import Path
from typing import Callable, NamedTuple, Optional

import numpy as np
from numbered_videos import HEIGHT, WIDTH, number_of, numbered_frames

from stssa_mm.video.writer import find_ffmpeg

FRAMES, FPS = 72, 25
H264 = ('-c:v', 'libx264', '-preset', 'veryfast', '-pix_fmt', 'yuv420p', '-g', '24', '-bf', '3')
HEVC = ('-c:v', 'libx265', '-preset', 'veryfast', '-pix_fmt', 'yuv420p')
OPEN_265 = ('-x265-params', 'log-level=none:keyint=20:bframes=3')
MPEG4 = ('-c:v', 'mpeg4', '-q:v', '4', '-g', '24')
MPEG2 = ('-c:v', 'mpeg2video', '-q:v', '3', '-g', '15', '-bf', '2')
VP8 = ('-c:v', 'libvpx', '-b:v', '300k', '-g', '24')
VP9 = ('-c:v', 'libvpx-vp9', '-b:v', '300k', '-g', '24', '-cpu-used', '5')
AV1 = ('-c:v', 'libsvtav1', '-preset', '10', '-g', '24')
GAPS = "setpts='(N+floor(N/10)*10)/25/TB'"  # after every ten frames, as many are left out


class Kind(NamedTuple):
    """A kind of video.

    Attributes:
        make (Callable): Writes it into a folder and gives the file.
        first (int): The number that its first frame shows.
        last (int): The number that its last frame shows.
        times (Callable, optional): Numbers of frames to the seconds at which they are shown; ``FPS`` a second if None.
        turns (int): Quarters of a turn, against the clock, by which a player turns it.
        refused (str): A part of the error where it cannot be read exactly.
    """
    make: Callable[[Path], Path]
    first: int = 0
    last: int = FRAMES - 1
    times: Optional[Callable] = None
    turns: int = 0
    refused: str = ''

    @property
    def numbers(self):
        """The numbers that its frames show, in order."""
        return list(range(self.first, self.last + 1))

    def seconds(self):
        """(N,) when its frames are shown, after the first."""
        shown = np.array(self.numbers)
        seconds = shown / FPS if self.times is None else self.times(shown)
        return seconds - seconds[0]

    def number_of(self, frame):
        """The number that a frame shows."""
        return number_of(np.rot90(frame, -self.turns))


def run(*arguments, stdin=None):
    """Run ffmpeg; gives its output."""
    result = subprocess.run([find_ffmpeg(), '-v', 'error', '-y', *map(str, arguments)], input=stdin, check=False,
                            capture_output=True)
    assert not result.returncode, result.stderr.decode()[-1000:]
    return result.stdout


@lru_cache
def pixels():
    return [frame.tobytes() for frame in numbered_frames(FRAMES)]


def encode(out, *options, first=0, count=FRAMES):
    """Write the frames from the number ``first`` on, at their times."""
    run('-f', 'rawvideo', '-pix_fmt', 'rgb24', '-s', f'{WIDTH}x{HEIGHT}', '-r', FPS, '-i', '-', *options, out,
        stdin=b''.join(pixels()[first:first + count]))
    return out


def made(name, *options, **kwargs):
    """A kind that is encoded as a file of this name."""
    return lambda folder: encode(folder / name, *options, **kwargs)


def copied(source, name, *options, before=()):
    """A kind whose packets are those of another, in another file."""
    def make(folder):
        run(*before, '-i', KINDS[source].make(folder), '-c', 'copy', *options, folder / name)
        return folder / name
    return make


def changed(source, name, change):
    """A kind that has other bytes than another."""
    def make(folder):
        (folder / name).write_bytes(change(KINDS[source].make(folder).read_bytes()))
        return folder / name
    return make


def piped(name, *options):
    """As a browser records it: no duration, no index."""
    def make(folder):
        (folder / name).write_bytes(encode_to_pipe(*options))
        return folder / name
    return make


def encode_to_pipe(*options, form='webm'):
    return run('-f', 'rawvideo', '-pix_fmt', 'rgb24', '-s', f'{WIDTH}x{HEIGHT}', '-r', FPS, '-i', '-', *options, '-f',
               form, '-', stdin=b''.join(pixels()))


def joined(name, gap):
    """Two recordings of different size in one file, whose times go on after ``gap`` seconds, or start again."""
    def make(folder):
        encode(folder / 'one.ts', *H264, count=36)
        encode(folder / 'two.ts', '-vf', f'scale={2 * WIDTH}:{2 * HEIGHT}:flags=neighbor', *H264, '-output_ts_offset',
               gap, first=36)
        (folder / name).write_bytes((folder / 'one.ts').read_bytes() + (folder / 'two.ts').read_bytes())
        return folder / name
    return make


def with_field(box, offset, value):
    """Change a 32-bit number, so many bytes after the name of a box."""
    def change(data):
        place = data.index(box) + 4 + offset
        return data[:place] + struct.pack('>I', value) + data[place + 4:]
    return change


KINDS = {
    'mp4 h264': Kind(made('v.mp4', *H264, '-movflags', '+faststart')),
    'mov h264': Kind(made('v.mov', *H264)),
    'mkv h264': Kind(made('v.mkv', *H264)),
    'flv h264': Kind(made('v.flv', *H264)),
    'mp4 fragmented': Kind(made('v.mp4', *H264, '-movflags', 'frag_keyframe+empty_moov')),
    'mp4 h264 open groups': Kind(made('v.mp4', *H264, '-x264-params', 'open-gop=1:scenecut=0:b-adapt=0')),
    'mp4 h264 intra refresh': Kind(made('v.mp4', *H264[:-2], '-x264-params', 'intra-refresh=1:keyint=24:bframes=0')),
    'mp4 hevc open groups': Kind(made('v.mp4', *HEVC, *OPEN_265)),
    'mp4 hevc closed groups': Kind(made('v.mp4', *HEVC, OPEN_265[0], OPEN_265[1] + ':open-gop=0')),
    'mp4 mpeg4 open groups': Kind(made('v.mp4', *MPEG4, '-bf', 2)),
    'mp4 av1': Kind(made('v.mp4', *AV1)),
    'mp4 10 bit': Kind(made('v.mp4', '-c:v', 'libx264', '-pix_fmt', 'yuv420p10le', '-g', 24)),
    'mp4 interlaced': Kind(made('v.mp4', *H264, '-flags', '+ildct+ilme')),
    'mov prores': Kind(made('v.mov', '-c:v', 'prores_ks')),
    'ts h264': Kind(made('v.ts', *H264)),
    'ts h264, one group': Kind(made('v.ts', '-c:v', 'libx264', '-pix_fmt', 'yuv420p')),
    'm2ts h264': Kind(made('v.m2ts', *H264)),
    'ts hevc': Kind(made('v.ts', *HEVC, *OPEN_265)),
    'ts mpeg2': Kind(made('v.ts', *MPEG2)),
    'ts mpeg2 interlaced': Kind(made('v.ts', *MPEG2, '-flags', '+ildct+ilme')),
    'ts with sound': Kind(copied('mp4 h264', 'sound.ts', '-c:a', 'aac', before=('-f', 'lavfi', '-t', 4, '-i', 'sine'))),
    'ps mpeg2': Kind(made('v.mpg', *MPEG2, '-f', 'vob')),
    'ps mpeg1': Kind(made('v.mpg', '-c:v', 'mpeg1video', '-q:v', 3, '-g', 15, '-bf', 2)),
    'webm vp8': Kind(made('v.webm', *VP8, '-auto-alt-ref', 1, '-lag-in-frames', 20)),
    'webm vp9': Kind(made('v.webm', *VP9)),
    'webm av1': Kind(made('v.webm', *AV1)),
    'webm vp8 recorded': Kind(piped('v.webm', *VP8)),
    'webm vp9 recorded': Kind(piped('v.webm', *VP9)),
    'webm av1 recorded': Kind(piped('v.webm', *AV1)),
    'avi xvid': Kind(made('v.avi', '-c:v', 'libxvid', '-q:v', 4, '-g', 24)),
    'avi mpeg4, frames out of order': Kind(made('v.avi', *MPEG4, '-bf', 2)),
    'avi h264': Kind(made('v.avi', *H264)),
    'avi h264, frames in order': Kind(made('v.avi', *H264[:-1], 0)),
    'avi mjpeg': Kind(made('v.avi', '-c:v', 'mjpeg', '-q:v', 3)),
    'ogv theora': Kind(made('v.ogv', '-c:v', 'libtheora', '-q:v', 8, '-g', 24)),
    'wmv': Kind(made('v.wmv', '-c:v', 'wmv2', '-q:v', 3, '-g', 24)),
    'gif': Kind(made('v.gif')),
    'raw h264 named mp4': Kind(made('v.mp4', *H264, '-f', 'h264')),
    'raw hevc': Kind(made('v.hevc', *HEVC, *OPEN_265)),
    'raw mpeg4 named mp4': Kind(made('v.mp4', *MPEG4, '-f', 'm4v')),
    'edit list': Kind(copied('mp4 h264', 'cut.mp4', before=('-ss', 1)), first=25),
    'edit list, hevc': Kind(copied('mp4 hevc open groups', 'cut.mp4', before=('-ss', 1)), first=25),
    'edit list, mpeg4': Kind(copied('mp4 mpeg4 open groups', 'cut.mp4', before=('-ss', 1)), first=25),
    'start between key frames, ts': Kind(changed('ts h264', 'cut.ts', lambda data: data[188 * 40:]), first=24),
    'start between key frames, mpeg2': Kind(changed('ts mpeg2', 'cut.ts', lambda data: data[188 * 60:]), first=30),
    'start between key frames, mkv': Kind(copied(
        'ts h264', 'cut.mkv', '-copyinkf', before=('-ss', 0.4, '-noaccurate_seek')), first=24),
    'varying rate, mp4': Kind(made('v.mp4', *H264, '-vf', GAPS, '-fps_mode', 'vfr'),
                              times=lambda number: (number + number // 10 * 10) / FPS),
    'varying rate, ts': Kind(made('v.ts', *H264, '-vf', GAPS, '-fps_mode', 'vfr'),
                             times=lambda number: (number + number // 10 * 10) / FPS),
    'two frames a time': Kind(made('v.mkv', *H264[:-1], 0, '-bsf:v', 'setts=pts=floor(N/2)*2:dts=floor(N/2)*2'),
                              times=lambda number: number // 2 * 2 / FPS),
    'turned left': Kind(copied('mp4 h264', 'turned.mp4', before=('-display_rotation', 90)), turns=1),
    'turned right': Kind(copied('mp4 h264', 'turned.mp4', before=('-display_rotation', 270)), turns=3),
    'turned over, open groups': Kind(copied('mp4 hevc open groups', 'turned.mp4', before=('-display_rotation', 180)),
                                     turns=2),
    'one frame, mp4': Kind(made('v.mp4', *H264, count=1), last=0),
    'one frame, ts': Kind(made('v.ts', *H264, count=1), last=0),
    'one frame, webm': Kind(made('v.webm', *VP8, count=1), last=0),
    'starts late, mp4': Kind(copied('mp4 h264', 'late.mp4', '-output_ts_offset', 5)),
    'starts late, mkv': Kind(copied('mkv h264', 'late.mkv', '-output_ts_offset', 5)),
    'changes in size': Kind(joined('sizes.ts', 10),
                            times=lambda number: number / FPS + (number >= 36) * (10 - 38 / FPS)),
    'changes in size, times start again': Kind(joined('sizes.ts', 0), refused='its times go back'),
    'all frames at one time': Kind(changed('mp4 mpeg4 open groups', 'v1.mp4', with_field(b'stts', 12, 0)),
                                   refused='time'),
    'cut off, mp4': Kind(changed('mp4 h264', 'cut.mp4', lambda data: data[:-300]), refused='so it is cut off'),
    'cut off, mkv': Kind(changed('mkv h264', 'cut.mkv', lambda data: data[:-300]), refused='so it is cut off'),
    'cut off, avi': Kind(changed('avi xvid', 'cut.avi', lambda data: data[:-3000]), refused='so it is cut off'),
}
