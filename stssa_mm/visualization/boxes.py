"""People on a frame: boxes in the colours of their classes, with the names on filled plates."""
import colorsys
from functools import lru_cache
from pathlib import Path
from typing import List, NamedTuple, Sequence, Tuple

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

Colour = Tuple[int, int, int]
# Okabe and Ito's colours for all kinds of sight, brightened for boxes on frames; more classes go round the hues.
COLOURS = ((230, 159, 0), (86, 180, 233), (0, 190, 130), (240, 228, 66), (213, 94, 0), (204, 121, 167), (70, 110, 230),
           (200, 200, 200))
PROPOSAL = (255, 255, 255)


class Labelled(NamedTuple):
    """A box with what is said of it.

    Attributes:
        box (Sequence[float]): x1, y1, x2, y2, relative.
        texts (list[str]): One plate each.
        colours (list[tuple[int]]): RGB of each plate; the box has the first.
    """
    box: Sequence[float]
    texts: List[str]
    colours: List[Colour]


def class_colours(count: int) -> List[Colour]:
    """A colour, RGB from 0 to 255, for each of so many classes."""
    if count <= len(COLOURS):
        return list(COLOURS[:count])
    hues = [(number * 0.618034) % 1 for number in range(count)]  # neighbours are far apart
    return [tuple(round(255 * part) for part in colorsys.hsv_to_rgb(hue, 0.75 if number % 2 else 0.5, 0.95))
            for number, hue in enumerate(hues)]


@lru_cache(maxsize=16)
def font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    """Matplotlib's own DejaVu Sans, in pixels."""
    name = 'DejaVuSans-Bold.ttf' if bold else 'DejaVuSans.ttf'
    return ImageFont.truetype(str(Path(matplotlib.get_data_path(), 'fonts', 'ttf', name)), size)


def ink(colour: Colour) -> Colour:
    """Black or white, whichever is read on a colour."""
    return (0, 0, 0) if np.dot(colour, (0.299, 0.587, 0.114)) > 140 else (255, 255, 255)


def draw_people(image: np.ndarray, people: Sequence[Labelled], proposals: Sequence[Sequence[float]] = (),
                size: int = 12, line: int = 2) -> np.ndarray:
    """Draw boxes on a frame.

    Args:
        image (np.ndarray): (H, W, 3), RGB, uint8.
        people (Sequence[Labelled]): Solid boxes with plates, which keep off each other where there is room.
        proposals (Sequence[Sequence[float]]): Relative boxes, dashed. Defaults to none.
        size (int): Of the letters, in pixels. Defaults to 12.
        line (int): Width of the boxes' lines, in pixels. Defaults to 2.

    Returns:
        np.ndarray: A drawn copy.
    """
    height, width = image.shape[:2]
    canvas = Image.fromarray(image)
    draw = ImageDraw.Draw(canvas)
    for box in proposals:
        _dashed(draw, [round(value) for value in np.multiply(box, (width, height, width, height)).tolist()])
    corners = [np.multiply(person.box, (width, height, width, height)).round().astype(int).tolist()
               for person in people]
    for person, (x1, y1, x2, y2) in zip(people, corners):
        draw.rectangle((x1 - 1, y1 - 1, x2 + 1, y2 + 1), outline=(0, 0, 0), width=line + 2)
        draw.rectangle((x1, y1, x2, y2), outline=person.colours[0] if person.colours else PROPOSAL, width=line)
    taken: List[Tuple[int, int, int, int]] = []
    for person, (x1, y1, *_) in zip(people, corners):
        letters = font(size, bold=True)
        widths = [round(letters.getlength(text)) + 6 for text in person.texts]
        step = size + 5
        place = _free(x1, y1, max(widths, default=0), step * len(widths), (width, height), taken)
        if widths:
            taken.append(place)
        for number, (text, colour) in enumerate(zip(person.texts, person.colours)):
            left, top = place[0], place[1] + number * step
            draw.rectangle((left, top, left + widths[number], top + step - 1), fill=colour)
            draw.text((left + 3, top + step / 2 - 0.5), text, fill=ink(colour), font=letters, anchor='lm')
    return np.asarray(canvas)


def _free(x: int, y: int, width: int, height: int, frame: Tuple[int, int],
          taken: Sequence[Tuple[int, int, int, int]]) -> Tuple[int, int, int, int]:
    """Where plates go: above the box's left upper corner, else inside it, further down where others stand."""
    left = max(min(x, frame[0] - width - 1), 0)
    tops = [y - height, *range(max(y, 0), frame[1] - height, max(height // 2, 1))]
    places = [(left, top, left + width, top + height) for top in tops if top >= 0]
    free = [place for place in places if not any(_overlap(place, other) for other in taken)]
    return (free or places or [(left, 0, left + width, height)])[0]


def _overlap(one: Sequence[int], other: Sequence[int]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _dashed(draw: ImageDraw.ImageDraw, box: Sequence[int], dash: int = 5) -> None:
    x1, y1, x2, y2 = box
    for colour, shift in (((0, 0, 0), 0), (PROPOSAL, dash)):
        for x in range(x1 + shift, x2, 2 * dash):
            for y in (y1, y2):
                draw.line((x, y, min(x + dash - 1, x2), y), fill=colour)
        for y in range(y1 + shift, y2, 2 * dash):
            for x in (x1, x2):
                draw.line((x, y, x, min(y + dash - 1, y2)), fill=colour)
