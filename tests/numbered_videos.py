"""Videos whose frames show their own numbers, and ways to damage them.

``tests/data`` holds two that OpenCV cannot write: the frames of ``numbered_frames(150)`` through ffmpeg 9 with
``-c:v libx264 -crf 30 -bf 3 -g 40`` and ``-c:v mpeg4 -q:v 8 -bf 2 -g 25``, both with ``-movflags +faststart``.
"""
import struct
from pathlib import Path

import numpy as np

from stssa_mm.video.writer import write_video

DATA = Path(__file__).resolve().parent / 'data'
H264, OPEN_GROUPS = DATA / 'h264_b-frames.mp4', DATA / 'mpeg4_open-groups.mp4'
BITS, SIDE = 8, 12  # the number's bits are squares along the top, the lowest first
HEIGHT, WIDTH = 64, BITS * SIDE


def numbered_frames(count):
    """RGB frames 0 to ``count`` - 1."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    for number in range(count):
        waves = np.stack([x / 9 + number / 5, y / 7 - number / 6, (x + y) / 11 + number / 4], axis=-1)
        frame = (64 + 48 * np.sin(waves)).astype(np.uint8)
        for bit in range(BITS):
            frame[:SIDE + 4, bit * SIDE:(bit + 1) * SIDE] = 255 * (number >> bit & 1)
        yield frame


def number_of(frame):
    """The number that a frame shows."""
    return sum(int(frame[4:SIDE, bit * SIDE + 4:bit * SIDE + 8].mean() > 128) << bit for bit in range(BITS))


def make_video(path, count=150, fps=30):
    """Write the video and give its path."""
    write_video(path, numbered_frames(count), fps)
    return path


def cut_off(source, out, share):
    """The first part of a file."""
    data = source.read_bytes()
    out.write_bytes(data[:int(len(data) * share)])
    return out


def starts_of_frames(path):
    """Where in a file the data of each frame begins, in the order of the file, and where the last one's ends."""
    data = path.read_bytes()
    table = data.index(b'stsz') + 4 + 4  # after version and flags: one size for all or 0, number of frames, their sizes
    same, count = struct.unpack('>II', data[table:table + 8])
    assert same == 0
    sizes = np.frombuffer(data, '>u4', count, table + 8)
    return [data.index(b'mdat') + 4 + int(size) for size in (0, *np.cumsum(sizes))]


def zeroed(source, out, first, last):
    """A file with zeros in place of frames ``first`` to ``last`` - 1, in the order of the file."""
    data = bytearray(source.read_bytes())
    start, end = np.array(starts_of_frames(source))[[first, last]]
    data[start:end] = bytes(end - start)
    out.write_bytes(data)
    return out


def with_field(source, out, box, offset, value):
    """A file with another 32-bit number in its (first) box of this name, so many bytes after the name."""
    data = bytearray(source.read_bytes())
    place = data.index(box) + 4 + offset
    data[place:place + 4] = struct.pack('>I', value)
    out.write_bytes(data)
    return out
