"""Two sides on the same data, each of one or several runs, class by class (the paper's Figure 3), and whether they
really differ. numpy only."""
import csv
from dataclasses import dataclass
from pathlib import Path
from typing import List, Sequence, Tuple, Union

import numpy as np

from stssa_mm.files.whole_file import whole_file

from .result import EvaluationResult

CHUNK = 4_000_000  # weights held at once, 4 bytes each
LEVEL = 95
# The 97.5 % quantile of Student's distribution over that of the normal one, by degrees of freedom.
FREEDOM = (1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 60, 120)
STUDENT = (6.483, 2.195, 1.624, 1.417, 1.312, 1.248, 1.177, 1.137, 1.088, 1.064, 1.042, 1.021, 1.010)


@dataclass
class Comparison:
    """A second side against a first. K classes with a figure, by falling number of annotated boxes.

    Attributes:
        names (tuple[str]): Of the first and the second side.
        rule (str): By which all runs were evaluated.
        iou (float): The threshold.
        classes (tuple[str]): K names.
        num_gt (np.ndarray): (K,) annotated boxes.
        gt_videos (np.ndarray): (K,) videos with annotated boxes of the class.
        ap (np.ndarray): (2, K) from 0 to 1, means over a side's runs; nan where the rule leaves the class out of the
            mean of all of them.
        interval (np.ndarray): (K, 2) bounds of the difference second - first; nan where fewer than two videos have
            the class.
        mean_ap (np.ndarray): (2,) mAP, means over a side's runs.
        mean_interval (np.ndarray): (2,) bounds of the difference of the means; nan with fewer than two videos.
        num_videos (int): Videos that the resamples were drawn from.
        resamples (int): How many were drawn.
        runs (tuple[np.ndarray]): mAP of each run of the first and of the second side.
        ap_spread (np.ndarray): (2, K) standard deviation (of a sample) of AP over a side's runs; nan for one run.
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
    runs: Tuple[np.ndarray, np.ndarray]
    ap_spread: np.ndarray

    @property
    def seeds(self) -> Tuple[int, int]:
        """Number of runs, which differ in their seed, of each side."""
        return len(self.runs[0]), len(self.runs[1])

    @property
    def mean_spread(self) -> np.ndarray:
        """(2,) standard deviation (of a sample) of mAP over a side's runs; nan for one run."""
        return np.array([_spread(runs) for runs in self.runs])

    @property
    def difference(self) -> np.ndarray:
        """(K,) AP of the second side minus AP of the first."""
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

    def covered(self) -> str:
        """What the intervals cover: the choice of videos, and that of the seeds of a side with several."""
        videos = f'{self.num_videos} video{"s" * (self.num_videos != 1)}'
        if max(self.seeds) == 1:
            return f'{videos}, not over seeds (one a side)'
        if min(self.seeds) == 1:
            one, several = np.argsort(self.seeds)
            return f'{videos} and {self.seeds[several]} seeds of {self.names[several]} (one of {self.names[one]})'
        return f'{videos} and {self.seeds[0]} and {self.seeds[1]} seeds'

    def mean_of(self, side: int) -> str:
        """mAP of a side in points of 100, with its standard deviation and number of seeds where there are several."""
        spread = self.mean_spread[side]
        seeds = f' ({self.seeds[side]} seeds)' if self.seeds[side] > 1 else ''
        return f'{_points(self.mean_ap[side], spread=spread)}{seeds}'

    def statement(self) -> str:
        """Both means, their difference and whether it is real, in one line; AP in points of 100."""
        difference = 100 * (self.mean_ap[1] - self.mean_ap[0])
        low, high = 100 * self.mean_interval
        if np.isnan(low):
            verdict = f'{self.num_videos} video(s) cannot say whether the difference is real'
        else:
            real = low > 0 or high < 0
            verdict = (f'{LEVEL} % interval {low:+.1f} to {high:+.1f} over {self.covered()}: the difference is '
                       + (f'real at {LEVEL} %' if real else f'not shown to be real at {LEVEL} %, 0 is inside'))
        return (f'mAP@{self.iou:g} (rule {self.rule}) of {self.names[1]} {self.mean_of(1)}, of {self.names[0]} '
                f'{self.mean_of(0)}: {difference:+.1f}; {verdict}')

    def method(self) -> str:
        """How the intervals were found, in full sentences."""
        if max(self.seeds) == 1:
            return (f'The intervals are {LEVEL} % percentile intervals of a paired bootstrap over videos, '
                    f'{self.resamples} resamples. They cover the choice of videos, not the seed of the training.')
        text = (f'The intervals are {LEVEL} % percentile intervals of a bootstrap over videos, the same for all runs, '
                f'and over the seeds of each side, {self.resamples} resamples, widened for the small number of seeds.')
        if min(self.seeds) == 1:
            text += f' They do not cover the seed of {self.names[self.seeds.index(1)]}, which is one.'
        return f'{text} "±" is the standard deviation over seeds.'

    def markdown(self) -> str:
        """The statement, the counts and a table of the classes; AP in points of 100."""
        lines = [
            f'# {self.names[1]} against {self.names[0]}', '', f'{self.statement()}.', '', f'{self.counts()}.', '',
            self.method(), '',
            f'| category | boxes | videos | {self.names[0]} | {self.names[1]} | difference | {LEVEL} % interval |',
            '|---|---|---|---|---|---|---|'
        ]
        for name, boxes, videos, ap, spread, difference, (low, high) in zip(
                self.classes, self.num_gt, self.gt_videos, self.ap.T, self.ap_spread.T, self.difference,
                self.interval):
            bounds = '' if np.isnan(low) else f'{100 * low:+.1f} to {100 * high:+.1f}'
            lines.append(f'| {name} | {boxes} | {videos} | {_points(ap[0], spread=spread[0])} | '
                         f'{_points(ap[1], spread=spread[1])} | {_points(difference, "+.1f")} | {bounds} |')
        return '\n'.join(lines) + '\n'

    def write_csv(self, path: Path) -> None:
        """A line for all categories and one for each; AP from 0 to 1, empty where there is none.

        A side with several seeds also has a column ``<name> std``.
        """
        with whole_file(path) as part, open(part, 'w', newline='') as file:
            writer = csv.writer(file)
            several = [side for side in (0, 1) if self.seeds[side] > 1]
            writer.writerow(['category', 'boxes', 'videos', *self.names, 'difference', f'low_{LEVEL}', f'high_{LEVEL}',
                             *(f'{self.names[side]} std' for side in several)])
            mean = ['mean', self.num_gt.sum(), self.num_videos, *self.mean_ap, self.mean_ap[1] - self.mean_ap[0],
                    *self.mean_interval, *self.mean_spread[several]]
            rows = zip(self.classes, self.num_gt, self.gt_videos, *self.ap, self.difference, *self.interval.T,
                       *self.ap_spread[several])
            for row in (mean, *rows):
                writer.writerow([*row[:3], *('' if np.isnan(value) else f'{value:.6f}' for value in row[3:])])


def _points(ap: float, form: str = '.1f', spread: float = np.nan) -> str:
    return '' if np.isnan(ap) else format(100 * ap, form) + ('' if np.isnan(spread) else f' ± {100 * spread:.1f}')


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


Side = Union[EvaluationResult, Sequence[EvaluationResult]]


def compare(first: Side, second: Side, names: Tuple[str, str] = ('first', 'second'), resamples: int = 1000,
            seed: int = 0, iou: float = None) -> Comparison:
    """Differences second - first with intervals of a paired bootstrap: all runs on the same resampled videos.

    Videos are drawn with replacement (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993): people and
    frames of one video resemble each other, so they are not drawn one by one. The interval of a class rests on the
    resamples that hold ground truth of it.

    With several runs of a side, which differ in the seed of their training, each resample also draws that side's runs
    with replacement, apart from the videos: every run is tested on every video, so the two are crossed, and both are
    resampled (Owen, "The pigeonhole bootstrap", Annals of Applied Statistics 1, 2007). What a side's mean moves by the
    draw of its n runs is multiplied by sqrt(n / (n - 1)) and by the quantile of Student's distribution over that of the
    normal one (Welch's degrees of freedom): intervals of few runs, resampled as they are, are too narrow (Hesterberg,
    "What teachers should know about the bootstrap", The American Statistician 69, 2015). Where only the seeds differ,
    they exclude 0 in 27 % of all cases with two runs a side and 18 % with three; the widened ones in 2 % and 5 %. The
    seed of a side with one run is not covered.

    Args:
        first (EvaluationResult or Sequence): The run to compare with, or several that differ in their seed.
        second (EvaluationResult or Sequence): The run of interest, or several; not as many as of the first needed.
        names (tuple[str]): What to call the sides. Defaults to 'first' and 'second'.
        resamples (int): Resamples of the bootstrap. Defaults to 1000.
        seed (int): Of the draw. Defaults to 0.
        iou (float): The threshold. Defaults to the first.

    Returns:
        Comparison: Of the classes that have an AP in a run.

    Raises:
        ValueError: If a side has no run, the runs do not rest on the same rule and data, ``resamples`` is below 1, or
            the results have no such threshold.
    """
    sides = [[side] if isinstance(side, EvaluationResult) else list(side) for side in (first, second)]
    labelled = []
    for side, name in zip(sides, names):
        if not side:
            raise ValueError(f'{name}: no run: give one or more')
        labelled += [(name if len(side) == 1 else f'{name} (run {number})', run) for number, run in enumerate(side, 1)]
    for label, run in labelled[1:]:
        check_comparable(labelled[0][1], run, (labelled[0][0], label))
    if resamples < 1:
        raise ValueError(f'resamples {resamples}: expected 1 or more')
    one = sides[0][0]
    iou = one.iou[0] if iou is None else iou
    if iou not in one.iou:
        raise ValueError(f'IoU {iou:g}: the results have {", ".join(f"{value:g}" for value in one.iou)}')
    videos = sorted({video for _, run in labelled for video in run.videos})
    gt_videos = (_gt_of(one, videos) > 0).sum(0)

    rng = np.random.default_rng(seed)
    draws = rng.multinomial(len(videos), np.full(len(videos), 1 / len(videos)), resamples)
    seeds = [rng.multinomial(len(side), np.full(len(side), 1 / len(side)), resamples) for side in sides]
    own = [np.stack([run.ap[run.iou.index(iou)] for run in side]) for side in sides]  # (runs, K)
    sampled = []  # (runs, S, K)
    for side, aps in zip(sides, own):
        values = [resampled_ap(run, draws[:, np.searchsorted(videos, run.videos)], iou) for run in side]
        sampled.append(np.where(np.isnan(aps)[:, None], np.nan, values))  # the classes that the rule counts

    def differences(of_runs, of_resamples):
        factors = _widening(*of_runs)
        moved = [_over_runs(*args) for args in zip(of_resamples, seeds, factors)]
        return moved[1] - moved[0]

    by_class = differences(own, sampled)
    interval = np.full((len(one.class_ids), 2), np.nan)
    for index in np.flatnonzero(gt_videos > 1):
        interval[index] = _interval(by_class[:, index])
    runs = tuple(_mean(aps) for aps in own)
    mean_interval = np.full(2, np.nan)
    if len(videos) > 1:
        mean_interval = _interval(differences(runs, [_mean(values) for values in sampled]))

    ap = np.stack([_mean(aps.T) for aps in own])
    listed = np.flatnonzero(~np.isnan(ap).all(0))
    order = listed[np.argsort(-one.num_gt[listed], kind='stable')]
    return Comparison(
        names=tuple(names),
        rule=one.rule,
        iou=iou,
        classes=tuple(one.names[index] for index in order),
        num_gt=one.num_gt[order],
        gt_videos=gt_videos[order],
        ap=ap[:, order],
        interval=interval[order],
        mean_ap=np.array([_mean(values) for values in runs]),
        mean_interval=mean_interval,
        num_videos=len(videos),
        resamples=resamples,
        runs=runs,
        ap_spread=np.stack([_spread(aps) for aps in own])[:, order])


def _widening(first: np.ndarray, second: np.ndarray) -> List[np.ndarray]:
    """What the movement of each side's mean under resampled runs is multiplied by, from the figures of its runs, (n,)
    or (n, K): see :func:`compare`."""
    errors, freedom = [], []
    for values in (first, second):
        if len(values) > 1:
            errors.append(_spread(values)**2 / len(values))
            freedom.append(len(values) - 1)
    if not errors:
        return [1.0, 1.0]
    with np.errstate(invalid='ignore'):  # 0 / 0 where the runs do not differ
        welch = sum(errors)**2 / sum(error**2 / free for error, free in zip(errors, freedom))
    student = np.interp(np.nan_to_num(welch, nan=FREEDOM[-1]), FREEDOM, STUDENT)
    return [student * np.sqrt(len(values) / max(len(values) - 1, 1)) for values in (first, second)]


def _over_runs(values: np.ndarray, drawn: np.ndarray, factor: Union[float, np.ndarray]) -> np.ndarray:
    """Mean over the runs of a side, moved as its resampled runs say.

    ``values`` (runs, S, ...) and ``drawn`` (S, runs), how often each resample drew each run, give (S, ...).
    """
    weights = drawn.T.reshape(*drawn.T.shape, *[1] * (values.ndim - 2))
    present = ~np.isnan(values)
    values = np.where(present, values, 0)
    with np.errstate(invalid='ignore'):
        mean = values.sum(0) / present.sum(0)
        moved = (weights * values).sum(0) / (weights * present).sum(0)
    return mean + factor * (moved - mean)


def _spread(values: np.ndarray) -> np.ndarray:
    """Standard deviation of a sample over the first axis without nan; nan where there are fewer than two values."""
    count = (~np.isnan(values)).sum(0)
    with np.errstate(invalid='ignore', divide='ignore'):
        mean = np.nansum(values, 0) / count
        return np.sqrt(np.where(count > 1, np.nansum((values - mean)**2, 0) / (count - 1), np.nan))


def _mean(ap: np.ndarray) -> np.ndarray:
    """Mean over the last axis without nan; nan where there is nothing else."""
    present = ~np.isnan(ap)
    with np.errstate(invalid='ignore'):
        return ap.sum(-1, where=present) / present.sum(-1)


def _interval(values: np.ndarray) -> np.ndarray:
    values = values[~np.isnan(values)]
    tail = (100 - LEVEL) / 2
    return np.percentile(values, [tail, 100 - tail]) if len(values) else np.full(2, np.nan)
