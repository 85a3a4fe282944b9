"""What every person detector does, and the choice among its boxes."""
from typing import List, Protocol, Sequence

import numpy as np

from stssa_mm.evaluation.boxes import pairwise_iou


class PersonDetector(Protocol):
    """Finds people on frames."""

    name: str  # tells detectors apart where work is resumed

    def __call__(self, frames: Sequence[np.ndarray]) -> List[np.ndarray]:
        """Candidates for people, overlapping and poor ones among them.

        Args:
            frames (Sequence[np.ndarray]): RGB images (H, W, 3) of uint8.

        Returns:
            list[np.ndarray]: For each frame (n, 5): x1, y1, x2, y2, relative, and the score.
        """


def class_number(label: str, classes: Sequence[str], where: str, limited: bool = True) -> int:
    """The number of a class.

    Args:
        label (str): A name, or a number from 0.
        classes (Sequence[str]): The names.
        where (str): What has these classes, for the error.
        limited (bool): Whether a number is one of these classes. Defaults to True.

    Raises:
        ValueError: If there is none.
    """
    names = [name.lower() for name in classes]
    text = label.strip().lower()
    if text in names:
        return names.index(text)
    if text.isascii() and text.isdecimal() and len(text) < 6 and (not limited or int(text) < len(names)):
        return int(text)
    raise ValueError(f'{where}: no class "{label}" among its classes {", ".join(names)}')


def name_of(model: str, label: str) -> str:
    """What tells a detector apart where work is resumed."""
    return model if label == 'person' else f'{model}, {label}'


def select_people(candidates: np.ndarray, score_thr: float, nms_thr: float, max_people: int) -> np.ndarray:
    """The best of a detector's boxes.

    Args:
        candidates (np.ndarray): (n, 5): x1, y1, x2, y2, relative, and the score.
        score_thr (float): Scores are above this.
        nms_thr (float): Of two boxes whose IoU is above this, the better stays.
        max_people (int): At most so many.

    Returns:
        np.ndarray: (m, 5) with descending scores, inside the frame, four decimals.
    """
    boxes = np.column_stack([candidates[:, :4].clip(0, 1), candidates[:, 4]]).astype(float).round(4)
    boxes = boxes[(boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1]) & (boxes[:, 4] > score_thr)]
    boxes = boxes[np.argsort(-boxes[:, 4], kind='stable')]
    kept: List[np.ndarray] = []
    while len(boxes) and len(kept) < max_people:
        kept.append(boxes[0])
        boxes = boxes[1:][pairwise_iou(boxes[0, :4], boxes[1:, :4]) <= nms_thr]
    return np.array(kept).reshape(-1, 5)
