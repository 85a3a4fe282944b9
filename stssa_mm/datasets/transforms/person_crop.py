"""Crops around the people of a clip."""
from typing import Sequence

import numpy as np
from mmcv.transforms import BaseTransform

from stssa_mm.registry import TRANSFORMS
from stssa_mm.video.crop import cut_square, square_around


@TRANSFORMS.register_module()
class STSSAPersonCrop(BaseTransform):
    """Cut a square around all proposals of a clip and scale it, so that a small trunk sees people large.

    The square may reach over the frame's edge: the outside is black. Without proposals it is around the frame. Boxes
    move along, and ``crop_quadruple`` leads detections back to the whole frame (it has to be among the meta keys of
    ``PackActionInputs``).

    Required keys: ``imgs``, ``proposals`` and ``gt_bboxes`` in pixels, ``crop_quadruple``. Changed keys: these and
    ``img_shape``.

    Args:
        size (int): Height and width of the result in pixels.
        context (float): Side of the square over the longer side of the proposals' common box. Defaults to 1.25.
        scale_jitter (Sequence[float]): Range of a random factor on the side. Defaults to (1, 1).
        shift_jitter (float): Largest random shift of the centre, over the side. Defaults to 0.
    """

    def __init__(self,
                 size: int,
                 context: float = 1.25,
                 scale_jitter: Sequence[float] = (1, 1),
                 shift_jitter: float = 0) -> None:
        self.size = size
        self.context = context
        self.scale_jitter = tuple(scale_jitter)
        self.shift_jitter = shift_jitter

    def transform(self, results: dict) -> dict:
        """Crop the clip and its boxes."""
        height, width = results['img_shape']
        boxes = results['proposals']
        factor = np.random.uniform(*self.scale_jitter)
        shift = np.random.uniform(-self.shift_jitter, self.shift_jitter, 2)
        left, top, side = square_around(boxes, (height, width), self.context, factor, shift)
        results['imgs'] = [cut_square(image, left, top, side, self.size) for image in results['imgs']]
        for key in ('gt_bboxes', 'proposals'):
            boxes = (results[key] - np.array([left, top] * 2)) * (self.size / side)
            results[key] = np.clip(boxes, 0, self.size).astype(np.float32)
        x, y, w, h = results['crop_quadruple']
        results['crop_quadruple'] = np.array(
            [x + left / width * w, y + top / height * h, side / width * w, side / height * h], dtype=np.float32)
        results['img_shape'] = (self.size, self.size)
        return results

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(size={self.size}, context={self.context}, scale_jitter={self.scale_jitter}, '
                f'shift_jitter={self.shift_jitter})')
