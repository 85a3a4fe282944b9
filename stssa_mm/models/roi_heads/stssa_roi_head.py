"""The RoI head: which RoIs pass through the neck and the box head."""
from typing import List, Tuple, Union

import torch
from mmaction.models.roi_heads import AVARoIHead
from mmdet.models.task_modules.assigners import AssignResult
from mmdet.models.task_modules.samplers import SamplingResult
from mmengine.structures import InstanceData
from torch import Tensor

from stssa_mm.models.features import check_features
from stssa_mm.registry import MODELS


@MODELS.register_module()
class STSSARoIHead(AVARoIHead):
    """:class:`AVARoIHead` that takes batches at test time and clips without people, and can leave out what has no use.

    Departures from upstream: several clips a test batch; clips without any person box; a batch without a positive RoI
    has zero losses; data samples are not changed; features that do not fit ``featmap_stride`` are an error.

    Args:
        *args: As those of :class:`AVARoIHead`.
        with_negatives (bool): Whether negative RoIs pass through the shared head and the box head in training, as
            upstream. The loss has no use for them. Without them (our configs) a step is faster, and dropout draws for
            fewer RoIs; set True for a shared head whose BatchNorm takes its statistics over all RoIs, such as ACRN's.
            Defaults to True.
        with_frame (bool): Append to each RoI's features the mean over its whole frame, at each time step, which doubles
            the channels: for labels of whole clips. ``with_global`` of the extractor takes the padding of a batch
            into its mean, this does not. Defaults to False.
        difference (bool): Append to each RoI's features, those of its frame included, their absolute difference to the
            step before, zeros at the first, which doubles the channels: for a trunk that sees no motion.
            Defaults to False.
        **kwargs: As those of :class:`AVARoIHead`.
    """

    def __init__(self, *args, with_negatives: bool = True, with_frame: bool = False, difference: bool = False,
                 **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.with_negatives = with_negatives
        self.with_frame = with_frame
        self.difference = difference

    def loss(self, x: Union[Tensor, Tuple[Tensor]], rpn_results_list: List[InstanceData], data_samples: list,
             **kwargs) -> dict:
        """The losses of one batch.

        Args:
            x (Tensor | tuple[Tensor]): Features of the trunk, (N, C, T, H, W).
            rpn_results_list (list[InstanceData]): Proposals of each clip: ``bboxes`` (n, 4) in pixels.
            data_samples (list[ActionDataSample]): Ground truth of each clip: ``gt_instances`` with ``bboxes`` (k, 4)
                in pixels and ``labels`` (k, num_classes).

        Returns:
            dict[str, Tensor]: The losses, and recall and precision for the log.

        Raises:
            ValueError: If ``x`` is no feature map, or not one of ``bbox_roi_extractor.featmap_stride``.
        """
        metas = [sample.metainfo for sample in data_samples]
        self._check_features(x, metas)
        sampling_results = [
            self._sample(proposals.bboxes, sample.gt_instances)
            for proposals, sample in zip(rpn_results_list, data_samples)
        ]
        return self.bbox_loss(x, sampling_results, metas)['loss_bbox']

    def _check_features(self, x, metas: List[dict]) -> None:
        stride = getattr(self.bbox_roi_extractor, 'featmap_stride', None)  # a user's own may have none
        check_features(x, metas, 'model.roi_head.bbox_roi_extractor.featmap_stride', stride)

    def _sample(self, proposals: Tensor, gt_instances: InstanceData) -> SamplingResult:
        """Assign ground truth to proposals and draw RoIs from them."""
        priors = InstanceData(priors=proposals.reshape(len(proposals), 4))
        if len(gt_instances.bboxes) and len(proposals):
            assigned = self.bbox_assigner.assign(priors, gt_instances, None)
        else:  # upstream's assigner needs both
            labels = gt_instances.labels
            assigned = AssignResult(
                num_gts=len(gt_instances.bboxes),
                gt_inds=proposals.new_zeros(len(proposals)).long(),
                max_overlaps=proposals.new_zeros(len(proposals)),
                labels=labels.new_zeros(len(proposals), *labels.shape[1:]))
        return self.bbox_sampler.sample(assigned, priors, gt_instances)

    def bbox_loss(self, x: Union[Tensor, Tuple[Tensor]], sampling_results: List[SamplingResult],
                  batch_img_metas: List[dict], **kwargs) -> dict:
        """As upstream, or, without ``with_negatives``, over the positive RoIs alone.

        Args:
            x (Tensor | tuple[Tensor]): Features of the trunk, (N, C, T, H, W).
            sampling_results (list[SamplingResult]): One for each clip.
            batch_img_metas (list[dict]): Meta information of each clip.

        Returns:
            dict: ``cls_score``, ``bbox_feats`` and ``loss_bbox``.
        """
        if not self.with_negatives:
            for result in sampling_results:
                result.neg_inds = result.neg_inds[:0]
                result.neg_priors = result.neg_priors[:0]
        return super().bbox_loss(x, sampling_results, batch_img_metas, **kwargs)

    def predict(self, x: Union[Tensor, Tuple[Tensor]], rpn_results_list: List[InstanceData], data_samples: list,
                **kwargs) -> List[InstanceData]:
        """Detections of each clip of a batch of any size.

        Args:
            x (Tensor | tuple[Tensor]): Features of the trunk, (N, C, T, H, W).
            rpn_results_list (list[InstanceData]): Proposals of each clip: ``bboxes`` (n, 4) in pixels.
            data_samples (list[ActionDataSample]): One for each clip.

        Returns:
            list[InstanceData]: For each clip ``bboxes`` (n, 4), relative, and ``scores`` (n, num_classes).

        Raises:
            ValueError: As :meth:`loss`.
        """
        metas = [sample.metainfo for sample in data_samples]
        self._check_features(x, metas)
        return self.predict_bbox(x, metas, rpn_results_list, rcnn_test_cfg=self.test_cfg)

    def _bbox_forward(self, x, rois: Tensor, batch_img_metas: List[dict], **kwargs) -> dict:
        if self.with_frame or self.difference:
            features, maps = self.bbox_roi_extractor(x, rois)
            if self.with_frame:
                features = self._with_frame(features, maps, rois, batch_img_metas)
            if self.difference:
                step = features.diff(dim=2, prepend=features[:, :, :1]).abs()
                features = torch.cat([features, step], 1)
            if self.with_shared_head:
                features = self.shared_head(features, feat=maps, rois=rois, img_metas=batch_img_metas)
            results = dict(cls_score=self.bbox_head(features), bbox_feats=features)
        else:
            results = super()._bbox_forward(x, rois, batch_img_metas, **kwargs)
        # Scores in half precision tie: under autocast keep the loss and the ranking in float32.
        results['cls_score'] = results['cls_score'].float()
        return results

    def _with_frame(self, features: Tensor, maps: Tensor, rois: Tensor, metas: List[dict]) -> Tensor:
        """RoI features (R, C, T, h, w) and maps (N, C, T, H, W) to (R, 2C, T, h, w)."""
        stride = self.bbox_roi_extractor.featmap_stride
        whole = torch.stack([
            clip[..., :max(int(meta['img_shape'][0] // stride), 1), :max(int(meta['img_shape'][1] // stride), 1)].mean(
                (2, 3), keepdim=True) for clip, meta in zip(maps, metas)])
        return torch.cat([features, whole[rois[:, 0].long()].expand_as(features)], 1)
