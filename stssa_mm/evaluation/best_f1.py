"""Thresholds for scores: those of the best F1."""
from typing import List

import numpy as np

from .result import EvaluationResult

DIGITS = 6  # of a threshold, rounded down, so that the detection that it was taken from reaches it


def best_f1(result: EvaluationResult, iou: float = None) -> List[dict]:
    """The score of each class at which the F1 of its detections is best: F1 = 2 TP / (detections + annotated boxes).

    Detections of at least this score count. Of several thresholds with the same F1 the highest is taken.

    Args:
        result (EvaluationResult): Of an evaluation, on validation data.
        iou (float, optional): Threshold of the matches, one of the result's. Defaults to the first.

    Returns:
        list[dict]: Of each class ``id``, ``name``, ``threshold``, ``f1``, ``precision`` and ``recall``; None for all
        four where no detection is right.
    """
    rows = []
    for index, (label, name) in enumerate(zip(result.class_ids, result.names)):
        part = result.detections_of(index)
        score = result.score[part]
        right = np.cumsum(result.matched[0 if iou is None else result.iou.index(iou), part])
        count = np.arange(1, len(score) + 1)
        last = np.append(score[1:] < score[:-1], True)[:len(score)]  # equal scores count together
        f1 = np.where(last, 2 * right / (count + result.num_gt[index]), -1)
        row = dict(id=label, name=name, threshold=None, f1=None, precision=None, recall=None)
        if len(score) and right[-1]:
            best = int(f1.argmax())
            row.update(
                threshold=float(np.floor(score[best] * 10**DIGITS) / 10**DIGITS),
                f1=float(f1[best]),
                precision=float(right[best] / count[best]),
                recall=float(right[best] / result.num_gt[index]))
        rows.append(row)
    return rows
