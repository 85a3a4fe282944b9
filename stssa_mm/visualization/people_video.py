"""A video with its people, what they do, and the time."""
import colorsys
from functools import lru_cache
from pathlib import Path
from typing import Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import cv2
import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from stssa_mm.files.detected_actions import Action, KeyFrameActions

LEAST_SIDE = 320  # pixels of the short side; smaller videos are enlarged, so that names can be read
LEAST_FONT = 14  # pixels
LINES = 4  # actions on a plate
LONG_NAME = 24  # characters; of a longer name what it has in brackets is left out, and it is cut
SHOWN_SECONDS = 1.0  # from a key frame its people are shown for so long at most
STOP = 250  # frames
OPACITY = 0.88
Rect = Tuple[int, int, int, int]  # left, top, right, bottom


class Shown(NamedTuple):
    """Somebody on a frame: the id, the box x1, y1, x2, y2, relative, and the actions."""
    id: int
    box: np.ndarray
    actions: Sequence[Action]


def colour_of(person: int) -> Tuple[int, int, int]:
    """The colour (RGB) of a person: the same for the same id, and different from those of the ids near it."""
    hue = (0.58 + 0.618034 * person) % 1
    return tuple(round(255 * part) for part in colorsys.hsv_to_rgb(hue, (0.75, 0.55)[person // 5 % 2], 0.95))


@lru_cache(maxsize=8)
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(Path(matplotlib.get_data_path(), 'fonts', 'ttf', 'DejaVuSans-Bold.ttf')), size)


@lru_cache(maxsize=512)
def _plate(rows: Tuple[Tuple[str, str], ...], colour: Tuple[int, int, int], size: int) -> np.ndarray:
    """A plate (h, w, 3) with rows of a text at the left and one at the right."""
    font, pad = _font(size), max(size // 4, 2)
    line = round(1.25 * size)
    lefts, rights = zip(*((font.getlength(left), font.getlength(right)) for left, right in rows))
    width = round(max(lefts) + max(rights) + (size * 0.6 if max(rights) else 0)) + 2 * pad
    image = Image.new('RGB', (width, line * len(rows) + pad), colour)
    draw = ImageDraw.Draw(image)
    dark = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2] > 128
    ink = (0, 0, 0) if dark else (255, 255, 255)
    for row, (left, right) in enumerate(rows):
        middle = pad / 2 + line * (row + 0.5)
        draw.text((pad, middle), left, ink, font, anchor='lm')
        draw.text((width - pad, middle), right, ink, font, anchor='rm')
    return np.asarray(image)


def _overlap(a: Rect, b: Rect) -> int:
    """Pixels that two rectangles share."""
    return max(min(a[2], b[2]) - max(a[0], b[0]), 0) * max(min(a[3], b[3]) - max(a[1], b[1]), 0)


def place_plate(box: Rect, plate: Tuple[int, int], frame: Tuple[int, int], taken: Sequence[Rect],
                others: Sequence[Rect] = (), first: int = 0) -> Tuple[Optional[Rect], int]:
    """Where a person's plate goes: near the box, inside the frame, on no other plate, and on little of other people.

    Args:
        box (tuple): The person's, in pixels.
        plate (tuple[int]): Width and height of the plate.
        frame (tuple[int]): Width and height of the frame.
        taken (Sequence[tuple]): The plates that are there.
        others (Sequence[tuple]): The boxes of other people. Defaults to none.
        first (int): The side of the box, a number that an earlier call gave, that is kept where it is as good as
            another. Defaults to 0.

    Returns:
        tuple: The place, None if there is none, and the number of the side.
    """
    (x1, y1, x2, y2), (w, h), (width, height) = box, plate, frame
    if w > width or h > height:
        return None, first
    corners = [(x1, y1 - h), (x2 - w, y1 - h), (x1, y2), (x2 - w, y2), (x2, y1), (x1 - w, y1), (x1, y1), (x1, y2 - h)]

    def inside(x: int, y: int) -> Rect:
        x, y = min(max(x, 0), width - w), min(max(y, 0), height - h)
        return x, y, x + w, y + h

    best, least = None, None
    for side, corner in enumerate(corners):
        rect = inside(*corner)
        if any(_overlap(rect, other) for other in taken):
            continue
        moved = abs(rect[0] - corner[0]) + abs(rect[1] - corner[1])
        hidden = sum(_overlap(rect, other) for other in others) / (w * h)
        cost = hidden + (0.5 if moved else 0) + 0.05 * side + (0.3 if side >= 6 else 0) - (0.3 if side == first else 0)
        if least is None or cost < least:
            best, least = (rect, side), cost
    if best:
        return best
    # No side is free: the nearest place that is, above or below, beside a plate that is there.
    free = [rect for x in (x1, x2 - w, *(edge for other in taken for edge in (other[0] - w, other[2])))
            for y in (y1, *(edge for other in taken for edge in (other[1] - h, other[3])))
            for rect in [inside(x, y)] if not any(_overlap(rect, other) for other in taken)]
    return min(free, key=lambda rect: abs(rect[0] - x1) + abs(rect[1] - y1 + h), default=None), first


class PeopleDrawer:
    """Draws people on frames of one size: boxes in a colour a person, names and scores on plates, the time.

    Args:
        size (tuple[int]): Width and height of the frames. Small ones are enlarged by a whole number.
        ids (bool): Also write the people's ids. Defaults to False.

    Attributes:
        out_size (tuple[int]): Width and height of what is drawn, even numbers.
    """

    def __init__(self, size: Tuple[int, int], ids: bool = False) -> None:
        self.ids = ids
        self._times = max(-(-LEAST_SIDE // min(size)) if min(size) < LEAST_SIDE else 1, 1)
        self.out_size = tuple(side * self._times + side * self._times % 2 for side in size)
        short = min(self.out_size)
        self.font = max(round(short / 38), LEAST_FONT)
        self._line = max(round(short / 270), 2)
        self._sides: Dict[int, int] = {}

    def draw(self, frame: np.ndarray, people: Sequence[Shown], time: float) -> np.ndarray:
        """Draw people on a frame.

        Args:
            frame (np.ndarray): RGB (H, W, 3), uint8. It is not changed.
            people (Sequence[Shown]): Who is on it.
            time (float): Seconds after the first frame.

        Returns:
            np.ndarray: RGB of ``out_size``.
        """
        if self._times > 1:
            frame = cv2.resize(frame, None, fx=self._times, fy=self._times, interpolation=cv2.INTER_CUBIC)
        width, height = self.out_size
        image = cv2.copyMakeBorder(frame, 0, height - frame.shape[0], 0, width - frame.shape[1],
                                   cv2.BORDER_REPLICATE)
        sides = np.tile([frame.shape[1], frame.shape[0]], 2)
        boxes = [tuple(np.round(person.box * sides).astype(int).tolist()) for person in people]
        for person, (x1, y1, x2, y2) in zip(people, boxes):
            cv2.rectangle(image, (x1, y1), (x2, y2), (0, 0, 0), self._line + 2, cv2.LINE_AA)
            cv2.rectangle(image, (x1, y1), (x2, y2), colour_of(person.id), self._line, cv2.LINE_AA)
        clock = _plate(((clock_of(time), ''), ), (20, 20, 20), self.font)
        taken = [(0, height - clock.shape[0], clock.shape[1], height)]
        self._paste(image, clock, taken[0])
        for index in sorted(range(len(people)), key=lambda index: people[index].id):
            others = boxes[:index] + boxes[index + 1:]
            self._label(image, people[index], boxes[index], taken, others)
        return image

    def _label(self, image: np.ndarray, person: Shown, box: Rect, taken: List[Rect], others: Sequence[Rect]) -> None:
        """Paste a person's plate, with fewer lines where there is no room for all, and add its place to ``taken``."""
        for count in sorted({LINES, 2, 1}, reverse=True):
            rows = [(short_name(action.name), f'{action.score:.2f}') for action in person.actions[:count]]
            hidden = len(person.actions) - len(rows)
            if hidden and rows:
                rows[-1] = (f'{rows[-1][0]}  +{hidden}', rows[-1][1])
            if self.ids:
                rows = [(f'person {person.id}', ''), *rows]
            if not rows:
                return
            plate = _plate(tuple(rows), colour_of(person.id), self.font)
            rect, side = place_plate(box, plate.shape[1::-1], self.out_size, taken, others,
                                     self._sides.get(person.id, 0))
            if rect:
                self._sides[person.id] = side
                self._paste(image, plate, rect)
                taken.append(rect)
                return

    @staticmethod
    def _paste(image: np.ndarray, plate: np.ndarray, rect: Rect) -> None:
        x1, y1, x2, y2 = rect
        part = image[y1:y2, x1:x2]
        part[:] = cv2.addWeighted(plate, OPACITY, part, 1 - OPACITY, 0)


def short_name(name: str) -> str:
    """A class's name that fits on a plate: 'talk to' of 'talk to (e.g., self, a person, a group)'."""
    if len(name) > LONG_NAME:
        name = name.split(' (')[0]
    return name if len(name) <= LONG_NAME else name[:LONG_NAME - 1].rstrip() + '\N{HORIZONTAL ELLIPSIS}'


def clock_of(seconds: float) -> str:
    """'1:02:03.4' of seconds; '02:03.4' in the first hour."""
    tenths = round(seconds * 10)
    minutes, hours = tenths // 600 % 60, tenths // 36000
    text = f'{minutes:02d}:{tenths % 600 / 10:04.1f}'
    return f'{hours}:{text}' if hours else text


def people_between(before: Optional[KeyFrameActions], after: Optional[KeyFrameActions], time: float) -> List[Shown]:
    """Who is on a frame between two key frames: boxes are interpolated, actions are those of the nearer key frame.

    Args:
        before (KeyFrameActions, optional): None: there is none before.
        after (KeyFrameActions, optional): Likewise.
        time (float): Of the frame.
    """
    first, second = ({person.id: person for person in key_frame.people} if key_frame else {}
                     for key_frame in (before, after))
    both = before is not None and after is not None
    share = (time - before.time) / (after.time - before.time) if both and after.time > before.time else 0
    nearer_after = before is None or after is not None and share >= 0.5
    key_frame, own = (after, second) if nearer_after else (before, first)
    if key_frame is None or abs(time - key_frame.time) > SHOWN_SECONDS + 1e-6:
        return []
    shown = []
    for number, person in own.items():
        box = np.array(person.box)
        if number in first and number in second:
            start, end = np.array(first[number].box), np.array(second[number].box)
            box = start + share * (end - start)
        shown.append(Shown(number, box, person.actions))
    return shown


def drawn_frames(source, key_frames: Iterable[KeyFrameActions], drawer: PeopleDrawer,
                 stopped: Callable = lambda: False) -> Iterator[np.ndarray]:
    """All frames of a video, drawn as soon as the key frames around them are known.

    Args:
        source: The video: ``read(numbers)`` gives frames, ``times`` (N,) when each is shown.
        key_frames (Iterable[KeyFrameActions]): Its key frames, in order.
        drawer (PeopleDrawer): What draws.
        stopped (Callable): Whether no more frames are wanted than those up to the last key frame, of which ``STOP``
            are still drawn at most. Defaults to no.

    Yields:
        np.ndarray: RGB of the drawer's size.
    """
    before, drawn = None, 0

    def draw(end: int, after: Optional[KeyFrameActions]) -> Iterator[np.ndarray]:
        for number in range(drawn, end):
            if stopped() and (after is None or number - drawn >= STOP):
                return
            time = float(source.times[number])
            frame, = source.read([number])
            yield drawer.draw(frame, people_between(before, after, time), time)

    for key_frame in key_frames:
        yield from draw(key_frame.frame + 1, key_frame)
        before, drawn = key_frame, key_frame.frame + 1
    yield from draw(len(source.times), None)
