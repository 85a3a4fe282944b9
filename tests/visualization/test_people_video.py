from itertools import combinations

import numpy as np
import pytest

from stssa_mm.apis.sources import find_sources, open_source
from stssa_mm.files.detected_actions import Action, KeyFrameActions, Person
from stssa_mm.visualization import people_video
from stssa_mm.visualization.people_video import (
    PeopleDrawer,
    Shown,
    clock_of,
    colour_of,
    drawn_frames,
    people_between,
    place_plate,
    short_name,
)


def area(a, b):
    return max(min(a[2], b[2]) - max(a[0], b[0]), 0) * max(min(a[3], b[3]) - max(a[1], b[1]), 0)


@pytest.mark.parametrize('seed', range(5))
def test_plates_stay_inside_and_never_cover_each_other(seed):
    random, frame, taken = np.random.default_rng(seed), (640, 360), []
    for _ in range(40):
        x, y = random.integers(0, 560), random.integers(0, 260)
        plate = (int(random.integers(60, 200)), int(random.integers(15, 60)))
        rect, _ = place_plate((x, y, x + 80, y + 100), plate, frame, taken)
        if rect:
            assert (rect[2] - rect[0], rect[3] - rect[1]) == plate
            assert rect[0] >= 0 and rect[1] >= 0 and rect[2] <= frame[0] and rect[3] <= frame[1]
            taken.append(rect)
    assert len(taken) > 15 and not any(area(a, b) for a, b in combinations(taken, 2))


def test_a_plate_stands_on_its_box_where_there_is_room():
    assert place_plate((100, 100, 200, 300), (80, 20), (640, 360), []) == ((100, 80, 180, 100), 0)
    assert place_plate((100, 0, 200, 300), (80, 20), (640, 360), [])[0] == (100, 300, 180, 320)  # below
    rect, side = place_plate((100, 100, 200, 300), (80, 20), (640, 360), [(0, 0, 640, 100)])
    assert rect == (100, 300, 180, 320)
    # It stays there when the room above is free again.
    assert place_plate((100, 100, 200, 300), (80, 20), (640, 360), [], first=side)[0] == rect


def test_other_people_are_left_free_where_that_is_possible():
    behind = (90, 0, 210, 100)
    assert place_plate((100, 100, 200, 300), (80, 20), (640, 360), [], [behind])[0] == (100, 300, 180, 320)


def test_no_room_is_said():
    assert place_plate((0, 0, 9, 9), (50, 50), (40, 60), [])[0] is None
    assert place_plate((0, 0, 9, 9), (40, 40), (40, 60), [(0, 10, 40, 30)])[0] is None


def test_colours_are_steady_and_apart():
    colours = np.array([colour_of(number) for number in range(8)], int)
    assert colour_of(3) == colour_of(3) and colours.min() >= 0 and colours.max() <= 255
    assert all(np.abs(a - b).sum() > 60 for a, b in combinations(colours, 2))


@pytest.mark.parametrize(('seconds', 'text'), [(0, '00:00.0'), (59.96, '01:00.0'), (63.25, '01:03.2'),
                                               (3723.2, '1:02:03.2')])
def test_clock(seconds, text):
    assert clock_of(seconds) == text


def test_short_names():
    assert short_name('talk to (e.g., self, a person, a group)') == 'talk to'
    assert short_name('watch (a person)') == 'watch (a person)'
    assert short_name('a name that goes on and on and on') == 'a name that goes on and…'


@pytest.mark.parametrize(('size', 'out'), [((160, 96), (640, 384)), ((161, 97), (644, 388)), ((640, 361), (640, 362)),
                                           ((1088, 1920), (1088, 1920)), ((3840, 2160), (3840, 2160))])
def test_sizes_and_that_text_can_be_read_at_each(size, out):
    drawer = PeopleDrawer(size)
    assert drawer.out_size == out and drawer.font >= 14 and drawer.font >= min(out) / 40
    image = drawer.draw(np.zeros((size[1], size[0], 3), np.uint8), [], 0)
    assert image.shape == (out[1], out[0], 3) and image.max() > 200  # the time


def shown(number, *scores, box=(.3, .3, .5, .8)):
    return Shown(number, np.array(box), [Action(1, f'action {i}', score) for i, score in enumerate(scores)])


def test_a_person_is_drawn_in_the_persons_colour_and_the_frame_is_not_changed():
    frame = np.full((480, 640, 3), 100, np.uint8)
    image = PeopleDrawer((640, 480)).draw(frame, [shown(4, .9)], 0)
    assert (frame == 100).all()
    assert tuple(image[300, 192]) == colour_of(4)  # the left edge of the box
    assert (image[300, 250] == 100).all()  # inside it
    plate = image[125:143, 192:300].reshape(-1, 3)
    assert np.abs(np.median(plate, 0) - (.88 * np.array(colour_of(4)) + 12)).max() < 3


def test_plates_say_the_best_actions_and_how_many_more(monkeypatch):
    texts, plate = [], people_video._plate
    monkeypatch.setattr(people_video, '_plate', lambda rows, *args: texts.append(rows) or plate(rows, *args))
    PeopleDrawer((640, 480)).draw(np.zeros((480, 640, 3), np.uint8), [shown(4, .9, .8, .7, .6, .5, .4), shown(5)], 0)
    assert texts[1:] == [(('action 0', '0.90'), ('action 1', '0.80'), ('action 2', '0.70'), ('action 3  +2', '0.60'))]
    PeopleDrawer((640, 480), ids=True).draw(np.zeros((480, 640, 3), np.uint8), [shown(4, .9), shown(5)], 0)
    assert texts[-2:] == [(('person 4', ''), ('action 0', '0.90')), (('person 5', ''), )]


def test_a_crowd_on_a_small_frame():
    people = [shown(number, .9, .8, .7, box=(.01 * number, .01, .01 * number + .2, .9)) for number in range(60)]
    PeopleDrawer((96, 64), ids=True).draw(np.zeros((64, 96, 3), np.uint8), people, 0)


def key_frame(time, boxes, frame=None):
    people = [Person(number, box, [Action(1, f'at {time}', .9)], np.array([.9])) for number, box in boxes.items()]
    return KeyFrameActions('a', round(10 * time) if frame is None else frame, time, (8, 8), people, {1: 'a'})


def test_boxes_move_between_key_frames_and_actions_are_those_of_the_nearer():
    before, after = key_frame(1, {1: (0, 0, .2, .2), 2: (0, 0, 1, 1)}), key_frame(2, {1: (.4, 0, .6, .2)})
    first, second = people_between(before, after, 1.25)
    assert first.box.tolist() == pytest.approx([.1, 0, .3, .2]) and first.actions[0].name == 'at 1'
    assert second.id == 2 and second.box.tolist() == [0, 0, 1, 1]
    only, = people_between(before, after, 1.75)
    assert only.box.tolist() == pytest.approx([.3, 0, .5, .2]) and only.actions[0].name == 'at 2'
    assert people_between(before, before, 1)[0].id == 1


def test_nobody_is_shown_far_from_a_key_frame():
    before, after = key_frame(1, {1: (0, 0, .2, .2)}), key_frame(9, {1: (.4, 0, .6, .2)})
    assert [len(people_between(before, after, time)) for time in (1, 2, 2.1, 5, 7.9, 8, 9)] == [1, 1, 0, 0, 0, 1, 1]
    assert len(people_between(before, None, 2)) == 1 and not people_between(before, None, 2.1)
    assert not people_between(None, before, 0.5 - 1) and not people_between(None, None, 0)


def test_every_frame_is_drawn_once_and_in_order():
    frames = np.zeros((20, 48, 64, 3), np.uint8)
    source = open_source(find_sources(frames)[0], fps=10)
    seen, drawer = [], PeopleDrawer((64, 48))
    draw = drawer.draw
    drawer.draw = lambda frame, people, time: seen.append((round(time, 6), len(people))) or draw(frame, people, time)
    person = {1: (0, 0, .2, .2)}
    frames = drawn_frames(source, iter([key_frame(0, person), key_frame(.5, person), key_frame(1, {})]), drawer)
    assert next(frames).shape == (336, 448, 3) and len(seen) == 1  # as soon as the key frame is known
    assert len(list(frames)) == 19
    assert [time for time, _ in seen] == pytest.approx(np.arange(20) / 10)
    assert [count for _, count in seen] == [1] * 8 + [0] * 12


def test_one_who_is_asked_to_stop_draws_up_to_the_last_key_frame():
    source = open_source(find_sources(np.zeros((400, 8, 8, 3), np.uint8))[0], fps=10)
    drawer, stop = PeopleDrawer((8, 8)), []
    drawer.draw = lambda frame, people, time: frame

    def count(*key_frames):
        return len(list(drawn_frames(source, iter(key_frames), drawer, lambda: bool(stop))))

    assert count(key_frame(.5, {})) == 400
    stop.append(1)
    assert count(key_frame(.5, {})) == 6
    assert count(key_frame(39, {})) == 250
    stop.clear()
    frames = drawn_frames(source, iter([key_frame(.5, {})]), drawer, lambda: bool(stop))
    for _ in range(20):
        next(frames)
    stop.append(1)
    assert not list(frames)  # behind the last key frame at once
