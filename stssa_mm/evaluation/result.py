"""What an evaluation found, and the files that keep it. numpy only."""
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Tuple

import numpy as np

from stssa_mm.files.array_archive import read_arrays
from stssa_mm.files.text import plain, read_json
from stssa_mm.files.whole_file import whole_file

RESULT = 'result.json'  # the name under which a test leaves its result


@dataclass
class EvaluationResult:
    """AP of each class, and the matches that it was computed from. K classes, I IoU thresholds, V videos, N detections.

    Attributes:
        rule (str): By which rule: see :func:`~stssa_mm.evaluation.frame_map.frame_map`.
        iou (tuple[float]): The thresholds.
        class_ids (tuple[int]): K class ids.
        names (tuple[str]): Their names.
        ap (np.ndarray): (I, K) from 0 to 1; nan for a class that is outside the mean.
        num_gt (np.ndarray): (K,) annotated boxes.
        num_det (np.ndarray): (K,) detections that count.
        num_key_frames (int): Key frames that count.
        videos (tuple[str]): V names.
        gt_per_video (np.ndarray): (V, K) annotated boxes.
        video (np.ndarray): (N,) index into ``videos`` of each detection, classes one after the other in the order of
            ``class_ids``, each by falling score.
        score (np.ndarray): (N,).
        matched (np.ndarray): (I, N) bool, true positives.
        chance (float, optional): mAP that random scores of the same boxes reach, at the first threshold: see
            :func:`~stssa_mm.evaluation.chance.random_scores`. None: not computed.
        upper_bound (float, optional): mAP that no scores of the same boxes exceed, likewise.
    """
    rule: str
    iou: Tuple[float, ...]
    class_ids: Tuple[int, ...]
    names: Tuple[str, ...]
    ap: np.ndarray
    num_gt: np.ndarray
    num_det: np.ndarray
    num_key_frames: int
    videos: Tuple[str, ...]
    gt_per_video: np.ndarray
    video: np.ndarray
    score: np.ndarray
    matched: np.ndarray
    chance: Optional[float] = None
    upper_bound: Optional[float] = None

    def mean_ap(self, iou: float = None) -> float:
        """Mean over the classes that the rule counts, at a threshold (default: the first); nan if it counts none."""
        ap = self.ap[0 if iou is None else self.iou.index(iou)]
        ap = ap[~np.isnan(ap)]
        return float(ap.mean()) if len(ap) else float('nan')

    def detections_of(self, index: int) -> slice:
        """Where the detections of the class ``class_ids[index]`` lie in ``video``, ``score`` and ``matched``."""
        end = int(np.sum(self.num_det[:index + 1]))
        return slice(end - int(self.num_det[index]), end)

    def curve(self, index: int, iou: float = None) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Precision-recall curve of the class ``class_ids[index]``.

        Returns:
            tuple[np.ndarray]: recall, precision and score after each detection, by falling score; recall is nan
            where there is nothing to find.
        """
        part = self.detections_of(index)
        positive = np.cumsum(self.matched[0 if iou is None else self.iou.index(iou), part])
        with np.errstate(invalid='ignore'):
            recall = positive / np.float64(self.num_gt[index])
        return recall, positive / np.arange(1, len(positive) + 1), self.score[part]

    def summary(self) -> dict:
        """All but the matches, as plain values: ``mAP`` (0 to 1), ``per_class`` and what they rest on."""
        def plain(value):
            return None if np.isnan(value) else float(value)

        per_class = []
        for index, (class_id, name) in enumerate(zip(self.class_ids, self.names)):
            row = dict(id=class_id, name=name, ap=plain(self.ap[0, index]), num_gt=int(self.num_gt[index]),
                       num_det=int(self.num_det[index]))
            if len(self.iou) > 1:
                row['ap_at'] = {str(iou): plain(ap) for iou, ap in zip(self.iou, self.ap[:, index])}
            per_class.append(row)
        summary = dict(
            rule=self.rule,
            iou=self.iou[0],
            mAP=plain(self.mean_ap()),
            num_classes=int((~np.isnan(self.ap[0])).sum()),
            num_key_frames=self.num_key_frames)
        for key in ('chance', 'upper_bound'):
            if getattr(self, key) is not None:
                summary[key] = plain(getattr(self, key))
        if len(self.iou) > 1:
            summary['mAP_at'] = {str(iou): plain(self.mean_ap(iou)) for iou in self.iou}
        return dict(summary, per_class=per_class)

    def save(self, path: Path, **more) -> None:
        """Write the summary, and what else is given, to ``path`` (json) and the matches beside it (npz).

        Each file is written whole or not at all; the json comes last.
        """
        path = Path(path)
        matches = path.with_suffix('.matches.npz')
        with whole_file(matches) as part, open(part, 'wb') as file:
            np.savez_compressed(file, iou=self.iou, ap=self.ap, videos=np.array(self.videos, dtype=str),
                                gt_per_video=self.gt_per_video, video=self.video, score=self.score,
                                matched=self.matched)
        with whole_file(path) as part:
            part.write_text(json.dumps(dict(self.summary(), **more, matches=matches.name), indent=1) + '\n')

    def _check(self) -> None:
        """Raises a ValueError or TypeError if an array is not of its kind and shape."""
        shapes = dict(ap=('f', (len(self.iou), len(self.class_ids))), score=('f', self.video.shape),
                      gt_per_video=('iu', (len(self.videos), len(self.class_ids))), video=('iu', (self.video.size, )),
                      matched=('b', self.matched.shape[:1] + self.video.shape))
        for name, (kinds, shape) in shapes.items():
            array = getattr(self, name)
            if array.dtype.kind not in kinds or array.shape != shape:
                raise ValueError(f'{name}: {array.dtype} {array.shape}: expected {shape}')
        if self.video.size and not 0 <= self.video.min() <= self.video.max() < len(self.videos):
            raise ValueError('video: an index that is not of a video')
        if (self.num_gt < 0).any() or (self.num_det < 0).any():
            raise ValueError('num_gt or num_det is below 0')
        if not all(isinstance(name, str) for name in self.names) or not isinstance(self.rule, str):
            raise TypeError('a name that is no text')

    @classmethod
    def load(cls, path: Path) -> 'EvaluationResult':
        """Read what :meth:`save` wrote.

        Raises:
            FileNotFoundError: If the matches are not beside the json.
            ValueError: If the json is no evaluation result.
        """
        path = Path(path)
        try:
            summary = read_json(path)
            rows = summary['per_class']
            matches = path.with_name(summary['matches'])
            if not matches.name.isprintable():
                raise ValueError('the name of the matches')
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f'{path}: not a result of tools/evaluate.py ({plain(error)}): write it with '
                             '--out') from None
        if not matches.is_file():
            raise FileNotFoundError(f'{matches}: no such file: keep it beside {path.name}, or write both again')
        try:
            arrays = read_arrays(matches)
            result = cls(
                rule=summary['rule'],
                iou=tuple(arrays['iou'].tolist()),
                class_ids=tuple(row['id'] for row in rows),
                names=tuple(row['name'] for row in rows),
                ap=arrays['ap'],
                num_gt=np.array([row['num_gt'] for row in rows], np.int64),
                num_det=np.array([row['num_det'] for row in rows], np.int64),
                num_key_frames=summary['num_key_frames'],
                videos=tuple(arrays['videos'].tolist()),
                gt_per_video=arrays['gt_per_video'],
                video=arrays['video'],
                score=arrays['score'],
                matched=arrays['matched'],
                chance=summary.get('chance'),
                upper_bound=summary.get('upper_bound'))
            written = np.array([np.nan if row['ap'] is None else row['ap'] for row in rows], float)
            result._check()
        except (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError) as error:
            raise ValueError(f'{matches}: damaged, or {path.name} is ({plain(error)}): write both files '
                             'again') from None
        if result.matched.shape != (len(result.iou), int(result.num_det.sum())):
            raise ValueError(f'{matches}: holds {result.matched.shape[-1]} detections, and {path.name} counts '
                             f'{int(result.num_det.sum())}: they are of different evaluations: write both again')
        for name, said, ap in zip(result.names, written.tolist(), result.ap[0].tolist()):
            if not np.isclose(said, ap, rtol=0, atol=1e-9, equal_nan=True):
                raise ValueError(f'{matches}: AP {ap:g} of "{plain(name)}", and {path.name} says {said:g}: they are of '
                                 'different evaluations: write both again')
        return result
