"""Frame-AP against a slow reference written from the official rule, and facts."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stssa_mm.evaluation.frame_map import Boxes, frame_map

CLASSES = {1: 'stand', 3: 'kick', 4: 'wave'}
LEFT, RIGHT = [0.0, 0.0, 0.5, 1.0], [0.5, 0.0, 1.0, 1.0]


def boxes(rows):
    """Boxes from rows (frame, box, label, score)."""
    frame, box, label, score = zip(*rows) if rows else ([], [], [], [])
    return Boxes(np.array(frame, int), np.array(box, float).reshape(-1, 4), np.array(label, int),
                 np.array(score, float))


def evaluate(truth, detections, frames=4, excluded=(), classes=CLASSES, **kwargs):
    """``frame_map`` of rows, every two key frames a video."""
    mask = np.isin(np.arange(frames), list(excluded))
    video = np.arange(frames) // 2
    return frame_map(boxes([(*row, 1) for row in truth]), boxes(detections), classes, video,
                     [f'v{i}' for i in range(video.max() + 1)], mask, **kwargs)


def overlap(a, b):
    width, height = (max(min(a[i + 2], b[i + 2]) - max(a[i], b[i]), 0) for i in (0, 1))
    area = sum((x[2] - x[0]) * (x[3] - x[1]) for x in (a, b))
    return width * height / (area - width * height)


def reference(truth, detections, frames, excluded, threshold):
    """AP of each class, from the official rule, one detection after the other."""
    result = {}
    kept = []
    for frame in range(frames):
        rows = [row for row in detections if row[0] == frame and row[2] in CLASSES]
        kept += sorted(rows, key=lambda row: -row[3])[:50]
    for label in CLASSES:
        left = {frame: [row[1] for row in truth if row[0] == frame and row[2] == label]
                for frame in range(frames) if frame not in excluded}
        count = sum(map(len, left.values()))
        taken, outcome = set(), []
        ranked = sorted([row for row in detections if row in kept and row[2] == label and row[0] in left],
                        key=lambda row: -row[3])
        for frame, box, _, _ in ranked:
            best, index = max(((overlap(box, other), -i) for i, other in enumerate(left[frame])), default=(0, 0))
            hit = best >= threshold and (frame, index) not in taken
            if hit:
                taken.add((frame, index))
            outcome.append(hit)
        if not count:
            result[label] = float('nan')
            continue
        precision = [sum(outcome[:i + 1]) / (i + 1) for i in range(len(outcome))]
        result[label] = sum(max(precision[i:]) for i, hit in enumerate(outcome) if hit) / count
    return result


# A coarse grid gives duplicate boxes and overlaps of exactly 0.5; few scores give ties.
side = st.tuples(st.integers(0, 3), st.integers(1, 4)).map(lambda x: (x[0] / 4, max(x[1], x[0] + 1) / 4))
box = st.tuples(side, side).map(lambda s: (s[0][0], s[1][0], s[0][1], s[1][1]))
label = st.sampled_from([1, 2, 3, 4])
truth_rows = st.lists(st.tuples(st.integers(0, 3), box, label), max_size=12)
detection_rows = st.lists(st.tuples(st.integers(0, 3), box, label, st.integers(0, 5).map(lambda x: x / 5)), max_size=25)


@settings(max_examples=1500, deadline=None)
@given(truth_rows, detection_rows, st.sets(st.integers(0, 3), max_size=2), st.sampled_from([0.5, 0.2, 1.0]))
def test_equals_the_slow_reference(truth, detections, excluded, threshold):
    # Identical rows would make "row in kept" of the reference ambiguous past the cap; 25 rows stay below it.
    result = evaluate(truth, detections, excluded=excluded, iou=(threshold, ))
    wanted = reference(truth, detections, 4, excluded, threshold)
    np.testing.assert_allclose(result.ap[0], [wanted[k] for k in sorted(CLASSES)], atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_equals_the_slow_reference_above_the_cap(seed):
    rng = np.random.default_rng(seed)
    low = rng.uniform(0, 0.5, (170, 2))
    all_boxes = np.concatenate([low, low + rng.uniform(0.2, 0.5, low.shape)], 1)
    labels = rng.choice([1, 2, 3, 3], 170)
    truth = [(int(rng.integers(2)), b.tolist(), int(k)) for b, k in zip(all_boxes[:20], labels)]
    detections = [(int(rng.integers(2)), b.tolist(), int(k), float(s))
                  for b, k, s in zip(all_boxes[20:], labels[20:], rng.permutation(150))]
    wanted = reference(truth, detections, 4, (), 0.3)
    got = evaluate(truth, detections, iou=(0.3, ))
    np.testing.assert_allclose(got.ap[0], [wanted[k] for k in sorted(CLASSES)], atol=1e-12)
    assert got.num_det.sum() == sum(min(sum(row[0] == frame and row[2] != 2 for row in detections), 50)
                                    for frame in range(2))


def test_a_class_never_detected_has_ap_0_and_one_without_ground_truth_is_outside_the_mean():
    result = evaluate([(0, LEFT, 1), (0, RIGHT, 3)], [(0, LEFT, 1, 0.9), (0, LEFT, 4, 0.9)])
    np.testing.assert_array_equal(result.ap[0], [1, 0, np.nan])
    assert result.mean_ap() == 0.5
    assert evaluate([(0, LEFT, 1), (0, RIGHT, 3)], [(0, LEFT, 1, 0.9)], rule='mmaction2').mean_ap() == 1


def test_overlap_of_exactly_the_threshold_counts():
    half = [0.0, 0.0, 0.5, 0.5]
    assert evaluate([(0, LEFT, 1)], [(0, half, 1, 0.9)]).mean_ap() == 1
    assert evaluate([(0, LEFT, 1)], [(0, half, 1, 0.9)], iou=(0.5001, )).mean_ap() == 0


def test_second_detection_of_a_person_is_false_even_if_another_is_near():
    # Both boxes overlap LEFT most; the second may not take the other annotated box instead.
    near = [0.1, 0.0, 0.6, 1.0]
    result = evaluate([(0, LEFT, 1), (0, near, 1)], [(0, LEFT, 1, 0.9), (0, LEFT, 1, 0.8)])
    assert result.matched.tolist() == [[True, False]] and result.mean_ap() == 0.5


def test_detections_on_frames_that_are_not_listed_or_excluded_count_nowhere():
    detections = [(0, LEFT, 1, 0.5), (-1, LEFT, 1, 0.9), (2, LEFT, 1, 0.9)]
    result = evaluate([(0, LEFT, 1), (2, RIGHT, 1)], detections, excluded=[2])
    assert (result.mean_ap(), result.num_det[0], result.num_gt[0], result.num_key_frames) == (1, 1, 1, 3)
    # MMAction2 counts the annotated box of the excluded frame as missed.
    assert evaluate([(0, LEFT, 1), (2, RIGHT, 1)], detections, excluded=[2], rule='mmaction2').mean_ap() == 0.5


def test_key_frame_with_nobody_makes_detections_false():
    assert evaluate([(0, LEFT, 1)], [(0, LEFT, 1, 0.5), (1, LEFT, 1, 0.9)]).mean_ap() == 0.5


def test_only_the_50_best_of_a_frame_count():
    detections = [(0, RIGHT, 3, 0.9)] * 50 + [(0, LEFT, 1, 0.5)]
    assert evaluate([(0, LEFT, 1)], detections).mean_ap() == 0
    assert evaluate([(0, LEFT, 1)], detections[1:]).mean_ap() == 1
    assert evaluate([(0, LEFT, 1)], detections, rule='mmaction2').mean_ap() == 1
    assert evaluate([(0, LEFT, 1)], [(0, RIGHT, 2, 0.9)] * 50 + detections[-1:]).mean_ap() == 1  # 2 is no class


def test_earlier_of_equal_scores_comes_first():
    right, wrong = (0, LEFT, 1, 0.5), (0, RIGHT, 1, 0.5)
    assert evaluate([(0, LEFT, 1)], [right, wrong]).mean_ap() == 1
    assert evaluate([(0, LEFT, 1)], [wrong, right]).mean_ap() == 0.5


def test_several_thresholds_and_the_curve():
    result = evaluate([(0, LEFT, 1), (1, LEFT, 1)],
                      [(0, LEFT, 1, 0.9), (0, RIGHT, 1, 0.8), (1, [0, 0, 0.5, 0.6], 1, 0.7)], iou=(0.5, 0.75))
    assert result.mean_ap(0.75) == 0.5 and result.mean_ap() == pytest.approx((1 + 2 / 3) / 2)
    recall, precision, score = result.curve(0)
    np.testing.assert_allclose(recall, [0.5, 0.5, 1])
    np.testing.assert_allclose(precision, [1, 0.5, 2 / 3])
    assert score.tolist() == [0.9, 0.8, 0.7]


@pytest.mark.parametrize('rule', ['activitynet', 'mmaction2'])
def test_nothing_detected_and_nothing_annotated(rule):
    assert np.isnan(evaluate([], [], rule=rule).mean_ap())
    nothing = evaluate([(0, LEFT, 1)], [], rule=rule)
    assert nothing.num_gt.tolist() == [1, 0, 0] and nothing.num_det.sum() == 0
    assert nothing.mean_ap() == 0 if rule == 'activitynet' else np.isnan(nothing.mean_ap())


@pytest.mark.parametrize(('kwargs', 'message'), [
    (dict(rule='coco'), r"rule='coco': expected one of \('activitynet', 'mmaction2'\)"),
    (dict(iou=(0, )), r'iou=\(0.0,\): expected'), (dict(iou=()), 'expected one or more')])
def test_wrong_arguments(kwargs, message):
    with pytest.raises(ValueError, match=message):
        evaluate([], [], **kwargs)


def test_nothing_of_the_caller_changes():
    truth, found = boxes([(0, LEFT, 1, 1)]), boxes([(0, LEFT, 1, 0.2), (0, RIGHT, 1, 0.9)])
    copies = [column.copy() for column in (*truth, *found)]
    for rule in ('activitynet', 'mmaction2'):
        frame_map(truth, found, CLASSES, np.zeros(1, int), ['v'], rule=rule)
    for before, after in zip(copies, (*truth, *found)):
        np.testing.assert_array_equal(before, after)
