"""What is in a video file, from its packets. Of its frames only the first is decoded."""
import io
import os
from typing import BinaryIO, NamedTuple, Optional, Tuple, Union

import av
import numpy as np

REMEDY = ("Fetch it again or re-encode it (ffmpeg -i IN -c:v libx264 OUT.mp4); on_broken='skip' leaves its samples out "
          'of training')
NONE = np.iinfo(np.int64).min  # a timestamp that is not there
NO_TIMESTAMPS = 0x80  # AVFMT_NOTIMESTAMPS, of raw streams
VP8_SHOWN = 0x10  # a bit of a VP8 packet's first byte; alternate reference frames lack it

# Demuxers of one file that holds the video itself. Others follow what a file says to further files and to the network
# (concat, hls, sdp), or take its name for a pattern (image2).
DEMUXERS = ('apng', 'asf', 'av1', 'avi', 'dv', 'flv', 'gif', 'h263', 'h264', 'hevc', 'ivf', 'm4v', 'matroska', 'mjpeg',
            'mov', 'mpeg', 'mpegts', 'mpegvideo', 'mxf', 'nut', 'obu', 'ogg', 'rm', 'vc1', 'vvc', 'yuv4mpegpipe')
ONE_FILE = {'format_whitelist': ','.join(DEMUXERS), 'protocol_whitelist': 'file'}  # FFmpeg's options of an input

# Quiet, and never the callback that takes the lock of Python in a decoding thread, for which closing a file waits.
av.logging.set_level(None)


class BrokenVideoError(ValueError):
    """A video that cannot be read: one line that names the file, what was found and what to do."""

    def __init__(self, path: Union[str, os.PathLike], found: str, remedy: str = REMEDY) -> None:
        super().__init__(path, found, remedy)
        self.path, self.found, self.remedy = path, found, remedy

    def __str__(self) -> str:
        return f'{self.path}: {self.found}. {self.remedy}'


class Packets(NamedTuple):
    """The P packets of a video, in the order of the file; all (P,).

    Attributes:
        pts (np.ndarray): Presentation timestamps in units of the stream, or ``NONE``.
        dts (np.ndarray): Decoding timestamps, likewise.
        size (np.ndarray): Bytes.
        key (np.ndarray): Whether decoding can start here.
        shown (np.ndarray): Whether a player shows it; False for what an edit list hides, and for references alone.
    """
    pts: np.ndarray
    dts: np.ndarray
    size: np.ndarray
    key: np.ndarray
    shown: np.ndarray


class Probe(NamedTuple):
    """A video of N frames.

    Attributes:
        container (str): FFmpeg's name of the format, such as ``'mpegts'``.
        codec (str): The same of the codec, such as ``'h264'``.
        size (tuple[int, int]): Width and height of the first frame, as it is stored.
        turn (tuple[bool, bool, bool]): What makes it upright: swapping its axes, then mirroring x, then y.
        rate (float): Frames a second, on average.
        times (np.ndarray): (N,) seconds after the first frame at which each is shown; they do not fall.
        stamps (np.ndarray, optional): (N,) presentation timestamps. None: the file does not say which packet is shown
            when, so frames can only be counted from the start.
        starts (np.ndarray): (K,) packets at which decoding can start, rising.
        first (np.ndarray): (K,) the first frame that comes whole from there, rising.
        packets (Packets): All packets.
    """
    container: str
    codec: str
    size: Tuple[int, int]
    turn: Tuple[bool, bool, bool]
    rate: float
    times: np.ndarray
    stamps: Optional[np.ndarray]
    starts: np.ndarray
    first: np.ndarray
    packets: Packets


def open_container(source: Union[str, bytes], path: str) -> av.container.InputContainer:
    """Open a file, or its bytes. Its name is a file's, whatever FFmpeg calls a protocol or an option; no other file is
    read.

    Raises:
        BrokenVideoError: If FFmpeg cannot, there is no video in it, or FFmpeg has no decoder for it.
    """
    try:
        container = av.open(os.path.abspath(source) if isinstance(source, str) else io.BytesIO(source),
                            options=ONE_FILE, metadata_errors='ignore')
    except av.error.ArgumentError:  # of the whitelist
        raise BrokenVideoError(path, 'it is a playlist, a picture or another kind of file, not a video') from None
    except (OSError, av.error.FFmpegError, ValueError) as error:
        raise BrokenVideoError(path, f'it cannot be opened ({reason_of(error)})') from None
    stream = container.streams.best('video') if container.streams.video else None
    if stream is None or stream.codec_context is None:
        found = 'its codec is not known' if container.streams.video else 'there is no video in it'
        container.close()
        raise BrokenVideoError(path, found)
    stream.codec_context.thread_count = 1  # else there are threads for all processors
    return container


def reason_of(error: Exception) -> str:
    """What FFmpeg says."""
    return getattr(error, 'strerror', None) or str(error)


def probe(source: Union[str, bytes], path: str) -> Probe:
    """Look at all packets of a video.

    Args:
        source (str | bytes): The file, or its bytes.
        path (str): What errors call it.

    Raises:
        BrokenVideoError: If it cannot be opened, is cut off, holds no frames, or its times go back.
    """
    try:
        with open(source, 'rb') if isinstance(source, str) else io.BytesIO(source) as file:
            size = file.seek(0, io.SEEK_END)
            announced = announced_size(file, size)
    except OSError as error:
        raise BrokenVideoError(path, f'it cannot be opened ({reason_of(error)})') from None
    if announced > size:
        raise BrokenVideoError(path, f'it announces {announced} bytes and has {size}, so it is cut off')
    with open_container(source, path) as container:
        stream = container.streams.best('video')
        codec = stream.codec_context.name
        rows, place, decoding, frame = [], None, False, None
        try:
            for packet in container.demux(stream):
                if packet.size:
                    place = packet.pos if not rows else place
                    shown = not packet.is_discard and (codec != 'vp8' or bool(memoryview(packet)[0] & VP8_SHOWN))
                    rows.append((NONE if packet.pts is None else packet.pts, NONE if packet.dts is None else packet.dts,
                                 packet.size, packet.is_keyframe, shown))
                    decoding = decoding or packet.is_keyframe
                elif packet.pts is not None:
                    continue  # it says that the frame before stays for longer
                if frame is None and decoding:
                    if packet.is_corrupt:
                        raise BrokenVideoError(path, f'packet {len(rows)} is damaged')
                    frame = next(iter(packet.decode()), None)
        except IndexError:  # of PyAV's list of streams
            raise BrokenVideoError(path, f'after packet {len(rows)} a stream begins that was not there') from None
        except av.error.FFmpegError as error:
            raise BrokenVideoError(path, f'packet {len(rows)} cannot be read ({reason_of(error)})') from None
        if frame is None:
            raise BrokenVideoError(path, f'none of its {len(rows)} packets gives a frame')
        index = getattr(stream, 'index_entries', ())  # PyAV has it from version 17 on
        if len(index) > len(rows):
            raise BrokenVideoError(path, f'its index lists {len(index)} packets, and {len(rows)} are there')
        if len(index) and index[0].is_keyframe and index[0].pos == place and not rows[0][3]:
            raise BrokenVideoError(path, 'its first packet is damaged')
        return _number(container, stream, Packets(*map(np.array, zip(*rows))), frame, path)


def _number(container: av.container.InputContainer, stream: av.VideoStream, packets: Packets,
            frame: av.VideoFrame, path: str) -> Probe:
    """Number the frames from ``frame``, the first that can be decoded."""
    falls = np.diff(packets.dts[packets.dts != NONE]) < 0
    if falls.any():
        raise BrokenVideoError(path, f'its times go back after packet {int(falls.argmax()) + 1} of {len(packets.dts)}, '
                               'as if several recordings were in one file')
    keys = np.flatnonzero(packets.key)
    shown = packets.shown & (np.arange(len(packets.key)) >= keys[0])
    # Raw streams have no times, and AVI has one for each packet in the order of the file.
    raw = bool(container.format.flags & NO_TIMESTAMPS) or frame.pts is None
    unordered = 'avi' in container.format.name and bool(stream.codec_context.has_b_frames)
    order = packets.dts if unordered else packets.pts
    if not raw and not unordered:
        # Frames shown ahead of the first key frame may lack what they refer to; what comes after it must be there.
        if frame.pts > order[shown & (order >= order[keys[0]])].min(initial=frame.pts):
            raise BrokenVideoError(path, 'its first frames cannot be decoded')
        shown &= order >= frame.pts
    stamps = np.sort(order[shown])
    rate = float(stream.average_rate or stream.base_rate or 25)
    times = (stamps - stamps[0]) * float(stream.time_base) if stamps[0] != NONE else np.arange(len(stamps)) / rate
    if times[-1] and abs((len(times) - 1) / times[-1] / rate - 1) > 0.01:
        rate = (len(times) - 1) / float(times[-1])
    same = bool((np.diff(stamps) == 0).any())
    if same and not raw and not packets.shown.all():
        raise BrokenVideoError(path, 'several frames have the same time, and others are hidden')
    if raw or unordered or same:
        stamps, keys, firsts = None, keys[:1], np.zeros(1, np.int64)
    else:
        keys = keys[packets.pts[keys] != NONE]
        firsts = np.searchsorted(stamps, packets.pts[keys])
        firsts[0] = 0
        keys, firsts = keys[firsts < len(stamps)], firsts[firsts < len(stamps)]
    return Probe(container.format.name, stream.codec_context.name, (frame.width, frame.height), _turn(frame), rate,
                 times, stamps, keys, firsts, packets)


def _turn(frame: av.VideoFrame) -> Tuple[bool, bool, bool]:
    """What a frame's display matrix asks for, see :class:`Probe`."""
    matrix = frame.side_data.get('DISPLAYMATRIX')
    if matrix is None:
        return False, False, False
    a, b, _, c, d = np.frombuffer(matrix, np.int32)[:5].tolist()
    return (True, c < 0, b < 0) if abs(b) > abs(a) else (False, a < 0, d < 0)


def announced_size(file: BinaryIO, size: int) -> int:
    """The bytes that a file should have by its own account, as far as it has one: mp4, mov, Matroska, AVI; else 0."""
    file.seek(0)
    head = file.read(64)
    if head[:4] == b'RIFF':
        length = int.from_bytes(head[4:8], 'little')
        return 8 + length if length != 0xffffffff else 0  # written to a pipe
    if head[:4] == b'\x1a\x45\xdf\xa3':  # EBML: a header, then a segment with the rest
        length, place = _ebml_length(head, 4)
        if length is None or place + length >= size:
            return 0
        file.seek(place + length)
        head = file.read(12)
        length, place = _ebml_length(head, 4) if head[:4] == b'\x18\x53\x80\x67' else (None, 0)
        return file.tell() - len(head) + place + length if length is not None else 0
    end = 0
    while head[4:8] in (b'ftyp', b'free', b'skip', b'wide', b'moov', b'moof', b'mdat', b'sidx', b'uuid'):
        length, least = int.from_bytes(head[:4], 'big'), 8
        if length == 1:
            length, least = int.from_bytes(head[8:16], 'big'), 16
            if len(head) < 16:
                return end + 16
        if length < least:  # 0: to the end of the file
            break
        end += length
        if end >= size:
            break
        file.seek(end)
        head = file.read(16)
    return end


def _ebml_length(data: bytes, place: int) -> Tuple[Optional[int], int]:
    """A length in EBML's coding and where it ends; None for one that is unknown or cut off."""
    if place >= len(data) or not data[place]:
        return None, place
    width = 9 - data[place].bit_length()
    if place + width > len(data):
        return None, place
    value = int.from_bytes(data[place:place + width], 'big') & ((1 << 7 * width) - 1)
    return (None if value == (1 << 7 * width) - 1 else value), place + width
