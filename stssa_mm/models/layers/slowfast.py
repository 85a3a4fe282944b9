"""What SSFA and TSFA share: attention branches in parallel on one residual, each with its own gamma.

Source: "Spatio-Temporal SlowFast Self-Attention Network for Action Recognition" (ICIP 2020), section 3.3. Our readings:
docs/paper.md.

Shapes: R RoIs, C channels, T time steps, H x W the RoI's size, P = H * W locations, Ck = C / reduction key channels.
"""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

# "we changed the kernel size of the convolution operation used in the Spatial Attention Module and the Temporal
# Attention Module" (section 3.3): large for slow, small for fast, no size printed. Our reading: it grows in time, in
# all three convolutions of a branch. Other sizes: the argument kernels.
DEFAULT_KERNELS = {'slow': (3, 1, 1), 'fast': (1, 1, 1)}


def same_conv3d(in_channels: int, out_channels: int, kernel: tuple) -> nn.Conv3d:
    """Conv3d with odd kernel sizes that keeps T, H and W."""
    kernel = tuple(kernel)
    if len(kernel) != 3 or any(size % 2 == 0 for size in kernel):
        raise ValueError(f'kernel={kernel}: expected three odd sizes (time, height, width), such as (3, 1, 1)')
    return nn.Conv3d(in_channels, out_channels, kernel, padding=tuple(size // 2 for size in kernel))


def key_channels(channels: int, reduction: int) -> int:
    """C / reduction, which has to be whole."""
    if reduction < 1 or channels % reduction:
        raise ValueError(f'reduction={reduction}: expected a divisor of the {channels} channels')
    return channels // reduction


def init_key_and_query(*convs: nn.Conv3d) -> None:
    """Normal weights of 0.01 at 2048 channels and a kernel of 1, scaled so that keys spread as much at any other.

    Our reading, without an option for another: the paper prints no initialisation.

    Kaiming weights saturate the unscaled softmax, which then passes no gradient. A fixed 0.01 leaves it flat where
    there are few channels: attention is then no more than a mean.
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


def kernels_of(branches, kernels) -> dict:
    """Branch name to kernel; a name without a kernel, or none at all, is a ValueError."""
    if not branches or not set(branches) <= set(kernels):
        raise ValueError(f'branches={tuple(branches)}: expected one or more of {tuple(kernels)}')
    return {name: kernels[name] for name in branches}


class SlowFastAttention(nn.Module):
    """Attention branches in parallel on one residual: ``x + sum over branches of gamma_b * o_b(x)``.

    A fresh module is the identity, because each gamma starts at 0. A gamma for each branch, and its start, which is
    SAGAN's, are our readings, without an option for another.

    Args:
        branches (dict[str, nn.Module]): The branches by name, each keeping the shape of its input.
    """

    def __init__(self, branches: dict) -> None:
        super().__init__()
        self.branches = nn.ModuleDict(branches)
        self.gammas = nn.ParameterDict({name: nn.Parameter(torch.zeros(())) for name in branches})

    def residual(self, x: Tensor) -> Tensor:
        """Sum over branches of ``gamma_b * o_b(x)``: (R, C, T, H, W) to the same shape."""
        return sum(self.gammas[name] * branch(x) for name, branch in self.branches.items())

    def forward(self, x: Tensor) -> Tensor:
        """(R, C, T, H, W) to the same shape."""
        return x + self.residual(x)
