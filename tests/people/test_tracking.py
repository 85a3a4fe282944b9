import numpy as np
import pytest

from stssa_mm.people.tracking import PeopleLinks, follow_people, link_people

LEFT, RIGHT = [0, 0, .2, .5, .9], [.5, 0, .7, .5, .8]


def boxes(*rows):
    return np.array(rows, float).reshape(-1, 5)


def test_people_are_linked_over_time():
    left, right = [0, 0, .2, .5], [.5, 0, .7, .5]
    moved = [.05, 0, .25, .5]
    frames = [np.array([left, right]), np.array([right, moved]), np.zeros((0, 4)), np.array([left])]
    assert link_people(frames) == [[0, 1], [1, 0], [], [2]]
    assert link_people([]) == []


def test_a_person_keeps_the_number_for_as_long_as_patience_lasts():
    for patience, expected in ((0, 1), (1, 1), (2, 0), (9, 0)):
        links = PeopleLinks(patience=patience)
        assert links.update(0, boxes(LEFT)[:, :4]) == [0]
        assert links.update(1, boxes()[:, :4]) == []
        assert links.update(2, boxes(LEFT)[:, :4]) == [expected]


def test_the_moment_before_counts_whatever_the_patience():
    links = PeopleLinks(patience=0.1)
    assert [links.update(time, boxes(LEFT, RIGHT)[:, :4]) for time in (0, 5, 10)] == [[0, 1]] * 3


def test_two_people_never_share_a_number():
    links = PeopleLinks(patience=5)
    assert links.update(0, boxes(LEFT)[:, :4]) == [0]
    assert sorted(links.update(1, boxes(LEFT, LEFT)[:, :4])) == [0, 1]


def test_linking_agrees_with_moments_one_by_one():
    frames = [np.array([LEFT[:4], RIGHT[:4]]), np.array([RIGHT[:4]]), np.array([LEFT[:4], RIGHT[:4]])]
    assert link_people(frames) == [[0, 1], [1], [2, 1]]


def test_key_frames_on_which_somebody_may_be_missed():
    frames = [np.array([LEFT[:4]]), np.zeros((0, 4)), np.zeros((0, 4)), np.array([LEFT[:4]])]
    assert [link_people(frames, patience=patience)[3] for patience in (0, 1, 2)] == [[1], [1], [0]]


def test_boxes_at_detections_are_the_detected_ones_and_between_them_lie_between():
    found = list(follow_people([(0, boxes([0, 0, .2, .5, .9])), (2, boxes([.1, 0, .3, .5, .5]))], [0, .5, 1, 2], 2))
    assert [list(one.numbers) for one in found] == [[0]] * 4
    np.testing.assert_array_equal(found[0].boxes, boxes([0, 0, .2, .5, .9]))
    np.testing.assert_allclose(found[1].boxes, boxes([.025, 0, .225, .5, .8]))
    np.testing.assert_allclose(found[2].boxes, boxes([.05, 0, .25, .5, .7]))
    np.testing.assert_array_equal(found[3].boxes, boxes([.1, 0, .3, .5, .5]))


def test_one_who_is_missed_in_between_is_there_and_before_and_behind_nobody_is():
    detections = [(0, boxes()), (1, boxes(LEFT)), (2, boxes()), (3, boxes(LEFT)), (4, boxes()), (5, boxes())]
    assert [one.numbers for one in follow_people(detections, range(6), 2)] == [[], [0], [0], [0], [], []]
    assert [one.numbers for one in follow_people(detections, range(6), 1)] == [[], [0], [], [1], [], []]


def test_no_more_detections_are_taken_than_patience_asks_for():
    taken = []

    def detections():
        for time in range(100):
            taken.append(time)
            yield time, boxes(LEFT)

    following = follow_people(detections(), range(100), 3)
    for moment, _ in zip(range(5), following):
        assert taken[-1] == moment + 3


@pytest.mark.parametrize('patience', [0, 1])
def test_detections_that_are_rarer_than_moments_and_than_patience(patience):
    found = list(follow_people([(0, boxes(LEFT)), (4, boxes(LEFT))], range(6), patience))
    assert [one.numbers for one in found] == [[0]] * 5 + [[]]
    assert found[-1].boxes.shape == (0, 5)
