"""Which frame is shown at a timestamp: the one rule, for training, checks, converters, proposals and pictures."""
from typing import Optional, Tuple

import numpy as np

TIE = 1e-6  # seconds: of two frames that are equally near the later is taken, whatever rounding does to times


def nearest_frame(seconds: float, times: np.ndarray) -> int:
    """The frame shown nearest to a moment.

    Args:
        seconds (float): The moment, after the first frame is shown.
        times (np.ndarray): (N,) seconds after the first frame at which each is shown.
    """
    return int(np.searchsorted((times[1:] + times[:-1]) / 2, seconds + TIE, side='right'))


def frame_at(timestamp: float, start: float, fps: float, times: Optional[np.ndarray] = None,
             frames: Tuple[int, int] = (0, 0), name: str = '') -> int:
    """The frame of a timestamp, counted from 0.

    - A video has presentation timestamps: the frame shown nearest to ``timestamp - start`` seconds after the first.
    - Frames as pictures do not: the nearest of those extracted ``fps`` a second.
    - With ``fps=1``, as in MMAction2's :class:`AVADataset`, timestamps are numbers of frames, of either.

    Args:
        timestamp (float): The timestamp, in the dataset's unit.
        start (float): The timestamp of the first frame.
        fps (float): Frames for each unit of the timestamps.
        times (np.ndarray, optional): (N,) seconds after the first frame at which each is shown. Defaults to None.
        frames (tuple[int, int]): The first frame of the video, and the number behind its last.
        name (str): What errors call the video.

    Raises:
        ValueError: If the timestamp lies before the video or behind its last frame. Except with ``fps=1`` one second
            behind is allowed, because lengths get rounded; it is the last frame then.
    """
    first, end = frames
    moment = timestamp - start
    if times is None or fps == 1:
        frame = int(np.floor(moment * fps + 0.5 + TIE))
        behind = (frame - end + 1) / fps
    else:
        frame = nearest_frame(moment, times)
        behind = moment - times[end - 1]
    if moment < 0 or frame < first or behind > (0 if fps == 1 else 1):
        raise ValueError(
            f'{name}: the annotated moment {timestamp:g} is outside of the video, which has the frames {first} to '
            f'{end - 1} and starts at {start:g}. Correct the annotation, or timestamp_start or fps={fps:g} of the '
            'dataset (fps=1: timestamps are frame numbers)')
    return min(frame, end - 1)


def frame_of_sample(sample: dict, total_frames: Optional[int] = None,
                    times: Optional[np.ndarray] = None) -> Tuple[int, Tuple[int, int]]:
    """The frame of a dataset's sample, and the first frame of its video and the number behind its last.

    Args:
        sample (dict): Of :class:`AVADataset`: ``timestamp``, ``timestamp_start``, ``fps``, ``shot_info``, and
            ``filename`` or ``frame_dir``.
        total_frames (int, optional): How many the video has. Defaults to None: as many as ``shot_info`` says.
        times (np.ndarray, optional): See :func:`frame_at`. Defaults to None.

    Raises:
        ValueError: As :func:`frame_at`.
    """
    first, end = sample.get('shot_info') or (0, total_frames)
    if total_frames is not None:
        first, end = max(first, 0), min(end, total_frames)
    name = sample.get('filename') or sample.get('frame_dir')
    frame = frame_at(sample['timestamp'], sample['timestamp_start'], sample['fps'], times, (first, end), name)
    return frame, (first, end)
