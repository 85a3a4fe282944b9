"""RoI features, of all time steps in one call."""
from typing import Tuple, Union

import torch
from mmaction.models.roi_heads.roi_extractors import SingleRoIExtractor3D
from torch import Tensor
from torch.nn.modules.utils import _pair

from stssa_mm.registry import MODELS

from .roi_ops import no_rois, roi_align, roi_pool


def mmcv_has_kernel(roi_layer_type: str, device: torch.device) -> bool:
    """Whether the installed mmcv runs this RoI layer on this device."""
    if device.type == 'cuda':
        from mmcv.ops import get_compiling_cuda_version
        return get_compiling_cuda_version() != 'not available'
    return device.type == 'cpu' and roi_layer_type == 'RoIAlign'


@MODELS.register_module()
class STSSARoIExtractor(SingleRoIExtractor3D):
    """:class:`SingleRoIExtractor3D` that pools all time steps in one call.

    The features are pooled in float32 and then take their own type again. Where mmcv has no kernel for the device
    (RoIPool on a CPU, anything on a GPU with an mmcv built for CPUs), plain torch gives the same numbers.

    Args:
        roi_layer_type (str): ``'RoIAlign'`` (MMAction2's) or ``'RoIPool'`` (the paper's). Defaults to ``'RoIAlign'``.
        featmap_stride (int): Pixels a cell of the feature map. Defaults to 16.
        output_size (int | tuple[int]): Size of an RoI's features, one number or (height, width). Our configs set 7
            (our reading of the paper). Defaults to 16.
        sampling_ratio (int): Samples a bin and axis for RoIAlign; 0: as many as a bin has cells. Defaults to 0.
        pool_mode (str): ``'avg'`` or, with mmcv's kernel only, ``'max'``, for RoIAlign. Defaults to ``'avg'``.
        aligned (bool): RoIAlign without the legacy shift of half a pixel. Defaults to True.
        with_temporal_pool (bool): Pool over time first, so that T = 1. Our configs set False: the attention needs time.
            Defaults to True.
        temporal_pool_mode (str): ``'avg'`` or ``'max'``. Defaults to ``'avg'``.
        with_global (bool): Append the pooled features of the whole frame, which doubles the channels.
            Defaults to False.

    Raises:
        ValueError: If ``temporal_pool_mode`` is unknown.
    """

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        if self.temporal_pool_mode not in ('avg', 'max'):
            raise ValueError(f'model.roi_head.bbox_roi_extractor.temporal_pool_mode={self.temporal_pool_mode!r}: '
                             "expected 'avg' or 'max'")
        self.output_size = _pair(self.output_size)

    def _pool(self, feature: Tensor, rois: Tensor) -> Tensor:
        """(N, C, H, W) and (R, 5) to (R, C, h, w)."""
        if not len(rois):  # CUDA kernels cannot be launched for nothing
            return no_rois(feature, self.output_size)
        if mmcv_has_kernel(self.roi_layer_type, feature.device):
            return self.roi_layer(feature, rois)
        if self.roi_layer_type == 'RoIPool':
            return roi_pool(feature, rois, self.output_size, self.spatial_scale)
        if self.pool_mode != 'avg':
            raise ValueError(f'model.roi_head.bbox_roi_extractor.pool_mode={self.pool_mode!r}: mmcv has no kernel for '
                             f'{feature.device.type}, and without it only "avg" is supported')
        return roi_align(feature, rois, self.output_size, self.spatial_scale, self.sampling_ratio, self.aligned)

    def forward(self, feat: Union[Tensor, Tuple[Tensor]], rois: Tensor) -> Tuple[Tensor, Tensor]:
        """RoI features.

        Args:
            feat (Tensor | tuple[Tensor]): (N, C, T, H, W), of one or more pathways.
            rois (Tensor): (R, 5): index of the clip, then x1, y1, x2, y2 in pixels.

        Returns:
            tuple[Tensor]: RoI features (R, C, T, h, w), or (R, C, 1, h, w) with temporal pooling, and the joined
            feature map (N, C, T, H, W).
        """
        feat = feat if isinstance(feat, tuple) else (feat, )
        if len(feat) > 1:  # bring the pathways to the longest one's T
            shape = (max(x.shape[2] for x in feat), *feat[0].shape[3:])
            feat = [torch.nn.functional.interpolate(x, shape) for x in feat]
        feat = torch.cat(list(feat), 1)
        if self.with_temporal_pool:
            feat = feat.mean(2, keepdim=True) if self.temporal_pool_mode == 'avg' else feat.amax(2, keepdim=True)
        with torch.autocast(feat.device.type, enabled=False):
            folded = feat.float().flatten(1, 2)  # (N, C*T, H, W)
            pooled = self._pool(folded.contiguous(), rois.float())  # (R, C*T, h, w)
            pooled = pooled.unflatten(1, feat.shape[1:3])
            if self.with_global:
                whole = self.global_pool(folded).unflatten(1, feat.shape[1:3])
                pooled = torch.cat([pooled, whole[rois[:, 0].long()]], 1)
        return pooled.to(feat.dtype), feat
