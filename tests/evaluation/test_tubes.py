import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stssa_mm.evaluation.tubes import Tube, ground_truth_tubes, link_detections, suppress_tubes, tube_iou

BOX = np.array([0., 0., 2., 2.])


def tube(frames, box=BOX, shift=0.0, **kwargs):
    return Tube('v', 1, np.array(frames), np.tile(box, (len(frames), 1)) + shift, **kwargs)


def link(frames, boxes, scores, labels=None, videos=None, **kwargs):
    count = len(frames)
    return link_detections(videos or ['v'] * count, frames, boxes, labels or [1] * count, scores, **kwargs)


def test_tube_iou_is_temporal_times_spatial():
    one = tube(range(10))
    assert tube_iou(one, one) == 1
    assert tube_iou(one, tube(range(5, 15))) == pytest.approx(5 / 15)
    assert tube_iou(one, tube(range(5, 15), BOX + [1, 0, 1, 0])) == pytest.approx(5 / 15 / 3)
    assert tube_iou(one, tube(range(10, 15))) == 0
    assert tube_iou(tube([0, 8, 16]), tube([8, 16, 24])) == pytest.approx(2 / 4)  # key frames 8 apart


def test_tube_iou_averages_over_the_common_frames():
    moving = Tube('v', 1, np.arange(2), np.stack([BOX, BOX + 5]))
    assert tube_iou(tube(range(2)), moving) == pytest.approx(1 / 2)


def test_ground_truth_is_linked_by_video_person_and_class():
    rows = [('v', 2, 1, 7), ('v', 1, 1, 7), ('v', 1, 1, 8), ('v', 1, 2, 7), ('w', 1, 1, 7)]
    videos, frames, labels, people = zip(*rows)
    boxes = np.arange(20.).reshape(5, 4)
    found = ground_truth_tubes(videos, frames, boxes, labels, people)
    assert [(t.video, t.label, t.frames.tolist()) for t in found] == [
        ('v', 1, [1, 2]), ('v', 1, [1]), ('v', 2, [1]), ('w', 1, [1])]
    np.testing.assert_array_equal(found[0].boxes, boxes[[1, 0]])


def test_a_person_who_stops_and_starts_again_gives_two_tubes():
    frames = [0, 2, 4, 10, 12]
    found = ground_truth_tubes(['v'] * 5, frames, np.tile(BOX, (5, 1)), [1] * 5, [0] * 5, step=2)
    assert [t.frames.tolist() for t in found] == [[0, 2, 4], [10, 12]]


def test_two_boxes_of_a_person_are_refused():
    with pytest.raises(ValueError, match='video v, key frame 3: person 5 has two boxes of class 2'):
        ground_truth_tubes(['v'] * 2, [3, 3], np.tile(BOX, (2, 1)), [2, 2], [5, 5])


def test_two_people_apart_are_two_tubes():
    found = link([1, 1, 2, 2], [BOX, BOX + 5, BOX + 5.1, BOX + 0.1], [.9, .8, .6, .7])
    assert [t.score for t in found] == pytest.approx([.8, .7])
    np.testing.assert_allclose(found[0].boxes, [BOX, BOX + 0.1])
    np.testing.assert_allclose(found[1].boxes, [BOX + 5, BOX + 5.1])


def test_missed_frames_are_interpolated_and_do_not_count_in_the_score():
    found, = link([1, 4], [BOX, BOX + 0.3], [.8, .4], max_missed=2)
    assert found.frames.tolist() == [1, 2, 3, 4] and found.score == pytest.approx(.6)
    np.testing.assert_allclose(found.boxes, BOX + np.array([[0], [.1], [.2], [.3]]))


def test_a_tube_ends_after_too_many_missed_frames():
    assert [t.frames.tolist() for t in link([1, 4], [BOX, BOX], [.8, .4], max_missed=1)] == [[1], [4]]
    assert len(link([10, 40], [BOX, BOX], [.8, .4], max_missed=2, step=10)) == 1
    assert len(link([10, 40], [BOX, BOX], [.8, .4], max_missed=1, step=10)) == 2


def test_least_overlap_links():
    half = BOX + [0, 0, 0, 2]  # overlap 1/2
    assert len(link([1, 2], [BOX, half], [.5, .5], iou=0.5)) == 1
    assert len(link([1, 2], [BOX, half], [.5, .5], iou=0.51)) == 2


def test_best_tube_chooses_first_and_takes_the_best_box():
    near = [BOX, BOX + 0.2, BOX + 0.1, BOX]
    found = link([1, 1, 2, 2], near, [.5, .9, .3, .4])
    assert sorted(t.score for t in found) == pytest.approx([(.5 + .3) / 2, (.9 + .4) / 2])


def test_classes_and_videos_are_not_linked():
    assert len(link([1, 2], [BOX, BOX], [.5, .5], labels=[1, 2])) == 2
    assert len(link([1, 2], [BOX, BOX], [.5, .5], videos=['v', 'w'])) == 2
    assert link([], np.zeros((0, 4)), []) == []


@pytest.mark.parametrize('step', [1, 8])
def test_shortest_tube(step):
    """Its length counts the key frames from the first to the last, missed ones included."""
    frames = step * np.array([1, 4, 20, 21])
    lengths = [[len(t.frames) for t in link(frames, [BOX] * 4, [.5] * 4, step=step, min_length=least)]
               for least in (1, 2, 3, 4, 5)]
    assert lengths == [[4, 2], [4, 2], [4], [4], []]
    with pytest.raises(ValueError, match='min_length 0: expected 1 or more'):
        link([1], [BOX], [.5], min_length=0)


def test_suppression_keeps_the_best_of_those_that_overlap():
    tubes = [tube(range(10), score=.5), tube(range(10), shift=.2, score=.9), tube(range(10), shift=5, score=.1),
             tube(range(20, 30), score=.2)]
    assert suppress_tubes(tubes, 0.3) == tubes[1:]
    assert suppress_tubes(tubes, 0.9) == tubes
    assert suppress_tubes([], 0.3) == []


def test_suppression_is_in_space_and_time():
    """The same place half of the time: 10 of 30 key frames in common."""
    pair = [tube(range(20), score=.9), tube(range(10, 30), score=.5)]
    assert suppress_tubes(pair, 0.34) == pair and suppress_tubes(pair, 0.33) == pair[:1]


def test_what_lies_on_the_threshold_stays_and_the_earlier_of_equals():
    assert len(suppress_tubes([tube(range(10)), tube(range(5))], 0.5)) == 2
    pair = [tube(range(10), shift=.1), tube(range(10))]
    assert suppress_tubes(pair, 0.5) == pair[:1]


def test_a_suppressed_tube_suppresses_nothing():
    chain = [tube(range(10), shift=s, score=1 - s) for s in (0, .5, 1.)]  # overlaps 0.39, 0.39 and 0.14
    assert suppress_tubes(chain, 0.3) == [chain[0], chain[2]]


def test_suppression_leaves_other_videos_and_classes_alone():
    tubes = [tube(range(10)), tube(range(10))._replace(video='w'), tube(range(10))._replace(label=2)]
    assert suppress_tubes(tubes, 0.3) == tubes
    with pytest.raises(ValueError, match='threshold of the suppression 1.5: expected 0 to 1'):
        suppress_tubes(tubes, 1.5)


def test_key_frames_that_do_not_fit_the_step():
    with pytest.raises(ValueError, match='video v: key frames .* not a multiple of step 2'):
        link([0, 2, 5], [BOX] * 3, [.5] * 3, step=2)


def reference(frames, boxes, scores, iou, max_missed):
    """Tubes as lists of (frame, index), written out loop by loop."""
    live, done = [], []
    for frame in range(min(frames), max(frames) + 1):
        still = []
        for chain in live:
            (still if frame - chain[-1][0] - 1 <= max_missed else done).append(chain)
        live = still
        free = sorted((i for i in range(len(frames)) if frames[i] == frame), key=lambda i: -scores[i])
        for chain in sorted(live, key=lambda chain: -sum(scores[i] for _, i in chain) / len(chain)):
            for i in free:
                a, b = boxes[i], boxes[chain[-1][1]]
                width = max(0, min(a[2], b[2]) - max(a[0], b[0]))
                height = max(0, min(a[3], b[3]) - max(a[1], b[1]))
                both = width * height
                if both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both) >= iou:
                    chain.append((frame, i))
                    free.remove(i)
                    break
        live += [[(frame, i)] for i in free]
    return done + live


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.2, 0.5]), st.integers(0, 3))
def test_equals_the_reference(seed, iou, max_missed):
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 25))
    frames = rng.integers(1, 9, count)
    corner = rng.uniform(0, 1, (count, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(0.5, 1.5, (count, 2))], 1)
    scores = rng.uniform(0, 1, count)  # no ties, also not of means
    found = link(frames, boxes, scores, iou=iou, max_missed=max_missed)
    expected = reference(frames.tolist(), boxes.tolist(), scores.tolist(), iou, max_missed)
    assert sorted((t.frames[0], t.frames[-1], round(t.score, 9)) for t in found) == sorted(
        (chain[0][0], chain[-1][0], round(float(np.mean([scores[i] for _, i in chain])), 9)) for chain in expected)
    assert all(len(t.frames) == t.frames[-1] - t.frames[0] + 1 == len(t.boxes) for t in found)
