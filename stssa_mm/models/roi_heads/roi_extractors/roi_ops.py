"""RoIAlign and RoIPool in plain torch, for devices that mmcv has no kernel for. The numbers are mmcv's.

Shapes: features (N, C, H, W); rois (R, 5): index of the clip, then x1, y1, x2, y2 in pixels; output (R, C, h, w).
"""
from typing import Tuple

import torch
from torch import Tensor


def no_rois(features: Tensor, output_size: Tuple[int, int]) -> Tensor:
    """What pooling no RoI gives: (0, C, h, w), with a gradient path to the features (N, C, H, W)."""
    return features.new_zeros(0, features.shape[1], *output_size) + features[:0].sum()


def _align_weights(start: Tensor, size: Tensor, bins: int, samples: Tensor, length: int) -> Tensor:
    """What each cell of an axis adds to each bin, when a bin averages bilinear samples.

    Args:
        start (Tensor): (R,) where the RoI starts, in cells.
        size (Tensor): (R,) the RoI's size in cells.
        bins (int): Bins on this axis.
        samples (Tensor): (R,) samples a bin; 0: the bin is 0.
        length (int): Cells on this axis.

    Returns:
        Tensor: (R, bins, length).
    """
    index = torch.arange(int(samples.max()), device=start.device)
    divisor = samples.clamp(min=1)[:, None, None]
    bin_size = (size / bins)[:, None, None]
    offset = (index + 0.5) * bin_size / divisor  # (R, 1, most)
    position = start[:, None, None] + torch.arange(bins, device=start.device)[:, None] * bin_size + offset
    counts = (index < samples[:, None])[:, None] & (position >= -1) & (position <= length)
    position = position.clamp(min=0)
    low = position.long().clamp(max=length - 1)
    high = (low + 1).clamp(max=length - 1)
    share = torch.where(low == length - 1, torch.zeros_like(position), position - low)
    counts = counts / divisor
    weights = start.new_zeros(len(start), bins, length)
    weights.scatter_add_(2, low, (1 - share) * counts)
    return weights.scatter_add_(2, high, share * counts)


def roi_align(features: Tensor, rois: Tensor, output_size: Tuple[int, int], spatial_scale: float, sampling_ratio: int,
              aligned: bool) -> Tensor:
    """Average of bilinear samples in each bin: ``mmcv.ops.RoIAlign`` with ``pool_mode='avg'``.

    Bilinear weights are a product of one factor for y and one for x, so a bin is a product of two small matrices.

    Args:
        features (Tensor): (N, C, H, W).
        rois (Tensor): (R, 5) in pixels.
        output_size (tuple[int]): (h, w).
        spatial_scale (float): Cells a pixel.
        sampling_ratio (int): Samples a bin and axis; 0: as many as the bin has cells.
        aligned (bool): Shift by half a cell.

    Returns:
        Tensor: (R, C, h, w).
    """
    height, width = features.shape[2:]
    if not len(rois):
        return no_rois(features, output_size)
    boxes = rois[:, 1:] * spatial_scale - (0.5 if aligned else 0.0)
    sizes = boxes[:, 2:] - boxes[:, :2]
    if not aligned:
        sizes = sizes.clamp(min=1)
    weights = []
    for axis, (bins, length) in enumerate([(output_size[1], width), (output_size[0], height)]):
        samples = torch.full_like(sizes[:, axis], sampling_ratio) if sampling_ratio > 0 else torch.ceil(
            sizes[:, axis] / bins)
        weights.append(_align_weights(boxes[:, axis], sizes[:, axis], bins, samples.clamp(min=0), length))
    columns, rows = weights
    return torch.einsum('rhy,rcyx,rwx->rchw', rows, features[rois[:, 0].long()], columns)


def roi_pool(features: Tensor, rois: Tensor, output_size: Tuple[int, int], spatial_scale: float) -> Tensor:
    """Maximum in each bin: ``mmcv.ops.RoIPool``, which has no CPU kernel.

    As in mmcv's CUDA kernel (``roi_pool_cuda_kernel.cuh``): bins come from the unrounded box, with 1 pixel added to x2
    and y2; a bin covers whole cells; an empty bin is 0.

    Args:
        features (Tensor): (N, C, H, W).
        rois (Tensor): (R, 5) in pixels.
        output_size (tuple[int]): (h, w).
        spatial_scale (float): Cells a pixel.

    Returns:
        Tensor: (R, C, h, w).
    """
    if not len(rois):
        return no_rois(features, output_size)
    starts = rois[:, 1:3] * spatial_scale
    sizes = (rois[:, 3:5] + 1) * spatial_scale - starts
    edges = []
    for axis, (bins, length) in enumerate([(output_size[1], features.shape[3]), (output_size[0], features.shape[2])]):
        steps = torch.arange(bins + 1, device=rois.device, dtype=rois.dtype)
        positions = steps * (sizes[:, axis] / bins)[:, None] + starts[:, axis][:, None]
        low, high = positions[:, :-1].floor(), positions[:, 1:].ceil()
        low, high = low.clamp(0, length), high.clamp(0, length)
        valid = (sizes > 0).all(1)[:, None]
        edges.append(torch.stack([low, high * valid], 2).long().tolist())  # (R, bins, 2)
    empty = features.new_zeros(())
    pooled = []
    for index, columns, rows in zip(rois[:, 0].long().tolist(), *edges):
        feature = features[index]

        def bin_maxima(tensor, bins, dim):
            """Maxima of slices of ``dim``, which becomes the last axis; None stands for an empty slice."""
            return [tensor.narrow(dim, lo, hi - lo).amax(dim) if hi > lo else None for lo, hi in bins]

        strips = bin_maxima(feature, columns, 2)  # w times (C, H)
        cells = [bin_maxima(strip, rows, 1) if strip is not None else [None] * len(rows) for strip in strips]
        zero = empty.expand(features.shape[1])
        pooled.append(torch.stack([torch.stack([zero if c is None else c for c in column], 1) for column in cells], 2))
    return torch.stack(pooled) + features[:0].sum()  # adds 0: a gradient path where all bins are empty
