"""The paper's whole detector: region proposals, RoI features, attention, scores and boxes in one network."""
from mmdet.models.detectors import FasterRCNN
from mmengine.structures import InstanceData
from torch import Tensor

from stssa_mm.models.roi_heads.bbox_heads.stssa_bbox_head import has_area
from stssa_mm.registry import MODELS

from .predict_by_size import PredictBySize, by_size


@MODELS.register_module()
class STSSAFasterRCNN(PredictBySize, FasterRCNN):
    """:class:`FasterRCNN` on clips: finds the people itself, as in the paper (section 3).

    It finds them on the key frame, which is our reading: see ``time`` of :class:`STSSARPNHead`.

    In testing, samples that bring ``proposals`` are classified on those.
    """

    def propose(self, batch_inputs: Tensor, batch_data_samples: list) -> list:
        """The region proposals alone.

        Args:
            batch_inputs (Tensor): (N, 3, T, H, W), padded at the right and the bottom.
            batch_data_samples (list[ActionDataSample]): One for each clip.

        Returns:
            list[ActionDataSample]: The samples with ``pred_instances``: ``bboxes`` (n, 4), relative to the frame that
            the clip was cut from, and ``scores`` (n,), best first.
        """
        for inputs, samples in by_size(batch_inputs, batch_data_samples):
            proposals = self.rpn_head.predict(self.extract_feat(inputs), samples, rescale=False)
            for found, sample in zip(proposals, samples):
                boxes = self.roi_head.bbox_head.relative_boxes(found.bboxes, sample.metainfo)
                sample.pred_instances = InstanceData(bboxes=boxes, scores=found.scores)[has_area(boxes)]
        return batch_data_samples
