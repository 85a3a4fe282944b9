"""Do the trunk's features fit what the parts after it are set to?

Shapes: N clips, C channels, T time steps, H x W cells.
"""
from typing import List, Optional, Sequence, Tuple

from torch import Tensor

EXPECTED = 'model.backbone: expected a tensor (N, C, T, H, W), or a tuple of these, one for each pathway, but'
HELP = 'see "Your own trunk" in configs/README.md'
STRIDES = (4, 8, 16, 32, 64)  # of nearly every trunk
PADDING = 32  # to a multiple of this at most, where a preprocessor does not say it


def check_features(x, metas: Sequence[dict], key: str, stride: Optional[float], also: str = '') -> None:
    """Check what the trunk returned for a batch: a few comparisons of integers.

    Args:
        x (Tensor | tuple[Tensor]): What the trunk returned.
        metas (Sequence[dict]): Meta information of each clip: ``img_shape`` (height, width) in pixels, and
            ``batch_input_shape`` if the preprocessor gives it.
        key (str): The config's key of the stride, for the error.
        stride (float, optional): Pixels of a cell, as set there. None: it is not checked.
        also (str): What else has to be set to the same number, for the error. Defaults to none.

    Raises:
        ValueError: If this is no feature map of these clips, or if it cannot have this stride.
    """
    maps = x if isinstance(x, tuple) else (x, )
    if not maps or not all(isinstance(part, Tensor) and part.ndim == 5 for part in maps):
        raise ValueError(f'{EXPECTED} it returned {describe(x)}: {HELP}')
    pixels = _pixels(metas)
    cells = tuple(maps[0].shape[3:])  # the RoI extractor brings the other pathways to this size
    one_each = len(maps[0]) == len(metas)
    if one_each and (stride is None or not pixels or _fit(cells, stride, pixels)):
        return
    clips = f'{len(metas)} clip{"s" * (len(metas) != 1)}'
    clips += f' of {pixels[0][0]} x {pixels[1][0]} pixels' if pixels else ''
    right = stride_of(cells, pixels) if one_each else None
    if right is None:
        raise ValueError(f'{EXPECTED} for {clips} it returned {describe(x)}: {HELP}')
    raise ValueError(f'{key}={stride:g}, but for {clips} the trunk returned {cells[0]} x {cells[1]} cells: set it '
                     f'{also}to {right}')


def describe(output) -> str:
    """The type of a trunk's output, and its shape, down to the parts of a list, tuple or dict."""
    if isinstance(output, Tensor):
        return f'a tensor {tuple(output.shape)}'
    if isinstance(output, dict):
        return f'a dict of {{{", ".join(f"{key!r}: {describe(part)}" for key, part in output.items())}}}'
    if isinstance(output, (tuple, list)):
        return f'a {type(output).__name__} of [{", ".join(map(describe, output))}]'
    return f'an object of the type {type(output).__name__}'


def fits(cells: int, stride: float, pixels: Tuple[int, int]) -> bool:
    """Whether a trunk of this stride can make so many cells of so many pixels, given as (least, most).

    Layers that round up or down, in any order, end less than a cell away from ``pixels / stride``. Large maps may be an
    eighth away, which is what layers without padding take.
    """
    least, most = pixels
    return cells > 0 and least - max(stride, least / 8) < cells * stride < most + max(stride, most / 8)


def stride_of(cells: Tuple[int, int], pixels: List[Tuple[int, int]]) -> Optional[int]:
    """The likeliest stride that makes a map of ``cells`` (H, W) from clips of ``pixels``, or None if none does."""
    ratio = max(least / max(count, 1) for count, (least, _) in zip(cells, pixels))
    usual = sorted(STRIDES, key=lambda stride: abs(stride - ratio))
    return next((stride for stride in (*usual, round(ratio)) if _fit(cells, stride, pixels)), None)


def _fit(cells: Tuple[int, int], stride: float, pixels: List[Tuple[int, int]]) -> bool:
    return fits(cells[0], stride, pixels[0]) and fits(cells[1], stride, pixels[1])


def _pixels(metas: Sequence[dict]) -> List[Tuple[int, int]]:
    """The least and the most height, and width, that the batch may have: the largest clip's and a padded one."""
    if not metas or not all('img_shape' in meta for meta in metas):
        return []
    sizes = []
    for axis in (0, 1):
        least = max(meta['img_shape'][axis] for meta in metas)
        padded = metas[0].get('batch_input_shape', (0, 0))[-2:][axis]
        sizes.append((least, max(-(-least // PADDING) * PADDING, padded)))
    return sizes
