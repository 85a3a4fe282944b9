"""Frame-AP against a slow reference written from the official rule, and facts."""
import heapq

import numpy as np
import pytest
from evaluation.rows import CLASSES, LEFT, RIGHT, boxes, evaluate
from hypothesis import given, settings
from hypothesis import strategies as st

from stssa_mm.evaluation.frame_map import frame_map


def overlap(a, b):
    width, height = (max(min(a[i + 2], b[i + 2]) - max(a[i], b[i]), 0) for i in (0, 1))
    area = sum((x[2] - x[0]) * (x[3] - x[1]) for x in (a, b))
    return width * height / (area - width * height)


def as_read(rows, capacity):
    """Rows as the official script has them after reading: frame to rows, frames and rows in its order."""
    heaps = {}
    for frame, (x1, y1, x2, y2), label, score in rows:
        if label not in CLASSES:
            continue
        heap, entry = heaps.setdefault(frame, []), (score, label, y1, x1, y2, x2)
        if len(heap) < capacity:
            heapq.heappush(heap, entry)
        elif heap[0][0] < score:
            heapq.heapreplace(heap, entry)
    return {frame: [(score, label, (x1, y1, x2, y2)) for score, label, y1, x1, y2, x2 in
                    sorted(heap, key=lambda entry: -entry[0])] for frame, heap in heaps.items()}


def reference(truth, detections, frames, excluded, threshold):
    """AP of each class, from the official rule, one detection after the other."""
    result = {}
    truth = {frame: rows for frame, rows in as_read([(*row, 1.0)[:4] for row in truth], 10**9).items()
             if frame not in excluded}
    read = as_read(detections, 50)
    for label in CLASSES:
        left = {frame: [row[2] for row in rows if row[1] == label] for frame, rows in truth.items()}
        count = sum(map(len, left.values()))
        scores, hits = [], []
        for frame, rows in read.items():
            if frame in excluded or not 0 <= frame < frames:
                continue
            taken = set()
            for score, of, box in rows:
                if of != label or box[0] >= box[2] or box[1] >= box[3]:
                    continue
                best, index = max(((overlap(box, other), -i) for i, other in enumerate(left.get(frame, []))),
                                  default=(0, 0))
                hits.append(best >= threshold and index not in taken)
                scores.append(score)
                taken |= {index} if hits[-1] else set()
        if not count:
            result[label] = float('nan')
            continue
        outcome = [hits[i] for i in np.argsort(np.array(scores, float))[::-1]]
        precision = [sum(outcome[:i + 1]) / (i + 1) for i in range(len(outcome))]
        result[label] = sum(max(precision[i:]) for i, hit in enumerate(outcome) if hit) / count
    return result


# A coarse grid gives duplicate boxes, overlaps of exactly 0.5 and boxes without area; few scores give ties.
side = st.tuples(st.integers(0, 3), st.integers(1, 4)).map(lambda x: (x[0] / 4, max(x[1], x[0] + 1) / 4))
box = st.tuples(side, side).map(lambda s: (s[0][0], s[1][0], s[0][1], s[1][1]))
flat = st.tuples(st.integers(0, 4), side).map(lambda s: (s[0] / 4, s[1][0], s[0] / 4, s[1][1]))
label = st.sampled_from([1, 2, 3, 4])
truth_rows = st.lists(st.tuples(st.integers(0, 3), box, label, st.sampled_from([0, 0, 1, 2])), max_size=12)
detection_rows = st.lists(st.tuples(st.integers(-1, 3), st.one_of(box, box, box, flat), label,
                                    st.integers(0, 3).map(lambda x: x / 3)), max_size=25)


@settings(max_examples=1500, deadline=None)
@given(truth_rows, detection_rows, st.sets(st.integers(0, 3), max_size=2), st.sampled_from([0.5, 0.2, 1.0]))
def test_equals_the_slow_reference(truth, detections, excluded, threshold):
    result = evaluate(truth, detections, excluded=excluded, iou=(threshold, ))
    wanted = reference(truth, detections, 4, excluded, threshold)
    np.testing.assert_allclose(result.ap[0], [wanted[k] for k in sorted(CLASSES)], rtol=0, atol=1e-12)


def random_rows(rng, count, last, smallest):
    """Rows on two frames, some of them over again; ``last``: values of the last column, ``smallest``: side of a box."""
    low = rng.integers(0, 9, (count, 2))
    corners = np.concatenate([low, np.minimum(low + rng.integers(smallest, 9, low.shape), 10)], 1) / 10
    rows = list(zip(rng.integers(2, size=count).tolist(), map(tuple, corners.tolist()),
                    rng.choice([1, 2, 3, 3, 3], count).tolist(), rng.choice(last, count).tolist()))
    return rows + [rows[i] for i in rng.integers(count, size=count // 8)]


@pytest.mark.parametrize('levels', [1, 2, 4, 30, 10**6])
def test_equals_the_slow_reference_on_over_full_frames_and_with_any_ties(levels):
    """Frames around the cap, with some boxes over again; ``levels`` different scores."""
    differs_from_file_order = 0
    for seed in range(300):
        rng = np.random.default_rng([levels, seed])
        rows_of_truth = random_rows(rng, rng.integers(1, 30), range(3), smallest=1)
        detections = random_rows(rng, rng.integers(60, 220), np.arange(levels) / levels, smallest=0)
        excluded = [1] if seed % 5 == 0 else []
        wanted = reference(rows_of_truth, detections, 2, excluded, 0.3)
        got = evaluate(rows_of_truth, detections, 2, excluded, iou=(0.3, ))
        np.testing.assert_allclose(got.ap[0], [wanted[k] for k in sorted(CLASSES)], rtol=0, atol=1e-12,
                                   err_msg=f'seed {seed}')
        other = evaluate(rows_of_truth, detections[::-1], 2, excluded, iou=(0.3, ))
        differs_from_file_order += not np.array_equal(other.ap, got.ap, equal_nan=True)
    assert differs_from_file_order > 100 or levels > 30  # the order of ties decides, or there are none


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


def test_equal_scores_are_ranked_by_the_sort_of_the_official_script():
    """One annotated box; a right and a wrong detection with the same score, in both orders of the file: the heap puts
    the right one, further left, first."""
    right, wrong = (0, LEFT, 1, 0.5), (0, RIGHT, 1, 0.5)
    first = np.argsort([0.5, 0.5])[::-1][0]
    for rows in ([right, wrong], [wrong, right]):
        assert evaluate([(0, LEFT, 1)], rows).mean_ap() == (1, 0.5)[first]
    other_frame = (1, LEFT, 1, 0.5)  # frames stand in the order of the file of detections
    assert evaluate([(0, LEFT, 1), (1, RIGHT, 3)], [right, other_frame]).ap[0, 0] == (1, 0.5)[first]
    assert evaluate([(0, LEFT, 1), (1, RIGHT, 3)], [other_frame, right]).ap[0, 0] == (0.5, 1)[first]


def test_at_the_cap_the_first_stay_and_only_a_higher_score_replaces_the_smallest():
    many = [(0, RIGHT, 3, 0.5)] * 50
    assert evaluate([(0, LEFT, 1)], [*many, (0, LEFT, 1, 0.5)]).mean_ap() == 0
    higher = evaluate([(0, LEFT, 1)], [*many, (0, LEFT, 1, 0.6)])
    assert higher.mean_ap() == 1 and higher.num_det.tolist() == [1, 49, 0]
    # Of equal scores the lowest class is the smallest, wherever it stands.
    assert evaluate([(0, LEFT, 1)], [*many[:49], (0, LEFT, 1, 0.5), (0, RIGHT, 3, 0.6)]).mean_ap() == 0
    different = [(0, RIGHT, 3, 0.6 + i / 100) for i in range(49)]
    rows = [(0, LEFT, 1, 0.5), (0, LEFT, 4, 0.5), *different]
    assert evaluate([(0, LEFT, 1), (0, LEFT, 4)], rows).ap[0].tolist()[::2] == [0, 1]


@pytest.mark.parametrize(('box', 'kept'), [([0.2, 0, 0.2, 1], False), ([0, 1, 1, 1], False), ([0, 0, 1e-9, 1], True)])
def test_boxes_without_area_are_dropped_after_the_cap(box, kept):
    result = evaluate([(0, LEFT, 1)], [(0, box, 1, 0.9), (0, LEFT, 1, 0.5)])
    assert result.mean_ap() == (0.5 if kept else 1) and result.num_det[0] == 1 + kept
    assert evaluate([(0, LEFT, 1)], [(0, box, 1, 0.9), (0, LEFT, 1, 0.5)], rule='mmaction2').mean_ap() == 0.5
    assert evaluate([(0, LEFT, 1)], [(0, box, 3, 0.9)] * 50 + [(0, LEFT, 1, 0.5)]).mean_ap() == 0


def test_of_annotated_boxes_that_overlap_as_much_the_one_of_the_highest_person_id_is_found():
    """The official script takes the person id for a score. A detection between two people, then one on each."""
    left, right, between = [0, 0, 0.5, 1], [0.25, 0, 0.75, 1], [0.125, 0, 0.625, 1]
    for person, ap in ((0, 0.5), (2, 1)):
        found = evaluate([(0, left, 1, 1), (0, right, 1, person)], [(0, between, 1, 0.9), (0, left, 1, 0.8)])
        assert found.mean_ap() == ap
    # Without ids the box further left is first.
    assert evaluate([(0, left, 1), (0, right, 1)], [(0, between, 1, 0.9), (0, left, 1, 0.8)]).mean_ap() == 0.5


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
