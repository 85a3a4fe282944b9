"""The paper's module as the ``shared_head`` of an RoI head."""
from typing import Sequence

import torch.nn as nn
from torch import Tensor

from stssa_mm.models.layers.attention import ALL_BRANCHES, SlowFastAttentionBlock
from stssa_mm.registry import MODELS


@MODELS.register_module()
class STSSANeck(nn.Module):
    """Spatio-Temporal SlowFast Self-Attention over RoI features: a stack of blocks (sections 3 and 4 of the paper).

    ``dims``, ``layers`` and ``norm`` are the columns of the paper's Table 2. That dims is a width inside the module and
    layers are blocks one after the other are our readings, without an option for another.

    Args:
        in_channels (int): Channels of the RoI features. Defaults to 2048.
        dims (int): Channels inside the module and of its output; a 1x1x1 convolution leads to them where they differ
            from ``in_channels``. Defaults to 2048.
        layers (int): Blocks in the stack. Defaults to 2.
        norm (bool): LayerNorm over the channels after each block. Defaults to True.
        branches (Sequence[str]): Which of ``'spatial_slow'``, ``'spatial_fast'``, ``'temporal_slow'`` and
            ``'temporal_fast'``. Defaults to all four.
        **kwargs: ``kernels``, ``spatial_reduction``, ``temporal_reduction``, ``key_scale`` and ``attend`` of
            :class:`~stssa_mm.models.layers.SlowFastAttentionBlock`.

    Example:
        >>> neck = STSSANeck(in_channels=64, dims=32, layers=1)
        >>> neck(torch.rand(3, 64, 4, 7, 7)).shape
        torch.Size([3, 32, 4, 7, 7])
    """

    def __init__(self,
                 in_channels: int = 2048,
                 dims: int = 2048,
                 layers: int = 2,
                 norm: bool = True,
                 branches: Sequence[str] = ALL_BRANCHES,
                 **kwargs) -> None:
        super().__init__()
        if layers < 1:
            raise ValueError(f'model.roi_head.shared_head.layers={layers}: expected 1 or more. For a model without '
                             'attention set model.roi_head.shared_head=None')
        self.in_channels = in_channels
        self.reduce = nn.Conv3d(in_channels, dims, 1) if dims != in_channels else nn.Identity()
        self.blocks = nn.Sequential(
            *(SlowFastAttentionBlock(dims, branches, norm, **kwargs) for _ in range(layers)))

    def forward(self, x: Tensor, **kwargs) -> Tensor:
        """Refine RoI features.

        Args:
            x (Tensor): (R, in_channels, T, H, W).
            **kwargs: What :class:`AVARoIHead` gives every shared head (``feat``, ``rois``, ``img_metas``); not used.

        Returns:
            Tensor: (R, dims, T, H, W).
        """
        if x.shape[1] != self.in_channels:
            raise ValueError(f'model.roi_head.shared_head.in_channels={self.in_channels}, but the RoI features have '
                             f'{x.shape[1]} channels: set it to that')
        return self.blocks(self.reduce(x))
