"""What random scores reach: the mAP to which a model's has to be compared. numpy only."""
from typing import NamedTuple, Optional

import numpy as np

DRAWS = 5
SEED = 0


class Chance(NamedTuple):
    """What an order of boxes that are given can reach.

    Attributes:
        mean_ap (float): mAP of random scores; nan where no class counts.
        upper_bound (float): No order of these boxes has a higher mAP: each class's share of annotated boxes that a box
            finds, one box each.
    """
    mean_ap: float
    upper_bound: float


def random_scores(frame: np.ndarray,
                  label: np.ndarray,
                  found: np.ndarray,
                  match: np.ndarray,
                  num_gt: np.ndarray,
                  capacity: Optional[int] = None,
                  counted: Optional[np.ndarray] = None) -> Chance:
    """mAP of labelled boxes under uniform random scores, the mean of 5 draws from a fixed seed.

    Args:
        frame (np.ndarray): (N,) key frame of each labelled box.
        label (np.ndarray): (N,) class, from 0 to K - 1.
        found (np.ndarray): (M,) the rows that overlap an annotated box of their frame and class enough.
        match (np.ndarray): (M,) which annotated box each of them overlaps most.
        num_gt (np.ndarray): (K,) annotated boxes of each class; a class without is outside the mean.
        capacity (int, optional): Labelled boxes of a frame that count, those of highest score. Defaults to all.
        counted (np.ndarray, optional): (N,) bool, False for boxes that take a place under the cap and are then dropped.
            Defaults to all True.

    Returns:
        Chance: Over the classes with ground truth; one that has no labelled box has AP 0.
    """
    classes = np.flatnonzero(num_gt)
    if not len(classes):
        return Chance(float('nan'), float('nan'))
    groups = _over_full(frame, capacity)
    draws = np.random.default_rng(SEED)
    values = []
    for _ in range(DRAWS):
        score = draws.random(len(frame))
        kept = np.ones(len(frame), bool) if counted is None else counted.copy()
        for rows in groups:
            of_frame = score[rows]
            lowest = np.partition(of_frame, -capacity, axis=1)[:, -capacity]
            kept[rows[of_frame < lowest[:, None]]] = False
        values.append(_mean_ap(label, score, kept, found, match, num_gt, classes))
    reached = np.bincount(label[found[np.unique(match, return_index=True)[1]]], minlength=len(num_gt))
    return Chance(float(np.mean(values)), float((reached[classes] / num_gt[classes]).mean()))


def _over_full(frame: np.ndarray, capacity: Optional[int]) -> list:
    """Rows of the frames that have more than ``capacity``: for each number of rows an array (frames, rows)."""
    if capacity is None or not len(frame):
        return []
    order = np.argsort(frame, kind='stable')
    _, start, count = np.unique(frame[order], return_index=True, return_counts=True)
    return [order[start[count == number][:, None] + np.arange(number)]
            for number in np.unique(count[count > capacity])]


def _mean_ap(label: np.ndarray, score: np.ndarray, kept: np.ndarray, found: np.ndarray, match: np.ndarray,
             num_gt: np.ndarray, classes: np.ndarray) -> float:
    """mAP of different scores below 1."""
    order = np.argsort(-score[found])
    order = order[kept[found[order]]]
    # Of the boxes that find the same annotated one the best is the true positive; by falling score.
    positive = found[order[np.sort(np.unique(match[order], return_index=True)[1])]]
    # One sort ranks all classes: a box's rank is the number of boxes of its class that are not below it.
    ranked = np.sort((label + score)[kept])
    of = label[positive]
    rank = np.searchsorted(ranked, of + 1) - np.searchsorted(ranked, of + score[positive])
    total = 0.0
    for number in classes:
        precision = np.arange(1, (of == number).sum() + 1) / rank[of == number]
        total += np.maximum.accumulate(precision[::-1]).sum() / num_gt[number]
    return total / len(classes)
