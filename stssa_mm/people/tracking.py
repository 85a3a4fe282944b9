"""People over time."""
from typing import List, Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

from stssa_mm.evaluation.boxes import pairwise_iou


def link_people(frames: Sequence[np.ndarray], least_iou: float = 0.3) -> List[List[int]]:
    """Give the people of a video numbers: from a key frame to the next by the assignment with the largest sum of IoUs.

    Args:
        frames (Sequence[np.ndarray]): Boxes (n, 4) of each key frame, in order.
        least_iou (float): A pair with less is two people. Defaults to 0.3.

    Returns:
        list[list[int]]: A number for each box, from 0.
    """
    numbers: List[List[int]] = []
    count = 0
    for index, boxes in enumerate(frames):
        own = [-1] * len(boxes)
        if index:
            ious = pairwise_iou(frames[index - 1][:, None], boxes)
            for before, now in zip(*linear_sum_assignment(np.where(ious >= least_iou, ious, 0), maximize=True)):
                if ious[before, now] >= least_iou:
                    own[now] = numbers[-1][before]
        for place, number in enumerate(own):
            if number < 0:
                own[place] = count
                count += 1
        numbers.append(own)
    return numbers
