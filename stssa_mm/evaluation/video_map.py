"""Video-mAP: average precision over tubes. numpy only."""
from typing import Dict, List, NamedTuple, Sequence, Tuple

import numpy as np

from .average_precision import AP_FORMS
from .tubes import Tube, tube_iou

COCO_THRESHOLDS = tuple(round(0.5 + 0.05 * index, 2) for index in range(10))
THRESHOLDS = (0.2, *COCO_THRESHOLDS)


class VideoMAP(NamedTuple):
    """AP of each class at each threshold.

    Attributes:
        thresholds (tuple[float]): I thresholds.
        labels (tuple[int]): K ids of the classes with ground truth.
        ap (np.ndarray): (I, K) from 0 to 1.
    """
    thresholds: Tuple[float, ...]
    labels: Tuple[int, ...]
    ap: np.ndarray

    def summary(self) -> Dict[str, float]:
        """Means over the classes: ``video-mAP@<threshold>`` at 0.2, 0.5 and 0.75, and ``video-mAP@0.5:0.95``.

        Thresholds that were not evaluated are left out; nan without ground truth.
        """
        means = self.ap.mean(1) if self.labels else np.full(len(self.thresholds), np.nan)
        at = dict(zip(self.thresholds, means.tolist()))
        summary = {f'video-mAP@{threshold}': at[threshold] for threshold in (0.2, 0.5, 0.75) if threshold in at}
        if set(COCO_THRESHOLDS) <= set(at):
            summary['video-mAP@0.5:0.95'] = float(np.mean([at[threshold] for threshold in COCO_THRESHOLDS]))
        return summary


def video_map(ground_truth: Sequence[Tube], detections: Sequence[Tube],
              thresholds: Sequence[float] = THRESHOLDS, ap_form: str = 'area') -> VideoMAP:
    """Match detected tubes to annotated ones and compute AP, as for JHMDB and UCF101-24.

    The detections of a class, by falling score, each take the annotated tube of their video and class that they
    overlap most, of those not taken yet; it is a true positive if that overlap (temporal IoU times mean spatial IoU)
    reaches the threshold. Detections of a class without ground truth count nowhere.

    The matching is that of ACT (Kalogeiton et al., "Action Tubelet Detector", ICCV 2017, ``videoAP`` of its ACT.py,
    which MOC took over). What remains different: boxes end at their coordinates, not a pixel later; of equal scores
    the earlier comes first, where ACT leaves it to its sort; numbers are not rounded to float32; a class without ground
    truth is outside the mean, where ACT divides by 0; and by default AP is the area under the interpolated precision,
    where ACT has ``'trapezoid'``. ACT suppresses overlapping tubes before
    (:func:`~stssa_mm.evaluation.tubes.suppress_tubes`); here the detections count as given.

    Args:
        ground_truth (Sequence[Tube]): Annotated tubes.
        detections (Sequence[Tube]): Detected tubes with scores.
        thresholds (Sequence[float]): Least overlaps. Defaults to 0.2 and 0.5 to 0.95 in steps of 0.05.
        ap_form (str): ``'area'`` under the interpolated precision
            (:func:`~.average_precision.average_precision`), ``'trapezoid'`` (:func:`~.average_precision.trapezoid_ap`)
            or ``'11points'`` (:func:`~.average_precision.eleven_point_ap`). Defaults to ``'area'``.

    Returns:
        VideoMAP: AP of the classes with ground truth.

    Raises:
        ValueError: If the frames of a tube do not rise, or their number is not that of its boxes. If there is no such
            form of AP.
    """
    if ap_form not in AP_FORMS:
        raise ValueError(f'ap_form={ap_form!r}: expected one of {", ".join(AP_FORMS)}')
    for tube in (*ground_truth, *detections):
        if not len(tube.frames) or np.any(np.diff(tube.frames) <= 0) or np.shape(tube.boxes) != (len(tube.frames), 4):
            raise ValueError(f'tube of class {tube.label} in video {tube.video}: found frames '
                             f'{np.asarray(tube.frames).tolist()} and boxes of shape {np.shape(tube.boxes)}: expected '
                             'n rising frames and (n, 4) boxes')
    labels = sorted({tube.label for tube in ground_truth})
    ap = np.zeros((len(thresholds), len(labels)))
    for index, label in enumerate(labels):
        truth: Dict[str, List[Tube]] = {}
        for tube in ground_truth:
            if tube.label == label:
                truth.setdefault(tube.video, []).append(tube)
        found = sorted((tube for tube in detections if tube.label == label), key=lambda tube: -tube.score)
        overlaps = [np.array([tube_iou(tube, other) for other in truth.get(tube.video, ())]) for tube in found]
        for row, threshold in enumerate(thresholds):
            matched = _match(found, overlaps, threshold)
            ap[row, index] = AP_FORMS[ap_form](matched, sum(map(len, truth.values())))
    return VideoMAP(tuple(thresholds), tuple(labels), ap)


def _match(found: Sequence[Tube], overlaps: Sequence[np.ndarray], threshold: float) -> np.ndarray:
    """(n,) bool, true positives, for tubes by falling score and their overlaps with the truth of their video."""
    taken: Dict[str, set] = {}
    matched = np.zeros(len(found), bool)
    for index, (tube, overlap) in enumerate(zip(found, overlaps)):
        done = taken.setdefault(tube.video, set())
        free = [other for other in range(len(overlap)) if other not in done]
        if free:
            best = max(free, key=overlap.__getitem__)
            if overlap[best] >= threshold:
                matched[index] = True
                done.add(best)
    return matched
