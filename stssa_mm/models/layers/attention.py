"""Spatio-Temporal SlowFast Self-Attention: SSFA, TSFA and the block that joins them. torch only.

Source: "Spatio-Temporal SlowFast Self-Attention Network for Action Recognition" (ICIP 2020), section 3. What is our
reading, and which option gives another: docs/paper.md.

Shapes: R RoIs, C channels, T time steps, H x W the RoI's size, P = H * W locations, Ck = C / reduction key channels.
"""
import math
from typing import Mapping, Sequence

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

# "we changed the kernel size of the convolution operation used in the Spatial Attention Module and the Temporal
# Attention Module" (section 3.3): large for slow, small for fast, no size printed. Our reading: it grows in time, in
# all three convolutions of a branch. Other sizes: the argument kernels.
DEFAULT_KERNELS = {'slow': (3, 1, 1), 'fast': (1, 1, 1)}
ALL_BRANCHES = ('spatial_slow', 'spatial_fast', 'temporal_slow', 'temporal_fast')
TOKENS = ('channel_time', 'time')


def same_conv3d(in_channels: int, out_channels: int, kernel: Sequence[int]) -> nn.Conv3d:
    """Conv3d with odd kernel sizes that keeps T, H and W."""
    kernel = tuple(kernel)
    if len(kernel) != 3 or any(size % 2 == 0 for size in kernel):
        raise ValueError(f'kernel={kernel}: expected three odd sizes (time, height, width), such as (3, 1, 1)')
    return nn.Conv3d(in_channels, out_channels, kernel, padding=tuple(size // 2 for size in kernel))


def init_key_and_query(*convs: nn.Conv3d) -> None:
    """Normal weights of 0.01 at 2048 channels and a kernel of 1, scaled so that keys spread as much at any other.

    Our reading, without an option for another: the paper prints no initialisation. Kaiming weights saturate the
    unscaled softmax, which then passes no gradient. A fixed 0.01 leaves it flat where there are few channels: attention
    is then no more than a mean.
    """
    for conv in convs:
        fan_in = conv.in_channels * math.prod(conv.kernel_size)
        nn.init.normal_(conv.weight, std=0.01 * (2048 / fan_in)**0.5)
        nn.init.zeros_(conv.bias)


def scaled_attention(query: Tensor, key: Tensor, value: Tensor, key_scale: bool) -> Tensor:
    """softmax(query key^T) value in float32, also under autocast, in memory linear in the tokens.

    float32 is our reading, without an option for another.

    Args:
        query (Tensor): (R, N, D), one row a token.
        key (Tensor): (R, N, D).
        value (Tensor): (R, N, E).
        key_scale (bool): Divide the products by sqrt(D). The paper's equations do not.

    Returns:
        Tensor: (R, N, E) in float32, or in float64 where the input is.
    """
    scale = query.shape[-1]**-0.5 if key_scale else 1.0
    width = value.shape[-1]
    with torch.autocast(query.device.type, enabled=False):
        query, key, value = (x.to(torch.promote_types(x.dtype, torch.float32)) for x in (query, key, value))
        # CUDA's memory-efficient kernels ask for a head axis, and for rows that are a multiple of 16 bytes long: 49
        # floats are not. Zeros change neither the products nor, cut off again, the values.
        query, key, value = (F.pad(x, (0, -x.shape[-1] % 4)).unsqueeze(1) for x in (query, key, value))
        return F.scaled_dot_product_attention(query, key, value, scale=scale).squeeze(1)[..., :width]


class Attention(nn.Module):
    """One branch of SSFA or TSFA. A subclass says what its tokens are.

    The convolutions act on the channels, so that time steps share their weights: our reading, without an option for
    another, as a row or a column has no channel axis to convolve.

    Args:
        channels (int): C.
        kernel (Sequence[int]): Kernel (time, height, width) of the three convolutions.
        reduction (int): C over the channels of the keys.
        reduce_values (bool): Whether the values have as few channels; a 1x1x1 convolution then leads back to C.
        key_scale (bool): Divide the products by the square root of the key's length.
    """

    def __init__(self, channels: int, kernel: Sequence[int], reduction: int, reduce_values: bool,
                 key_scale: bool) -> None:
        super().__init__()
        if reduction < 1 or channels % reduction:
            raise ValueError(f'reduction={reduction}: expected a divisor of the {channels} channels')
        self.key_scale = key_scale
        reduced = channels // reduction
        self.key = same_conv3d(channels, reduced, kernel)
        self.query = same_conv3d(channels, reduced, kernel)
        value_channels = reduced if reduce_values else channels
        self.value = same_conv3d(channels, value_channels, kernel)
        self.out = nn.Conv3d(value_channels, channels, 1) if value_channels < channels else nn.Identity()
        init_key_and_query(self.key, self.query)

    def tokens(self, y: Tensor) -> Tensor:
        """(R, C, T, H, W) to (R, N, D), one row a token."""
        raise NotImplementedError

    def features(self, tokens: Tensor, shape: torch.Size) -> Tensor:
        """The inverse of :meth:`tokens`, to (R, C, T, H, W) of the given shape."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """(R, C, T, H, W) to the same shape."""
        value = self.value(x)
        out = scaled_attention(
            self.tokens(self.query(x)), self.tokens(self.key(x)), self.tokens(value), self.key_scale)
        return self.out(self.features(out, value.shape).to(x.dtype))


class SpatialAttention(Attention):
    """One branch of SSFA, section 3.1 and Eqs. 1-3: which locations a location looks at.

    .. math::
        s_{ij} = F(x_i) \\cdot G(x_j), \\quad \\beta_{ji} = softmax_i(s_{ij}), \\quad o_j = \\sum_i \\beta_{ji} h(x_i)

    where :math:`x_i` is the column of location i, C*T long; F are the keys, G the queries, h the values.

    Args:
        channels (int): C.
        kernel (Sequence[int]): Kernel (time, height, width) of F, G and h.
        reduction (int): C over the channels of F and G. Defaults to 8, as in SAGAN (our reading).
        key_scale (bool): Divide s by the square root of the key's length. Defaults to False, as printed.
    """

    def __init__(self, channels: int, kernel: Sequence[int], reduction: int = 8, key_scale: bool = False) -> None:
        super().__init__(channels, kernel, reduction, False, key_scale)

    def tokens(self, y: Tensor) -> Tensor:
        return y.flatten(3).flatten(1, 2).transpose(1, 2)  # (R, P, C*T)

    def features(self, tokens: Tensor, shape: torch.Size) -> Tensor:
        return tokens.transpose(1, 2).reshape(shape)


class TemporalAttention(Attention):
    """One branch of TSFA, section 3.2 and Eqs. 4-6: which channels at which times a channel at a time looks at.

    .. math::
        t_{ij} = K(x_i) \\cdot L(x_j), \\quad \\alpha_{ji} = softmax_i(t_{ij}), \\quad m_j = \\sum_i \\alpha_{ji} b(x_i)

    where :math:`x_i` is a row of the (C*T, P) view; K are the keys, L the queries, b the values. By default they have
    C / reduction channels, and a 1x1x1 convolution brings m back to C (our reading); ``reduction=1`` gives the printed
    equations, without it. The map of (C*T)^2 entries is never held in memory.

    Args:
        channels (int): C.
        kernel (Sequence[int]): Kernel (time, height, width) of K, L and b.
        reduction (int): C over the channels of K, L and b. Defaults to 8.
        key_scale (bool): Divide t by the square root of the key's length. Defaults to False, as printed.
        attend (str): ``'channel_time'``: a token is a channel at a time, P long, as the sums are printed. ``'time'``: a
            token is a time step, C*P long ("important areas of the temporal axis"). Defaults to ``'channel_time'``.

    Raises:
        ValueError: If the input has one time step only.
    """

    def __init__(self,
                 channels: int,
                 kernel: Sequence[int],
                 reduction: int = 8,
                 key_scale: bool = False,
                 attend: str = 'channel_time') -> None:
        super().__init__(channels, kernel, reduction, True, key_scale)
        if attend not in TOKENS:
            raise ValueError(f'attend={attend!r}: expected one of {TOKENS}')
        self.attend = attend

    def tokens(self, y: Tensor) -> Tensor:
        if self.attend == 'time':
            return y.transpose(1, 2).flatten(2)  # (R, T, Ck*P)
        return y.flatten(3).flatten(1, 2)  # (R, Ck*T, P)

    def features(self, tokens: Tensor, shape: torch.Size) -> Tensor:
        if self.attend == 'time':
            rois, channels, times, *size = shape
            return tokens.reshape(rois, times, channels, *size).transpose(1, 2)
        return tokens.reshape(shape)

    def forward(self, x: Tensor) -> Tensor:
        """m: (R, C, T, H, W) to the same shape."""
        if x.shape[2] < 2:
            raise ValueError('TSFA needs at least 2 time steps and got T=1: set with_temporal_pool=False in '
                             'model.roi_head.bbox_roi_extractor, or sample longer clips')
        return super().forward(x)


class SlowFastAttention(nn.Module):
    """SSFA or TSFA: a slow and a fast branch on one residual, ``x + sum over branches of gamma_b * o_b(x)``.

    A fresh module is the identity, because each gamma starts at 0. A gamma for each branch, and its start, which is
    SAGAN's, are our readings, without an option for another.

    Args:
        channels (int): C.
        branches (Sequence[str]): Which of ``'slow'`` and ``'fast'``. A branch left out has no parameters.
            Defaults to both.
        kernels (Mapping[str, Sequence[int]]): Kernel (time, height, width) of each branch.
            Defaults to (3, 1, 1) for slow and (1, 1, 1) for fast.
        **options: Those of the branch: ``reduction``, ``key_scale``, and for TSFA ``attend``.
    """
    branch = Attention

    def __init__(self,
                 channels: int,
                 branches: Sequence[str] = ('slow', 'fast'),
                 kernels: Mapping[str, Sequence[int]] = DEFAULT_KERNELS,
                 **options) -> None:
        super().__init__()
        missing = [name for name in branches if name not in kernels]
        if missing or not branches:
            raise ValueError(f'branches={tuple(branches)}, kernels={dict(kernels)}: expected one or more of '
                             f'{tuple(DEFAULT_KERNELS)}, and a kernel for each')
        self.branches = nn.ModuleDict({name: self.branch(channels, kernels[name], **options) for name in branches})
        self.gammas = nn.ParameterDict({name: nn.Parameter(torch.zeros(())) for name in branches})

    def residual(self, x: Tensor) -> Tensor:
        """Sum over branches of ``gamma_b * o_b(x)``: (R, C, T, H, W) to the same shape."""
        return sum(self.gammas[name] * branch(x) for name, branch in self.branches.items())

    def forward(self, x: Tensor) -> Tensor:
        """(R, C, T, H, W) to the same shape."""
        return x + self.residual(x)


class SpatialSlowFastAttention(SlowFastAttention):
    """SSFA: :class:`SlowFastAttention` of :class:`SpatialAttention`."""
    branch = SpatialAttention


class TemporalSlowFastAttention(SlowFastAttention):
    """TSFA: :class:`SlowFastAttention` of :class:`TemporalAttention`."""
    branch = TemporalAttention


class SlowFastAttentionBlock(nn.Module):
    """The wanted branches of SSFA and TSFA in parallel on one residual, then an optional LayerNorm over C.

    ``y = x + sum over branches of gamma_b * o_b(x)``. The paper names four features and does not print how they join:
    this is our reading, without an option for another.

    Args:
        channels (int): C.
        branches (Sequence[str]): Which of ``'spatial_slow'``, ``'spatial_fast'``, ``'temporal_slow'`` and
            ``'temporal_fast'``. A branch left out has no parameters; without any, the block is its LayerNorm alone: the
            control that shows what attention adds. Defaults to all four.
        norm (bool): LayerNorm over C after the sum (where it stands is our reading). Defaults to False.
        kernels (Mapping[str, Sequence[int]]): Kernel (time, height, width) of the slow and of the fast branches.
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
        if set(branches) - set(ALL_BRANCHES):
            raise ValueError(f'branches={tuple(branches)}: expected names out of {ALL_BRANCHES}, or () for none')
        spatial, temporal = ([name.split('_')[1] for name in branches if name.startswith(kind)]
                             for kind in ('spatial', 'temporal'))
        options = dict(kernels=kernels, key_scale=key_scale)
        self.ssfa = SpatialSlowFastAttention(
            channels, spatial, reduction=spatial_reduction, **options) if spatial else None
        self.tsfa = TemporalSlowFastAttention(
            channels, temporal, reduction=temporal_reduction, attend=attend, **options) if temporal else None
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
