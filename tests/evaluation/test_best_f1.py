import numpy as np
import pytest

from stssa_mm.evaluation.best_f1 import best_f1
from stssa_mm.evaluation.result import EvaluationResult


def result(*classes, iou=(.5, )):
    """``classes``: (annotated boxes, [(score, matched), ...])."""
    found = [row for _, rows in classes for row in rows]
    count = len(classes)
    return EvaluationResult(
        rule='activitynet', iou=iou, class_ids=tuple(range(1, count + 1)), names=tuple('abc'[:count]),
        ap=np.zeros((len(iou), count)), num_gt=np.array([boxes for boxes, _ in classes]),
        num_det=np.array([len(rows) for _, rows in classes]), num_key_frames=1, videos=('v', ),
        gt_per_video=np.array([[boxes for boxes, _ in classes]]), video=np.zeros(len(found), int),
        score=np.array([score for score, _ in found], float),
        matched=np.array([[bool(right) for _, right in found]] * len(iou)).reshape(len(iou), -1))


def test_the_score_of_the_best_f1():
    """F1 at .9, .8, .7, .6: 2/4, 4/5, 4/6, 6/7."""
    row, = best_f1(result((3, [(.9, 1), (.8, 1), (.7, 0), (.6, 1)])))
    assert row == dict(id=1, name='a', threshold=.6, f1=pytest.approx(6 / 7), precision=.75, recall=1)
    row, = best_f1(result((3, [(.9, 1), (.8, 1), (.7, 0), (.6, 0)])))
    assert (row['threshold'], row['f1'], row['precision'], row['recall']) == (.8, pytest.approx(.8), 1, 2 / 3)


def test_equal_scores_count_together():
    row, = best_f1(result((1, [(.9, 1), (.9, 0), (.9, 0)])))
    assert row['threshold'] == .9 and row['precision'] == pytest.approx(1 / 3) and row['f1'] == .5


def test_of_equal_f1_the_highest_threshold():
    row, = best_f1(result((2, [(.9, 1), (.5, 0), (.4, 0), (.3, 1)])))  # 2/3, 2/4, 2/5, 4/6
    assert row['threshold'] == .9


def test_the_detection_that_it_is_taken_from_reaches_it():
    for score in (.12345678, np.float32(.7).item(), 1 - 1e-9, .1):
        row, = best_f1(result((1, [(score, 1)])))
        assert score - 1e-6 < row['threshold'] <= score


def test_classes_are_apart_and_one_without_a_right_detection_has_none():
    first, second, third = best_f1(result((1, [(.9, 1)]), (1, [(.8, 0)]), (0, [])))
    assert first['threshold'] == .9
    assert second == dict(id=2, name='b', threshold=None, f1=None, precision=None, recall=None)
    assert third['threshold'] is None


def test_matches_of_another_iou():
    found = result((2, [(.9, 1), (.8, 1)]), iou=(.5, .75))
    found.matched[1, 1] = False
    assert best_f1(found)[0]['threshold'] == .8 and best_f1(found, .75)[0]['threshold'] == .9


def test_no_threshold_is_better():
    random = np.random.default_rng(0)
    scores = np.sort(random.random(60).round(2))[::-1]
    right = random.random(60) < scores
    row, = best_f1(result((50, list(zip(scores, right)))))
    each = [2 * right[scores >= t].sum() / ((scores >= t).sum() + 50) for t in np.unique(scores)]
    assert row['f1'] == pytest.approx(max(each))
