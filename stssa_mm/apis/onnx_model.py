"""An exported detector, run by ONNX Runtime. Neither torch nor an mm* package is imported."""
import json
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

import cv2
import numpy as np

from stssa_mm.evaluation.boxes import pairwise_iou
from stssa_mm.video.crop import cut_square, square_around

METADATA = 'stssa_mm'  # the key of a graph's metadata that holds its facts, as json


class ONNXModel:
    """A detector in an ONNX file that tools/export_onnx.py wrote.

    Attributes:
        classes (dict[int, str]): Index of a score to the name of its class.
        clip_len (int): Frames of a clip.
        frame_interval (int): Distance of neighbouring frames.
        resize (dict, optional): ``scale`` and ``keep_ratio`` of MMAction2's Resize; None where there is none.
        finds_people (bool): Whether it has region proposals of its own; otherwise it scores given boxes.

    Args:
        file (Path): The file.
        providers (Sequence[str], optional): ONNX Runtime's execution providers. Defaults to None: all that are there.

    Raises:
        ImportError: If onnxruntime is missing.
        ValueError: If it is no such file.
    """

    def __init__(self, file: Path, providers: Optional[Sequence[str]] = None) -> None:
        import onnxruntime
        try:
            self._session = onnxruntime.InferenceSession(
                str(file), providers=list(providers or onnxruntime.get_available_providers()))
        except Exception as error:  # its classes have no base of their own
            raise ValueError(f'{file}: no ONNX model ({" ".join(str(error).split())[:200]})') from None
        facts = self._session.get_modelmeta().custom_metadata_map.get(METADATA)
        if facts is None:
            raise ValueError(f'{file}: no model of tools/export_onnx.py, as its metadata lack {METADATA!r}')
        facts = json.loads(facts)
        self.classes: Dict[int, str] = {int(index): name for index, name in facts['classes'].items()}
        self.clip_len: int = facts['clip_len']
        self.frame_interval: int = facts['frame_interval']
        self._mean, self._std = (np.array(facts[key], np.float32) for key in ('mean', 'std'))
        self._crop, self.resize, self._suppression = (facts.get(key) for key in ('crop', 'resize', 'suppression'))
        self.finds_people = self._suppression is not None

    def frames_around(self, frame: int, total: int) -> List[int]:
        """The frames of the clip around a frame, of a video of ``total`` frames: as STSSASampleFrames in testing."""
        frames = frame + (np.arange(self.clip_len) - self.clip_len // 2) * self.frame_interval
        return np.clip(frames, 0, total - 1).tolist()

    def __call__(self, frames: Sequence[np.ndarray], boxes: Optional[np.ndarray] = None
                 ) -> Tuple[np.ndarray, np.ndarray]:
        """What people do in a clip.

        Args:
            frames (Sequence[np.ndarray]): T frames (H, W, 3), RGB, uint8, of :meth:`frames_around`.
            boxes (np.ndarray, optional): (R, 4) people on the middle frame: x1, y1, x2, y2, relative. Not for a model
                that finds people.

        Returns:
            tuple[np.ndarray]: Boxes (n, 4), relative, and scores (n, K). Boxes without area are left out.

        Raises:
            ValueError: If there are as many frames as a clip does not have, or boxes where none are due, or none
                where they are.
        """
        if len(frames) != self.clip_len or (boxes is None) != self.finds_people:
            given = 'no boxes' if boxes is None else 'boxes'
            raise ValueError(f'{len(frames)} frames and {given}: expected {self.clip_len} frames and '
                             + ('no boxes, as the model finds people itself' if self.finds_people else 'boxes'))
        height, width = frames[0].shape[:2]
        boxes = np.zeros((0, 4), np.float32) if boxes is None else np.asarray(boxes, np.float32).reshape(-1, 4)
        boxes = boxes * np.array([width, height] * 2, np.float32)
        clip, boxes, window = self._prepare(frames, boxes)
        clip = ((clip - self._mean) / self._std).transpose(3, 0, 1, 2)[None]
        if self.finds_people:
            boxes, scores = self._suppress(*self._session.run(None, {'clip': clip}))
        else:
            scores, = self._session.run(None, {'clip': clip, 'boxes': boxes})
        size = clip.shape[:2:-1]  # width, height
        boxes = boxes / np.array([*size, *size], np.float32)
        x, y, w, h = window
        boxes = boxes * np.array([w, h, w, h], np.float32) + np.array([x, y, x, y], np.float32)
        boxes = boxes.astype(np.float32)
        keep = (boxes[:, 2:] > boxes[:, :2]).all(1)
        return boxes[keep], scores[keep]

    def _prepare(self, frames: Sequence[np.ndarray], boxes: np.ndarray) -> Tuple[np.ndarray, np.ndarray, tuple]:
        """A clip (T, h, w, 3), boxes in its pixels, and its place in the frame: x, y, width, height, relative."""
        height, width = frames[0].shape[:2]
        if self._crop:
            size = self._crop['size']
            left, top, side = square_around(boxes, (height, width), self._crop['context'])
            clip = [cut_square(frame, left, top, side, size) for frame in frames]
            boxes = np.clip((boxes - np.array([left, top] * 2)) * (size / side), 0, size).astype(np.float32)
            window = left / width, top / height, side / width, side / height
        else:
            new = self._new_size(height, width)
            clip = [cv2.resize(frame, new, interpolation=cv2.INTER_LINEAR) for frame in frames]
            boxes = boxes * np.array([new[0] / width, new[1] / height] * 2, np.float32)
            window = 0, 0, 1, 1
        return np.stack(clip).astype(np.float32), boxes.astype(np.float32), window

    def _new_size(self, height: int, width: int) -> Tuple[int, int]:
        """Width and height, as MMAction2's Resize."""
        if not self.resize:
            return width, height
        scale = self.resize['scale']
        if not self.resize['keep_ratio']:
            return tuple(scale)
        long, short = (np.inf if edge == -1 else edge for edge in (max(scale, key=lambda e: np.inf if e == -1 else e),
                                                                   min(scale, key=lambda e: np.inf if e == -1 else e)))
        factor = min(long / max(height, width), short / min(height, width))
        return int(width * factor + 0.5), int(height * factor + 0.5)

    def _suppress(self, boxes: np.ndarray, scores: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        """As mmdet's ``multiclass_nms``: of each class the boxes without a better duplicate, and the best of all."""
        limits = self._suppression
        kept = []
        ious = pairwise_iou(boxes[:, None], boxes)
        for label in range(1, scores.shape[1]):
            order = np.argsort(-scores[:, label], kind='stable')
            order = order[scores[order, label] > limits['score_thr']]
            while len(order):
                best, order = order[0], order[1:]
                kept.append((scores[best, label], best, label))
                order = order[ious[best, order] <= limits['iou']]
        kept.sort(key=lambda found: -found[0])
        result = np.zeros_like(scores)
        for score, box, label in kept[:limits['most']]:
            result[box, label] = score
        stays = (result > 0).any(1)
        return boxes[stays], result[stays]
