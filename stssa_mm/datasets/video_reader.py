"""Frames of videos that are read again and again: files stay open, and frames decoded last are kept.

Frame i is the i-th that a player shows, whatever was read before. Decord's own random access agrees, except that in
streams with open groups of pictures (x265 by default, MPEG-4 with B-frames) it may be some frames off.
"""
import bisect
import contextlib
import io
import math
import os
import queue
import re
import threading
import weakref
from collections import OrderedDict
from typing import Callable, Dict, List, Optional, Sequence

import cv2
import decord
import numpy as np
from decord import DECORDError, DECORDLimitReachedError

# Frames that may be shown ahead of the key frame they follow in the file: as many as an encoder puts B-frames in a row.
LEADING_FRAMES = 8
SLICES = 20  # of the time that a call may take
STRETCH = 128  # frames decoded at once in a pass in order, at least
ANNOUNCE_THEIR_LENGTH = ('.mp4', '.m4v', '.mov')
REMEDY = ("Fetch it again or re-encode it (ffmpeg -i IN -c:v libx264 OUT); on_broken='skip' leaves its samples out of "
          'training')

_pools = weakref.WeakSet()
_stuck = {}  # the errors of files that decord did not return from: each try would leave a thread behind


class BrokenVideoError(ValueError):
    """A video that cannot be read: one line that names the file, what was found and what to do."""


class FrameCache:
    """The frames used last, up to a number of bytes.

    Args:
        max_bytes (int): The most that the frames take together.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.bytes = 0
        self._frames = OrderedDict()

    def __contains__(self, key) -> bool:
        return key in self._frames

    def get(self, key) -> Optional[np.ndarray]:
        """The frame, or None."""
        if key not in self._frames:
            return None
        self._frames.move_to_end(key)
        return self._frames[key]

    def put(self, key, frame: np.ndarray) -> None:
        """Keep a frame that is not here yet, and drop those not used for longest."""
        self._frames[key] = frame
        self.bytes += frame.nbytes
        while self.bytes > self.max_bytes:
            self.bytes -= self._frames.popitem(last=False)[1].nbytes


class Worker:
    """A thread in which a function can be called that may never return.

    Decord 0.6 goes round for ever in some files (https://github.com/dmlc/decord/issues/373), and a thread is all that
    can be left behind. One for all calls: memory freed in many threads is not given back.
    """

    def __init__(self) -> None:
        self._tasks, self._outcomes = queue.SimpleQueue(), queue.SimpleQueue()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            function = self._tasks.get()
            try:
                outcome = function(), None
            except Exception as error:
                outcome = None, error
            self._outcomes.put(outcome)
            del function, outcome  # not kept until the next call

    def call(self, function: Callable, seconds: float) -> tuple:
        """What ``function()`` returns and what it raises, one of them None.

        Raises:
            TimeoutError: If it takes longer; then this worker is of no more use.
        """
        self._tasks.put(function)
        # In slices: a process that is stopped for a while (Ctrl-Z, a scheduler) loses no more than one of them.
        for _ in range(SLICES):
            with contextlib.suppress(queue.Empty):
                return self._outcomes.get(timeout=seconds / SLICES)
        raise TimeoutError


_worker = None


def within(seconds: float, function: Callable):
    """``function()`` in this process's worker.

    Raises:
        TimeoutError: If it takes longer. It goes on in its thread, and the next call gets another.
    """
    global _worker
    worker, _worker = _worker or Worker(), None
    result, error = worker.call(function, seconds)
    _worker = worker  # not after a timeout or Ctrl-C
    if error is not None:
        raise error
    return result


class Video:
    """An open video.

    Args:
        path (str): Its file.
        source (str | io.BytesIO): What decord opens.
        cache (FrameCache): Where decoded frames are kept.
        num_threads (int): Decoding threads.
        timeout (float): Seconds that opening it, and decoding the frames of one call, may take.

    Raises:
        BrokenVideoError: If decord cannot open it, its edit list hides frames, or it holds fewer frames than it
            announces (mp4 and mov files on disk; one second is allowed).
    """

    def __init__(self, path: str, source, cache: FrameCache, num_threads: int, timeout: float) -> None:
        if path in _stuck:
            raise _stuck[path]
        self.path = path
        self._timeout = timeout
        self._cache = cache
        # With a fault tolerance decord raises where it would otherwise repeat a frame in place of a lost one.
        self._reader = self._try('it cannot be opened', lambda: decord.VideoReader(
            source, num_threads=num_threads, fault_tol=1e-9))
        self._key_frames = self._reader.get_key_indices()
        self.frame_times = self._reader.get_frame_timestamp(range(len(self)))[:, 0]  # (frames,), seconds
        hidden = int((self.frame_times < -1e-3).sum())
        if hidden:
            raise self._broken(f'its edit list hides the first {hidden} of {len(self)} frames, which decord counts')
        if source == path and path.lower().endswith(ANNOUNCE_THEIR_LENGTH):
            announced = int(cv2.VideoCapture(path, cv2.CAP_FFMPEG).get(cv2.CAP_PROP_FRAME_COUNT))
            if announced - len(self) > self.get_avg_fps():
                raise self._broken(f'it announces {announced} frames and holds {len(self)}, so it is cut off')

    def __len__(self) -> int:
        return len(self._reader)

    def get_avg_fps(self) -> float:
        """Frames a second."""
        return self._reader.get_avg_fps()

    def read(self, indices: Sequence[int]) -> List[np.ndarray]:
        """Frames by their numbers from 0, in any order.

        Args:
            indices (Sequence[int]): Numbers of frames of the video.

        Returns:
            list[np.ndarray]: RGB frames (H, W, 3), uint8, each an array of its own.

        Raises:
            BrokenVideoError: If one of them cannot be decoded.
        """
        frames = {index: self._cache.get((self.path, index)) for index in indices}
        missing = sorted(index for index, frame in frames.items() if frame is None)
        if missing:
            first, last, begin = missing[0], missing[-1], min(indices)
            if begin < first:  # the clip goes on from one before it
                last = self._end_of_stretch(begin, first, last, frames[begin].nbytes)
            found = f'frames {first} to {last} cannot be decoded'
            decoded = self._try(found, lambda: self._decode(missing, last))
            for index, frame in decoded.items():
                self._cache.put((self.path, index), frame)
            frames.update(decoded)
        return [frames[index].copy() for index in indices]

    def _decode(self, wanted: Sequence[int], last: int) -> Dict[int, np.ndarray]:
        """The wanted frames (sorted), and if all fit into the cache those between and on to ``last``."""
        first, wanted, frames = wanted[0], set(wanted), {}
        start = self._start_for(first)
        self._reader.seek_accurate(start)
        # Every frame is taken in turn: decord's skipping saves no time, and seeks at key frames.
        for index in range(start, last + 1):
            frame = self._reader.next()
            fits = math.prod(frame.shape) * (last - first + 1) <= self._cache.max_bytes
            if index in wanted or (fits and first <= index and (self.path, index) not in self._cache):
                frames[index] = frame.asnumpy()
        # While it waits for a frame decord queues packets without limit, and goes on to decode them all: gigabytes.
        # Seeking empties its queues.
        self._reader.seek(0)
        return frames

    def _end_of_stretch(self, begin: int, first: int, last: int, frame_bytes: int) -> int:
        """How far to decode in a pass in order: on to where the next stretch can start, which is after a key frame.

        Args:
            begin (int): The clip's first frame, which is in the cache.
            first (int): The first frame that is not.
            last (int): The clip's last frame.
            frame_bytes (int): Size of a frame.

        Returns:
            int: The last frame to decode, so that all from ``begin`` on fit into the cache, or ``last``.
        """
        key = bisect.bisect_left(self._key_frames, max(first + STRETCH, last + 1))
        end = self._key_frames[key] + LEADING_FRAMES - 1 if key < len(self._key_frames) else len(self)
        return max(min(end, len(self) - 1, begin + self._cache.max_bytes // frame_bytes - 1), last)

    def _start_for(self, index: int) -> int:
        """The frame to seek for when ``index`` is to be read.

        In an open group decord miscounts the frames next to the key frame: start at the end of the group before.
        """
        start = index
        for _ in range(2):
            key = self._key_frames[max(bisect.bisect_right(self._key_frames, start) - 1, 0)]
            if key == 0 or start - key >= LEADING_FRAMES:
                break
            start = key - 1
        return start

    def _try(self, found: str, function: Callable):
        """``function()``; what decord raises becomes a BrokenVideoError."""
        self.usable = False  # until it returns
        try:
            result = within(self._timeout, function)
        except TimeoutError:
            _stuck[self.path] = self._broken(f'{found}: decord did not return within {self._timeout} s')
            raise _stuck[self.path] from None
        except (DECORDError, DECORDLimitReachedError, RuntimeError, AssertionError, StopIteration) as error:
            reason = re.sub(r'\[[\d:]+\] \S+: ', '', (str(error) or 'no frame').splitlines()[0])
            raise self._broken(f'{found} ({reason})') from None
        self.usable = True
        return result

    def _broken(self, found: str) -> BrokenVideoError:
        return BrokenVideoError(f'{self.path}: {found}. {REMEDY}')

    def abandon(self) -> None:
        """Let go of what the parent process opened, without freeing it: its decoding thread is not in a fork."""
        self._reader._handle = None


class VideoPool:
    """The videos that a process used last, open, with the frames it decoded last.

    A forked process starts with an empty pool, and so does a copied or unpickled one. Not for several threads at once.

    Args:
        max_open (int): Videos that stay open. Defaults to 4.
        cache_bytes (int): The most that kept frames take, of all videos together. Defaults to 256 MiB.
        num_threads (int): Decoding threads of a video. Defaults to 1.
        timeout (float): Seconds that opening a video, and decoding the frames of one call, may take. Defaults to 60.
    """

    def __init__(self,
                 max_open: int = 4,
                 cache_bytes: int = 256 * 2**20,
                 num_threads: int = 1,
                 timeout: float = 60) -> None:
        if max_open < 1:
            raise ValueError(f'max_open={max_open}: expected 1 or more')
        self.max_open = max_open
        self.cache_bytes = cache_bytes
        self.num_threads = num_threads
        self.timeout = timeout
        self.clear()
        _pools.add(self)

    def clear(self) -> None:
        """Close all videos and drop all frames."""
        self._videos = OrderedDict()
        self._cache = FrameCache(self.cache_bytes)

    def __reduce__(self):
        return type(self), (self.max_open, self.cache_bytes, self.num_threads, self.timeout)

    def open(self, path: str, load: Optional[Callable] = None) -> Video:
        """The video, opened unless it is open.

        Args:
            path (str): Its file.
            load (Callable, optional): Gives the bytes of a path that is not on disk. Defaults to None.

        Raises:
            BrokenVideoError: If it cannot be opened.
        """
        video = self._videos.pop(path, None)
        if video is None or not video.usable:
            if load is None and not os.path.isfile(path):
                raise BrokenVideoError(f'{path}: no such file. {REMEDY}')
            if load is None and not os.path.getsize(path):
                raise BrokenVideoError(f'{path}: the file is empty. {REMEDY}')
            source = path if load is None else io.BytesIO(load(path))
            video = Video(path, source, self._cache, self.num_threads, self.timeout)
        self._videos[path] = video
        if len(self._videos) > self.max_open:
            self._videos.popitem(last=False)
        return video

    def abandon(self) -> None:
        """In a forked process: start anew."""
        for video in self._videos.values():
            video.abandon()
        self.clear()


def _after_fork() -> None:
    global _worker
    _worker = None
    for pool in list(_pools):
        pool.abandon()


if hasattr(os, 'register_at_fork'):
    os.register_at_fork(after_in_child=_after_fork)
