import itertools

import numpy as np
import pytest

from stssa_mm.visualization.boxes import Labelled, _free, _overlap, class_colours, draw_people, ink

RED, BLUE = (220, 0, 0), (0, 0, 220)


def blank(height=100, width=200):
    return np.full((height, width, 3), 90, np.uint8)


def where(image, colour):
    return (image == colour).all(-1)


@pytest.mark.parametrize('count', [1, 2, 8, 24, 80])
def test_each_class_has_a_colour_of_its_own(count):
    colours = class_colours(count)
    assert len(set(colours)) == count and all(0 <= part <= 255 for colour in colours for part in colour)
    nearest = min((np.abs(np.subtract(*pair)).max() for pair in itertools.combinations(colours, 2)), default=255)
    assert nearest > (30 if count <= 8 else 2)


def test_letters_are_read_on_their_plates():
    for colour in class_colours(80):
        contrast = abs(np.dot(colour, (.299, .587, .114)) - np.dot(ink(colour), (.299, .587, .114)))
        assert contrast > 100


def test_a_box_is_where_it_should_be_with_its_plate_above():
    image = blank()
    drawn = draw_people(image, [Labelled((.25, .5, .75, .9), ['wave'], [RED])])
    assert (image == 90).all()  # a copy is drawn on
    red = where(drawn, RED)
    assert red[50, 50:150].all() and red[90, 50:150].all() and red[50:90, 50].all() and red[50:90, 150].all()
    assert not red[55:85, 55:145].any()
    assert red[34:49, 52].all() and red[:33].sum() == 0  # the plate ends on the box


def test_a_person_with_two_labels_has_two_plates():
    drawn = draw_people(blank(), [Labelled((.25, .5, .75, .9), ['wave', 'sit'], [RED, BLUE])])
    red, blue = where(drawn, RED), where(drawn, BLUE)
    assert red[18:32, 51].all() and blue[34:48, 51].all()


def test_plates_keep_off_each_other_and_inside_the_frame():
    taken = []
    for _ in range(5):
        place = _free(190, 2, 40, 16, (200, 100), taken)
        assert place[0] >= 0 and place[2] <= 200 and place[1] >= 0 and place[3] <= 100
        assert not any(_overlap(place, other) for other in taken)
        taken.append(place)
    assert _free(0, 0, 300, 200, (200, 100), taken) == (0, 0, 300, 200)  # no room: at the edge


def test_proposals_are_dashed():
    drawn = draw_people(blank(), [], [(.25, .2, .75, .8)])
    white, black = where(drawn, (255, 255, 255)), where(drawn, (0, 0, 0))
    assert 30 < white[20].sum() < 70 and 30 < black[20].sum() < 70
    assert not (white | black)[30:70, 60:140].any()
