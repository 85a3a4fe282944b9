"""Frame-mAP of files in AVA's form."""
from pathlib import Path
from typing import Mapping, Optional, Sequence, Tuple

import numpy as np

from stssa_mm.files.annotations import Rows, read_annotations, read_detections
from stssa_mm.files.key_frames import read_exclusions
from stssa_mm.files.label_map import read_label_map

from .boxes import Boxes
from .frame_map import frame_map
from .result import EvaluationResult
from .tubes import ground_truth_tubes, link_detections, suppress_tubes
from .video_map import VideoMAP, video_map

# AVA's three groups of classes, by the first and last id (ava_action_list_v2.2.pbtxt).
AVA_GROUPS = {'person_movement': (1, 14), 'object_manipulation': (15, 63), 'person_interaction': (64, 80)}
AVA_NAMES = {1: 'bend/bow (at the waist)', 12: 'stand', 80: 'watch (a person)'}


def group_means(result: EvaluationResult) -> dict:
    """Mean AP of AVA's three groups of classes; empty where the classes are not AVA's.

    Args:
        result (EvaluationResult): Of an evaluation.

    Returns:
        dict[str, float]: ``person_movement``, ``object_manipulation`` and ``person_interaction``; nan for a group in
        which no class counts.
    """
    names = dict(zip(result.class_ids, result.names))
    if any(names.get(number) != name for number, name in AVA_NAMES.items()):
        return {}
    ids = np.array(result.class_ids)
    means = {}
    for group, (first, last) in AVA_GROUPS.items():
        ap = result.ap[0][(ids >= first) & (ids <= last)]
        ap = ap[~np.isnan(ap)]
        means[group] = float(ap.mean()) if len(ap) else float('nan')
    return means


class _Frames:
    """The key frames that a ground truth lists, numbered by video and timestamp. ``video`` (F,): their videos."""

    def __init__(self, ground_truth: Rows) -> None:
        self.videos = ground_truth.videos.tolist()
        video = np.concatenate([ground_truth.video, ground_truth.empty_video]).astype(np.int64)
        timestamp = np.concatenate([ground_truth.timestamp, ground_truth.empty_timestamp])
        self._times, position = np.unique(timestamp, return_inverse=True)
        self._keys, frames = np.unique(video * len(self._times) + position, return_inverse=True)
        self.of_ground_truth = frames[:len(ground_truth.video)]
        self.video = self._keys // max(len(self._times), 1)

    def find(self, names: Sequence[str], video: np.ndarray, timestamp: np.ndarray) -> np.ndarray:
        """Numbers of key frames given by (N,) indices into ``names`` and (N,) timestamps; -1: not listed."""
        index = {name: number for number, name in enumerate(self.videos)}
        video = np.array([index.get(name, -1) for name in names] or [-1], np.int64)[video]
        position = np.minimum(np.searchsorted(self._times, timestamp), len(self._times) - 1)
        key = np.where(video >= 0, video * len(self._times) + position, -1)
        frame = np.minimum(np.searchsorted(self._keys, key), len(self._keys) - 1)
        return np.where((self._keys[frame] == key) & (self._times[position] == timestamp), frame, -1)


def evaluate_rows(ground_truth: Rows,
                  detections: Rows,
                  classes: Mapping[int, str],
                  excluded: Optional[Tuple[np.ndarray, np.ndarray]] = None,
                  iou: Sequence[float] = (0.5, ),
                  rule: str = 'activitynet',
                  chance: bool = False) -> Tuple[EvaluationResult, Tuple[str, ...]]:
    """Frame-mAP of rows that have been read.

    Args:
        ground_truth (Rows): Annotated boxes and key frames with nobody.
        detections (Rows): Detections.
        classes (Mapping[int, str]): Class id to name; rows with other labels are left out.
        excluded (tuple[np.ndarray], optional): Videos and timestamps of excluded key frames. Defaults to none.
        iou (Sequence[float]): Thresholds. Defaults to (0.5,).
        rule (str): See :func:`~stssa_mm.evaluation.frame_map.frame_map`. Defaults to ``'activitynet'``.
        chance (bool): Also compute what random scores of the same boxes reach. Defaults to False.

    Returns:
        tuple: The :class:`EvaluationResult`, and notes (str) on what was left out and what is unusual.

    Raises:
        ValueError: If the ground truth has boxes, but none of these classes.
    """
    frames = _Frames(ground_truth)
    notes = list(ground_truth.notes + detections.notes)
    mask = np.zeros(len(frames.video), bool)
    if excluded is not None and len(excluded[0]):
        names, video = np.unique(excluded[0], return_inverse=True)
        found = frames.find(names, video, excluded[1])
        mask[found[found >= 0]] = True
        notes.append(f'{len(found)} excluded key frames, of which the ground truth lists {int((found >= 0).sum())}')
    for rows, what in ((ground_truth, 'annotated boxes'), (detections, 'detections')):
        unknown = ~np.isin(rows.label, list(classes))
        if unknown.any():
            ids = np.unique(rows.label[unknown]).tolist()
            some = ', '.join(map(str, ids[:10])) + (', ...' if len(ids) > 10 else '')
            notes.append(f'{int(unknown.sum())} of {len(unknown)} {what} have a class id that the label map does not: '
                         f'{some}: left out')
            if unknown.all() and rows is ground_truth:
                raise ValueError(f'none of the {len(unknown)} {what} has a class id of the label map, whose ids are '
                                 f'{min(classes)} to {max(classes)}: found {some}: does it belong to these files?')
    frame = frames.find(detections.videos, detections.video, detections.timestamp)
    lost = frame < 0
    if lost.any():
        index = int(np.argmax(lost))
        notes.append(f'{int(lost.sum())} of {len(lost)} detections lie on key frames that the ground truth does not '
                     f'list, such as {detections.videos[detections.video[index]]},{detections.timestamp[index]:g}: '
                     'left out')
    # The official script and MMAction2 take the person id for a score, which orders the annotated boxes of a frame.
    person = ground_truth.score if ground_truth.person is None else ground_truth.person
    result = frame_map(
        Boxes(frames.of_ground_truth, ground_truth.box, ground_truth.label, person),
        Boxes(frame, detections.box, detections.label, detections.score), classes, frames.video, frames.videos, mask,
        iou, rule, chance)
    known = np.isin(detections.label, list(classes)) & ~lost
    flat = known & (detections.box[:, 2:] <= detections.box[:, :2]).any(1)
    if flat.any():
        notes.append(f'{int(flat.sum())} of {len(flat)} detections have no area: '
                     + ('counted as false, as in MMAction2' if rule == 'mmaction2' else 'dropped'))
    dropped = int((known & ~flat if rule == 'activitynet' else known).sum() - result.num_det.sum())
    if dropped:
        notes.append(f'{dropped} more detections do not count by the rule {rule}: beyond its cap, or on key frames '
                     'that are excluded or without a box of these classes')
    return result, tuple(notes)


def evaluate_files(ground_truth: Path,
                   detections: Path,
                   label_map: Path,
                   exclude: Optional[Path] = None,
                   iou: Sequence[float] = (0.5, ),
                   rule: str = 'activitynet',
                   chance: bool = False) -> Tuple[EvaluationResult, Tuple[str, ...]]:
    """Frame-mAP of files in AVA's form: :func:`evaluate_rows` of what is in them.

    Args:
        ground_truth (Path): Annotation csv.
        detections (Path): Csv of detections.
        label_map (Path): Action list (pbtxt).
        exclude (Path, optional): Csv of excluded key frames. Defaults to none.
        iou (Sequence[float]): Thresholds. Defaults to (0.5,).
        rule (str): ``'activitynet'`` or ``'mmaction2'``. Defaults to ``'activitynet'``.
        chance (bool): As in :func:`evaluate_rows`. Defaults to False.

    Raises:
        FileNotFoundError: If a file is not there.
        ValueError: If a file is malformed; names file and line.
    """
    classes = read_label_map(label_map)
    excluded = read_exclusions(exclude) if exclude else None
    return evaluate_rows(read_annotations(ground_truth), read_detections(detections), classes, excluded, iou, rule,
                         chance)


def video_map_of_files(ground_truth: Path, detections: Path, label_map: Path, step: int = 1, min_length: int = 1,
                       nms: Optional[float] = None, ap_form: str = 'area') -> VideoMAP:
    """Video-mAP of files in AVA's form: detections linked into tubes against those of the annotated people.

    The linking (:func:`~stssa_mm.evaluation.tubes.link_detections`) is not that of ACT; with ``min_length=15``,
    ``nms=0.3`` and ``ap_form='trapezoid'`` the rest is.

    Args:
        ground_truth (Path): Annotation csv with person ids. Its timestamps are whole numbers.
        detections (Path): Csv of detections.
        label_map (Path): Action list (pbtxt).
        step (int): From one key frame to the next, in the files' unit. Defaults to 1.
        min_length (int): Key frames that a detected tube has at least. Defaults to 1.
        nms (float, optional): Spatio-temporal overlap above which the tube of lower score goes. Defaults to none:
            all tubes stay.
        ap_form (str): See :func:`~stssa_mm.evaluation.video_map.video_map`. Defaults to ``'area'``.

    Raises:
        FileNotFoundError: If a file is not there.
        ValueError: If a file is malformed, or has no person ids or whole timestamps, or an argument is out of range.
    """
    classes = list(read_label_map(label_map))
    truth, found = read_annotations(ground_truth), read_detections(detections)
    if truth.person is None:
        raise ValueError(f'{ground_truth}: 7 columns: expected an eighth with person ids, which link boxes into tubes')
    columns = []
    for path, rows in ((ground_truth, truth), (detections, found)):
        fractions = rows.timestamp[rows.timestamp % 1 != 0]
        if len(fractions):
            raise ValueError(f'{path}: timestamp {fractions[0]:g}: tubes need whole numbers')
        keep = np.isin(rows.label, classes) & (rows.box[:, 2:] > rows.box[:, :2]).all(1)
        last = rows.score if rows is found else rows.person
        columns.append([column[keep] for column in (rows.videos[rows.video], rows.timestamp.astype(np.int64), rows.box,
                                                    rows.label, last)])
    tubes = link_detections(*columns[1], step=step, min_length=min_length)
    tubes = tubes if nms is None else suppress_tubes(tubes, nms)
    return video_map(ground_truth_tubes(*columns[0], step=step), tubes, ap_form=ap_form)
