"""Frame-AP of detections on key frames. numpy only."""
from typing import Mapping, Sequence

import numpy as np

from .average_precision import average_precision
from .boxes import Boxes, best_overlaps
from .chance import random_scores
from .official_order import first_appearance, official_order, sort_by
from .result import EvaluationResult

RULES = ('activitynet', 'mmaction2')
CAPACITY = 50  # labelled boxes of a key frame that the official script reads


def true_positives(overlap: np.ndarray, match: np.ndarray, threshold: float) -> np.ndarray:
    """Which detections, given by falling score, are the first to find their annotated box: (N,) bool."""
    found = np.flatnonzero(overlap >= threshold)
    positive = np.zeros(len(overlap), bool)
    positive[found[np.unique(match[found], return_index=True)[1]]] = True
    return positive


def frame_map(ground_truth: Boxes,
              detections: Boxes,
              classes: Mapping[int, str],
              frame_video: np.ndarray,
              videos: Sequence[str],
              excluded: np.ndarray = None,
              iou: Sequence[float] = (0.5, ),
              rule: str = 'activitynet',
              chance: bool = False) -> EvaluationResult:
    """Average precision of each class over all key frames.

    A detection is compared with the annotated box of its frame and class that overlaps most; it is a true positive if
    the overlap reaches the threshold and no detection of higher score has taken that box. AP is the area under the
    precision-recall curve with interpolated precision (PASCAL VOC 2010 and later). Both rules rank equal scores as the
    code that they follow does: by numpy's unstable ``argsort`` of the scores of a class, reversed, whose order of ties
    differs between processors.

    Rules:

    - ``'activitynet'``: the official script (ActivityNet, ``get_ava_performance.py``, 2020 and later). The 50 best
      labelled boxes of a frame count, see :func:`~.official_order.official_order`; of these, boxes without area are
      dropped; detections on frames that the ground truth does not list count nowhere, nor do excluded frames; a class
      with ground truth and no detection has AP 0, one without ground truth is outside the mean.
    - ``'mmaction2'``: MMAction2's ``ava_eval``. No cap; boxes without area are false; annotated boxes of excluded
      frames count as missed; a class that is never detected is outside the mean; frames need an annotated box of one of
      the classes; computed in float32.

    Args:
        ground_truth (Boxes): Annotated boxes. Labels outside ``classes`` are left out.
        detections (Boxes): Detections. Labels outside ``classes`` are left out.
        classes (Mapping[int, str]): Class id to name.
        frame_video (np.ndarray): (F,) index into ``videos`` of each key frame that the ground truth lists.
        videos (Sequence[str]): Names of the videos.
        excluded (np.ndarray, optional): (F,) bool, key frames to leave out. Defaults to none.
        iou (Sequence[float]): Thresholds. Defaults to (0.5,).
        rule (str): ``'activitynet'`` or ``'mmaction2'``. Defaults to ``'activitynet'``.
        chance (bool): Also compute what random scores of the same boxes reach. Defaults to False.

    Returns:
        EvaluationResult: AP of each class at each threshold, and the matches.

    Raises:
        ValueError: If the rule is unknown or a threshold is not above 0 and at most 1.
    """
    if rule not in RULES:
        raise ValueError(f'rule={rule!r}: expected one of {RULES}')
    iou = tuple(float(threshold) for threshold in iou)
    if not iou or any(not 0 < threshold <= 1 for threshold in iou):
        raise ValueError(f'iou={iou}: expected one or more thresholds above 0 and at most 1')
    mmaction2 = rule == 'mmaction2'
    num_frames = len(frame_video)
    excluded = np.zeros(num_frames, bool) if excluded is None else np.asarray(excluded)
    class_ids = np.array(sorted(classes))

    def of_interest(boxes, allowed):
        known = np.isin(boxes.label, class_ids) & (boxes.frame >= 0)
        known[known] = allowed[boxes.frame[known]]
        boxes = boxes if known.all() else boxes.take(known)
        box = boxes.box.astype(np.float32 if mmaction2 else np.float64)
        return Boxes(boxes.frame.astype(np.int64), box, np.searchsorted(class_ids, boxes.label), boxes.score)

    everywhere = of_interest(ground_truth, np.ones(num_frames, bool))
    annotated = everywhere.take(~excluded[everywhere.frame])
    counted = everywhere if mmaction2 else annotated
    num_gt = np.bincount(counted.label, minlength=len(class_ids))
    listed = ~excluded
    if mmaction2:
        listed = listed & np.isin(np.arange(num_frames), everywhere.frame)
    detections = of_interest(detections, listed)
    # Of annotated boxes that overlap as much, the first in the order of the code that the rule follows is taken.
    annotated = annotated.take(sort_by(annotated.score) if mmaction2 else official_order(*annotated))
    overlap, match = best_overlaps(detections, annotated, num_frames)
    has_area = (detections.box[:, 2:] > detections.box[:, :2]).all(1) | mmaction2
    random = None
    if chance:
        found = np.flatnonzero((overlap >= iou[0]) & has_area)
        in_mean = num_gt * np.isin(np.arange(len(class_ids)), detections.label) if mmaction2 else num_gt
        random = random_scores(detections.frame, detections.label, found, match[found], in_mean,
                               None if mmaction2 else CAPACITY, has_area)
    if mmaction2:
        place = np.zeros(num_frames, np.int64)
        place[everywhere.frame] = first_appearance(everywhere.frame)
        order = sort_by(detections.score, place[detections.frame], detections.label)
    else:
        order = official_order(*detections, CAPACITY)
        order = order[has_area[order]]
        order = order[sort_by(np.zeros(len(order)), detections.label[order])]
    detections, overlap, match = detections.take(order), overlap[order], match[order]
    num_det = np.bincount(detections.label, minlength=len(class_ids))
    ends = np.cumsum(num_det)
    matched = np.stack([true_positives(overlap, match, threshold) for threshold in iou])
    # An unstable sort, which ranks ties as the upstream code does only where it is given the same numbers.
    score = detections.score.astype(np.float32 if mmaction2 else np.float64)
    rank = np.concatenate([np.zeros(0, int)] + [
        start + np.argsort(score[start:end])[::-1] for start, end in zip(ends - num_det, ends)])
    frame, score, matched = detections.frame[rank], score[rank], matched[:, rank]
    ap = np.full((len(iou), len(class_ids)), np.nan)
    for k, (start, end) in enumerate(zip(ends - num_det, ends)):
        if num_gt[k] and (num_det[k] or not mmaction2):
            ap[:, k] = [average_precision(row[start:end], num_gt[k]) for row in matched]
    per_video = np.zeros((len(videos), len(class_ids)), np.int64)
    np.add.at(per_video, (frame_video[counted.frame], counted.label), 1)
    return EvaluationResult(
        rule=rule,
        iou=iou,
        class_ids=tuple(class_ids.tolist()),
        names=tuple(classes[label] for label in class_ids.tolist()),
        ap=ap,
        num_gt=num_gt,
        num_det=num_det,
        num_key_frames=int(listed.sum()),
        videos=tuple(videos),
        gt_per_video=per_video,
        video=frame_video[frame],
        score=score,
        matched=matched,
        chance=random and random.mean_ap,
        upper_bound=random and random.upper_bound)
