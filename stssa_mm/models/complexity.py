"""What a config's model costs: parameters and multiply-adds, counted by running its parts once."""
from typing import NamedTuple, Tuple

import torch
from mmengine.config import ConfigDict
from torch import nn
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

from stssa_mm.registry import MODELS


class Complexity(NamedTuple):
    """Multiply-adds are those of convolutions and matrix products, attention included.

    Attributes:
        parameters (int): Of the module (``shared_head``); 0 without one.
        roi_macs (int): Multiply-adds of the module for one RoI.
        trunk_macs (int): Multiply-adds of the trunk for one clip.
    """
    parameters: int
    roi_macs: int
    trunk_macs: int


def count_macs(module: nn.Module, x: torch.Tensor) -> Tuple[int, object]:
    """Multiply-adds of one forward pass, and its output.

    MMEngine's ``get_model_complexity_info`` counts scaled_dot_product_attention as 0, and so does torch's counter for
    the operator that it becomes on a CPU.
    """
    def attention_flops(query, key, value, *args, out_shape=None, **kwargs):
        return sdpa_flop_count(query, key, value)

    name = '_scaled_dot_product_flash_attention_for_cpu'
    on_cpu = {getattr(torch.ops.aten, name): attention_flops} if hasattr(torch.ops.aten, name) else {}
    counter = FlopCounterMode(display=False, custom_mapping=on_cpu)
    module.eval()
    with torch.no_grad(), counter:
        out = module(x)
    return counter.get_total_flops() // 2, out


def model_complexity(model: ConfigDict, clip: Tuple[int, int, int]) -> Complexity:
    """Count the trunk and the module of a model.

    Args:
        model (ConfigDict): The ``model`` of a config.
        clip (tuple[int]): Frames, height and width of a clip.

    Returns:
        Complexity: For one clip and one RoI.
    """
    trunk = MODELS.build(model.backbone).to('meta')  # shapes alone: no computing
    trunk_macs, features = count_macs(trunk, torch.empty(1, 3, *clip, device='meta'))
    if not model.roi_head.get('shared_head'):
        return Complexity(0, 0, trunk_macs)
    features = features if isinstance(features, tuple) else (features, )
    extractor = model.roi_head.bbox_roi_extractor
    time = 1 if extractor.get('with_temporal_pool') else max(x.shape[2] for x in features)
    size = extractor.get('output_size', 7)
    size = (size, size) if isinstance(size, int) else tuple(size)
    module = MODELS.build(model.roi_head.shared_head)
    roi_macs, _ = count_macs(module, torch.zeros(1, sum(x.shape[1] for x in features), time, *size))
    return Complexity(sum(p.numel() for p in module.parameters()), roi_macs, trunk_macs)
