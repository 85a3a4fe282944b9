"""Squares around people, cut out of frames."""
from typing import Tuple

import cv2
import numpy as np


def square_around(boxes: np.ndarray, frame: Tuple[int, int], context: float, factor: float = 1,
                  shift: Tuple[float, float] = (0, 0)) -> Tuple[int, int, int]:
    """The square around all boxes, in whole pixels; it may reach over the frame's edge.

    Args:
        boxes (np.ndarray): (n, 4) in pixels. Without any the square is around the frame.
        frame (tuple[int]): Height and width of the frame.
        context (float): Side of the square over the longer side of the boxes' common box.
        factor (float): On the side. Defaults to 1.
        shift (tuple[float]): Of the centre, right and down, over the side. Defaults to none.

    Returns:
        tuple[int]: Left, top and side.
    """
    if not len(boxes):
        boxes = np.array([[0, 0, frame[1], frame[0]]])
    (x1, y1), (x2, y2) = boxes[:, :2].min(0), boxes[:, 2:].max(0)
    side = max(x2 - x1, y2 - y1, 2) * context * factor
    left, top = (x1 + x2 - side) / 2 + shift[0] * side, (y1 + y2 - side) / 2 + shift[1] * side
    return int(round(left)), int(round(top)), max(int(round(side)), 2)


def cut_square(image: np.ndarray, left: int, top: int, side: int, size: int) -> np.ndarray:
    """A square of an image (H, W, C), black where it reaches over the edge, scaled to (size, size, C)."""
    height, width = image.shape[:2]
    inside = image[max(top, 0):max(top + side, 0), max(left, 0):max(left + side, 0)]
    border = (max(-top, 0), max(top + side - height, 0), max(-left, 0), max(left + side - width, 0))
    return cv2.resize(cv2.copyMakeBorder(inside, *border, cv2.BORDER_CONSTANT), (size, size),
                      interpolation=cv2.INTER_AREA)
