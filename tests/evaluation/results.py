"""Evaluation results made by hand."""
import numpy as np

from stssa_mm.evaluation.average_precision import average_precision
from stssa_mm.evaluation.result import EvaluationResult


def make_result(classes, videos=None, iou=(0.5,), **changes):
    """A result from annotations and detections.

    Args:
        classes (dict): Name to (annotated boxes of each video, detections); a detection is (video index, score,
            matched), or with several thresholds a tuple of matched.
        videos (Sequence[str]): Names. Defaults to v0, v1, ...
        iou (tuple[float]): Thresholds. Defaults to 0.5 alone.
        **changes: Other attributes of :class:`EvaluationResult`.
    """
    ground_truth = np.array([boxes for boxes, _ in classes.values()]).T
    detections = [sorted(found, key=lambda row: -row[1]) for _, found in classes.values()]
    rows = [row for found in detections for row in found]
    matched = np.array([np.broadcast_to(row[2], len(iou)) for row in rows], bool).reshape(-1, len(iou)).T
    counts = [len(found) for found in detections]
    ends = np.cumsum(counts)
    num_gt = ground_truth.sum(0)
    ap = np.array([[average_precision(matches[end - count:end], gt) for end, count, gt in zip(ends, counts, num_gt)]
                   for matches in matched])
    return EvaluationResult(**dict(
        dict(
            rule='activitynet',
            iou=tuple(iou),
            class_ids=tuple(range(1, len(classes) + 1)),
            names=tuple(classes),
            ap=ap,
            num_gt=num_gt,
            num_det=np.array(counts),
            num_key_frames=10,
            videos=tuple(videos or (f'v{index}' for index in range(len(ground_truth)))),
            gt_per_video=ground_truth,
            video=np.array([row[0] for row in rows], int),
            score=np.array([row[1] for row in rows], float),
            matched=matched), **changes))


def random_result(seed, num_classes=4, num_videos=6, iou=(0.5,), skill=0.6):
    """A result with one class that is never detected and one without ground truth; the truth is the same for all."""
    truth = np.random.default_rng(0).integers(0, 5, (num_classes, num_videos))
    truth[0] = 0
    rng = np.random.default_rng(seed)
    classes = {}
    for index, boxes in enumerate(truth):
        found = []
        for video, count in enumerate(boxes if index != 1 else ()):
            hits = rng.random(count) < skill
            found += [(video, rng.random() + 0.3, tuple(hit and rng.random() < 1 - 0.4 * k for k in range(len(iou))))
                      for hit in hits]
            found += [(video, rng.random(), (False, ) * len(iou)) for _ in range(rng.integers(0, 4))]
        classes[f'class {index}'] = (boxes, found)
    return make_result(classes, iou=iou)
