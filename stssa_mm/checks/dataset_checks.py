"""What a config would train and test on, checked: the answer to "the loss falls and mAP is 0"."""
import copy
import os
import os.path as osp
from contextlib import closing
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple

import numpy as np
from mmengine.config import Config
from rich.console import Console
from rich.table import Table
from tqdm import tqdm

from stssa_mm.datasets import STSSAAVADataset
from stssa_mm.evaluation.chance import Chance, random_scores
from stssa_mm.evaluation.frame_map import CAPACITY, Boxes, best_overlaps
from stssa_mm.files.label_map import read_label_map
from stssa_mm.video.clock import frame_of_sample
from stssa_mm.video.folder import FrameFolder
from stssa_mm.video.probe import BrokenVideoError
from stssa_mm.video.reader import open_video

from .scenes import same_scenes

LEVELS = ('error', 'warning', 'note')
SPLITS = ('train', 'val', 'test')
LOW_RECALL, HOPELESS_RECALL = 0.8, 0.1
SEVERAL = 3  # names given as examples
UNOPENED = 'videos not opened'
READ_FILES = ('STSSAVideoInit', 'DecordInit', 'OpenCVInit', 'PyAVInit', 'PIMSInit')
READ_PICTURES = ('STSSARawFrameDecode', 'RawFrameDecode')


class Finding(NamedTuple):
    """One fact about the data.

    Attributes:
        level (str): ``'error'``: training cannot work or mAP will be wrong; ``'warning'``; or ``'note'``.
        name (str): What it is about, such as ``'missing proposals'``.
        where (str): The split, or the part of the config.
        text (str): What was found, and what to do.
    """
    level: str
    name: str
    where: str
    text: str


class Checked(NamedTuple):
    """What came out.

    Attributes:
        findings (list[Finding]): Errors first.
        classes (dict[int, str]): Class id to name.
        histogram (dict[str, np.ndarray]): Split to (highest class id + 1,) annotated boxes a class.
        datasets (dict[str, STSSAAVADataset]): Split to dataset, where it could be read.
        by_video (set[str]): Splits whose pipeline goes by the videos' own times, whatever ``fps`` says.
    """
    findings: List[Finding]
    classes: Dict[int, str]
    histogram: Dict[str, np.ndarray]
    datasets: Dict[str, STSSAAVADataset]
    by_video: Set[str]

    @property
    def verdict(self) -> str:
        """Text: one line."""
        count = {level: sum(finding.level == level for finding in self.findings) for level in LEVELS}
        if count['error']:
            return f'training cannot work or mAP will be wrong: {count["error"]} errors, {count["warning"]} warnings'
        partly = any(finding.name == UNOPENED for finding in self.findings)
        return f'no error found, {count["warning"]} warnings' + (', but not all videos were opened' if partly else '')


def check_config(cfg: Config, videos: int = 3) -> Checked:
    """Check the datasets and evaluators of a config against their files and each other.

    Args:
        cfg (Config): Of a training run.
        videos (int): Of each split so many videos are opened, to see how long and how fast they are. -1: all.
            Defaults to 3.

    Returns:
        Checked: The findings, and what they were found on.
    """
    findings: List[Finding] = []
    parts = {split: _dataset_config(cfg, split, findings) for split in SPLITS}
    parts = {split: part for split, part in parts.items() if part}
    if parts.get('test') == parts.get('val'):
        parts.pop('test', None)
    classes = _check_label_maps(cfg, parts, findings)
    _check_evaluators(cfg, parts, findings)
    by_video = {split for split, part in parts.items() if _goes_by_video_times(part)}
    datasets = {}
    for split, part in parts.items():
        dataset = _read(split, part, bool(cfg.get('model', {}).get('rpn_head')), findings)
        if dataset is not None:
            datasets[split] = dataset
            _check_people(split, dataset, cfg, findings)
            _check_pipeline(split, dataset, part, findings)
            _check_proposals(split, dataset, part, cfg, classes, findings)
            _check_media(split, dataset, part, videos, findings)
    # A test without labels has no mAP.
    labelled = {split: dataset for split, dataset in datasets.items() if parts[split].get('ann_file')}
    _check_leakage(labelled, findings)
    findings += [Finding('warning', 'same scene', split, text) for split, text in same_scenes(labelled).items()]
    histogram = {split: _histogram(dataset, classes) for split, dataset in labelled.items()}
    _check_classes(histogram, classes, findings)
    findings.sort(key=lambda finding: LEVELS.index(finding.level))
    return Checked(findings, classes, histogram, datasets, by_video)


def _some(names: Sequence) -> str:
    return ', '.join(map(str, names[:SEVERAL])) + (', ...' if len(names) > SEVERAL else '')


def _dataset_config(cfg: Config, split: str, findings: List[Finding]) -> Optional[dict]:
    """The arguments of the dataset of a split, without wrappers, or None."""
    part = cfg.get(f'{split}_dataloader')
    part = part and part.get('dataset')
    while part and 'ann_file' not in part and 'dataset' in part:
        part = part['dataset']
    if not part:
        return None
    if part.get('type', '').split('.')[-1] not in ('STSSAAVADataset', 'AVADataset'):
        findings.append(Finding('warning', 'dataset type', split, f'{part.get("type")}: only STSSAAVADataset and '
                                'AVADataset can be checked'))
        return None
    return dict(part)


def _path(part: dict, key: str) -> Optional[str]:
    """A file that a dataset's config names; annotations are relative to its ``data_root``."""
    path = part.get(key)
    return osp.join(part.get('data_root') or '', path) if path and key == 'ann_file' else path


def _evaluators(cfg: Config) -> Iterator[Tuple[str, dict]]:
    for split in ('val', 'test'):
        found = cfg.get(f'{split}_evaluator') or []
        for evaluator in found if isinstance(found, (list, tuple)) else [found]:
            if 'ann_file' in evaluator:
                yield split, evaluator


def _check_label_maps(cfg: Config, parts: Dict[str, dict], findings: List[Finding]) -> Dict[int, str]:
    """Read the label map, and hold every ``num_classes`` to it. Gives class id to name."""
    named = {f'{split}_dataloader.dataset': part for split, part in parts.items()}
    named.update({f'{split}_evaluator': part for split, part in _evaluators(cfg)})
    maps, classes = {}, {}
    for where, part in named.items():
        path = part.get('label_file')
        if path and path not in maps:
            try:
                maps[path] = read_label_map(path)
            except (OSError, ValueError) as error:
                findings.append(Finding('error', 'label map', where, str(error)))
                maps[path] = {}
    maps = {path: names for path, names in maps.items() if names}
    if len({tuple(names.items()) for names in maps.values()}) > 1:
        findings.append(Finding('error', 'label maps differ', ', '.join(named), f'{_some(list(maps))}: expected the '
                                'same classes everywhere'))
    if maps:
        classes = next(iter(maps.values()))
    head = cfg.get('model', {}).get('roi_head', {}).get('bbox_head', {})
    numbers = {where: (part.get('num_classes', 81), part.get('custom_classes')) for where, part in named.items()}
    if head:
        numbers['model.roi_head.bbox_head'] = head.get('num_classes', 81), None
    customs = [custom for _, custom in numbers.values() if custom]
    for where, (number, custom) in numbers.items():
        custom = custom or (customs[0] if customs and where.startswith('model') else None)
        expected = len(custom) + 1 if custom else max(classes, default=number - 1) + 1
        if number != expected:
            reason = 'the custom_classes + 1' if custom else f'the highest id of the label map is {expected - 1}'
            findings.append(Finding('error', 'num_classes', where, f'{number}: expected {expected}, as {reason}; the '
                                    'datasets, the evaluators and bbox_head need the same'))
    return classes


def _check_evaluators(cfg: Config, parts: Dict[str, dict], findings: List[Finding]) -> None:
    """An evaluator must read the files of the dataset that it is given."""
    for split, evaluator in _evaluators(cfg):
        part = parts.get(split, parts.get('val'))
        for key in ('ann_file', 'exclude_file', 'label_file', 'custom_classes'):
            ours, theirs = evaluator.get(key), _path(part, key) if part else None
            if part and ours != theirs and not (key == 'ann_file' and theirs is None):
                findings.append(Finding('error', 'evaluator', f'{split}_evaluator', f'{key}={ours!r}, but {split}_'
                                        f'dataloader.dataset has {theirs!r}: expected the same'))
            if key.endswith('_file') and ours and not osp.isfile(ours):
                findings.append(Finding('error', 'missing file', f'{split}_evaluator', f'{key}={ours!r}: no such file'))


class _AnyProposals(STSSAAVADataset):
    """Leaves it to the checks what key frames without proposals mean."""

    def _see_to_missing(self, missing: np.ndarray, used: int) -> None:
        pass


def _build(part: dict, **changes) -> STSSAAVADataset:
    """The dataset of a config's part, with all its key frames."""
    arguments = {key: copy.deepcopy(value) for key, value in part.items() if key not in ('type', '_scope_', 'pipeline')}
    return _AnyProposals(**{**arguments, 'test_mode': True, **changes})


def _read(split: str, part: dict, proposes: bool, findings: List[Finding]) -> Optional[STSSAAVADataset]:
    """The dataset, or None. ``proposes``: whether the model finds the people itself."""
    missing_is_error = part.get('missing_proposals', 'error') == 'error'
    try:
        dataset = _build(part)
    except FileNotFoundError as error:
        findings.append(Finding('error', 'missing file', split, str(error)))
        return None
    except (OSError, ValueError) as error:
        findings.append(Finding('error', 'malformed file', split, str(error)))
        return None
    missing = np.flatnonzero(dataset.missing[dataset.data_list]).tolist()
    if missing:
        keys = [dataset.get_data_info(index)['img_key'] for index in missing[:SEVERAL]]
        level = 'error' if missing_is_error or len(missing) == len(dataset) else 'warning'
        findings.append(Finding(level, 'missing proposals', split, (
            f'{len(missing)} of {len(dataset)} key frames are not in {part["proposal_file"]}, such as '
            f'{"; ".join(keys)}: make it with tools/data/make_proposals.py')))
    if dataset.proposals is None and not proposes:
        findings.append(Finding('error', 'no proposals', split, 'proposal_file is not set: the model has no boxes to '
                                'classify. tools/data/make_proposals.py makes it'))
    return dataset


def _people(dataset: STSSAAVADataset, frames: np.ndarray) -> Boxes:
    """The people of some key frames, as boxes without a class. ``frames`` (F,) bool."""
    people = dataset.key_frames.people
    frame = np.repeat(np.arange(len(frames)), np.diff(people))
    boxes = Boxes(frame, dataset.key_frames.box, np.zeros(len(frame), np.int64), np.ones(len(frame)))
    return boxes.take(frames[frame])


def _used(dataset: STSSAAVADataset) -> np.ndarray:
    """(F,) bool: key frames that are not excluded."""
    used = np.zeros(len(dataset.key_frames.video), bool)
    used[dataset.data_list] = True
    return used


def _check_people(split: str, dataset: STSSAAVADataset, cfg: Config, findings: List[Finding]) -> None:
    head = cfg.get('model', {}).get('roi_head', {}).get('bbox_head', {})
    used = np.repeat(_used(dataset), np.diff(dataset.key_frames.people))
    several = int((np.diff(dataset.key_frames.labels)[used] > 1).sum())
    if several and not head.get('multilabel', True):
        findings.append(Finding('error', 'several labels', split, (
            f'{several} of {int(used.sum())} people have several labels, and model.roi_head.bbox_head.multilabel=False '
            'trains one: set it to True')))
    people = np.diff(dataset.key_frames.people)[dataset.data_list]
    findings.append(Finding('note', 'people', split, (
        f'{len(people)} key frames of {len(np.unique(dataset.key_frames.video[dataset.data_list]))} videos, '
        f'{people.mean():.1f} people each, at most {people.max()}; {int((people == 0).sum())} with nobody')))
    early = dataset.key_frames.timestamp < np.array(
        [dataset.timing(video)['timestamp_start'] for video in dataset.key_frames.videos.tolist()])[
            dataset.key_frames.video]
    if early.any():
        frame = int(np.argmax(early))
        video = dataset.key_frames.videos[dataset.key_frames.video[frame]]
        findings.append(Finding('error', 'timestamps', split, (
            f'{int(early.sum())} of {len(early)} key frames lie before the start of their video, such as {video} at '
            f'{dataset.key_frames.timestamp[frame]:g}, with timestamp_start='
            f'{dataset.timing(video)["timestamp_start"]:g}: is it seconds or frames?')))


def _check_proposals(split: str, dataset: STSSAAVADataset, part: dict, cfg: Config, classes: Dict[int, str],
                     findings: List[Finding]) -> None:
    """Do the proposals find the annotated people?"""
    if dataset.proposals is None:
        return
    used = _used(dataset)
    people = _people(dataset, used)
    frame = np.repeat(np.arange(len(used)), np.diff(dataset.proposals.start))
    boxes = Boxes(frame, dataset.proposals.box.astype(np.float64), np.zeros(len(frame), np.int64),
                  dataset.proposals.score)
    boxes = boxes.take(used[frame])
    if not len(people.box):
        return
    overlap, _ = best_overlaps(people, boxes, len(used))
    rcnn = ((cfg.get('model', {}).get('train_cfg') or {}).get('rcnn') or {})
    positive = (rcnn.get('assigner') or {}).get('pos_iou_thr', 0.5)
    recall = {threshold: float((overlap >= threshold).mean()) for threshold in (0.5, positive)}
    text = (f'{len(boxes.box) / max(used.sum(), 1):.1f} proposals a key frame find '
            + ' and '.join(f'{value:.1%} of the {len(overlap)} people at IoU {threshold:g}'
                           for threshold, value in recall.items()))
    decisive = positive if split == 'train' else 0.5
    level = 'note'
    if recall[decisive] < LOW_RECALL:
        level = 'error' if recall[decisive] < HOPELESS_RECALL else 'warning'
        text += ': people without a proposal are ' + ('not trained on' if split == 'train' else 'missed')
        swapped, _ = best_overlaps(people, boxes._replace(box=boxes.box[:, [1, 0, 3, 2]]), len(used))
        if (swapped >= decisive).mean() > recall[decisive]:
            level = 'error'
            text += (f'. With x and y swapped it would be {(swapped >= decisive).mean():.1%}: expected x1, y1, x2, y2 '
                     'in the proposals and in the annotations')
    if recall[decisive] < 0.999 and part.get('person_det_score_thr', 0.9) > 0:
        everything = _build(part, person_det_score_thr=0)
        frame = np.repeat(np.arange(len(used)), np.diff(everything.proposals.start))
        more, _ = best_overlaps(people, Boxes(frame, everything.proposals.box.astype(np.float64),
                                              np.zeros(len(frame), np.int64), everything.proposals.score), len(used))
        gain = (more >= decisive).mean() - recall[decisive]
        if gain > 0.05:
            level = 'warning' if level == 'note' else level
            text += (f'. All proposals of the file would find {(more >= decisive).mean():.1%}: person_det_score_thr='
                     f'{part.get("person_det_score_thr", 0.9):g} leaves them out')
    findings.append(Finding(level, 'recall of the proposals', split, text))
    if split != 'train':
        chance = chance_of(dataset, boxes, used, classes)
        findings.append(Finding('note' if chance.upper_bound >= LOW_RECALL else 'warning', 'upper bound', split, (
            f'a perfect classifier of these proposals would reach frame-mAP@0.5 {chance.upper_bound:.4f}, random '
            f'scores {chance.mean_ap:.4f}')))


def chance_of(dataset: STSSAAVADataset, boxes: Boxes, used: np.ndarray, classes: Dict[int, str]) -> Chance:
    """The frame-mAP@0.5, by the official rule, of a perfect and of a random classifier of some boxes.

    Args:
        dataset (STSSAAVADataset): The ground truth.
        boxes (Boxes): The proposals of its key frames.
        used (np.ndarray): (F,) bool, key frames that count.
        classes (dict[int, str]): The classes that count: class id to name.

    Returns:
        Chance: Of every box with every class that counts; over the classes that have annotated boxes.
    """
    frames = dataset.key_frames
    frame = np.repeat(np.arange(len(used)), np.diff(frames.people))
    person = np.repeat(np.arange(len(frame)), np.diff(frames.labels))
    ids = np.array(dataset.custom_classes or range(dataset.num_classes))
    count = np.isin(ids, list(classes)) & (np.arange(len(ids)) > 0)
    column = np.where(count, np.cumsum(count) - 1, -1)
    truth = Boxes(frame[person], frames.box[person], column[frames.label], np.ones(len(person)))
    truth = truth.take(used[truth.frame] & (truth.label >= 0))
    num_classes = int(count.sum())
    if not len(truth.frame):
        return Chance(0.0, 0.0)
    # Only with a class that its frame has a proposal can be right.
    key = np.unique(truth.frame * num_classes + truth.label)
    order = np.argsort(boxes.frame, kind='stable')
    start = np.searchsorted(boxes.frame[order], key // num_classes)
    size = np.searchsorted(boxes.frame[order], key // num_classes, 'right') - start
    index = order[np.arange(size.sum()) - np.repeat(np.cumsum(size) - size - start, size)]
    labelled = boxes.take(index)._replace(label=np.repeat(key % num_classes, size))
    overlap, match = best_overlaps(labelled, truth, len(used))
    right = overlap >= 0.5
    return random_scores(
        np.repeat(boxes.frame.astype(np.int32), num_classes),
        np.tile(np.arange(num_classes, dtype=np.int16), len(boxes.frame)),
        (index * num_classes + labelled.label)[right], match[right],
        np.bincount(truth.label, minlength=num_classes), CAPACITY)


def _goes_by_video_times(part: dict) -> bool:
    """Whether the pipeline finds a timestamp by the times at which a video shows its frames, whatever ``fps`` says."""
    return {'STSSAVideoInit', 'STSSASampleFrames'} <= set(_types(part))


def _types(part: dict) -> List[str]:
    """The names of a pipeline's transforms."""
    return [transform.get('type', '').split('.')[-1] for transform in part.get('pipeline') or ()]


def _check_pipeline(split: str, dataset: STSSAAVADataset, part: dict, findings: List[Finding]) -> None:
    """Does the pipeline read what the dataset names?"""
    wrong = [name for name in _types(part) if name in (READ_FILES if dataset.use_frames else READ_PICTURES)]
    if wrong:
        what, other = (('folders of frames', 'video files') if dataset.use_frames else
                       ('video files', 'folders of frames'))
        findings.append(Finding('error', 'pipeline', split, (
            f'use_frames={dataset.use_frames}: the dataset names {what}, and the pipeline\'s {wrong[0]} reads {other}: '
            f'set use_frames={not dataset.use_frames}, or take a pipeline of '
            + ('STSSARawFrameDecode' if dataset.use_frames else 'STSSAVideoInit and STSSAVideoDecode'))))


def _span(part: dict) -> int:
    """How many frames a clip reaches to each side of its moment."""
    for transform in part.get('pipeline') or ():
        if 'clip_len' in transform:
            return transform['clip_len'] * transform.get('frame_interval', 2) // 2
    return 0


def _check_media(split: str, dataset: STSSAAVADataset, part: dict, videos: int, findings: List[Finding]) -> None:
    """Are the videos, or folders of frames, there, long enough and sound?"""
    by_video, span = _goes_by_video_times(part), _span(part)
    # MMAction2's sampler does not ask a folder of frames where it ends.
    clipped = not dataset.use_frames or 'SampleAVAFrames' not in _types(part)
    frames = dataset.key_frames
    names = frames.videos[np.unique(frames.video[dataset.data_list])].tolist()
    files = {video: Path(dataset.path_of(video)) for video in names}
    missing = [video for video in tqdm(names, desc=f'{split}: files', unit='video', mininterval=1,
                                       disable=len(names) < 1000)
               if not _is_there(files[video])]
    if missing:
        what = 'folders of frames' if dataset.use_frames else 'videos'
        findings.append(Finding('error', 'missing videos', split, (
            f'{len(missing)} of {len(names)} {what} are not in data_prefix.img={dataset.data_prefix["img"]!r}, such as '
            f'{_some([str(files[video]) for video in missing])}')))
    there = [video for video in names if video not in set(missing)]
    if 0 <= videos < len(there):
        findings.append(Finding('note', UNOPENED, split, f'{len(there) - videos} of {len(there)}, which may be broken '
                                'or too short: tools/check_dataset.py --videos -1 opens all'))
        there = [there[index] for index in np.linspace(0, len(there) - 1, videos).round().astype(int)]
    late, slow = [], []
    for video in tqdm(there, desc=f'{split}: opening', unit='video', mininterval=1, disable=len(there) < 20):
        chosen = np.flatnonzero(frames.video[dataset.data_list] == np.searchsorted(frames.videos, video)).tolist()
        samples = sorted(map(dataset.get_data_info, chosen), key=lambda sample: sample['timestamp'])
        try:
            if dataset.use_frames:
                reader = FrameFolder(files[video], samples[0]['filename_tmpl'], dataset.start_index)
            else:
                reader = open_video(files[video])
            with closing(reader):
                total, times = len(reader) if clipped else None, reader.times if by_video else None
                reader.check(_clip_frames(samples, total, times, span, late))
        except BrokenVideoError as error:
            findings.append(Finding('error', 'unreadable video', split, str(error)))
            continue
        fps, moment = samples[-1]['fps'], samples[-1]['timestamp'] - samples[-1]['timestamp_start']
        if not dataset.use_frames and not by_video and fps != 1:
            rate = reader.get_avg_fps()
            if abs(fps - rate) * moment > rate / 2:
                slow.append(f'{video} ({rate:.4g})')
    if late:
        findings.append(Finding('error', 'timestamps', split, (
            f'{len(late)} of the {len(there)} videos looked at have key frames past their end: {late[0]}')))
    if slow:
        findings.append(Finding('warning', 'fps', split, (
            f'{len(slow)} of the {len(there)} videos looked at have another rate than the dataset\'s fps, and their '
            f'last clip lies more than half a second off: {_some(slow)}. Give video_info, or make videos of one rate')))


def _is_there(path: Path) -> bool:
    """Whether there is something, which opening it may refuse."""
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        pass
    return True


def _clip_frames(samples: Sequence[dict], total: Optional[int], times: Optional[np.ndarray], span: int,
                 late: List[str]) -> Set[int]:
    """The frames of the clips of a video's samples. What is said of a moment past the end goes to ``late``.

    ``total`` and ``times``: see :func:`frame_of_sample`. ``span``: see :func:`_span`.
    """
    numbers: Set[int] = set()
    for sample in samples:
        try:
            centre, (first, end) = frame_of_sample(sample, total, times)
        except ValueError as error:
            if sample['timestamp'] >= sample['timestamp_start']:
                late.append(str(error))
                break
        else:
            numbers.update(range(max(centre - span, first), min(centre + span, end - 1) + 1))
    return numbers


def _check_leakage(datasets: Dict[str, STSSAAVADataset], findings: List[Finding]) -> None:
    if 'train' not in datasets:
        return

    def keys(dataset, frames):
        names = dataset.key_frames.videos[dataset.key_frames.video[frames]].tolist()
        return set(zip(names, dataset.key_frames.timestamp[frames].tolist()))

    train = keys(datasets['train'], datasets['train'].data_list)
    videos = {video for video, _ in train}
    for split, dataset in datasets.items():
        if split == 'train':
            continue
        found = keys(dataset, dataset.data_list)
        both, same = sorted(found & train), sorted({video for video, _ in found} & videos)
        if both:
            findings.append(Finding('error', 'leakage', split, (
                f'{len(both)} of {len(found)} key frames are in training too, such as {both[0][0]} at {both[0][1]:g}: '
                'the mAP says nothing about new videos')))
        elif same:
            findings.append(Finding('warning', 'leakage', split, f'{len(same)} videos are in training too, at other '
                                    f'times: {_some(same)}: the mAP may say little about new videos'))


def _histogram(dataset: STSSAAVADataset, classes: Dict[int, str]) -> np.ndarray:
    """(highest class id + 1,) annotated boxes of each class on the key frames that are used."""
    frames, ids = dataset.key_frames, np.array(dataset.custom_classes or range(dataset.num_classes))
    frame = np.repeat(np.arange(len(frames.video)), np.diff(frames.people))
    used = _used(dataset)[np.repeat(frame, np.diff(frames.labels))]
    return np.bincount(ids[frames.label[used]], minlength=max(classes, default=0) + 1)


def _check_classes(histogram: Dict[str, np.ndarray], classes: Dict[int, str], findings: List[Finding]) -> None:
    for split, counts in histogram.items():
        unknown = sorted(set(np.flatnonzero(counts).tolist()) - set(classes)) if classes else []
        if unknown:
            share = counts[unknown].sum() / counts.sum()
            findings.append(Finding('error' if share == 1 else 'warning', 'unknown classes', split, (
                f'{share:.1%} of the labels have a class id that the label map does not have: {_some(unknown)}: they '
                'do not count in mAP. Does the label map belong to these files?')))
        absent = [number for number in classes if number >= len(counts) or not counts[number]]
        if absent:
            findings.append(Finding('warning', 'absent classes', split, (
                f'{len(absent)} of {len(classes)} classes never occur: '
                + _some([f'{number} ({classes[number]})' for number in absent]))))


def class_table(checked: Checked) -> str:
    """Text: a row a class with the number of its annotated boxes in each split."""
    splits = list(checked.histogram)
    table = Table('id', 'class', *splits)
    for number, name in checked.classes.items():
        table.add_row(str(number), name, *(str(checked.histogram[split][number]) for split in splits))
    console = Console(width=100)
    with console.capture() as capture:
        console.print(table)
    return capture.get()
