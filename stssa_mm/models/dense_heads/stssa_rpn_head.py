"""Region proposals from the features of a clip."""
from typing import Tuple, Union

import torch
from mmdet.models.dense_heads import RPNHead
from mmengine.registry import DefaultScope
from torch import Tensor

from stssa_mm.models.features import check_features
from stssa_mm.registry import MODELS

# (N, C, T, H, W) to (N, C, H, W). The key frame is the clip's frame T_in // 2, with which the step T // 2 begins.
TIME = {
    'centre': lambda x: x[:, :, x.shape[2] // 2],
    'mean': lambda x: x.mean(2),
    'max': lambda x: x.amax(2),
}


@MODELS.register_module()
class STSSARPNHead(RPNHead):
    """:class:`RPNHead` on the features of a clip: proposes people on its key frame.

    The paper takes person boxes from region proposals and does not print what of the clip these see: the key frame's
    step is our reading, ``time`` has the others.

    Args:
        *args: As those of :class:`RPNHead`; ``in_channels`` is C of the trunk, over all its pathways.
        time (str): What of the T steps it sees: ``'centre'``, the step of the key frame, ``'mean'`` or ``'max'`` over
            time. Defaults to ``'centre'``.
        **kwargs: As those of :class:`RPNHead`.

    Raises:
        ValueError: If ``time`` is unknown.
    """

    def __init__(self, *args, time: str = 'centre', **kwargs) -> None:
        if time not in TIME:
            raise ValueError(f'model.rpn_head.time={time!r}: expected one of {tuple(TIME)}')
        with DefaultScope.overwrite_default_scope('mmdet'):  # whose coder, losses and samplers the configs name
            super().__init__(*args, **kwargs)
        self.time = time

    def forward(self, x: Union[Tensor, Tuple[Tensor]]) -> tuple:
        """Objectness and box deltas.

        Args:
            x (Tensor | tuple[Tensor]): (N, C, T, H, W), of one or more pathways.

        Returns:
            tuple[list[Tensor]]: (N, A, H, W) and (N, 4A, H, W) for A anchors a cell.

        Raises:
            ValueError: If the features do not fit ``in_channels``.
        """
        pathways = x if isinstance(x, tuple) else (x, )
        maps = torch.cat([TIME[self.time](pathway) for pathway in pathways], 1)
        if maps.shape[1] != self.in_channels:
            raise ValueError(f'model.rpn_head.in_channels={self.in_channels}, but the trunk gives {maps.shape[1]} '
                             'channels: set it to that')
        # float32 for the losses and the suppression, also under autocast.
        return tuple([y.float() for y in level] for level in super().forward((maps, )))

    def loss_and_predict(self, x: Union[Tensor, Tuple[Tensor]], batch_data_samples: list, proposal_cfg=None) -> tuple:
        """The losses, and the proposals for the RoI head.

        Args:
            x (Tensor | tuple[Tensor]): (N, C, T, H, W), of one or more pathways.
            batch_data_samples (list[ActionDataSample]): Copies that the detector made for this head: ``gt_instances``
                with ``bboxes`` (k, 4) in pixels, and the meta key ``img_shape``.
            proposal_cfg (ConfigDict, optional): Which proposals to keep. Defaults to that of testing.

        Returns:
            tuple: dict of losses, and for each clip the :class:`InstanceData` of its proposals.

        Raises:
            ValueError: If ``x`` is no feature map, or not one of the anchors' stride.
        """
        self._check_features(x, batch_data_samples)
        for sample in batch_data_samples:
            people = sample.gt_instances
            people.labels = torch.zeros(len(people.bboxes), dtype=torch.long, device=people.bboxes.device)
            sample.set_metainfo(dict(pad_shape=sample.img_shape))  # anchors in the padding of the batch do not count
        return super().loss_and_predict(x, batch_data_samples, proposal_cfg)

    def predict(self, x: Union[Tensor, Tuple[Tensor]], batch_data_samples: list, rescale: bool = False) -> list:
        """As upstream's; raises ValueError as :meth:`loss_and_predict`."""
        self._check_features(x, batch_data_samples)
        return super().predict(x, batch_data_samples, rescale)

    def _check_features(self, x, samples: list) -> None:
        stride = self.prior_generator.strides[0][0]
        check_features(x, [sample.metainfo for sample in samples], 'model.rpn_head.anchor_generator.strides[0]', stride,
                       'and model.roi_head.bbox_roi_extractor.featmap_stride ')
