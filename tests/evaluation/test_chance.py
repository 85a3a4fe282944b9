"""What random scores reach: closed forms, and against the evaluation itself with random scores."""
import numpy as np
import pytest
from evaluation.rows import CLASSES, LEFT, RIGHT, boxes, evaluate

from stssa_mm.evaluation.chance import DRAWS, SEED, random_scores
from stssa_mm.evaluation.frame_map import frame_map


def test_one_right_box_among_many():
    """Its rank is uniform: the AP is the mean of 1 / rank over 1 to n."""
    n, values = 4, []
    for frames in range(400):  # the seed is fixed, so other numbers of rows before it stand for other draws
        frame = np.zeros(n + frames, int)
        label = np.append(np.ones(frames, int), np.zeros(n, int))
        values.append(random_scores(frame, label, np.array([frames]), np.array([0]), np.array([1, 0])).mean_ap)
    assert np.mean(values) == pytest.approx(np.mean(1 / np.arange(1, n + 1)), abs=0.02)


def test_everything_right_is_one_and_nothing_right_is_nought():
    frame, label = np.arange(6), np.array([0, 0, 0, 1, 1, 1])
    assert random_scores(frame, label, frame, frame, np.array([3, 3])) == (1, 1)
    assert random_scores(frame, label, frame[:3], frame[:3], np.array([3, 3, 0])) == (0.5, 0.5)
    assert random_scores(frame, label, frame[:0], frame[:0], np.array([3, 3])) == (0, 0)
    nothing = random_scores(frame[:0], label[:0], frame[:0], frame[:0], np.array([0, 0]))
    assert np.isnan(nothing).all()
    # Two boxes on the same person: one is false, and which of them does not matter.
    assert random_scores(frame[:2], label[:2], frame[:2], frame[:2] * 0, np.array([2])) == (0.5, 0.5)


@pytest.mark.parametrize('rule', ['activitynet', 'mmaction2'])
@pytest.mark.parametrize('seed', range(8))
def test_equals_evaluations_of_random_scores(rule, seed):
    """The same draws through the evaluation, frames over the cap among them."""
    rng = np.random.default_rng(seed)

    def rows(count):
        low = rng.integers(0, 5, (count, 2)) / 10
        corners = np.concatenate([low, low + rng.integers(0 if count > 100 else 1, 5, low.shape) / 10], 1).tolist()
        return [(int(frame), box, int(label), 1.0) for frame, box, label in
                zip(rng.integers(4, size=count), corners, rng.choice(list(CLASSES), count))]

    truth, found = boxes(rows(30)), boxes(rows(260))
    options = dict(classes=CLASSES, frame_video=np.zeros(4, int), videos=['v'],
                   excluded=np.array([False, False, False, seed % 2 == 1]), rule=rule)
    result = frame_map(truth, found, **options, chance=True)
    listed = found.frame < 3 if seed % 2 else np.ones(260, bool)
    draws = np.random.default_rng(SEED)
    values = []
    for _ in range(DRAWS):
        score = np.zeros(260)
        score[listed] = draws.random(listed.sum())
        values.append(frame_map(truth, found._replace(score=score), **options).mean_ap())
    assert result.chance == pytest.approx(np.mean(values), abs=1e-6 if rule == 'mmaction2' else 1e-12)
    assert max(values) <= result.upper_bound <= 1


def test_the_order_of_the_rows_scores_has_no_part_in_it():
    rows = [(0, LEFT, 1), (0, RIGHT, 1), (1, RIGHT, 1), (2, RIGHT, 1)]
    first, second = (evaluate([(0, LEFT, 1)], [(*row, score) for row, score in zip(rows, scores)], chance=True)
                     for scores in ([.9, .1, .2, .3], [.1, .2, .3, .9]))
    assert first.chance == second.chance and first.mean_ap() == 1 and second.mean_ap() == 0.25
    assert first.upper_bound == 1 and 0.25 < first.chance < 1
    assert evaluate([(0, LEFT, 1)], []).chance is None and 'chance' not in evaluate([(0, LEFT, 1)], []).summary()
