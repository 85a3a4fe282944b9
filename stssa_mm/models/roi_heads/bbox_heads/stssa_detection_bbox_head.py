"""The classifier and box regressor over refined RoI features."""
from typing import List, Tuple

import torch
import torch.nn as nn
import torch.nn.functional as F
from mmaction.models.roi_heads.bbox_heads import BBoxHeadAVA
from mmdet.models.layers import multiclass_nms
from mmdet.models.task_modules.coders import DeltaXYWHBBoxCoder
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData
from torch import Tensor

from stssa_mm.registry import MODELS

from .stssa_bbox_head import STSSABBoxHead, has_area


@MODELS.register_module()
class STSSADetectionBBoxHead(STSSABBoxHead):
    """:class:`STSSABBoxHead` with a background that trains and a box regression, as in the paper (section 3).

    One box for all classes of a person is our reading; there is no option for a box of each class.

    RoIs that overlap nobody are the background, class 0: their labels of all actions are 0. Positive RoIs learn the
    way to their person's box. Losses are averaged over the sampled RoIs, as in mmdet's Faster R-CNN.

    Args:
        *args: As those of :class:`STSSABBoxHead`.
        target_stds (Sequence[float]): Deltas (x, y, w, h) are divided by these. Defaults to (0.1, 0.1, 0.2, 0.2).
        loss_bbox (dict): mmdet's loss of the deltas. Defaults to smooth L1, beta 1, weight 1.
        **kwargs: As those of :class:`STSSABBoxHead`.

    Raises:
        ValueError: If ``background_class`` is off, and as :class:`STSSABBoxHead`.
    """

    def __init__(self, *args, target_stds=(0.1, 0.1, 0.2, 0.2), loss_bbox=None, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        if not self.background_class:
            raise ValueError('model.roi_head.bbox_head.background_class=False: expected True, as negative RoIs need a '
                             'class')
        self.fc_reg = nn.Linear(self.in_channels, 4)
        self.bbox_coder = DeltaXYWHBBoxCoder(target_stds=tuple(target_stds))
        with DefaultScope.overwrite_default_scope('mmdet'):
            self.loss_bbox = MODELS.build(loss_bbox or dict(type='SmoothL1Loss', beta=1.0, loss_weight=1.0))

    def init_weights(self) -> None:
        """As upstream; boxes start unmoved."""
        super().init_weights()
        nn.init.normal_(self.fc_reg.weight, std=0.001)

    def regress(self, x: Tensor) -> Tensor:
        """Box deltas: (R, in_channels, T, H, W) to (R, 4)."""
        if not len(x):
            return self.fc_reg(x.flatten(2).sum(2))
        return self.fc_reg(self.spatial_pool(self.temporal_pool(x)).flatten(1))

    def loss_and_target(self, cls_score: Tensor, bbox_pred: Tensor, rois: Tensor, sampling_results: list,
                        rcnn_train_cfg, **kwargs) -> dict:
        """Losses of scores and boxes.

        Args:
            cls_score (Tensor): (R, num_classes), of each clip first the positive RoIs.
            bbox_pred (Tensor): (R, 4).
            rois (Tensor): (R, 5). Not used.
            sampling_results (list[SamplingResult]): One for each clip.
            rcnn_train_cfg (ConfigDict): ``train_cfg.rcnn``.

        Returns:
            dict: ``loss_bbox`` (dict of losses, and recall and precision for the log) and ``bbox_targets``.
        """
        self.check_labels(sampling_results)
        targets = labels, _ = self.get_targets(sampling_results, rcnn_train_cfg)
        acting = labels[:, 1:].any(1)
        labels = torch.cat([(~acting)[:, None].to(labels), labels[:, 1:]], 1)
        losses = self.accuracies(cls_score[acting, 1:], labels[acting, 1:])
        if self.multilabel:
            loss = F.binary_cross_entropy_with_logits(cls_score, labels, reduction='none')
        else:
            loss = F.cross_entropy(cls_score, labels / labels.sum(1, keepdim=True), reduction='none')[:, None]
        loss = self.focal_alpha * (1 - torch.exp(-loss))**self.focal_gamma * loss
        count = max(len(cls_score), 1)
        losses['loss_action_cls'] = loss.mean(1).sum() / count

        positive = torch.cat([
            torch.arange(len(result.priors), device=cls_score.device) < len(result.pos_priors)
            for result in sampling_results
        ])
        deltas = self.bbox_coder.encode(
            torch.cat([result.pos_priors for result in sampling_results]),
            torch.cat([result.pos_gt_bboxes for result in sampling_results]))
        losses['loss_bbox'] = self.loss_bbox(bbox_pred[positive], deltas, avg_factor=count)
        return dict(loss_bbox=losses, bbox_targets=targets)

    def predict_by_feat(self, rois: Tuple[Tensor], cls_scores: Tuple[Tensor], bbox_preds: Tuple[Tensor],
                        batch_img_metas: List[dict], rcnn_test_cfg, **kwargs) -> List[InstanceData]:
        """Detections: moved boxes, clipped to the frame, and their scores after a suppression for each class. Boxes of
        which the clipping leaves nothing are dropped.

        Args:
            rois (tuple[Tensor]): Of each clip (n, 5).
            cls_scores (tuple[Tensor]): Of each clip (n, num_classes).
            bbox_preds (tuple[Tensor]): Of each clip (n, 4).
            batch_img_metas (list[dict]): Meta information of each clip.
            rcnn_test_cfg (ConfigDict): ``score_thr``, ``nms`` (of mmcv's ``batched_nms``) and ``max_per_img``, the
                number of labelled boxes.

        Returns:
            list[InstanceData]: Of each clip ``bboxes`` (m, 4), relative, and ``scores`` (m, num_classes), which are 0
            where a class has a better box.
        """
        results = []
        for roi, scores, deltas, meta in zip(rois, cls_scores, bbox_preds, batch_img_metas):
            boxes = self.bbox_coder.decode(roi[:, 1:], deltas, max_shape=meta['img_shape'])
            scores = scores.sigmoid() if self.multilabel else scores.softmax(1)
            relative = self.relative_boxes(boxes, meta)
            keep = has_area(boxes) & has_area(relative)
            boxes, relative, scores = boxes[keep], relative[keep], scores[keep]
            # mmdet has the background last.
            kept, labels, index = multiclass_nms(boxes, scores.roll(-1, 1), rcnn_test_cfg.score_thr, rcnn_test_cfg.nms,
                                                 rcnn_test_cfg.max_per_img, return_inds=True)
            box = index // (self.num_classes - 1)
            scores = torch.zeros_like(scores)
            scores[box, labels + 1] = kept[:, 4]
            box = box.unique()
            results.append(InstanceData(bboxes=relative[box], scores=scores[box]))
        return results

    def relative_boxes(self, boxes: Tensor, img_meta: dict) -> Tensor:
        """Boxes (n, 4) in pixels of a clip to relative ones (n, 4) of the frame that it was cut from."""
        rois = F.pad(boxes, (1, 0))
        scores = boxes.new_zeros(len(boxes), self.num_classes)
        return BBoxHeadAVA._predict_by_feat_single(self, rois, scores, img_meta).bboxes
