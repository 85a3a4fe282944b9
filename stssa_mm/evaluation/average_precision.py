"""Average precision of the detections of one class, in its three forms. numpy only."""
import numpy as np


def interpolated(precision: np.ndarray) -> np.ndarray:
    """(n,) interpolated precision: the highest at this or a higher recall. ``precision`` (n,), by falling score."""
    return np.maximum.accumulate(precision[::-1])[::-1]


def average_precision(matched: np.ndarray, num_gt: float, weights: np.ndarray = 1.0) -> float:
    """Area under the precision-recall curve, with interpolated precision (PASCAL VOC 2010 and later).

    Args:
        matched (np.ndarray): (n,) bool, the detections of one class by falling score: is it a true positive?
        num_gt (float): Annotated boxes of the class, weighted if ``weights`` are given.
        weights (np.ndarray): (n,) what each detection counts. Defaults to 1.0 for all.

    Returns:
        float: 0 to 1, or nan if ``num_gt`` is 0.
    """
    if not num_gt:
        return float('nan')
    positive = np.cumsum(matched * weights)
    total = np.cumsum(np.broadcast_to(weights, matched.shape))
    precision = np.divide(positive, total, out=np.zeros(len(matched)), where=total > 0)
    return float(np.sum((interpolated(precision) * weights)[matched]) / num_gt)


def trapezoid_ap(matched: np.ndarray, num_gt: int) -> float:
    """Area under the points (recall, precision) joined by straight lines from (0, 1), ``pr_to_ap`` of ACT.

    Args:
        matched (np.ndarray): (n,) bool, the detections of one class by falling score: is it a true positive?
        num_gt (int): What there is to find, above 0.
    """
    precision = np.concatenate([[1.0], np.cumsum(matched) / np.arange(1, len(matched) + 1)])
    return float((precision[1:] + precision[:-1])[matched].sum() / 2 / num_gt)


def eleven_point_ap(matched: np.ndarray, num_gt: int) -> float:
    """Mean of the highest precision at a recall of at least 0, 0.1, ..., 1 (PASCAL VOC 2007).

    Recalls are compared as whole numbers: 3 of 10 found reach 0.3, which rounding denies in floating point.

    Args:
        matched (np.ndarray): (n,) bool, the detections of one class by falling score: is it a true positive?
        num_gt (int): What there is to find, above 0.
    """
    positive = np.cumsum(matched)
    precision = positive / np.arange(1, len(matched) + 1)
    return float(np.mean([precision[10 * positive >= tenth * num_gt].max(initial=0) for tenth in range(11)]))


AP_FORMS = {'area': average_precision, 'trapezoid': trapezoid_ap, '11points': eleven_point_ap}
