"""When somebody does something: stretches of time, from the scores on key frames. No torch."""
import csv
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from stssa_mm.files.detected_actions import KeyFrameActions
from stssa_mm.files.whole_file import whole_file

LOW = 0.5  # of a class's threshold: an event that has begun lasts while the score is at least this share of it
MIN_LENGTH = 1.0  # seconds


@dataclass
class Event:
    """Somebody does something for a while.

    Attributes:
        video (str): Name of the video.
        person (int): The person's id.
        action_id (int): The action's id.
        action (str): Its name.
        start (float): Seconds after the first frame.
        end (float): The same.
        score (float): Mean over the event's key frames.
        key_frames (int): How many these are.
    """
    video: str
    person: int
    action_id: int
    action: str
    start: float
    end: float
    score: float
    key_frames: int


def stretches(times: np.ndarray, scores: np.ndarray, high: float, low: float, max_gap: float) -> List[Tuple[int, int]]:
    """Where scores stay high, with hysteresis.

    A stretch is a longest run of moments with scores of at least ``low``, neighbours not more than ``max_gap`` apart,
    one of them with a score of at least ``high``.

    Args:
        times (np.ndarray): (N,) rising.
        scores (np.ndarray): (N,).
        high (float): What makes a stretch.
        low (float): What does not end it; not more than ``high``.
        max_gap (float): In the unit of the times.

    Returns:
        list[tuple[int]]: The first moment of each stretch, and the number behind its last.

    Raises:
        ValueError: If ``low`` is above ``high``.
    """
    if not low <= high:
        raise ValueError(f'low={low}: expected at most high={high}')
    times, scores = np.asarray(times, float), np.asarray(scores, float)
    above = scores >= low
    joined = above[1:] & above[:-1] & (np.diff(times) <= max_gap + 1e-9)
    starts = np.flatnonzero(above & ~np.concatenate([[False], joined])[:len(above)])
    ends = np.flatnonzero(above & ~np.concatenate([joined, [False]])[:len(above)]) + 1
    return [(start, end) for start, end in zip(starts.tolist(), ends.tolist()) if scores[start:end].max() >= high]


class EventFinder:
    """Finds the events of a video, key frame by key frame. Of an action only the scores of an open stretch are kept.

    A key frame stands for the time halfway to its neighbours, ``step / 2`` to each side: an event lasts from half a
    step before its first key frame to half a step behind its last, within the video.

    Args:
        thresholds (Mapping[int, float]): Of each class id the score that makes an event.
        step (float): Seconds between key frames.
        low (float): Share of the threshold that does not end an event, 0 to 1. Defaults to ``LOW``.
        min_length (float): Seconds that an event lasts at least. Defaults to ``MIN_LENGTH``.
        max_gap (float, optional): Seconds between key frames with the person within an event, at most. Defaults to
            None: two steps, so one key frame may be missed.

    Raises:
        ValueError: If an argument is out of its range.
    """

    def __init__(self, thresholds: Mapping[int, float], step: float, low: float = LOW, min_length: float = MIN_LENGTH,
                 max_gap: Optional[float] = None) -> None:
        if not 0 <= low <= 1:
            raise ValueError(f'low={low}: expected a share of the threshold, 0 to 1')
        if not min_length >= 0:
            raise ValueError(f'min_length={min_length}: expected 0 seconds or more')
        if not step > 0:
            raise ValueError(f'step={step}: expected more than 0 seconds')
        self._high, self._low, self._step, self._min_length = dict(thresholds), low, step, min_length
        self._max_gap = 2 * step if max_gap is None else max_gap
        self._open: Dict[Tuple[str, int, int], List[Tuple[float, float]]] = {}  # video, person, class: time, score
        self._names: Dict[int, str] = {}

    def add(self, key_frame: KeyFrameActions) -> List[Event]:
        """The events that have ended by the key frame, which comes behind those added before."""
        self._names = key_frame.classes
        found = list(self._close([
            key for key, row in self._open.items()
            if key[0] != key_frame.video or key_frame.time - row[-1][0] > self._max_gap + 1e-9]))
        for person in key_frame.people:
            for label, score in zip(key_frame.classes, person.scores.tolist()):
                key = (key_frame.video, person.id, label)
                if score >= self._low * self._high[label]:
                    self._open.setdefault(key, []).append((key_frame.time, score))
                elif key in self._open:
                    found += self._close([key])
        return found

    def finish(self, duration: float = float('inf')) -> List[Event]:
        """The events that are open when the video ends, at ``duration`` seconds."""
        return list(self._close(list(self._open), duration))

    def _close(self, keys: Sequence[Tuple[str, int, int]], duration: float = float('inf')) -> Iterator[Event]:
        for key in keys:
            times, scores = np.array(self._open.pop(key)).T
            video, person, label = key
            for first, end in stretches(times, scores, self._high[label], self._low * self._high[label],
                                        self._max_gap):
                start = max(float(times[first]) - self._step / 2, 0)
                stop = min(float(times[end - 1]) + self._step / 2, duration)
                if stop - start >= self._min_length - 1e-9:
                    yield Event(video, person, label, self._names[label], round(start, 3), round(stop, 3),
                                round(float(scores[first:end].mean()), 4), end - first)


def find_events(key_frames: Iterable[KeyFrameActions], thresholds: Mapping[int, float], step: float,
                duration: float = float('inf'), **options) -> List[Event]:
    """The events of the key frames of a video, by their starts.

    Args:
        key_frames (Iterable[KeyFrameActions]): In their order.
        thresholds, step, **options: See :class:`EventFinder`.
        duration (float): Seconds of the video. Defaults to no end.
    """
    finder = EventFinder(thresholds, step, **options)
    found = [event for key_frame in key_frames for event in finder.add(key_frame)] + finder.finish(duration)
    return sorted(found, key=by_start)


def by_start(event: Event) -> tuple:
    """Sorts events."""
    return event.start, event.person, event.action_id


def write_events(path: Path, events: Sequence[Event]) -> None:
    """Write events by their starts: a csv with a header, or a json list, by the suffix."""
    path = Path(path)
    if path.suffix not in ('.csv', '.json'):
        raise ValueError(f'{path}: expected events as .csv or .json')
    rows = [asdict(event) for event in sorted(events, key=by_start)]
    with whole_file(path) as part, open(part, 'w', newline='', encoding='utf-8') as file:
        if path.suffix == '.json':
            file.write(json.dumps(rows, indent=1, ensure_ascii=False) + '\n')
        else:
            table = csv.DictWriter(file, list(Event.__annotations__), lineterminator='\n')
            table.writeheader()
            table.writerows(rows)
