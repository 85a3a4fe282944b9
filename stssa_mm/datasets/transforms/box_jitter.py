"""Proposals that are not quite where the people are."""
import numpy as np
from mmcv.transforms import BaseTransform

from stssa_mm.registry import TRANSFORMS


@TRANSFORMS.register_module()
class STSSABoxJitter(BaseTransform):
    """Move and scale each proposal at random, for training. The ground truth stays.

    An RoI is trained on where its IoU with a person reaches ``pos_iou_thr`` of the assigner.

    Required keys: ``proposals`` (n, 4) in pixels, ``img_shape``. Changed key: ``proposals``, clipped to the frame.

    Args:
        shift (float): Largest shift of the centre over the box's width and height. Defaults to 0.1.
        scale (float): Largest change of width and height, over themselves. Defaults to 0.2.
    """

    def __init__(self, shift: float = 0.1, scale: float = 0.2) -> None:
        self.shift, self.scale = shift, scale

    def transform(self, results: dict) -> dict:
        """Move the proposals."""
        boxes = results['proposals']
        size = boxes[:, 2:] - boxes[:, :2]
        centre = boxes[:, :2] + size * (0.5 + np.random.uniform(-self.shift, self.shift, size.shape))
        half = size * (1 + np.random.uniform(-self.scale, self.scale, size.shape)) / 2
        height, width = results['img_shape']
        moved = np.concatenate([centre - half, centre + half], 1).clip(0, [width, height] * 2)
        results['proposals'] = moved.astype(np.float32)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(shift={self.shift}, scale={self.scale})'
