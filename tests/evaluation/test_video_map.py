import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stssa_mm.evaluation.tubes import Tube, ground_truth_tubes, link_detections, suppress_tubes
from stssa_mm.evaluation.video_map import THRESHOLDS, video_map

BOX = np.array([0., 0., 2., 2.])


def tube(start, length=10, label=1, video='v', score=1.0, box=BOX):
    return Tube(video, label, np.arange(start, start + length), np.tile(box, (length, 1)), score)


def test_perfect_and_empty():
    truth = [tube(0), tube(30), tube(0, label=2), tube(0, video='w')]
    perfect = video_map(truth, truth)
    assert (perfect.ap == 1).all() and perfect.labels == (1, 2) and perfect.thresholds == THRESHOLDS
    assert perfect.summary() == {'video-mAP@0.2': 1, 'video-mAP@0.5': 1, 'video-mAP@0.75': 1, 'video-mAP@0.5:0.95': 1}
    assert (video_map(truth, []).ap == 0).all()
    nothing = video_map([], truth)
    assert nothing.ap.shape == (11, 0) and np.isnan(list(nothing.summary().values())).all()


def test_threshold_is_on_the_spatio_temporal_overlap():
    """Half of the time, all of the place: 0.5."""
    found = video_map([tube(0)], [tube(0, 5)])
    assert found.ap[:, 0].tolist() == [1, 1] + [0] * 9
    assert found.summary()['video-mAP@0.5:0.95'] == pytest.approx(0.1)


def test_second_detection_of_a_tube_is_false():
    found = video_map([tube(0), tube(50)], [tube(0, score=.9), tube(0, score=.8), tube(50, score=.7)], [0.5])
    assert found.ap[0, 0] == pytest.approx((1 + 2 / 3) / 2)


def test_detection_takes_the_best_tube_that_is_left():
    """The second overlaps the taken tube most, and the other one enough."""
    truth = [tube(0, 10), tube(2, 10)]
    found = [tube(0, 10, score=.9), tube(0, 11, score=.8)]
    assert video_map(truth, found, [0.5]).ap[0, 0] == 1


def test_video_and_class_have_to_agree():
    assert video_map([tube(0)], [tube(0, video='w'), tube(0, label=2)], [0.5]).ap.tolist() == [[0]]


def test_false_tubes_of_other_videos_count_and_of_other_classes_do_not():
    found = [tube(0, score=.5), tube(0, video='w', score=.9), tube(0, label=3, score=.9)]
    assert video_map([tube(0)], found, [0.5]).ap.tolist() == [[0.5]]


def test_summary_leaves_out_what_was_not_evaluated():
    assert set(video_map([tube(0)], [tube(0)], [0.5, 0.6]).summary()) == {'video-mAP@0.5'}


@pytest.mark.parametrize('frames', [[], [3, 3], [4, 3]])
def test_frames_have_to_rise(frames):
    broken = Tube('clip', 4, np.array(frames, int), np.zeros((len(frames), 4)))
    with pytest.raises(ValueError, match='tube of class 4 in video clip: found frames'):
        video_map([tube(0)], [broken])


def test_linked_boxes_of_the_truth_are_perfect():
    frames = np.tile(np.arange(6), 2)
    boxes = np.concatenate([np.tile(BOX, (6, 1)), np.tile(BOX + 5, (6, 1))])
    truth = ground_truth_tubes(['v'] * 12, frames, boxes, [1] * 12, [0] * 6 + [1] * 6)
    found = link_detections(['v'] * 12, frames, boxes, [1] * 12, np.linspace(1, 0.5, 12))
    assert len(found) == 2 and (video_map(truth, found).ap == 1).all()


def overlap(one, other):
    """iou3dt of ACT by its definition, for tubes without gaps, with boxes that end at their coordinates."""
    start, end = max(one.frames[0], other.frames[0]), min(one.frames[-1], other.frames[-1])
    if end < start:
        return 0.0
    spatial = []
    for frame in range(start, end + 1):
        a, b = (t.boxes[frame - t.frames[0]] for t in (one, other))
        both = max(0, min(a[2], b[2]) - max(a[0], b[0])) * max(0, min(a[3], b[3]) - max(a[1], b[1]))
        spatial.append(both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both))
    union = max(one.frames[-1], other.frames[-1]) - min(one.frames[0], other.frames[0]) + 1
    return (end - start + 1) / union * sum(spatial) / len(spatial)


def reference(truth, found, label, threshold):
    """AP: each match's best precision at its recall or beyond, over the number of annotated tubes."""
    left = [t for t in truth if t.label == label]
    total, hits, curve = len(left), 0, []
    for rank, detection in enumerate(sorted((t for t in found if t.label == label), key=lambda t: -t.score), 1):
        best, chosen = -1.0, None
        for candidate in left:
            if candidate.video == detection.video and overlap(candidate, detection) > best:
                best, chosen = overlap(candidate, detection), candidate
        if chosen is not None and best >= threshold:
            left = [t for t in left if t is not chosen]
            hits += 1
            curve.append((hits, hits / rank))
    return sum(max(p for h, p in curve if h >= hit) for hit, _ in curve) / total


def random_tubes(rng, count):
    made = []
    for score in rng.permutation(count):
        length, corner = int(rng.integers(3, 9)), rng.uniform(0, 0.4, 2)
        boxes = np.concatenate([corner, corner + rng.uniform(0.8, 1.2, 2)]) + np.zeros((length, 1))
        start = int(rng.integers(0, 4))
        made.append(Tube(str(rng.choice(['v', 'w'])), int(rng.integers(1, 4)), np.arange(start, start + length), boxes,
                         score / count))
    return made


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_equals_the_reference(seed):
    rng = np.random.default_rng(seed)
    truth, found = random_tubes(rng, int(rng.integers(1, 10))), random_tubes(rng, int(rng.integers(1, 20)))
    result = video_map(truth, found, (0.2, 0.5))
    assert result.labels == tuple(sorted({t.label for t in truth}))
    expected = [[reference(truth, found, label, threshold) for label in result.labels] for threshold in (0.2, 0.5)]
    np.testing.assert_allclose(result.ap, expected, atol=1e-12)


def act(truth, found, label, threshold, above):
    """What ACT computes of tubes, by its rule: suppress in each video, take ground truth away as it is matched, add up
    the trapezoids between the points of the curve, the first of which is precision 1 at recall 0."""
    kept = []
    for video in {t.video for t in found}:
        waiting = sorted((t for t in found if t.video == video and t.label == label), key=lambda t: t.score)
        while waiting:
            best = waiting.pop()
            kept.append(best)
            waiting = [t for t in waiting if overlap(t, best) <= above]
    missing = [t for t in truth if t.label == label]
    total = len(missing)
    points = [(1.0, 0.0)]
    for rank, detection in enumerate(sorted(kept, key=lambda t: -t.score), 1):
        here = [t for t in missing if t.video == detection.video]
        if here:
            nearest = max(here, key=lambda t: overlap(t, detection))
            if overlap(nearest, detection) >= threshold:
                missing = [t for t in missing if t is not nearest]
        hits = total - len(missing)
        points.append((hits / rank, hits / total))
    return sum((right[1] - left[1]) * (right[0] + left[0]) / 2 for left, right in zip(points, points[1:]))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.1, 0.3, 0.6]))
def test_equals_act_with_its_suppression_and_form_of_ap(seed, above):
    rng = np.random.default_rng(seed)
    truth, found = random_tubes(rng, int(rng.integers(1, 10))), random_tubes(rng, int(rng.integers(1, 20)))
    result = video_map(truth, suppress_tubes(found, above), (0.2, 0.5), ap_form='trapezoid')
    expected = [[act(truth, found, label, threshold, above) for label in result.labels] for threshold in (0.2, 0.5)]
    np.testing.assert_allclose(result.ap, expected, atol=1e-12)


def test_unknown_form_of_ap():
    with pytest.raises(ValueError, match="ap_form='voc': expected one of area, trapezoid, 11points"):
        video_map([tube(0)], [tube(0)], ap_form='voc')
