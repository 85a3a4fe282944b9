"""Frame-mAP of AVA-form data as a metric of MMEngine."""
import os.path as osp
from collections import Counter
from pathlib import Path
from typing import Optional, Sequence, Tuple

import numpy as np
from mmaction.evaluation.metrics import AVAMetric
from mmengine.logging import MessageHub, MMLogger
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from stssa_mm.files.annotations import Rows, read_annotations, write_detections
from stssa_mm.files.key_frames import read_exclusions
from stssa_mm.files.label_map import read_label_map
from stssa_mm.registry import METRICS

from .ava import AVA_GROUPS, evaluate_rows, group_means
from .result import RESULT, EvaluationResult

MOST_CLASSES = 100_000
NOWHERE = ('evaluator.ann_file=None: expected a file, or evaluator.out_dir, a folder to write the detections into '
           "('auto' is one in a test by a runner)")


def result_table(result: EvaluationResult) -> str:
    """Text: a row a class with its AP, in points of 100, and the numbers of annotated boxes and detections."""
    table = Table('id', 'class', 'AP (points of 100)', 'annotated', 'detected')
    for row in result.summary()['per_class']:
        ap = 'not counted' if row['ap'] is None else f'{100 * row["ap"]:.2f}'
        table.add_row(str(row['id']), escape(row['name']), ap, str(row['num_gt']), str(row['num_det']))
    console = Console(width=100, color_system=None)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


def result_line(result: EvaluationResult) -> str:
    """Text: the mAP, by what rule over what it was computed, and what chance reaches, where that is known."""
    values = ', '.join(f'frame-mAP@{iou:g}: {result.mean_ap(iou):.4f}' for iou in result.iou)
    summary = result.summary()
    line = (f'{values} (rule {result.rule}: {summary["num_classes"]} of {len(result.class_ids)} classes count, '
            f'{result.num_key_frames} key frames)')
    if result.chance is None:
        return line
    return (f'{line}\nthe same boxes with random scores: frame-mAP@{result.iou[0]:g} {result.chance:.4f}; in the best '
            f'order: at most {result.upper_bound:.4f}')


@METRICS.register_module()
class STSSAAVAMetric(AVAMetric):
    """:class:`AVAMetric` by a rule of your choice: fast, without rounding, worker processes and files left behind.

    Gives ``mAP/overall``, and ``mAP/person_movement``, ``mAP/object_manipulation`` and ``mAP/person_interaction`` where
    the label map is AVA's. Logs beside it what random scores of the same boxes reach.

    A test leaves ``detections.csv``, ``result.json`` and ``result.matches.npz`` for tools/evaluate.py and
    tools/compare_runs.py. Each is written whole or not at all, by the first of several processes.

    Args:
        ann_file (str, optional): Annotation csv. None: there is nothing to compare with; the detections are written,
            and no metric is given.
        exclude_file (str, optional): Csv of excluded key frames.
        label_file (str): Action list (pbtxt). Its classes are those that are evaluated.
        rule (str): See :func:`~stssa_mm.evaluation.frame_map.frame_map`. Defaults to ``'activitynet'``.
        iou (Sequence[float]): Thresholds; ``mAP/overall`` is at the first, the others are ``mAP/overall@<iou>``.
            Defaults to (0.5,).
        per_class (bool): Also give the AP of each class as ``mAP/<name>``; as ``mAP/<name> (<id>)`` where another
            class or one of the values above has that name. Defaults to False.
        out_dir (str, optional): Folder to write the files into. ``'auto'``: a test writes beside its log, into
            ``<work dir>/<time>/`` (below it, into a folder ``<prefix>``, for a metric of another prefix), and a
            validation writes nothing. With a folder a validation writes too, as ``val_detections.csv`` and so on. None:
            nothing is written. Defaults to ``'auto'``.
        collect_device (str): How results are gathered from several processes: ``'gpu'`` through the process group, also
            where that is one of CPUs, ``'cpu'`` through a folder in the working directory. Defaults to ``'gpu'``.
        **kwargs: ``action_thr``, ``num_classes``, ``custom_classes`` and ``prefix`` of :class:`AVAMetric`.

    Raises:
        FileNotFoundError: If a file is not there; names the key.
        ValueError: If a file is malformed; names file and line. If there is neither ``ann_file`` nor a folder to write
            to.
    """

    def __init__(self,
                 ann_file: Optional[str],
                 exclude_file: Optional[str],
                 label_file: str,
                 *,
                 rule: str = 'activitynet',
                 iou: Sequence[float] = (0.5, ),
                 per_class: bool = False,
                 out_dir: Optional[str] = 'auto',
                 collect_device: str = 'gpu',
                 **kwargs) -> None:
        super().__init__(ann_file, exclude_file, label_file, collect_device=collect_device, **kwargs)
        for key in ('ann_file', 'exclude_file', 'label_file'):
            path = getattr(self, key)
            if path is not None and not osp.isfile(path):
                raise FileNotFoundError(f'evaluator.{key}={path!r}: no such file (working directory {osp.abspath(".")})'
                                        ': correct the key')
        if ann_file is None and (not out_dir or out_dir == 'auto' and self._log_dir() is None):
            raise ValueError(NOWHERE)
        self.rule, self.iou, self.per_class, self.out_dir = rule, tuple(iou), per_class, out_dir
        if not 0 < self.num_classes <= MOST_CLASSES:
            raise ValueError(f'evaluator.num_classes={self.num_classes}: expected 1 to {MOST_CLASSES}: give ids that '
                             'are high as custom_classes')
        names = read_label_map(label_file)
        # Class id of each score of the model; 0 is the background.
        self.class_ids = np.array(self.custom_classes or range(self.num_classes))
        unknown = sorted(set(self.class_ids[1:].tolist()) - set(names)) if self.custom_classes else []
        if unknown:
            raise ValueError(f'evaluator.custom_classes: {unknown} not in {label_file}, whose ids are {min(names)} to '
                             f'{max(names)}')
        self.classes = {label: names[label] for label in self.class_ids.tolist() if label in names}
        if not self.custom_classes and len(self.classes) < len(names):
            raise ValueError(f'evaluator.num_classes={self.num_classes}, but {label_file} has ids up to {max(names)}: '
                             'expected the highest id + 1, here, in the datasets and in the box head')
        self.ground_truth = read_annotations(ann_file) if ann_file else None
        self.excluded = read_exclusions(exclude_file) if exclude_file else None

    def process(self, data_batch, data_samples: Sequence[dict]) -> None:
        """Keep the scores of a batch that are above ``action_thr``.

        Args:
            data_batch: Not used.
            data_samples (Sequence[dict]): With ``video_id``, ``timestamp`` and ``pred_instances``: ``bboxes`` (n, 4),
                relative, and ``scores`` (n, num_classes).

        Raises:
            ValueError: If a box or score is nan.
        """
        for sample in data_samples:
            boxes, scores = (np.asarray(sample['pred_instances'][key].detach().cpu().float())
                             for key in ('bboxes', 'scores'))
            if np.isnan(boxes).any() or np.isnan(scores).any():
                raise ValueError(f'key frame {sample["video_id"]},{sample["timestamp"]}: the model gives nan as a box '
                                 'or score: has the training diverged? Take an earlier checkpoint')
            # The numbers that a file of these detections says, so that it gives the same mAP.
            boxes = boxes.astype(str).astype(np.float64)
            person, label = np.nonzero(scores[:, 1:] > self.action_thr)
            self.results.append(dict(
                video_id=sample['video_id'],
                timestamp=sample['timestamp'],
                boxes=boxes[person],
                labels=self.class_ids[label + 1],
                scores=scores[person, label + 1]))

    def detections(self, results: Sequence[dict]) -> Rows:
        """The rows of all gathered results."""
        videos, video = np.unique([result['video_id'] for result in results], return_inverse=True)
        counts = [len(result['scores']) for result in results]
        return Rows(
            videos=videos,
            video=np.repeat(video, counts).astype(np.int32),
            timestamp=np.repeat([float(result['timestamp']) for result in results], counts),
            box=np.concatenate([result['boxes'] for result in results]).reshape(-1, 4),
            label=np.concatenate([result['labels'] for result in results]),
            person=None,
            score=np.concatenate([result['scores'] for result in results]),
            empty_video=np.zeros(0, np.int32),
            empty_timestamp=np.zeros(0))

    def compute_metrics(self, results: Sequence[dict]) -> dict:
        """AP over all gathered results.

        Args:
            results (Sequence[dict]): What :meth:`process` kept, of all ranks.

        Returns:
            dict[str, float]: ``overall``, and the others named above; empty without ground truth.
        """
        rows = self.detections(results)
        logger = MMLogger.get_current_instance()
        folder, start = self._destination()
        if folder:
            write_detections(folder / f'{start}detections.csv', rows)
            logger.info(f'{len(rows.score)} detections: {folder}/{start}detections.csv')
        if self.ground_truth is None:
            if not folder:
                raise ValueError(NOWHERE)
            return {}
        result, notes = evaluate_rows(self.ground_truth, rows, self.classes, self.excluded, self.iou, self.rule,
                                      chance=True)
        for note in notes:
            logger.info(note)
        logger.info(f'\n{result_table(result)}{result_line(result)}')
        metrics = {'overall': result.mean_ap()}
        metrics.update({f'overall@{iou:g}': result.mean_ap(iou) for iou in self.iou[1:]})
        metrics.update(group_means(result))
        if self.per_class:
            taken = Counter((*result.names, 'overall', *(f'overall@{iou:g}' for iou in self.iou), *AVA_GROUPS))
            metrics.update((name if taken[name] == 1 else f'{name} ({label})', ap)
                           for label, name, ap in zip(result.class_ids, result.names, result.ap[0].tolist()))
        if folder:
            result.save(folder / f'{start}{RESULT}')
            logger.info(f'result: {folder}/{start}{RESULT}')
        return metrics

    @staticmethod
    def _log_dir() -> Optional[Path]:
        """The folder of the running process's log, which is its runner's: MMEngine hands a metric no work folder."""
        log = MMLogger.get_current_instance().log_file
        return Path(log).parent if log else None

    def _destination(self) -> Tuple[Optional[Path], str]:
        """The folder to write into, None for nowhere, and what the names of the files start with."""
        stage = MessageHub.get_current_instance().get_info('loop_stage')
        if self.out_dir != 'auto':
            return Path(self.out_dir) if self.out_dir else None, 'val_' if stage == 'val' else ''
        folder = self._log_dir()
        if stage != 'test' or not folder:
            return None, ''
        return folder if self.prefix == self.default_prefix else folder / self.prefix, ''
