"""Key frames: a video and a timestamp in it."""
import re
from pathlib import Path
from typing import Iterable, List, Tuple

import numpy as np

from .text import lines_of, split_line, without_blanks

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


def split_key(key: str) -> Tuple[str, float]:
    """Video, without blanks around it, and timestamp of a key, rounded to 6 digits.

    Raises:
        ValueError: If it is none.
    """
    video, _, timestamp = key.rpartition(',')
    video = without_blanks(video)
    try:
        value = round(float(timestamp), DIGITS)
    except ValueError:
        value = float('nan')
    if not video or not np.isfinite(value):
        raise ValueError(f"key {key!r}: expected 'video,timestamp', such as 'a_video,0902'")
    return video, value


def read_key_frames(file: Path) -> List[Tuple[str, float]]:
    """Video ids and timestamps of an annotation csv, or of a list of key frames: lines that begin "video,timestamp".

    Returns:
        list[tuple[str, float]]: Each once, in the file's order.

    Raises:
        ValueError: If a line is malformed, or there is none.
    """
    found = {}
    for number, line in lines_of(file):
        video, timestamp, *_ = [*split_line(line), '']
        try:
            found[split_key(f'{video},{timestamp}')] = None
        except ValueError:
            raise ValueError(f'{file}:{number}: {line!r}: expected "video,timestamp,...", the timestamp a number'
                             ) from None
    if not found:
        raise ValueError(f'{file}: no key frames in it')
    return list(found)


def read_exclusions(path: Path) -> Tuple[np.ndarray, np.ndarray]:
    """Read a csv of excluded key frames, "video,timestamp" a row. An empty file excludes none.

    Returns:
        tuple[np.ndarray]: (E,) names of videos and (E,) timestamps (float).

    Raises:
        ValueError: If a row is malformed; names file and line.
    """
    videos, timestamps = [], []
    for number, line in lines_of(path):
        video, *timestamp = map(without_blanks, split_line(line))
        try:
            timestamps.append(round(float(timestamp[0]), DIGITS) if len(timestamp) == 1 else np.nan)
        except ValueError:
            timestamps.append(np.nan)
        if not video or not np.isfinite(timestamps[-1]):
            raise ValueError(f'{path}:{number}: {line.strip()!r}: expected video,timestamp')
        videos.append(video)
    return np.array(videos, dtype=str), np.array(timestamps, dtype=float)
