"""Boxes on key frames and their overlap. numpy only."""
from typing import NamedTuple, Tuple

import numpy as np


class Boxes(NamedTuple):
    """N labelled boxes on key frames.

    Attributes:
        frame (np.ndarray): (N,) number of the key frame; -1 for one that the ground truth does not list.
        box (np.ndarray): (N, 4) x1, y1, x2, y2.
        label (np.ndarray): (N,) class ids.
        score (np.ndarray): (N,); of ground truth the person id, which decides the order of equals, or one number for
            all.
    """
    frame: np.ndarray
    box: np.ndarray
    label: np.ndarray
    score: np.ndarray

    def take(self, index: np.ndarray) -> 'Boxes':
        """Some of the boxes, by mask or index."""
        return Boxes(*(column[index] for column in self))


def pairwise_iou(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """IoU of boxes (..., 4) with boxes (..., 4), pair by pair as numpy broadcasts them.

    Args:
        one, other (np.ndarray): x1, y1, x2, y2, in one unit.

    Returns:
        np.ndarray: (...) float64; 0 where neither box has an area. (N, 1, 4) and (M, 4) give (N, M).
    """
    sides = np.minimum(one[..., 2:], other[..., 2:]) - np.maximum(one[..., :2], other[..., :2])
    sides = np.maximum(sides, 0, dtype=np.float64)  # areas stay in the boxes' own precision, as in np_box_ops
    intersection = sides[..., 1] * sides[..., 0]
    areas = [(boxes[..., 3] - boxes[..., 1]) * (boxes[..., 2] - boxes[..., 0]) for boxes in (one, other)]
    union = areas[0] + areas[1] - intersection
    return np.divide(intersection, union, out=np.zeros_like(union), where=union > 0)


def best_overlaps(boxes: Boxes, ground_truth: Boxes, num_frames: int) -> Tuple[np.ndarray, np.ndarray]:
    """For each box the overlap (IoU) with the annotated box of its frame and label that overlaps most.

    Args:
        boxes (Boxes): N detections.
        ground_truth (Boxes): M annotated boxes.
        num_frames (int): Frame numbers are below it.

    Returns:
        tuple[np.ndarray]: (N,) the overlap, 0 where the frame has no such label, and (N,) the index of the annotated
        box, the first of equals.
    """
    order = np.argsort(ground_truth.label * num_frames + ground_truth.frame, kind='stable')
    keys = (ground_truth.label * num_frames + ground_truth.frame)[order]
    groups, starts, sizes = np.unique(keys, return_index=True, return_counts=True)
    overlap, match = np.zeros(len(boxes.frame)), np.zeros(len(boxes.frame), np.int64)
    if not len(groups) or not len(boxes.frame):
        return overlap, match
    wanted = boxes.label * num_frames + boxes.frame
    group = np.minimum(np.searchsorted(groups, wanted), len(groups) - 1)
    paired = np.flatnonzero(groups[group] == wanted)
    sizes, starts = sizes[group[paired]], starts[group[paired]]
    # One entry for each pair of a detection with an annotated box of its frame and label.
    first = np.cumsum(sizes) - sizes
    candidate = order[np.arange(sizes.sum()) - np.repeat(first - starts, sizes)]
    iou = pairwise_iou(boxes.box[np.repeat(paired, sizes)], ground_truth.box[candidate])
    overlap[paired] = np.maximum.reduceat(iou, first)
    is_best = iou == np.repeat(overlap[paired], sizes)
    position = np.where(is_best, np.arange(len(iou)), len(iou))
    match[paired] = candidate[np.minimum.reduceat(position, first)]
    return overlap, match
