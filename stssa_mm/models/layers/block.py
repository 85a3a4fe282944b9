"""The Spatio-Temporal SlowFast Self-Attention block. Shapes: see ``slowfast.py``."""
from typing import Mapping, Optional, Sequence

import torch.nn as nn
from torch import Tensor

from .slowfast import DEFAULT_KERNELS
from .ssfa import SpatialSlowFastAttention
from .tsfa import TemporalSlowFastAttention

ALL_BRANCHES = ('spatial_slow', 'spatial_fast', 'temporal_slow', 'temporal_fast')


class SlowFastAttentionBlock(nn.Module):
    """The wanted branches of SSFA and TSFA in parallel on one residual, then an optional LayerNorm over C.

    ``y = x + sum over branches of gamma_b * o_b(x)``, then the norm. The paper (section 3) has four features and does
    not print how they join or where the norm is: both are our readings, without an option for another.

    Args:
        channels (int): C.
        branches (Sequence[str]): Which of ``'spatial_slow'``, ``'spatial_fast'``, ``'temporal_slow'`` and
            ``'temporal_fast'``. A branch left out has no parameters; without any, the block is its LayerNorm alone: the
            control that shows what attention adds. Defaults to all four.
        norm (bool): LayerNorm over C after the sum. Defaults to False.
        kernels (Mapping[str, tuple[int]]): Kernel (time, height, width) of the slow and of the fast branches.
            Defaults to (3, 1, 1) for slow and (1, 1, 1) for fast.
        spatial_reduction (int): ``reduction`` of SSFA. Defaults to 8.
        temporal_reduction (int): ``reduction`` of TSFA; 1 gives the paper's printed equations. Defaults to 8.
        key_scale (bool): Scale the products by the key's length. Defaults to False.
        attend (str): TSFA's tokens, ``'channel_time'`` or ``'time'``. Defaults to ``'channel_time'``.
    """

    def __init__(self,
                 channels: int,
                 branches: Sequence[str] = ALL_BRANCHES,
                 norm: bool = False,
                 kernels: Mapping[str, Sequence[int]] = DEFAULT_KERNELS,
                 spatial_reduction: int = 8,
                 temporal_reduction: int = 8,
                 key_scale: bool = False,
                 attend: str = 'channel_time') -> None:
        super().__init__()
        unknown = set(branches) - set(ALL_BRANCHES)
        if unknown:
            raise ValueError(f'branches={tuple(branches)}: expected names out of {ALL_BRANCHES}, or () for none')
        spatial = [name.split('_')[1] for name in branches if name.startswith('spatial')]
        temporal = [name.split('_')[1] for name in branches if name.startswith('temporal')]
        self.ssfa: Optional[nn.Module] = None
        self.tsfa: Optional[nn.Module] = None
        if spatial:
            self.ssfa = SpatialSlowFastAttention(channels, spatial, kernels, spatial_reduction, key_scale)
        if temporal:
            self.tsfa = TemporalSlowFastAttention(channels, temporal, kernels, temporal_reduction, key_scale, attend)
        self.norm = nn.LayerNorm(channels) if norm else None

    def forward(self, x: Tensor) -> Tensor:
        """(R, C, T, H, W) to the same shape."""
        y = x
        for attention in (self.ssfa, self.tsfa):
            if attention is not None:
                y = y + attention.residual(x)
        if self.norm is not None:
            y = self.norm(y.movedim(1, -1)).movedim(-1, 1)
        return y
