"""The RoI head over region proposals: background trains, boxes are moved, duplicates are suppressed."""
from typing import List, Tuple, Union

from mmdet.models.task_modules.samplers import SamplingResult
from mmdet.structures.bbox import bbox2roi
from mmengine.structures import InstanceData
from torch import Tensor

from stssa_mm.registry import MODELS

from .stssa_roi_head import STSSARoIHead


@MODELS.register_module()
class STSSADetectionRoIHead(STSSARoIHead):
    """:class:`STSSARoIHead` for a network that proposes its own boxes. Its box head is a
    :class:`~stssa_mm.models.roi_heads.bbox_heads.STSSADetectionBBoxHead`.

    Negative RoIs enter the module whatever ``with_negatives`` says: they teach it the background.
    """

    def bbox_loss(self, x: Union[Tensor, Tuple[Tensor]], sampling_results: List[SamplingResult],
                  batch_img_metas: List[dict], **kwargs) -> dict:
        """As the parent's, over positive and negative RoIs, with ``bbox_pred`` (R, 4) in the result."""
        rois = bbox2roi([result.priors for result in sampling_results])
        results = self._bbox_forward(x, rois, batch_img_metas)
        results.update(
            self.bbox_head.loss_and_target(results['cls_score'], results['bbox_pred'], rois, sampling_results,
                                           self.train_cfg))
        return results

    def predict_bbox(self, x: Union[Tensor, Tuple[Tensor]], batch_img_metas: List[dict],
                     rpn_results_list: List[InstanceData], rcnn_test_cfg) -> List[InstanceData]:
        """Detections of each clip.

        Args:
            x (Tensor | tuple[Tensor]): Features of the trunk, (N, C, T, H, W).
            batch_img_metas (list[dict]): Meta information of each clip.
            rpn_results_list (list[InstanceData]): Proposals of each clip: ``bboxes`` (n, 4) in pixels.
            rcnn_test_cfg (ConfigDict): ``test_cfg.rcnn``.

        Returns:
            list[InstanceData]: For each clip ``bboxes`` (m, 4), relative, and ``scores`` (m, num_classes).
        """
        counts = [len(proposals.bboxes) for proposals in rpn_results_list]
        rois = bbox2roi([proposals.bboxes for proposals in rpn_results_list])
        results = self._bbox_forward(x, rois, batch_img_metas)
        return self.bbox_head.predict_by_feat(
            *(part.split(counts) for part in (rois, results['cls_score'], results['bbox_pred'])), batch_img_metas,
            rcnn_test_cfg)

    def _bbox_forward(self, x, rois: Tensor, batch_img_metas: List[dict], **kwargs) -> dict:
        results = super()._bbox_forward(x, rois, batch_img_metas, **kwargs)
        results['bbox_pred'] = self.bbox_head.regress(results['bbox_feats']).float()
        return results
