"""Key frames: a video and a timestamp in it."""
import re
from pathlib import Path
from typing import Iterable, Iterator, List, NamedTuple, Optional, Tuple

import numpy as np

from .text import lines_of, shown, split_line, without_blanks

UNWRITABLE = re.compile(r'[,"\x00-\x1f\x7f\u2028\u2029\x85]')
DIGITS = 6  # of timestamps after the point, as in the official script: equal ones name the same key frame


def check_video_names(videos: Iterable[str], where: str) -> None:
    """Raises ValueError if the name of a video would not be read back from the files that results are written to."""
    for video in videos:
        if UNWRITABLE.search(video):
            raise ValueError(f'{where}: video {video!r}: expected a name without commas, quotation marks and line '
                             'ends, which detections and proposals cannot hold: rename it, in all files')


def key_of(video: str, timestamp: float) -> str:
    """What names a key frame in proposal files and ``img_key``: 'video,0902'; 'video,902.5' if it is not whole, rounded
    to 6 digits."""
    timestamp = round(float(timestamp), DIGITS)
    return f'{video},{int(timestamp):04d}' if timestamp == int(timestamp) else f'{video},{timestamp!r}'


class KeyFrame(NamedTuple):
    """A moment of a video: its timestamp in the files and, where it is known, its frame in the video, from 0."""
    video: str
    timestamp: float
    frame: Optional[int] = None

    @property
    def key(self) -> str:
        """What names it, see :func:`key_of`."""
        return key_of(self.video, self.timestamp)


def _key_frame(video: str, timestamp: str) -> Optional[KeyFrame]:
    """From texts: the video without blanks around it, the timestamp rounded to 6 digits. None if it is none."""
    video = without_blanks(video)
    try:
        value = round(float(timestamp), DIGITS) if timestamp.isascii() and '_' not in timestamp else np.nan
    except ValueError:
        value = np.nan
    return KeyFrame(video, value) if video and np.isfinite(value) else None


def split_key(key: str) -> KeyFrame:
    """The key frame that a key names: 'video,0902'.

    Raises:
        ValueError: If it names none.
    """
    video, _, timestamp = key.rpartition(',')
    key_frame = _key_frame(video, timestamp)
    if key_frame is None:
        raise ValueError(f"key {key!r}: expected 'video,timestamp', such as 'a_video,0902'")
    return key_frame


def key_frame_lines(path: Path, expected: str) -> Iterator[Tuple[str, str, KeyFrame, List[str]]]:
    """The lines of a csv, "video,timestamp" and perhaps more; blank ones are passed over.

    Args:
        path (Path): The file.
        expected (str): What a line is, for the error.

    Yields:
        tuple: File and number of the line, the line, its key frame and its other fields.

    Raises:
        ValueError: If a line has no key frame; names file and line.
    """
    for number, line in lines_of(path):
        where, line = f'{path}:{number}', line.strip()
        video, timestamp, *more = [*split_line(line), '', '']
        key_frame = _key_frame(video, timestamp)
        if key_frame is None:
            raise ValueError(f'{where}: {shown(line)}: expected {expected}')
        yield where, line, key_frame, more[:-2]


def read_key_frames(path: Path) -> List[KeyFrame]:
    """The key frames of an annotation csv, or of a list: lines that begin "video,timestamp".

    Returns:
        list[KeyFrame]: Each once, in the file's order.

    Raises:
        ValueError: If a line is malformed, or there is none.
    """
    lines = key_frame_lines(path, '"video,timestamp,...", the timestamp a number')
    found = list(dict.fromkeys(key_frame for _, _, key_frame, _ in lines))
    if not found:
        raise ValueError(f'{path}: no key frames in it')
    return found


def read_exclusions(path: Path) -> Tuple[np.ndarray, np.ndarray]:
    """Read a csv of excluded key frames, "video,timestamp" a row. An empty file excludes none.

    Returns:
        tuple[np.ndarray]: (E,) names of videos and (E,) timestamps (float).

    Raises:
        ValueError: If a row is malformed; names file and line.
    """
    expected, excluded = 'video,timestamp', []
    for where, line, key_frame, more in key_frame_lines(path, expected):
        if more:
            raise ValueError(f'{where}: {shown(line)}: expected {expected}')
        excluded.append(key_frame)
    return (np.array([key_frame.video for key_frame in excluded], dtype=str),
            np.array([key_frame.timestamp for key_frame in excluded], dtype=float))
