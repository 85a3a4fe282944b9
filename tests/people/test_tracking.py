import numpy as np

from stssa_mm.people.tracking import link_people


def test_people_are_linked_over_time():
    left, right = [0, 0, .2, .5], [.5, 0, .7, .5]
    moved = [.05, 0, .25, .5]
    frames = [np.array([left, right]), np.array([right, moved]), np.zeros((0, 4)), np.array([left])]
    assert link_people(frames) == [[0, 1], [1, 0], [], [2]]
    assert link_people([]) == []
