"""The frames of video files by number, for clips that are read again and again: files stay open, and frames decoded
last are kept.

Frame i is the i-th that a player shows, whatever was read before.
"""
import os
import stat
import weakref
from bisect import bisect_right
from collections import OrderedDict
from itertools import chain, islice
from typing import Callable, Iterator, List, Optional, Sequence, Tuple, Union

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from .probe import NONE, BrokenVideoError, Probe, open_container, probe, reason_of

# Where to seek for a packet: so many packets before it, as containers count otherwise or land late.
LEADS = (0, 16, 64, 256, 1024)
# What a pool remembers of closed videos: thousands of short ones, or hours; a frame takes about 45 bytes.
PROBE_BYTES = 64 * 2**20
# PyAV 17 converts colours in threads, which a forked process would wait for in vain.
ONE_THREAD = {'threads': 1} if int(av.__version__.split('.')[0]) >= 17 else {}

_videos = weakref.WeakSet()


class Cache:
    """What was used last, up to a number of bytes: frames, as they were decoded, or RGB once they were asked for; or
    probes.

    Args:
        max_bytes (int): The most that they take together.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.bytes = 0
        self._kept = OrderedDict()

    def get(self, key) -> Union[av.VideoFrame, np.ndarray, Probe, None]:
        """What is kept under the key, or None."""
        if key not in self._kept:
            return None
        self._kept.move_to_end(key)
        return self._kept[key]

    def put(self, key, value: Union[av.VideoFrame, np.ndarray, Probe]) -> None:
        """Keep something, in place of what was kept under the key, and drop what was not used for longest."""
        self.bytes += _bytes(value) - _bytes(self._kept.pop(key, None))
        self._kept[key] = value
        while self.bytes > self.max_bytes:
            self.bytes -= _bytes(self._kept.popitem(last=False)[1])


def _bytes(value: Union[av.VideoFrame, np.ndarray, Probe, None]) -> int:
    if isinstance(value, av.VideoFrame):
        return sum(plane.buffer_size for plane in value.planes)
    if isinstance(value, Probe):
        return 1024 + sum(part.nbytes for part in (*value, *value.packets) if isinstance(part, np.ndarray))
    return 0 if value is None else value.nbytes


class Video:
    """An open video. Not for several threads at once. When the process forks, it is closed, and both open it anew.

    Args:
        path (str): Its name.
        source (str | bytes): Its file, or what is in it.
        probe (Probe): What is in the file.
        cache (Cache): Where decoded frames are kept.
        num_threads (int): Decoding threads. Defaults to 1.
        version (tuple): What tells the file from others, and from itself after a change. Defaults to ().
    """

    def __init__(self, path: str, source: Union[str, bytes], probe: Probe, cache: Cache, num_threads: int = 1,
                 version: tuple = ()) -> None:
        self.path, self.probe, self.version = path, probe, version
        self._source, self._cache, self._num_threads = source, cache, num_threads
        self._by_pts = np.argsort(self.probe.packets.pts, kind='stable')
        self._lead = 0  # the least of LEADS that lands early enough
        self._converter = VideoReformatter()
        self._container = None
        self._stop()
        _videos.add(self)

    def __len__(self) -> int:
        return len(self.probe.times)

    @property
    def times(self) -> np.ndarray:
        """(N,) seconds after the first frame at which each is shown."""
        return self.probe.times

    @property
    def size(self) -> Tuple[int, int]:
        """Width and height of the frames."""
        return self.probe.size[::-1] if self.probe.turn[0] else self.probe.size

    def get_avg_fps(self) -> float:
        """Frames a second, on average."""
        return self.probe.rate

    def read(self, numbers: Sequence[int]) -> List[np.ndarray]:
        """Frames by their numbers from 0, in any order.

        Args:
            numbers (Sequence[int]): Numbers of frames of the video.

        Returns:
            list[np.ndarray]: RGB frames (H, W, 3), uint8, upright, of one size, each an array of its own.

        Raises:
            BrokenVideoError: If one of them cannot be decoded.
        """
        found = {number: self._cache.get((self.version, number)) for number in numbers}
        missing = [number for number, frame in found.items() if frame is None]
        if missing:
            span = (max(missing) - min(numbers) + 1) * 3 * self.probe.size[0] * self.probe.size[1]
            keep_from = min(numbers) if span <= self._cache.max_bytes else len(self)
            found.update(self._decode(missing, keep_from))
        for number, frame in found.items():
            if isinstance(frame, av.VideoFrame):
                found[number] = self._rgb(frame)
                self._cache.put((self.version, number), found[number])
        return [found[number].copy() for number in numbers]

    def hold(self, first: int, end: int) -> None:
        """Decode the frames ``first`` to ``end - 1`` and keep them for :meth:`read`, in the order of the video.

        The kept frames may take as much memory as these do in RGB, if that is more than before.
        """
        numbers = range(max(first, 0), min(end, len(self)))
        self._cache.max_bytes = max(self._cache.max_bytes, len(numbers) * 3 * self.size[0] * self.size[1])
        missing = [number for number in numbers if self._cache.get((self.version, number)) is None]
        for number, frame in self._decode(missing, len(self)):
            self._cache.put((self.version, number), frame)

    def check(self, numbers: Optional[Sequence[int]] = None) -> None:
        """Decode frames, all by default, and keep none. Raises BrokenVideoError if one of them cannot be decoded."""
        for _ in self._decode(range(len(self)) if numbers is None else numbers, len(self)):
            pass

    def _decode(self, numbers: Sequence[int], keep_from: int) -> Iterator[Tuple[int, av.VideoFrame]]:
        """Frames in rising order. From the number ``keep_from`` on none is passed over: others go into the cache."""
        wanted = sorted(set(numbers))
        try:
            for number in wanted:
                start = min(self.probe.first[self._start_of(number)], keep_from)
                if self._next is None or not start <= self._next <= number:
                    self._start(number)
                while self._next < number:
                    passed = self._take()
                    if self._next > keep_from:
                        self._cache.put((self.version, self._next - 1), passed)
                yield number, self._take()
        except BrokenVideoError:
            raise
        except (av.error.FFmpegError, ValueError) as error:
            self._stop()
            raise BrokenVideoError(self.path, f'frames {wanted[0]} to {wanted[-1]} cannot be decoded '
                                   f'({reason_of(error)})') from None

    def _take(self) -> av.VideoFrame:
        """The frame ``_next``."""
        frame, stamps = next(self._decoder, None), self.probe.stamps
        if frame is None:
            raise ValueError(f'it ends before frame {self._next}')
        if frame.is_corrupt or stamps is not None and frame.pts != stamps[self._next]:
            raise ValueError(f'frame {self._next} is damaged')
        self._next += 1
        return frame

    def _start_of(self, number: int) -> int:
        """The last start, as an index of ``probe.starts``, from which a frame comes whole."""
        return bisect_right(self.probe.first, number) - 1

    def _start(self, number: int) -> None:
        """Go to a start before a frame: the last, or an earlier one where its first frame does not come."""
        start, step = self._start_of(number), 1
        while True:
            self._next = int(self.probe.first[start])
            self._decoder = self._frames_from(start)
            frame = next(self._decoder, None)
            if start == 0 or frame is not None and frame.pts == self.probe.stamps[self._next]:
                self._decoder = chain([frame] if frame else [], self._decoder)
                return
            start, step = max(start - step, 0), 2 * step

    def _stop(self) -> None:
        self._decoder, self._next = iter(()), None

    def _frames_from(self, start: int) -> Iterator[av.VideoFrame]:
        """What is shown from a start on, decoded."""
        stamps, first = self.probe.stamps, self.probe.starts[start]
        for number, packet in enumerate(self._packets_from(first), first + 1):
            # Where a recording was joined to another, the last packets before the seam count as damaged as well.
            if packet.is_corrupt and not self.probe.packets.key[number:number + 2].any():
                raise ValueError('a packet is damaged')
            for frame in packet.decode():
                if stamps is None or frame.pts is None or frame.pts >= stamps[self.probe.first[start]]:
                    yield frame

    def _packets_from(self, first: int) -> Iterator[av.Packet]:
        """The packets from the number ``first`` on. Where seeking lands is seen by comparing with what was probed."""
        while self.probe.stamps is not None and self._lead < len(LEADS) and LEADS[self._lead] <= first:
            packets = self._seek(first - LEADS[self._lead])
            for packet in packets:
                number = self._number_of(packet)
                if number == first:
                    yield from chain([packet], packets)
                    return
                if number > first:
                    break
            self._lead += 1
        self._reopen()
        yield from islice(self._packets(), first, None)

    def _seek(self, number: int) -> Iterator[av.Packet]:
        """Packets from about this number on."""
        if self._container is None:
            self._reopen()
        pts, dts = self.probe.packets.pts[number], self.probe.packets.dts[number]
        try:
            self._container.seek(int(pts if self._lead == 0 or dts == NONE else dts), stream=self._stream)
        except av.error.FFmpegError:
            return iter(())
        return self._packets()

    def _packets(self) -> Iterator[av.Packet]:
        """All packets from here on that :func:`~stssa_mm.video.probe.probe` counts, and the end."""
        return (packet for packet in self._container.demux(self._stream) if packet.size or packet.pts is None)

    def _number_of(self, packet: av.Packet) -> int:
        """A packet's number, -1 if that cannot be told."""
        if packet.pts is None:
            return -1
        packets = self.probe.packets
        place = np.searchsorted(packets.pts, packet.pts, sorter=self._by_pts)
        for number in self._by_pts[place:place + 2].tolist():
            if packets.pts[number] == packet.pts and packets.size[number] == packet.size:
                return number
        return -1

    def _reopen(self) -> None:
        if self._container is not None:
            self._container.close()
        self._container = open_container(self._source, self.path)
        self._stream = self._container.streams.best('video')
        if self._num_threads > 1:
            self._stream.codec_context.thread_count = self._num_threads
            self._stream.thread_type = 'AUTO'
        if self.probe.stamps is None:  # each frame that is lost without a word would move the numbers of all others
            self._stream.codec_context.options = {'err_detect': 'explode'}

    def _rgb(self, frame: av.VideoFrame) -> np.ndarray:
        """A decoded frame as the others are, (H, W, 3)."""
        width, height = self.probe.size
        image = self._converter.reformat(frame, width, height, 'rgb24', **ONE_THREAD).to_ndarray()
        swap, mirror_x, mirror_y = self.probe.turn
        image = image.swapaxes(0, 1) if swap else image
        return np.ascontiguousarray(image[::-1 if mirror_y else 1, ::-1 if mirror_x else 1])

    def close(self) -> None:
        """Close the file, whose decoder would keep it open until Python looks for cycles. Reading opens it anew."""
        self._stop()
        if self._container is not None:
            self._container.close()
            self._container = self._stream = None


class VideoPool:
    """The videos that a process used last, open, with the frames it decoded last. Not for several threads at once.

    What is in a file is remembered when it is closed, for the next time. A file that has changed is opened anew. A
    copy, and what is unpickled, starts empty.

    Args:
        max_open (int): Videos that stay open. Defaults to 4.
        cache_bytes (int): The most that kept frames take, of all videos together. Defaults to 256 MiB.
        num_threads (int): Decoding threads of a video. Defaults to 1.
    """

    def __init__(self, max_open: int = 4, cache_bytes: int = 256 * 2**20, num_threads: int = 1) -> None:
        if max_open < 1:
            raise ValueError(f'max_open={max_open}: expected 1 or more')
        self.max_open = max_open
        self.cache_bytes = cache_bytes
        self.num_threads = num_threads
        self._videos = OrderedDict()
        self._cache, self._probes = Cache(cache_bytes), Cache(PROBE_BYTES)

    def __reduce__(self):
        return type(self), (self.max_open, self.cache_bytes, self.num_threads)

    def open(self, path: Union[str, os.PathLike], load: Optional[Callable[[str], bytes]] = None) -> Video:
        """The video, opened unless it is open.

        Args:
            path (str | PathLike): Its file.
            load (Callable, optional): Gives the bytes of a path that is not on disk. Defaults to None.

        Raises:
            BrokenVideoError: If it cannot be read, see :func:`~stssa_mm.video.probe.probe`.
        """
        path = os.fspath(path)
        video = self._videos.get(path)
        if load is None:
            source, version = path, _version(path)
        elif video is None:
            source = load(path)
            version = (path, len(source), hash(source))
        else:
            version = video.version
        if video is None or video.version != version:
            self._close(path)
            found = self._probes.get(version)
            if found is None:
                found = probe(source, path)
                self._probes.put(version, found)
            self._videos[path] = video = Video(path, source, found, self._cache, self.num_threads, version)
        self._videos.move_to_end(path)
        if len(self._videos) > self.max_open:
            self._close(next(iter(self._videos)))
        return video

    def _close(self, path: str) -> None:
        video = self._videos.pop(path, None)
        if video is not None:
            video.close()


def _version(path: str) -> Tuple[str, int, int]:
    """A file's path, size and time of the last change."""
    try:
        found = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        raise BrokenVideoError(path, 'no such file') from None
    except OSError as error:
        raise BrokenVideoError(path, f'it cannot be opened ({reason_of(error)})') from None
    if not stat.S_ISREG(found.st_mode):
        kind = 'folder' if stat.S_ISDIR(found.st_mode) else 'device'
        raise BrokenVideoError(path, f'it is a {kind}, not a video file')
    if not found.st_size:
        raise BrokenVideoError(path, 'the file is empty')
    return path, found.st_size, found.st_mtime_ns


def open_video(path: Union[str, os.PathLike]) -> Video:
    """A video of its own, see :meth:`VideoPool.open`."""
    return VideoPool(max_open=1, cache_bytes=64 * 2**20).open(path)


def _before_fork() -> None:
    """Close all videos, so that no decoding thread runs while a process forks: FFmpeg would wait in the child for
    threads that are not there, or for locks that they held."""
    for video in list(_videos):
        video.close()


if hasattr(os, 'register_at_fork'):
    os.register_at_fork(before=_before_fork)
