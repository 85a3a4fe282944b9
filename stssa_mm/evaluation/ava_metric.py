"""Frame-mAP of AVA-form data."""
from collections import defaultdict
from typing import Dict, List

import numpy as np
from mmaction.evaluation import read_labelmap
from mmaction.evaluation.functional.ava_evaluation.metrics import compute_average_precision, compute_precision_recall
from mmaction.evaluation.functional.ava_utils import make_image_key, read_csv, read_exclusions, tpfp_single
from mmaction.evaluation.metrics import AVAMetric
from mmengine.logging import MMLogger
from rich.console import Console
from rich.table import Table

from stssa_mm.registry import METRICS


def frame_ap(ground_truth: Dict[str, tuple], detections: Dict[str, tuple], classes: List[int],
             iou: float = 0.5) -> Dict[int, float]:
    """Average precision of each class, detections matched frame by frame with MMAction2's functions.

    As in ActivityNet's official script, and unlike MMAction2: a class with ground truth and no detection has AP 0.
    Only key frames of the ground truth count.

    Args:
        ground_truth (dict): Key frame to its boxes (n, 4) and labels (n).
        detections (dict): Key frame to its boxes (m, 4), labels (m) and scores (m).
        classes (list[int]): Class ids.
        iou (float): Least overlap of a match. Defaults to 0.5.

    Returns:
        dict[int, float]: AP from 0 to 1 of each class; nan without ground truth.
    """
    scores, matched, counts = defaultdict(list), defaultdict(list), defaultdict(int)
    for frame, (gt_boxes, gt_labels) in ground_truth.items():
        for label in gt_labels:
            counts[label] += 1
        boxes, labels, box_scores = detections.get(frame, ([], [], []))
        order = np.argsort(-np.asarray(box_scores), kind='stable')  # the matching expects descending scores
        frame_scores, frame_matched = tpfp_single(
            (gt_boxes, gt_labels, *(np.asarray(x)[order] for x in (boxes, labels, box_scores))), threshold=iou)
        for label in frame_scores:
            scores[label].append(frame_scores[label])
            matched[label].append(frame_matched[label])
    ap = {}
    for label in classes:
        if not counts[label] or label not in scores:
            ap[label] = 0.0 if counts[label] else float('nan')
            continue
        precision, recall = compute_precision_recall(
            np.concatenate(scores[label]), np.concatenate(matched[label]), counts[label])
        ap[label] = float(compute_average_precision(precision, recall))
    return ap


@METRICS.register_module()
class STSSAAVAMetric(AVAMetric):
    """:class:`AVAMetric` without files in the working directory, rounding and worker processes.

    Excluded frames count nowhere, and a class with ground truth but no detection has AP 0 (both as in the official
    script; MMAction2 counts the one and leaves out the other). ``mAP/overall`` is the mean over classes with ground
    truth.

    Args:
        per_class (bool): Also give the AP of each class as ``mAP/<name>``. Defaults to False.
        *args, **kwargs: Of :class:`AVAMetric`.
    """

    def __init__(self, *args, per_class: bool = False, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.per_class = per_class

    def compute_metrics(self, results: list) -> dict:
        """AP over all gathered results.

        Args:
            results (list[dict]): ``video_id``, ``timestamp`` and ``outputs`` (one (n, 5) array a class) of key frames.

        Returns:
            dict[str, float]: ``overall`` and, if asked for, the AP of each class by name.
        """
        with open(self.label_file) as file:
            names = {item['id']: item['name'] for item in read_labelmap(file)[0]}
        class_ids = self.custom_classes[1:] if self.custom_classes else sorted(names)
        with open(self.ann_file) as file:
            boxes, labels, _ = read_csv(file, set(class_ids))
        excluded = set()
        if self.exclude_file:
            with open(self.exclude_file) as file:
                excluded = read_exclusions(file)
        ground_truth = {frame: (boxes[frame], labels[frame]) for frame in boxes if frame not in excluded}
        detections = {}
        for result in results:
            frame = make_image_key(result['video_id'], result['timestamp'])
            by_class = [(index, rows) for index, rows in enumerate(result['outputs'], 1) if len(rows)]
            if by_class:
                rows = np.concatenate([rows for _, rows in by_class])
                ids = [self.custom_classes[index] if self.custom_classes else index
                       for index, rows in by_class for _ in range(len(rows))]
                detections[frame] = (rows[:, [1, 0, 3, 2]], ids, rows[:, 4])  # the reader gives y1, x1, y2, x2
        ap = frame_ap(ground_truth, detections, class_ids)
        present = [value for value in ap.values() if not np.isnan(value)]
        overall = float(np.mean(present)) if present else float('nan')
        self._log(ap, names, len(present), len(ground_truth), overall)
        metrics = {'overall': overall}
        if self.per_class:
            metrics.update({names[label]: value for label, value in ap.items()})
        return metrics

    @staticmethod
    def _log(ap: dict, names: dict, classes: int, frames: int, overall: float) -> None:
        table = Table('id', 'class', 'AP')
        for label, value in ap.items():
            table.add_row(str(label), names[label], 'no ground truth' if np.isnan(value) else f'{value:.4f}')
        console = Console(width=80)
        with console.capture() as capture:
            console.print(table)
        logger = MMLogger.get_current_instance()
        logger.info(f'\n{capture.get()}frame-mAP@0.5: {overall:.4f} over {classes} classes with ground truth, {frames} '
                    'key frames')
