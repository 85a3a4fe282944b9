"""Ground truth that a crop has cut away."""
import numpy as np
from mmcv.transforms import BaseTransform

from stssa_mm.registry import TRANSFORMS


@TRANSFORMS.register_module()
class STSSADropEmptyBoxes(BaseTransform):
    """Take boxes without area out of the ground truth, which ``RandomCrop`` leaves there for people outside the crop.

    The sampler would add them to the proposals as positives. A clip may be left with nobody.

    Required keys: ``gt_bboxes`` (n, 4). Changed keys: this, and ``gt_labels`` and ``entity_ids`` (n of each).
    """

    def transform(self, results: dict) -> dict:
        """Drop the boxes."""
        boxes = results['gt_bboxes']
        keep = (boxes[:, 2:] > boxes[:, :2]).all(1)
        for key in ('gt_bboxes', 'gt_labels', 'entity_ids'):
            if key in results:
                results[key] = np.asarray(results[key])[keep]
        return results
