"""People over time."""
from itertools import count
from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from stssa_mm.evaluation.boxes import pairwise_iou

LEAST_IOU = 0.3


class PeopleLinks:
    """Gives the people of a video numbers, moment by moment: by the assignment with the largest sum of IoUs.

    Args:
        least_iou (float): A pair with less is two people. Defaults to 0.3.
        patience (float): Somebody who is not seen for longer, in the unit of the times, is somebody else when seen
            again. Defaults to 0: whom the moment before lacks.
    """

    def __init__(self, least_iou: float = LEAST_IOU, patience: float = 0) -> None:
        self.least_iou, self.patience = least_iou, patience
        self._numbers = count()
        self._people: Dict[int, Tuple[float, np.ndarray]] = {}  # when each was seen last, and where
        self._before = -np.inf

    def update(self, time: float, boxes: np.ndarray) -> List[int]:
        """The numbers, from 0, of the people in boxes (n, 4), which all moments give in the same unit."""
        since = min(self._before, time - self.patience)
        self._people = {number: seen for number, seen in self._people.items() if seen[0] >= since}
        known, own = list(self._people), [-1] * len(boxes)
        if known and len(boxes):
            ious = pairwise_iou(np.array([self._people[number][1] for number in known])[:, None], boxes)
            pairs = linear_sum_assignment(np.where(ious >= self.least_iou, ious, 0), maximize=True)
            for before, now in zip(*pairs):
                if ious[before, now] >= self.least_iou:
                    own[now] = known[before]
        own = [next(self._numbers) if number < 0 else number for number in own]
        self._people.update((number, (time, box)) for number, box in zip(own, boxes))
        self._before = time
        return own


def link_people(frames: Sequence[np.ndarray], least_iou: float = LEAST_IOU, patience: int = 0) -> List[List[int]]:
    """Give the people of a video numbers, from a key frame to the next.

    Args:
        frames (Sequence[np.ndarray]): Boxes (n, 4) of each key frame, in order.
        least_iou (float): A pair with less is two people. Defaults to 0.3.
        patience (int): Key frames on which a person may be missed and keeps the number. Defaults to 0.

    Returns:
        list[list[int]]: A number for each box, from 0.
    """
    links = PeopleLinks(least_iou, patience + 1)
    return [links.update(time, boxes) for time, boxes in enumerate(frames)]


class Following(NamedTuple):
    """The people of a moment: their numbers (n,), and boxes (n, 5), x1, y1, x2, y2 and the detector's score."""
    numbers: List[int]
    boxes: np.ndarray


def follow_people(detections: Iterable[Tuple[float, np.ndarray]], moments: Iterable[float], patience: float,
                  least_iou: float = LEAST_IOU) -> Iterator[Following]:
    """The people of moments, from detections at moments of their own.

    At the moment of a detection a person has the detected box. Between two detections that the same person has, not
    more than ``patience`` apart, boxes and scores are interpolated; one who is missed in between is there all the same.
    Before the first and behind the last detection of a person nobody is there.

    Args:
        detections (Iterable[tuple[float, np.ndarray]]): Times in seconds, rising, and boxes (n, 5). No more of them is
            taken than ``patience`` behind the moment.
        moments (Iterable[float]): In seconds, rising.
        patience (float): Seconds.
        least_iou (float): See :class:`PeopleLinks`. Defaults to 0.3.

    Yields:
        Following: For each moment, by rising number.
    """
    links = PeopleLinks(least_iou, patience)
    tracks: Dict[int, List[Tuple[float, np.ndarray]]] = {}
    detections, latest = iter(detections), -np.inf
    for moment in moments:
        while latest < moment + patience:
            time, boxes = next(detections, (np.inf, ()))
            latest = time
            if time < np.inf:
                for number, box in zip(links.update(time, boxes[:, :4]), boxes):
                    tracks.setdefault(number, []).append((time, box))
        found = {number: box for number, box in ((number, _at(track, moment)) for number, track in tracks.items())
                 if box is not None}
        numbers = sorted(found)
        yield Following(numbers, np.array([found[number] for number in numbers]).reshape(-1, 5))
        for number in [number for number, track in tracks.items() if track[-1][0] < moment - patience]:
            del tracks[number]
        for track in tracks.values():
            while len(track) > 1 and track[1][0] <= moment:
                del track[0]


def _at(track: Sequence[Tuple[float, np.ndarray]], moment: float) -> Optional[np.ndarray]:
    """The box (5,) of a person at a moment, or None."""
    for place, (time, box) in enumerate(track):
        if time == moment:
            return box
        if time > moment:
            if not place:
                return None
            before, start = track[place - 1]
            share = (moment - before) / (time - before)
            return start + share * (box - start)
    return None
