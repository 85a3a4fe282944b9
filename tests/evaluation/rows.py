"""Evaluations of rows that are written by hand."""
import numpy as np

from stssa_mm.evaluation.boxes import Boxes
from stssa_mm.evaluation.frame_map import frame_map

CLASSES = {1: 'stand', 3: 'kick', 4: 'wave'}
LEFT, RIGHT = [0.0, 0.0, 0.5, 1.0], [0.5, 0.0, 1.0, 1.0]


def boxes(rows):
    """Boxes from rows (frame, box, label, score)."""
    frame, box, label, score = zip(*rows) if rows else ([], [], [], [])
    return Boxes(np.array(frame, int), np.array(box, float).reshape(-1, 4), np.array(label, int),
                 np.array(score, float))


def evaluate(truth, detections, frames=4, excluded=(), classes=CLASSES, **kwargs):
    """``frame_map`` of rows, every two key frames a video. An annotated box may have a person id."""
    mask = np.isin(np.arange(frames), list(excluded))
    video = np.arange(frames) // 2
    return frame_map(boxes([(*row, 1)[:4] for row in truth]), boxes(detections), classes, video,
                     [f'v{i}' for i in range(video.max() + 1)], mask, **kwargs)
