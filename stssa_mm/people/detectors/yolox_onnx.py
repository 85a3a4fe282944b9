"""YOLOX (https://arxiv.org/abs/2107.08430) in an ONNX file, as its repository exports it."""
from pathlib import Path
from typing import List, Sequence, Tuple

import mmcv
import numpy as np
from mmdet.datasets import CocoDataset

from stssa_mm.files.text import plain

from .person_detector import class_number, name_of

STRIDES = (8, 16, 32)
PAD = (114, 114, 114)  # mmcv pads other channels with 0 if given one number
MOST_SIDE, MOST_BATCH = 8192, 1024


def decode_yolox(output: np.ndarray, height: int, width: int, label: int = 0) -> np.ndarray:
    """Boxes and the scores of one class of a YOLOX head.

    A cell (x, y) of the grid with stride s has the box centre ((x + dx) * s, (y + dy) * s) and the size
    (exp(w) * s, exp(h) * s).

    Args:
        output (np.ndarray): (N, A, 5 + classes): dx, dy, w, h, objectness and class scores; the cells of the grids with
            strides 8, 16 and 32, one after the other, row by row.
        height (int): Of the model's input, in pixels.
        width (int): The same.
        label (int): The class. Defaults to 0, COCO's person.

    Returns:
        np.ndarray: (N, A, 5): x1, y1, x2, y2 in pixels of the input, and objectness times the score of the class.

    Raises:
        ValueError: If there are not as many cells as the input has.
    """
    cells, strides = [], []
    for stride in STRIDES:
        ys, xs = np.mgrid[:height // stride, :width // stride]
        cells.append(np.column_stack([xs.ravel(), ys.ravel()]))
        strides.append(np.full((xs.size, 1), stride))
    cells, strides = np.concatenate(cells), np.concatenate(strides)
    if output.ndim != 3 or output.shape[1] != len(cells) or output.shape[2] < 6:
        raise ValueError(f'output of shape {output.shape}: expected (N, {len(cells)}, 5 + classes) of an input of '
                         f'{width} x {height} pixels: is it a YOLOX model, exported without decoding?')
    if label >= output.shape[2] - 5:
        raise ValueError(f'it has {output.shape[2] - 5} classes, and class {label} (from 0) is asked for')
    centres = (output[..., :2] + cells) * strides
    with np.errstate(over='ignore', invalid='ignore'):
        halves = np.exp(output[..., 2:4]) * strides / 2
        scores = output[..., 4] * output[..., 5 + label]
        decoded = np.concatenate([centres - halves, centres + halves, scores[..., None]], axis=-1)
    if not np.isfinite(decoded).all():
        raise ValueError('it gives boxes or scores that are infinite or nan: is the file damaged?')
    return decoded


class YOLOXPersonDetector:
    """People by a YOLOX model in ONNX Runtime; it uses a GPU where the installed onnxruntime can.

    Args:
        file (Path): ONNX file with one input (N, 3, H, W), BGR from 0 to 255, and the raw output of the head.
        label (str): The class to look for: a name of COCO, or a number from 0. Defaults to ``'person'``.

    Raises:
        ImportError: If onnxruntime is missing.
        ValueError: If the file is not such a model, or COCO has no such class.
    """

    def __init__(self, file: Path, label: str = 'person') -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise ImportError(f'{file}: onnxruntime is needed to run it: pip install onnxruntime') from error
        self.name = name_of(Path(file).name, label)
        self.label = class_number(label, CocoDataset.METAINFO['classes'], 'COCO', limited=False)
        self.file = file
        usable = [name for name in ('CUDAExecutionProvider', 'CPUExecutionProvider')
                  if name in onnxruntime.get_available_providers()]
        try:
            self.session = onnxruntime.InferenceSession(str(file), providers=usable)
        except Exception as error:  # its errors have no common class of their own
            raise ValueError(f'{file}: onnxruntime cannot load it: {plain(error)}') from error
        inputs, outputs = self.session.get_inputs(), self.session.get_outputs()
        if len(inputs) != 1 or len(outputs) != 1:
            raise ValueError(f'{file}: {len(inputs)} inputs and {len(outputs)} outputs: expected one of each: is it a '
                             'YOLOX model, exported without decoding?')
        shape = inputs[0].shape
        if (len(shape) != 4 or shape[1] != 3
                or not all(isinstance(side, int) and STRIDES[-1] <= side <= MOST_SIDE for side in shape[2:])
                or isinstance(shape[0], int) and not 0 < shape[0] <= MOST_BATCH):
            raise ValueError(f'{file}: input of shape {shape}: expected one input (N, 3, H, W) with H and W given, '
                             f'{STRIDES[-1]} to {MOST_SIDE} pixels')
        for tensor, what in ((inputs[0], 'input'), (outputs[0], 'output')):
            if tensor.type != 'tensor(float)':
                raise ValueError(f'{file}: {what} of type {tensor.type}: expected tensor(float): export it in float32')
        self.height, self.width = shape[2:]
        self.batch = shape[0] if isinstance(shape[0], int) else None  # a fixed size, or any

    def letterbox(self, frame: np.ndarray) -> Tuple[np.ndarray, Tuple[float, float]]:
        """A frame as the model wants it: scaled to fit into the input's left upper corner, the rest grey.

        Args:
            frame (np.ndarray): RGB (H, W, 3).

        Returns:
            tuple: BGR (3, height, width) of float32; width and height of the part that shows the frame, in pixels.
        """
        scaled = mmcv.imrescale(frame[..., ::-1], (self.width, self.height))
        padded = mmcv.impad(scaled, shape=(self.height, self.width), pad_val=PAD)
        return padded.transpose(2, 0, 1).astype(np.float32), scaled.shape[1::-1]

    def __call__(self, frames: Sequence[np.ndarray]) -> List[np.ndarray]:
        """Candidates: see :class:`PersonDetector`."""
        images, sizes = zip(*(self.letterbox(frame) for frame in frames))
        step = self.batch or len(images)
        outputs = []
        for start in range(0, len(images), step):
            batch = np.stack(images[start:start + step])
            missing = step - len(batch)
            batch = np.concatenate([batch, np.zeros((missing, *batch.shape[1:]), np.float32)])
            try:
                output, = self.session.run(None, {self.session.get_inputs()[0].name: batch})
            except Exception as error:  # as above
                raise ValueError(f'{self.file}: onnxruntime cannot run it: {plain(error)}') from error
            outputs.extend(self._decode(output, len(batch))[:step - missing])
        for boxes, (width, height) in zip(outputs, sizes):
            boxes[:, :4] /= (width, height, width, height)
        return outputs

    def _decode(self, output: np.ndarray, images: int) -> np.ndarray:
        try:
            decoded = decode_yolox(output, self.height, self.width, self.label)
            if len(decoded) != images:
                raise ValueError(f'output of {len(decoded)} images, of an input of {images}')
            return decoded
        except ValueError as error:
            raise ValueError(f'{self.file}: {error}') from error
