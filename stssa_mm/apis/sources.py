"""Where frames come from: files, folders, patterns, arrays; each behind :class:`Source`."""
import glob
import os
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, List, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np

from stssa_mm.video.find import VIDEOS
from stssa_mm.video.folder import PICTURES, FrameFolder
from stssa_mm.video.probe import BrokenVideoError
from stssa_mm.video.reader import Cache, open_video

FOLDER_FPS = 30
REMEDY = 'Fetch it again or re-encode it (ffmpeg -i IN -c:v libx264 OUT.mp4)'
Inputs = Union[str, os.PathLike, np.ndarray, Sequence]


@contextmanager
def _advice() -> Iterator[None]:
    """Errors about videos advise on training; these do not."""
    try:
        yield
    except BrokenVideoError as error:
        denied = 'Permission denied' in error.found
        raise BrokenVideoError(error.path, error.found, 'Ask for the right to read it' if denied else REMEDY) from None


class Source:
    """The frames of a video, read by number and mostly forwards; ``frames`` may be a :class:`Video`, a
    :class:`FrameFolder` or anything else with ``__len__``, ``read`` and ``close``.

    Args:
        name (str): What results call the video.
        frames: The frames, as :meth:`Video.read` gives them.
        times (np.ndarray): (N,) seconds after the first frame at which each is shown.
        size (tuple[int]): Width and height in pixels.
    """

    def __init__(self, name: str, frames, times: np.ndarray, size: Tuple[int, int]) -> None:
        self.name, self.times, self.size = name, times, size
        self._frames = frames

    def __len__(self) -> int:
        return len(self.times)

    @property
    def fps(self) -> float:
        """Frames a second, on average."""
        lasts = self.times[-1] - self.times[0]
        return (len(self) - 1) / lasts if lasts > 0 else FOLDER_FPS

    @property
    def duration(self) -> float:
        """Seconds until the last frame is no longer shown."""
        return float(self.times[-1] + 1 / self.fps)

    def read(self, numbers: Sequence[int]) -> List[np.ndarray]:
        """Frames by their numbers: RGB (H, W, 3), uint8."""
        with _advice():
            return self._frames.read(numbers)

    def hold(self, first: int, end: int) -> None:
        """Have the frames ``first`` to ``end - 1`` at hand, so that none is decoded twice as long as what is read lies
        among them."""
        if hasattr(self._frames, 'hold'):
            with _advice():
                self._frames.hold(first, end)

    def close(self) -> None:
        """Give back what is open."""
        self._frames.close()


class _Pictures:
    """A folder of frames that reads none twice while it is held."""

    def __init__(self, folder: FrameFolder) -> None:
        self._folder, self._cache = folder, Cache(0)

    def hold(self, first: int, end: int) -> None:
        size = self._folder.read([0])[0].nbytes if not self._cache.max_bytes else 0
        self._cache.max_bytes = max(self._cache.max_bytes, (end - first) * size)

    def read(self, numbers: Sequence[int]) -> List[np.ndarray]:
        frames = []
        for number in numbers:
            frame = self._cache.get(number)
            if frame is None:
                frame, = self._folder.read([number])
                self._cache.put(number, frame)
            frames.append(frame.copy())
        return frames

    def close(self) -> None:
        self._folder.close()


class _Arrays:
    """Frames in memory."""

    def __init__(self, frames: Sequence[np.ndarray]) -> None:
        for number, frame in enumerate(frames):
            if not isinstance(frame, np.ndarray) or frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
                found = f'{frame.dtype} {frame.shape}' if isinstance(frame, np.ndarray) else type(frame).__name__
                raise ValueError(f'frame {number}: {found}: expected RGB frames (H, W, 3) of uint8')
            if frame.shape != frames[0].shape:
                raise ValueError(f'frame {number}: {frame.shape}: expected {frames[0].shape}, as those before it')
        self._frames = frames

    def read(self, numbers: Sequence[int]) -> List[np.ndarray]:
        return [self._frames[number].copy() for number in numbers]

    def close(self) -> None:
        pass


class Place(NamedTuple):
    """A video that was not opened yet: its name, and its file or folder or the frames themselves."""
    name: str
    what: Union[Path, Sequence[np.ndarray]]


def find_sources(inputs: Inputs) -> List[Place]:
    """The videos that inputs stand for.

    Args:
        inputs: A file, a folder of videos or of the frames of one, or a pattern (``'clips/*.mp4'``), or a list of
            these; or the frames of a video, (N, H, W, 3) or a list of (H, W, 3), uint8, RGB.

    Returns:
        list[Place]: In the order given, files of folders and patterns by name. Names are those of the files without
        extension; with the folder's, where several are the same.

    Raises:
        FileNotFoundError: If there is nothing of a name.
        ValueError: If an input is none of these.
    """
    if isinstance(inputs, np.ndarray) or isinstance(inputs, (list, tuple)) and inputs \
            and isinstance(inputs[0], np.ndarray):
        if not len(inputs):
            raise ValueError('no frames')
        return [Place('video', inputs)]
    paths = [path for item in (inputs if isinstance(inputs, (list, tuple)) else [inputs]) for path in _paths(item)]
    if not paths:
        raise ValueError('no videos')
    return [Place(name, path) for name, path in zip(_names(paths), paths)]


def _paths(item) -> Iterator[Path]:
    if not isinstance(item, (str, os.PathLike)):
        raise ValueError(f'{item!r}: expected a video file, a folder, a pattern, or frames as arrays')
    path = Path(item)
    if path.is_dir():
        names = sorted(os.listdir(path))
        videos = [name for name in names if name.lower().endswith(VIDEOS) and (path / name).is_file()]
        if videos:
            yield from (path / name for name in videos)
        elif any(name.lower().endswith(PICTURES) for name in names):
            yield path
        else:
            raise FileNotFoundError(f'{path}: neither videos ({", ".join(VIDEOS)}) nor frames as pictures in it')
    elif '://' in str(item):
        raise ValueError(f'{item}: streams cannot be read: give a file')
    elif glob.has_magic(str(item)) and not path.exists():
        found = sorted(glob.glob(str(item), recursive=True))
        if not found:
            raise FileNotFoundError(f'{item}: no file of this pattern')
        for name in found:
            yield from _paths(name)
    else:
        if not path.exists():
            raise FileNotFoundError(f'{path}: no such file')
        yield path


def _names(paths: Sequence[Path]) -> List[str]:
    """A name of its own for each path."""
    for name_of in (lambda path: path.name if path.is_dir() else path.stem, lambda path: path.name,
                    lambda path: f'{path.resolve().parent.name}_{path.name}'):
        names = [name_of(path) for path in paths]
        if len(set(names)) == len(names):
            return names
    return [f'{number}_{path.name}' for number, path in enumerate(paths, 1)]


def open_source(place: Place, fps: Optional[float] = None) -> Source:
    """Open a video.

    Args:
        place (Place): Of :func:`find_sources`.
        fps (float, optional): Frames a second of arrays, and of pictures in a folder (default: 30). A file knows.

    Raises:
        BrokenVideoError: If it cannot be read.
        ValueError: If arrays are no frames, or come without ``fps``.
    """
    if fps is not None and not fps > 0:
        raise ValueError(f'fps={fps}: expected a number above 0')
    if not isinstance(place.what, Path):
        frames = _Arrays(place.what)
        if fps is None:
            raise ValueError('frames as arrays need fps, the frames a second')
        return Source(place.name, frames, np.arange(len(place.what)) / fps, place.what[0].shape[1::-1])
    with _advice():
        if os.path.isdir(place.what):
            folder = FrameFolder(place.what)
            size = folder.read([0])[0].shape[1::-1]
            return Source(place.name, _Pictures(folder), np.arange(len(folder)) / (fps or FOLDER_FPS), size)
        video = open_video(place.what)
    return Source(place.name, video, video.times, video.size)
