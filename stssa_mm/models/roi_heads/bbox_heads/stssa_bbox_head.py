"""The classifier over refined RoI features."""
from typing import Optional

import torch
import torch.nn.functional as F
from mmaction.models.roi_heads.bbox_heads import BBoxHeadAVA
from torch import Tensor

from stssa_mm.registry import MODELS

POOLINGS = {'GAP': 'avg', 'GMP': 'max'}


def has_area(boxes: Tensor) -> Tensor:
    """(n,) bool, of boxes (n, 4) x1, y1, x2, y2. A crop leaves none to the boxes outside it."""
    return (boxes[:, 2:] > boxes[:, :2]).all(1)


@MODELS.register_module()
class STSSABBoxHead(BBoxHeadAVA):
    """:class:`BBoxHeadAVA` that takes Table 2's pooling by its name, batches without a person and any class count.

    Pooling over T, H and W, then one linear layer to ``num_classes`` scores, of which index 0 is the background.
    Sigmoid and binary cross-entropy are our reading, as AVA is multi-label: ``multilabel=False`` gives a softmax.
    Dropout is our reading, too: 0.5 stands in MMAction2's configs, and the paper prints none.

    Args:
        background_class (bool): Whether class 0 is the background, which the loss leaves out. Defaults to True.
        temporal_pool_type (str): Pooling over T, ``'avg'`` or ``'max'``. Defaults to ``'avg'``.
        spatial_pool_type (str): Pooling over H and W, ``'avg'`` or ``'max'``. Defaults to ``'max'``.
        in_channels (int): Channels of the RoI features: the neck's ``dims``. Defaults to 2048.
        num_classes (int): Classes + 1. Defaults to 81.
        pooling (str, optional): ``'GAP'`` (average) or ``'GMP'`` (maximum), as in Table 2 of the paper: sets both pool
            types. Defaults to None: the two pool types hold.
        dims (int, optional): Another name of ``in_channels``, which it replaces where both are given.
            Defaults to None.
        **kwargs: The other arguments of :class:`BBoxHeadAVA`. ``topk`` defaults to 3 and 5, as far as there are more
            classes than that.

    Raises:
        ValueError: If ``pooling`` is unknown, or the features or labels do not fit ``in_channels`` or ``num_classes``.
    """

    def __init__(self,
                 background_class: bool = True,
                 temporal_pool_type: str = 'avg',
                 spatial_pool_type: str = 'max',
                 in_channels: int = 2048,
                 num_classes: int = 81,
                 pooling: Optional[str] = None,
                 dims: Optional[int] = None,
                 **kwargs) -> None:
        if pooling is not None:
            if pooling not in POOLINGS:
                raise ValueError(f'model.roi_head.bbox_head.pooling={pooling!r}: expected one of {tuple(POOLINGS)}')
            temporal_pool_type = spatial_pool_type = POOLINGS[pooling]
        kwargs.setdefault('topk', tuple(k for k in (3, 5) if k < num_classes))  # upstream's, where there are as many
        super().__init__(
            background_class=background_class,
            temporal_pool_type=temporal_pool_type,
            spatial_pool_type=spatial_pool_type,
            in_channels=in_channels if dims is None else dims,
            num_classes=num_classes,
            **kwargs)

    def forward(self, x: Tensor) -> Tensor:
        """Class logits: (R, in_channels, T, H, W) to (R, num_classes)."""
        if x.shape[1] != self.in_channels:
            raise ValueError(f'model.roi_head.bbox_head.in_channels={self.in_channels}, but the features have '
                             f'{x.shape[1]} channels: set it to that')
        if not len(x):  # upstream's view(0, -1) is an error
            return self.fc_cls(x.flatten(2).sum(2))
        return super().forward(x)

    def loss_and_target(self, cls_score: Tensor, rois: Tensor, sampling_results: list, rcnn_train_cfg,
                        **kwargs) -> dict:
        """As upstream; without a positive RoI the losses are zero and keep a gradient path, where upstream has nan.

        Args:
            cls_score (Tensor): (R, num_classes).
            rois (Tensor): (R, 5).
            sampling_results (list[SamplingResult]): One for each clip.
            rcnn_train_cfg (ConfigDict): ``train_cfg.rcnn``.

        Returns:
            dict: ``loss_bbox`` (dict of losses) and ``bbox_targets``.
        """
        self.check_labels(sampling_results)
        first = int(self.background_class)  # upstream's loss takes the RoIs that have an action
        if any(result.pos_gt_labels[..., first:].any() for result in sampling_results):
            return super().loss_and_target(cls_score, rois, sampling_results, rcnn_train_cfg, **kwargs)
        losses = self.accuracies(cls_score[:0], cls_score[:0])
        losses['loss_action_cls'] = cls_score[:0].sum()
        return dict(loss_bbox=losses, bbox_targets=None)

    def check_labels(self, sampling_results: list) -> None:
        """Raises ValueError where the dataset has another number of classes than this head."""
        for result in sampling_results:
            if result.pos_gt_labels.ndim == 2 and result.pos_gt_labels.shape[1] != self.num_classes:
                raise ValueError(f'model.roi_head.bbox_head.num_classes={self.num_classes}, but the dataset has '
                                 f'num_classes={result.pos_gt_labels.shape[1]}: set both to the classes + 1')

    def accuracies(self, cls_score: Tensor, labels: Tensor) -> dict:
        """Recall and precision for the log, zeros over no RoI: of scores (R, K) and labels (R, K) of K classes."""
        if len(labels):
            recall, precision, recalls, precisions = self.topk_accuracy(cls_score, labels)
        else:  # upstream has nan
            zero = torch.zeros((), device=cls_score.device)
            recall, precision, recalls, precisions = zero, zero, [zero] * len(self.topk), [zero] * len(self.topk)
        log = {'recall@thr=0.5': recall, 'prec@thr=0.5': precision}
        for k, *values in zip(self.topk, recalls, precisions):
            log[f'recall@top{k}'], log[f'prec@top{k}'] = values
        return log

    def _predict_by_feat_single(self, roi: Tensor, cls_score: Tensor, *args, **kwargs):
        if self.background_class and not self.multilabel:  # the softmax of the loss leaves the background out
            cls_score = F.pad(cls_score[:, 1:], (1, 0), value=float('-inf'))
        # Upstream scales the boxes in place.
        results = super()._predict_by_feat_single(roi.clone(), cls_score, *args, **kwargs)
        return results[has_area(results.bboxes)]
