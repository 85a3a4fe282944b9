"""Temporal SlowFast self-attention (TSFA), section 3.2 and Eqs. 4-6 of the paper. Shapes: see ``slowfast.py``."""
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

TOKENS = ('channel_time', 'time')


class TemporalAttention(nn.Module):
    """One branch of TSFA: which channels at which times a channel at a time looks at.

    .. math::
        t_{ij} = K(x_i) \\cdot L(x_j), \\quad \\alpha_{ji} = softmax_i(t_{ij}), \\quad m_j = \\sum_i \\alpha_{ji} b(x_i)

    where :math:`x_i` is a row of the (C*T, P) view. The map of (C*T)^2 entries is never held in memory.

    Our readings: a row has no channel axis for a convolution to act on, so the tensor is convolved first (no option for
    another); K, L and b have C / 8 channels and a 1x1x1 convolution brings m back to C (``reduction=1`` gives the
    printed equations, without it).

    Args:
        channels (int): C.
        kernel (tuple[int]): Kernel (time, height, width) of K, L and b.
        reduction (int): C over the channels of K, L and b. Defaults to 8.
        key_scale (bool): Divide t by the square root of the key's length. Defaults to False, as printed.
        attend (str): ``'channel_time'``: a token is a channel at a time, P long (as printed). ``'time'``: a token is a
            time step, C*P long (the paper's "important areas of the temporal axis"; contradicts its printed sums).
            Defaults to ``'channel_time'``.

    Raises:
        ValueError: If the input has one time step only.
    """

    def __init__(self,
                 channels: int,
                 kernel: Sequence[int],
                 reduction: int = 8,
                 key_scale: bool = False,
                 attend: str = 'channel_time') -> None:
        super().__init__()
        if attend not in TOKENS:
            raise ValueError(f'attend={attend!r}: expected one of {TOKENS}')
        self.key_scale = key_scale
        self.attend = attend
        reduced = key_channels(channels, reduction)
        self.key = same_conv3d(channels, reduced, kernel)  # K
        self.query = same_conv3d(channels, reduced, kernel)  # L
        self.value = same_conv3d(channels, reduced, kernel)  # b
        self.out = nn.Conv3d(reduced, channels, 1) if reduction > 1 else nn.Identity()
        init_key_and_query(self.key, self.query)

    def forward(self, x: Tensor) -> Tensor:
        """m: (R, C, T, H, W) to the same shape."""
        if x.shape[2] < 2:
            raise ValueError('TSFA needs at least 2 time steps and got T=1: set with_temporal_pool=False in '
                             'model.roi_head.bbox_roi_extractor, or sample longer clips')
        query, key, value = self.query(x), self.key(x), self.value(x)
        shape = value.shape
        if self.attend == 'channel_time':

            def tokens(y):
                return y.flatten(3).flatten(1, 2)  # (R, Ck*T, P)

            out = scaled_attention(tokens(query), tokens(key), tokens(value), self.key_scale).reshape(shape)
        else:

            def tokens(y):
                return y.transpose(1, 2).flatten(2)  # (R, T, Ck*P)

            out = scaled_attention(tokens(query), tokens(key), tokens(value), self.key_scale)
            out = out.reshape(shape[0], shape[2], shape[1], *shape[3:]).transpose(1, 2)
        return self.out(out.to(x.dtype))


class TemporalSlowFastAttention(SlowFastAttention):
    """TSFA: a slow and a fast branch of :class:`TemporalAttention` on one residual.

    Args:
        channels (int): C.
        branches (Sequence[str]): Which of ``'slow'`` and ``'fast'``. A branch left out has no parameters.
            Defaults to both.
        kernels (Mapping[str, tuple[int]]): Kernel (time, height, width) of each branch.
            Defaults to (3, 1, 1) for slow and (1, 1, 1) for fast.
        reduction (int): See :class:`TemporalAttention`. Defaults to 8.
        key_scale (bool): See :class:`TemporalAttention`. Defaults to False.
        attend (str): See :class:`TemporalAttention`. Defaults to ``'channel_time'``.
    """

    def __init__(self,
                 channels: int,
                 branches: Sequence[str] = ('slow', 'fast'),
                 kernels: Mapping[str, Sequence[int]] = DEFAULT_KERNELS,
                 reduction: int = 8,
                 key_scale: bool = False,
                 attend: str = 'channel_time') -> None:
        super().__init__({
            name: TemporalAttention(channels, kernel, reduction, key_scale, attend)
            for name, kernel in kernels_of(branches, kernels).items()
        })
