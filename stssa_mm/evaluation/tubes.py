"""Boxes linked over time into tubes. numpy only.

A key frame is a whole number, such as AVA's seconds or JHMDB's frames; ``step`` is the distance of one to the next.
"""
from typing import Dict, List, NamedTuple, Sequence, Tuple

import numpy as np

from .boxes import pairwise_iou


class Tube(NamedTuple):
    """One person doing one thing from one key frame to another.

    Attributes:
        video (str): Its video.
        label (int): Class id.
        frames (np.ndarray): (n,) int key frames, rising.
        boxes (np.ndarray): (n, 4) x1, y1, x2, y2, relative or in pixels.
        score (float): Of a detected tube. Defaults to 1.0.
    """
    video: str
    label: int
    frames: np.ndarray
    boxes: np.ndarray
    score: float = 1.0


def tube_iou(one: Tube, other: Tube) -> float:
    """Temporal IoU times the mean spatial IoU over the common key frames."""
    common, in_one, in_other = np.intersect1d(one.frames, other.frames, assume_unique=True, return_indices=True)
    if not len(common):
        return 0.0
    temporal = len(common) / (len(one.frames) + len(other.frames) - len(common))
    return float(temporal * pairwise_iou(one.boxes[in_one], other.boxes[in_other]).mean())


def _groups(*keys) -> Dict[tuple, np.ndarray]:
    """Indices of the rows that share all keys, in their order."""
    groups: Dict[tuple, list] = {}
    for index, key in enumerate(zip(*(np.asarray(column).tolist() for column in keys))):
        groups.setdefault(key, []).append(index)
    return {key: np.array(indices) for key, indices in groups.items()}


def ground_truth_tubes(video: np.ndarray, frame: np.ndarray, box: np.ndarray, label: np.ndarray, person: np.ndarray,
                       step: int = 1) -> List[Tube]:
    """Tubes of annotated boxes: those of one video, person and class on key frames without a gap.

    Args:
        video (np.ndarray): (n,) names.
        frame (np.ndarray): (n,) int key frames.
        box (np.ndarray): (n, 4).
        label (np.ndarray): (n,) class ids.
        person (np.ndarray): (n,) ids that link the boxes of a person in a video.
        step (int): From one key frame to the next. Defaults to 1.

    Returns:
        list[Tube]: By video, person and class as they first come up. A person who stops and starts again gives two.

    Raises:
        ValueError: If a person has two boxes of a class on one key frame.
    """
    frame, box = np.asarray(frame), np.asarray(box, float)
    tubes = []
    for (name, number, class_id), rows in _groups(video, person, label).items():
        rows = rows[np.argsort(frame[rows], kind='stable')]
        gaps = np.diff(frame[rows])
        if (gaps == 0).any():
            raise ValueError(f'video {name}, key frame {frame[rows][1:][gaps == 0][0]}: person {number} has two boxes '
                             f'of class {class_id}: number the people of a video differently')
        for part in np.split(rows, np.flatnonzero(gaps > step) + 1):
            tubes.append(Tube(name, class_id, frame[part], box[part]))
    return tubes


def link_detections(video: np.ndarray, frame: np.ndarray, box: np.ndarray, label: np.ndarray, score: np.ndarray,
                    iou: float = 0.3, max_missed: int = 4, step: int = 1, min_length: int = 1) -> List[Tube]:
    """Greedy online linking of the boxes of each video and class, as it is done for JHMDB and UCF101-24.

    Key frame by key frame, the live tubes by falling mean score each take the box of highest score among those that
    overlap their last box; the boxes that are left start new tubes. A tube ends when it has found none for more than
    ``max_missed`` key frames. Boxes of missed key frames are interpolated, and a tube's score is the mean of the
    scores that it was linked from. Source: Singh et al., "Online Real-time Multiple Spatiotemporal Action Localisation
    and Prediction", ICCV 2017, without its trimming of tubes in time.

    This is not the linking of ACT (Kalogeiton et al., "Action Tubelet Detector", ICCV 2017, ``BuildTubes`` of its
    ACT.py), which links tubelets of 6 frames by their overlap on the common ones (0.2) and averages them, and takes the
    10 best tubelets of a frame. It also leaves out tubes shorter than 15 frames (``min_length=15``), which is not the
    default here, and those of a score below 0.01.

    Args:
        video (np.ndarray): (n,) names.
        frame (np.ndarray): (n,) int key frames.
        box (np.ndarray): (n, 4).
        label (np.ndarray): (n,) class ids.
        score (np.ndarray): (n,).
        iou (float): Least overlap with a tube's last box. Defaults to 0.3: 0.5 breaks 4 % of JHMDB's annotated tubes.
        max_missed (int): Key frames in a row without a box that a tube survives. Defaults to 4.
        step (int): From one key frame to the next. Defaults to 1.
        min_length (int): Key frames that a tube has at least, from its first to its last. Defaults to 1.

    Returns:
        list[Tube]: By video and class as they first come up, then as they began.

    Raises:
        ValueError: If key frames of a video are not a multiple of ``step`` apart, or ``min_length`` is below 1.
    """
    if min_length < 1:
        raise ValueError(f'min_length {min_length}: expected 1 or more key frames')
    frame, box, score = np.asarray(frame), np.asarray(box, float), np.asarray(score, float)
    tubes = []
    for (name, class_id), rows in _groups(video, label).items():
        times = frame[rows]
        if ((times - times.min()) % step).any():
            raise ValueError(f'video {name}: key frames {np.unique(times)[:5].tolist()}... are not a multiple of step '
                             f'{step} apart')
        for linked in _link(rows, frame, box, score, iou, (max_missed + 1) * step):
            if frame[linked[-1]] - frame[linked[0]] < (min_length - 1) * step:
                continue
            tubes.append(Tube(name, class_id, *_interpolated(frame[linked], box[linked], step),
                              float(score[linked].mean())))
    return tubes


def suppress_tubes(tubes: Sequence[Tube], iou: float) -> List[Tube]:
    """Non-maximum suppression of the tubes of each video and class, ``nms3dt`` of ACT, whose threshold is 0.3.

    The tube of highest score stays, those whose spatio-temporal overlap with it (:func:`tube_iou`) is above the
    threshold go, and so on with what is left. Of equal scores the earlier stays.

    Args:
        tubes (Sequence[Tube]): Detected tubes.
        iou (float): Above it a tube goes.

    Returns:
        list[Tube]: Those that stay, in their order.

    Raises:
        ValueError: If the threshold is not from 0 to 1.
    """
    if not 0 <= iou <= 1:
        raise ValueError(f'threshold of the suppression {iou:g}: expected 0 to 1')
    kept = []
    for rows in _groups([tube.video for tube in tubes], [tube.label for tube in tubes]).values():
        best: List[int] = []
        for index in sorted(rows.tolist(), key=lambda index: -tubes[index].score):
            if all(tube_iou(tubes[index], tubes[other]) <= iou for other in best):
                best.append(index)
        kept += best
    return [tubes[index] for index in sorted(kept)]


def _link(rows: np.ndarray, frame: np.ndarray, box: np.ndarray, score: np.ndarray, iou: float,
          reach: int) -> List[List[int]]:
    """Indices of the boxes of each tube; ``reach`` is how far apart in time two linked boxes may be."""
    tubes: List[List[int]] = []
    live: List[List[int]] = []
    rows = rows[np.lexsort((-score[rows], frame[rows]))]
    for new in np.split(rows, np.flatnonzero(np.diff(frame[rows])) + 1):
        live = [tube for tube in live if frame[new[0]] - frame[tube[-1]] <= reach]
        live.sort(key=lambda tube: -score[tube].mean())
        last = box[[tube[-1] for tube in live]].reshape(-1, 1, 4)
        free = np.ones(len(new), bool)
        for tube, near in zip(live, pairwise_iou(box[new], last) >= iou):
            best = np.flatnonzero(near & free)[:1]  # they fall in score
            tube += new[best].tolist()
            free[best] = False
        started = [[index] for index in new[free].tolist()]
        tubes += started
        live += started
    return tubes


def _interpolated(frames: np.ndarray, boxes: np.ndarray, step: int) -> Tuple[np.ndarray, np.ndarray]:
    """All key frames from the first to the last, and their boxes."""
    every = np.arange(frames[0], frames[-1] + 1, step)
    return every, np.stack([np.interp(every, frames, boxes[:, side]) for side in range(4)], 1)
