"""Two runs on the same data, class by class (the paper's Figure 3), and whether they really differ. numpy only."""
import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Tuple

import numpy as np

from .result import EvaluationResult

CHUNK = 4_000_000  # weights held at once, 4 bytes each
LEVEL = 95


@dataclass
class Comparison:
    """A second run against a first. K classes with a figure, by falling number of annotated boxes.

    Attributes:
        names (tuple[str]): Of the first and the second run.
        rule (str): By which both were evaluated.
        iou (float): The threshold.
        classes (tuple[str]): K names.
        num_gt (np.ndarray): (K,) annotated boxes.
        gt_videos (np.ndarray): (K,) videos with annotated boxes of the class.
        ap (np.ndarray): (2, K) from 0 to 1; nan where the rule leaves the class out of that run's mean.
        interval (np.ndarray): (K, 2) bounds of the difference second - first; nan where fewer than two videos have
            the class.
        mean_ap (np.ndarray): (2,) mAP.
        mean_interval (np.ndarray): (2,) bounds of the difference of the means; nan with fewer than two videos.
        num_videos (int): Videos that the resamples were drawn from.
        resamples (int): How many were drawn.
    """
    names: Tuple[str, str]
    rule: str
    iou: float
    classes: Tuple[str, ...]
    num_gt: np.ndarray
    gt_videos: np.ndarray
    ap: np.ndarray
    interval: np.ndarray
    mean_ap: np.ndarray
    mean_interval: np.ndarray
    num_videos: int
    resamples: int

    @property
    def difference(self) -> np.ndarray:
        """(K,) AP of the second run minus AP of the first."""
        return self.ap[1] - self.ap[0]

    @property
    def real(self) -> np.ndarray:
        """(K,) bool: the interval of the class excludes 0."""
        return (self.interval[:, 0] > 0) | (self.interval[:, 1] < 0)

    def counts(self) -> str:
        """How many classes are better and worse, and by how much, in one line."""
        difference = 100 * self.difference
        parts = []
        for word, sign in (('better', 1), ('worse', -1)):
            moved = sign * difference > 0
            parts.append(f'{word} on {moved.sum()} (by more than 1.0 AP on {(sign * difference > 1).sum()}, '
                         f'at {LEVEL} % on {(moved & self.real).sum()})')
        return f'{self.names[1]} is {" and ".join(parts)} of {len(self.classes)} categories'

    def statement(self) -> str:
        """Both means, their difference and whether it is real, in one line; AP in points of 100."""
        first, second = 100 * self.mean_ap
        low, high = 100 * self.mean_interval
        if np.isnan(low):
            verdict = f'{self.num_videos} video(s) cannot say whether the difference is real'
        else:
            real = low > 0 or high < 0
            verdict = (f'{LEVEL} % interval {low:+.1f} to {high:+.1f} over {self.num_videos} videos: the difference is '
                       + (f'real at {LEVEL} %' if real else f'not shown to be real at {LEVEL} %, 0 is inside'))
        return (f'mAP@{self.iou:g} (rule {self.rule}) of {self.names[1]} {second:.1f}, of {self.names[0]} {first:.1f}: '
                f'{second - first:+.1f}; {verdict}')

    def markdown(self) -> str:
        """The statement, the counts and a table of the classes; AP in points of 100."""
        lines = [
            f'# {self.names[1]} against {self.names[0]}', '', f'{self.statement()}.', '', f'{self.counts()}.', '',
            f'The intervals are {LEVEL} % percentile intervals of a paired bootstrap over videos, {self.resamples} '
            'resamples. They cover the choice of videos, not the seed of the training.', '',
            f'| category | boxes | videos | {self.names[0]} | {self.names[1]} | difference | {LEVEL} % interval |',
            '|---|---|---|---|---|---|---|'
        ]
        for name, boxes, videos, ap, difference, (low, high) in zip(
                self.classes, self.num_gt, self.gt_videos, self.ap.T, self.difference, self.interval):
            bounds = '' if np.isnan(low) else f'{100 * low:+.1f} to {100 * high:+.1f}'
            lines.append(f'| {name} | {boxes} | {videos} | {_points(ap[0])} | {_points(ap[1])} | '
                         f'{_points(difference, "+.1f")} | {bounds} |')
        return '\n'.join(lines) + '\n'

    def write_csv(self, path: Path) -> None:
        """A line for all categories and one for each; AP from 0 to 1, empty where there is none."""
        with open(path, 'w', newline='') as file:
            writer = csv.writer(file)
            writer.writerow(['category', 'boxes', 'videos', *self.names, 'difference', f'low_{LEVEL}', f'high_{LEVEL}'])
            mean = ['mean', self.num_gt.sum(), self.num_videos, *self.mean_ap, self.mean_ap[1] - self.mean_ap[0],
                    *self.mean_interval]
            rows = zip(self.classes, self.num_gt, self.gt_videos, *self.ap, self.difference, *self.interval.T)
            for row in (mean, *rows):
                writer.writerow([*row[:3], *('' if np.isnan(value) else f'{value:.6f}' for value in row[3:])])


def _points(ap: float, form: str = '.1f') -> str:
    return '' if np.isnan(ap) else format(100 * ap, form)


def check_comparable(first: EvaluationResult, second: EvaluationResult, names: Tuple[str, str]) -> None:
    """Refuse two results that do not rest on the same rule, thresholds, classes and ground truth.

    Raises:
        ValueError: Naming what differs.
    """
    def refuse(what, one, other, remedy):
        raise ValueError(f'{names[0]} and {names[1]} cannot be compared: {what} {one} and {other}: evaluate both with '
                         f'the same {remedy}')

    for key, what, remedy in (('rule', 'rule', '--rule'), ('iou', 'IoU thresholds', 'thresholds')):
        one, other = getattr(first, key), getattr(second, key)
        if one != other:
            refuse(what, one, other, remedy)
    classes = [list(zip(result.class_ids, result.names)) for result in (first, second)]
    if classes[0] != classes[1]:
        if len(classes[0]) != len(classes[1]):
            refuse('number of classes', *map(len, classes), 'label file')
        one, other = next(pair for pair in zip(*classes) if pair[0] != pair[1])
        refuse('class', '{} "{}"'.format(*one), '{} "{}"'.format(*other), 'label file')
    videos = sorted(set(first.videos) | set(second.videos))
    counts = [_gt_of(result, videos) for result in (first, second)]
    if not np.array_equal(*counts):
        video, index = np.argwhere(counts[0] != counts[1])[0]
        refuse(f'annotated boxes of "{first.names[index]}" in video {videos[video]}:', counts[0][video, index],
               counts[1][video, index], 'ground truth')
    if first.num_key_frames != second.num_key_frames:
        refuse('number of key frames', first.num_key_frames, second.num_key_frames, 'ground truth')


def _gt_of(result: EvaluationResult, videos: list) -> np.ndarray:
    """(V, K) annotated boxes of the sorted videos; 0 for one that the result does not list."""
    counts = np.zeros((len(videos), len(result.class_ids)), int)
    counts[np.searchsorted(videos, result.videos)] = result.gt_per_video
    return counts


def resampled_ap(result: EvaluationResult, weights: np.ndarray, iou: float = None) -> np.ndarray:
    """AP with each video counted as often as a resample says: :func:`average_precision` for many weights at once.

    Args:
        result (EvaluationResult): V videos, K classes.
        weights (np.ndarray): (S, V) int, how often each of S resamples drew each of ``result.videos``.
        iou (float): The threshold. Defaults to the first.

    Returns:
        np.ndarray: (S, K) from 0 to 1; nan where the resample has no ground truth of the class.
    """
    matched = result.matched[0 if iou is None else result.iou.index(iou)]
    num_gt = weights @ result.gt_per_video
    weights = weights.astype(np.int32)
    ap = np.full(num_gt.shape, np.nan)
    for index in range(len(result.class_ids)):
        part = result.detections_of(index)
        hits = np.flatnonzero(matched[part])
        if not len(hits):
            ap[num_gt[:, index] > 0, index] = 0
            continue
        # Precision falls between two matches, so the envelope is that of the matches; what comes after the last of
        # them changes nothing.
        video = result.video[part][:hits[-1] + 1]
        size = max(1, CHUNK // len(video))
        for start in range(0, len(weights), size):
            chunk = slice(start, start + size)
            counted = np.take(weights[chunk], video, axis=1)  # (S, n)
            hit_weights = counted[:, hits]
            total = np.cumsum(counted, axis=1, dtype=np.int32)[:, hits]
            precision = np.cumsum(hit_weights, axis=1) / np.maximum(total, 1)
            best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
            with np.errstate(invalid='ignore'):
                ap[chunk, index] = (best * hit_weights).sum(1) / num_gt[chunk, index]
    return ap


def compare(first: EvaluationResult, second: EvaluationResult, names: Tuple[str, str] = ('first', 'second'),
            resamples: int = 1000, seed: int = 0, iou: float = None) -> Comparison:
    """Differences second - first with intervals of a paired bootstrap: both runs on the same resampled videos.

    Videos are drawn with replacement (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993): people and
    frames of one video resemble each other, so they are not drawn one by one. The interval of a class rests on the
    resamples that hold ground truth of it.

    Args:
        first (EvaluationResult): The run to compare with.
        second (EvaluationResult): The run of interest.
        names (tuple[str]): What to call them. Defaults to 'first' and 'second'.
        resamples (int): Resamples of the bootstrap. Defaults to 1000.
        seed (int): Of the draw. Defaults to 0.
        iou (float): The threshold. Defaults to the first.

    Returns:
        Comparison: Of the classes that have an AP in a run.

    Raises:
        ValueError: If the two do not rest on the same rule and data, ``resamples`` is below 1, or the results have no
            such threshold.
    """
    check_comparable(first, second, names)
    if resamples < 1:
        raise ValueError(f'resamples {resamples}: expected 1 or more')
    iou = first.iou[0] if iou is None else iou
    if iou not in first.iou:
        raise ValueError(f'IoU {iou:g}: the results have {", ".join(f"{value:g}" for value in first.iou)}')
    ap = np.stack([result.ap[result.iou.index(iou)] for result in (first, second)])
    videos = sorted(set(first.videos) | set(second.videos))
    ground_truth = _gt_of(first, videos)
    gt_videos = (ground_truth > 0).sum(0)

    draws = np.random.default_rng(seed).multinomial(len(videos), np.full(len(videos), 1 / len(videos)), resamples)
    sampled = []
    for result, own in zip((first, second), ap):
        values = resampled_ap(result, draws[:, np.searchsorted(videos, result.videos)], iou)
        sampled.append(np.where(np.isnan(own), np.nan, values))  # the classes that the rule counts
    differences = sampled[1] - sampled[0]
    interval = np.full((len(first.class_ids), 2), np.nan)
    for index in np.flatnonzero(gt_videos > 1):
        interval[index] = _interval(differences[:, index])
    mean_interval = np.full(2, np.nan)
    if len(videos) > 1:
        mean_interval = _interval(_mean(sampled[1]) - _mean(sampled[0]))

    listed = np.flatnonzero(~np.isnan(ap).all(0))
    order = listed[np.argsort(-first.num_gt[listed], kind='stable')]
    return Comparison(
        names=tuple(names),
        rule=first.rule,
        iou=iou,
        classes=tuple(first.names[index] for index in order),
        num_gt=first.num_gt[order],
        gt_videos=gt_videos[order],
        ap=ap[:, order],
        interval=interval[order],
        mean_ap=_mean(ap),
        mean_interval=mean_interval,
        num_videos=len(videos),
        resamples=resamples)


def _mean(ap: np.ndarray) -> np.ndarray:
    """Mean over the last axis without nan; nan where there is nothing else."""
    present = ~np.isnan(ap)
    with np.errstate(invalid='ignore'):
        return ap.sum(-1, where=present) / present.sum(-1)


def _interval(values: np.ndarray) -> np.ndarray:
    values = values[~np.isnan(values)]
    tail = (100 - LEVEL) / 2
    return np.percentile(values, [tail, 100 - tail]) if len(values) else np.full(2, np.nan)


def run_names(first: Path, second: Path) -> Tuple[str, str]:
    """What tells two result files apart: the last part of their paths, without the suffix, that differs.

    Raises:
        ValueError: If it is the same file twice.
    """
    parts = [path.resolve().with_suffix('').parts[::-1] for path in (first, second)]
    for names in zip(*parts):
        if names[0] != names[1]:
            return names
    raise ValueError(f'{first} and {second}: the same file twice: give the results of two runs')
