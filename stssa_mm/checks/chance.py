"""What a perfect and a random classifier of the proposals would reach."""
from typing import Dict

import numpy as np

from stssa_mm.datasets import STSSAAVADataset
from stssa_mm.evaluation.boxes import Boxes, best_overlaps
from stssa_mm.evaluation.chance import Chance, random_scores
from stssa_mm.evaluation.frame_map import CAPACITY


def chance_of(dataset: STSSAAVADataset, boxes: Boxes, used: np.ndarray, classes: Dict[int, str]) -> Chance:
    """The frame-mAP@0.5, by the official rule, of a perfect and of a random classifier of some boxes.

    Args:
        dataset (STSSAAVADataset): The ground truth.
        boxes (Boxes): The proposals of its key frames.
        used (np.ndarray): (F,) bool, key frames that count.
        classes (dict[int, str]): The classes that count: class id to name.

    Returns:
        Chance: Of every box with every class that counts; over the classes that have annotated boxes.
    """
    frames = dataset.key_frames
    frame = np.repeat(np.arange(len(used)), np.diff(frames.people))
    person = np.repeat(np.arange(len(frame)), np.diff(frames.labels))
    ids = np.array(dataset.custom_classes or range(dataset.num_classes))
    count = np.isin(ids, list(classes)) & (np.arange(len(ids)) > 0)
    column = np.where(count, np.cumsum(count) - 1, -1)
    truth = Boxes(frame[person], frames.box[person], column[frames.label], np.ones(len(person)))
    truth = truth.take(used[truth.frame] & (truth.label >= 0))
    num_classes = int(count.sum())
    if not len(truth.frame):
        return Chance(0.0, 0.0)
    # Only with a class that its frame has a proposal can be right.
    key = np.unique(truth.frame * num_classes + truth.label)
    order = np.argsort(boxes.frame, kind='stable')
    start = np.searchsorted(boxes.frame[order], key // num_classes)
    size = np.searchsorted(boxes.frame[order], key // num_classes, 'right') - start
    index = order[np.arange(size.sum()) - np.repeat(np.cumsum(size) - size - start, size)]
    labelled = boxes.take(index)._replace(label=np.repeat(key % num_classes, size))
    overlap, match = best_overlaps(labelled, truth, len(used))
    right = overlap >= 0.5
    return random_scores(
        np.repeat(boxes.frame.astype(np.int32), num_classes),
        np.tile(np.arange(num_classes, dtype=np.int16), len(boxes.frame)),
        (index * num_classes + labelled.label)[right], match[right],
        np.bincount(truth.label, minlength=num_classes), CAPACITY)
