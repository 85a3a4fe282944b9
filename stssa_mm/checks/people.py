"""Who is annotated, when, and doing what?"""
from collections import Counter
from typing import Dict, List

import numpy as np
from mmengine.config import Config

from stssa_mm.datasets import STSSAAVADataset

from .findings import Finding, some


def used_frames(dataset: STSSAAVADataset) -> np.ndarray:
    """(F,) bool: key frames that are not excluded."""
    used = np.zeros(len(dataset.key_frames.video), bool)
    used[dataset.data_list] = True
    return used


def check_people(split: str, dataset: STSSAAVADataset, cfg: Config, findings: List[Finding]) -> None:
    """Labels, numbers and timestamps of the annotated people."""
    head = cfg.get('model', {}).get('roi_head', {}).get('bbox_head', {})
    used = np.repeat(used_frames(dataset), np.diff(dataset.key_frames.people))
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


def count_classes(dataset: STSSAAVADataset) -> Counter:
    """Annotated boxes of each class id on the key frames that are used."""
    frames, ids = dataset.key_frames, np.array(dataset.custom_classes or range(dataset.num_classes))
    frame = np.repeat(np.arange(len(frames.video)), np.diff(frames.people))
    used = used_frames(dataset)[np.repeat(frame, np.diff(frames.labels))]
    numbers, counts = np.unique(ids[frames.label[used]], return_counts=True)  # an id may be a billion
    return Counter(dict(zip(numbers.tolist(), counts.tolist())))


def check_classes(histogram: Dict[str, Counter], classes: Dict[int, str], findings: List[Finding]) -> None:
    """Classes that the label map lacks, and classes that never occur."""
    for split, counts in histogram.items():
        unknown = sorted(counts.keys() - classes.keys()) if classes else []
        if unknown:
            share = sum(counts[number] for number in unknown) / sum(counts.values())
            findings.append(Finding('error' if share == 1 else 'warning', 'unknown classes', split, (
                f'{share:.1%} of the labels have a class id that the label map does not have: {some(unknown)}: they '
                'do not count in mAP. Does the label map belong to these files?')))
        absent = [number for number in classes if not counts[number]]
        if absent:
            findings.append(Finding('warning', 'absent classes', split, (
                f'{len(absent)} of {len(classes)} classes never occur: '
                + some([f'{number} ({classes[number]})' for number in absent]))))
