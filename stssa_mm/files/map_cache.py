"""Feature maps of frames that a frozen trunk made once, in memory-mapped files. No torch.

A folder with ``index.json`` (of what trunk and of what pictures the maps are) and, for each video, ``maps/<video>.npy``
(F, C, h, w), float16, ``maps/<video>.mirror.npy``, the same of the mirror images, where they were asked for, and
``maps/<video>.json``, which says what is in them and is written last.

Shapes: F frames, C channels, h x w cells.
"""
import functools
import hashlib
import json
from pathlib import Path
from typing import List, NamedTuple, Optional, Sequence

import numpy as np

from .whole_file import whole_file

AGAIN = 'run tools/cache_features.py on the config again'
ENDS = 2**16  # bytes at both ends of a file that its digest covers


class KeptVideo(NamedTuple):
    """What a cache has of a video.

    Attributes:
        frames (list[int]): The numbers of its F frames, rising.
        mirrored (list[int]): Those of the frames whose mirror images it has, too.
        total_frames (int, optional): Frames of the video; None for a folder of pictures.
        times (list[float], optional): Seconds after the first at which each is shown; None as before.
        original_shape (list[int]): Height and width of the video.
        img_shape (list[int]): Height and width of the pictures that the trunk saw.
        digest (str): :func:`video_digest` of its file.
    """
    frames: List[int]
    mirrored: List[int]
    total_frames: Optional[int]
    times: Optional[List[float]]
    original_shape: List[int]
    img_shape: List[int]
    digest: str


def video_digest(path: Path) -> str:
    """Changes with a video: its size and both ends, or the names and sizes of the pictures in a folder.

    Raises:
        FileNotFoundError: If there is none.
    """
    path = Path(path)
    digest = hashlib.sha256()
    if path.is_dir():
        for file in sorted(path.iterdir()):
            digest.update(f'{file.name} {file.stat().st_size}\n'.encode())
    else:
        with open(path, 'rb') as file:
            digest.update(file.read(ENDS))
            size = file.seek(0, 2)
            file.seek(max(size - ENDS, 0))
            digest.update(file.read() + str(size).encode())
    return digest.hexdigest()[:16]


class MapCache:
    """A folder of kept maps.

    Args:
        folder (Path): The folder.
        index (dict, optional): ``trunk`` (its fingerprint), ``pictures`` (how they are made of a frame) and ``mirror``
            (whether mirror images are kept), to write into it. Defaults to None: it has to be there.

    Raises:
        FileNotFoundError: If it has to be there, and is not.
        ValueError: If it is there, and has another index.
    """

    def __init__(self, folder: Path, index: Optional[dict] = None) -> None:
        self.folder = Path(folder)
        file = self.folder / 'index.json'
        if file.is_file():
            self.index = json.loads(file.read_text())
        elif index is None:
            raise FileNotFoundError(f'{folder}: no kept maps are here: {AGAIN}')
        else:
            with whole_file(file) as part:
                part.write_text(json.dumps(index, indent=1) + '\n')
            self.index = json.loads(json.dumps(index))
        if index is not None:
            self.check_trunk(index['trunk'])
            self.check_pictures(index['pictures'])

    def check_trunk(self, fingerprint: str) -> None:
        """Raises ValueError if the maps are those of another trunk."""
        if self.index['trunk'] != fingerprint:
            raise ValueError(f'{self.folder}: the maps are of another network, layer or weights '
                             f'({self.index["trunk"]}) than model.backbone has ({fingerprint}): {AGAIN}, with another '
                             '--out and the --checkpoint whose trunk it is to be')

    def check_pictures(self, pictures: dict) -> None:
        """Raises ValueError if the frames were made into other pictures."""
        wanted = json.loads(json.dumps(pictures))
        if self.index['pictures'] != wanted:
            raise ValueError(f'{self.folder}: the maps are of pictures made by {self.index["pictures"]}, but the '
                             f'config makes them by {wanted}: {AGAIN}, with another --out')

    def _file(self, video: str, suffix: str) -> Path:
        return self.folder / 'maps' / f'{video}{suffix}'

    def get(self, video: str, path: Path) -> KeptVideo:
        """What is kept of a video. Raises ValueError if it is not there, or the file is another."""
        return _kept(self, video, str(path))

    def has(self, video: str, path: Path, frames: Sequence[int], mirrored: Sequence[int]) -> bool:
        """Whether these frames, and the mirror images of those, are kept of this file."""
        try:
            kept = self.get(video, path)
        except ValueError:
            return False
        return set(frames) <= set(kept.frames) and set(mirrored) <= set(kept.mirrored)

    def read(self, video: str, path: Path, frames: Sequence[int], mirrored: bool = False) -> np.ndarray:
        """Maps (n, C, h, w), float16, of n frames of a video.

        Raises:
            ValueError: If they are not kept.
        """
        kept = self.get(video, path)
        numbers = np.asarray(kept.mirrored if mirrored else kept.frames, int)
        rows = np.searchsorted(numbers, frames)
        here = rows < len(numbers)
        here[here] = numbers[rows[here]] == np.asarray(frames)[here]
        if not here.all():
            raise ValueError(f'{self.folder}: the {"mirrored " if mirrored else ""}frame '
                             f'{np.asarray(frames)[~here][0]} of {video} is not kept: {AGAIN}'
                             + (', with --mirror' if mirrored else ''))
        return _opened(str(self._file(video, '.mirror.npy' if mirrored else '.npy')))[rows]

    def place(self, video: str, mirrored: bool, shape: Sequence[int], source: str) -> 'Unfinished':
        """A file to write the maps (F, C, h, w) of a video into, from its first unfinished frame.

        Args:
            video (str): The video.
            mirrored (bool): Whether it is that of the mirror images.
            shape (Sequence[int]): (F, C, h, w).
            source (str): Changes with the frames and the video: maps of another source are written anew.
        """
        return Unfinished(self._file(video, '.mirror.npy' if mirrored else '.npy'), shape, source)

    def keep(self, video: str, kept: KeptVideo) -> None:
        """Say what is kept of a video, after its maps were written."""
        with whole_file(self._file(video, '.json')) as part:
            part.write_text(json.dumps(kept._asdict()))
        _kept.cache_clear()
        _opened.cache_clear()


class Unfinished:
    """Maps that are being written, and may be cut off.

    Args:
        file (Path): Where they belong.
        shape (Sequence[int]): (F, C, h, w).
        source (str): Of which frames they are.

    Attributes:
        done (int): Frames that are written.
    """

    def __init__(self, file: Path, shape: Sequence[int], source: str) -> None:
        self.file, self.part, self.note = file, Path(f'{file}.part'), Path(f'{file}.done')
        file.parent.mkdir(parents=True, exist_ok=True)
        self.source, self.done = source, 0
        try:
            before, _, done = self.note.read_text().partition(':')
            self.maps = np.lib.format.open_memmap(self.part, 'r+')
            if before == source and self.maps.shape == tuple(shape):
                self.done = int(done)
        except (OSError, ValueError):  # there is none, or one that was cut off before it had a head
            self.done = 0
        if not self.done:
            self.maps = np.lib.format.open_memmap(self.part, 'w+', np.float16, tuple(shape))

    def write(self, maps: np.ndarray) -> None:
        """Append maps (n, C, h, w)."""
        self.maps[self.done:self.done + len(maps)] = maps
        self.maps.flush()
        self.done += len(maps)
        with whole_file(self.note) as part:
            part.write_text(f'{self.source}:{self.done}')

    def close(self) -> None:
        """All are written: give the file its name."""
        del self.maps
        self.part.replace(self.file)
        self.note.unlink(missing_ok=True)


@functools.lru_cache(4096)
def _kept(cache: MapCache, video: str, path: str) -> KeptVideo:
    file = cache._file(video, '.json')
    if not file.is_file():
        raise ValueError(f'{cache.folder}: no maps of {video} are kept: {AGAIN}')
    kept = KeptVideo(**json.loads(file.read_text()))
    if video_digest(path) != kept.digest:
        raise ValueError(f'{cache.folder}: the maps of {video} are of another file than {path} is now: {AGAIN}')
    return kept


@functools.lru_cache(256)
def _opened(file: str) -> np.ndarray:
    return np.load(file, mmap_mode='r')
