"""People over time."""
from typing import Dict, List, Sequence, Tuple

import numpy as np
from mmdet.evaluation.functional import bbox_overlaps
from scipy.optimize import linear_sum_assignment


def link_people(frames: Sequence[np.ndarray], least_iou: float = 0.3, patience: int = 0) -> List[List[int]]:
    """Give the people of a video numbers: from a key frame to the next by the assignment with the largest sum of IoUs.

    Args:
        frames (Sequence[np.ndarray]): Boxes (n, 4) of each key frame, in order.
        least_iou (float): A pair with less is two people. Defaults to 0.3.
        patience (int): Key frames on which a person may be missed and keeps the number. Defaults to 0.

    Returns:
        list[list[int]]: A number for each box, from 0.
    """
    numbers: List[List[int]] = []
    seen: Dict[int, Tuple[int, np.ndarray]] = {}  # number to the last key frame and the box there
    count = 0
    for index, boxes in enumerate(frames):
        own = [-1] * len(boxes)
        seen = {number: last for number, last in seen.items() if index - last[0] <= patience + 1}
        if seen:
            known = list(seen)
            ious = bbox_overlaps(np.array([seen[number][1] for number in known]), boxes)
            for before, now in zip(*linear_sum_assignment(np.where(ious >= least_iou, ious, 0), maximize=True)):
                if ious[before, now] >= least_iou:
                    own[now] = known[before]
        for place, number in enumerate(own):
            if number < 0:
                own[place] = count
                count += 1
            seen[own[place]] = index, boxes[place]
        numbers.append(own)
    return numbers
