"""Overlaps of boxes. numpy only."""
import numpy as np


def pairwise_iou(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Intersection over union of boxes (n, 4) and (m, 4), x1, y1, x2, y2: (n, m)."""
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum(one[:, None, 2:], other[None, :, 2:])
    inter = (high - low).clip(0).prod(2)
    area = [(boxes[:, 2:] - boxes[:, :2]).prod(1) for boxes in (one, other)]
    union = area[0][:, None] + area[1] - inter
    return np.divide(inter, union, out=np.zeros_like(inter), where=union > 0)
