"""Spatial SlowFast self-attention (SSFA), section 3.1 and Eqs. 1-3 of the paper. Shapes: see ``slowfast.py``."""
from typing import Mapping, Sequence

import torch.nn as nn
from torch import Tensor

from .slowfast import (
    DEFAULT_KERNELS,
    SlowFastAttention,
    init_key_and_query,
    kernels_of,
    key_channels,
    same_conv3d,
    scaled_attention,
)


class SpatialAttention(nn.Module):
    """One branch of SSFA: which locations a location looks at.

    .. math::
        s_{ij} = F(x_i) \\cdot G(x_j), \\quad \\beta_{ji} = softmax_i(s_{ij}), \\quad o_j = \\sum_i \\beta_{ji} h(x_i)

    where :math:`x_i` is the column of location i, C*T long. Our readings: the convolutions act on the channels, so that
    time steps share their weights (no option for another); F and G have C / 8 channels as in SAGAN (``reduction``).

    Args:
        channels (int): C.
        kernel (tuple[int]): Kernel (time, height, width) of F, G and h.
        reduction (int): C over the channels of F and G. Defaults to 8, as in SAGAN.
        key_scale (bool): Divide s by the square root of the key's length. Defaults to False, as printed.
    """

    def __init__(self, channels: int, kernel: Sequence[int], reduction: int = 8, key_scale: bool = False) -> None:
        super().__init__()
        self.key_scale = key_scale
        reduced = key_channels(channels, reduction)
        self.key = same_conv3d(channels, reduced, kernel)  # F
        self.query = same_conv3d(channels, reduced, kernel)  # G
        self.value = same_conv3d(channels, channels, kernel)  # h
        init_key_and_query(self.key, self.query)

    def forward(self, x: Tensor) -> Tensor:
        """o: (R, C, T, H, W) to the same shape."""

        def columns(y):
            return y.flatten(3).flatten(1, 2).transpose(1, 2)  # (R, P, C*T)

        out = scaled_attention(columns(self.query(x)), columns(self.key(x)), columns(self.value(x)), self.key_scale)
        return out.transpose(1, 2).reshape(x.shape).to(x.dtype)


class SpatialSlowFastAttention(SlowFastAttention):
    """SSFA: a slow and a fast branch of :class:`SpatialAttention` on one residual.

    Args:
        channels (int): C.
        branches (Sequence[str]): Which of ``'slow'`` and ``'fast'``. A branch left out has no parameters.
            Defaults to both.
        kernels (Mapping[str, tuple[int]]): Kernel (time, height, width) of each branch.
            Defaults to (3, 1, 1) for slow and (1, 1, 1) for fast.
        reduction (int): See :class:`SpatialAttention`. Defaults to 8.
        key_scale (bool): See :class:`SpatialAttention`. Defaults to False.
    """

    def __init__(self,
                 channels: int,
                 branches: Sequence[str] = ('slow', 'fast'),
                 kernels: Mapping[str, Sequence[int]] = DEFAULT_KERNELS,
                 reduction: int = 8,
                 key_scale: bool = False) -> None:
        super().__init__({
            name: SpatialAttention(channels, kernel, reduction, key_scale)
            for name, kernel in kernels_of(branches, kernels).items()
        })
