"""Reading where each video starts, how long it is and how fast. No torch."""
import csv
import math
from pathlib import Path
from typing import Dict, NamedTuple, Optional

from .text import open_csv, plain, read_json, shown

LARGEST = 2**53  # from here on not all whole numbers are floats


class VideoInfo(NamedTuple):
    """A video. None: not given.

    Attributes:
        start (float, optional): The timestamp of its first frame, in the dataset's unit.
        frames (int, optional): How many it has.
        fps (float, optional): Frames for each unit of the timestamps.
    """
    start: Optional[float] = None
    frames: Optional[int] = None
    fps: Optional[float] = None


def _video_info(where: str, values: dict) -> VideoInfo:
    numbers = {}
    for field in VideoInfo._fields:
        value = values.get(field)
        if value is None or value == '':
            continue
        try:
            numbers[field] = float(value)
        except (OverflowError, TypeError, ValueError):
            numbers[field] = math.nan
        fits = numbers[field] > 0 or field == 'start' and math.isfinite(numbers[field])
        fraction = field == 'frames' and numbers[field] % 1 != 0  # that of infinity is nan
        if not fits or fraction or not abs(numbers[field]) < LARGEST:
            expected = {'start': 'a number', 'frames': 'a whole number above 0', 'fps': 'a number above 0'}[field]
            raise ValueError(f'{where}: {field}={shown(value)}: expected {expected}')
    if 'frames' in numbers:
        numbers['frames'] = int(numbers['frames'])
    return VideoInfo(**numbers)


def read_video_info(path: Path) -> Dict[str, VideoInfo]:
    """Read a file of videos: a csv with a header of "video" and any of "start", "frames" and "fps", or a json of
    ``{"a_video": {"start": 0, "frames": 500, "fps": 25}}``.

    Returns:
        dict[str, VideoInfo]: Video id to what is known about it.

    Raises:
        ValueError: If it is malformed; names file and line, or the video.
    """
    path = Path(path)
    found: Dict[str, VideoInfo] = {}
    if path.suffix == '.json':
        videos = read_json(path)
        if not isinstance(videos, dict) or not all(isinstance(values, dict) for values in videos.values()):
            raise ValueError(f'{path}: expected {{"a_video": {{"start": 0, "frames": 500, "fps": 25}}, ...}}')
        rows = [(f'{path}: {plain(video)}', {'video': video, **values}) for video, values in videos.items()]
    else:
        with open_csv(path) as file:
            reader = csv.DictReader(file, restval='')
            rows = [(f'{path}:{reader.line_num}', row) for row in reader]
            if 'video' not in (reader.fieldnames or []):
                raise ValueError(f'{path}:1: expected a header with "video" and any of "start", "frames", "fps"')
    for where, row in rows:
        unknown = [plain(name) for name in row if name not in ('video', *VideoInfo._fields)]
        if unknown:
            raise ValueError(f'{where}: {", ".join(unknown)}: expected video, start, frames, fps')
        if not row['video'] or row['video'] in found:
            raise ValueError(f'{where}: video {shown(row["video"])}: expected a name that occurs once')
        found[row['video']] = _video_info(where, row)
    return found
