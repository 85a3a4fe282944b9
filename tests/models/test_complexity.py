import pytest
import torch
from conftest import REPO
from mmengine.config import Config
from torch import nn

from stssa_mm.models.complexity import count_macs, model_complexity
from stssa_mm.models.layers.attention import scaled_attention
from stssa_mm.models.roi_heads.necks import STSSANeck


class Attention(nn.Module):

    def forward(self, x):
        return scaled_attention(x, x, x, key_scale=False)


def test_attention_is_counted():
    """N tokens of length D: N * N * D for the products and as much for the weighted sum."""
    assert count_macs(Attention(), torch.zeros(2, 10, 16))[0] == 2 * 2 * 10 * 10 * 16


def test_convolution_counts_one_multiply_add_a_weight_and_position():
    assert count_macs(nn.Conv3d(3, 8, 3, padding=1), torch.zeros(1, 3, 2, 5, 5))[0] == 3 * 8 * 27 * 2 * 25


@pytest.mark.parametrize(('dims', 'layers', 'parameters', 'gmac'), [(512, 1, 1.8, 0.37), (512, 2, 3.5, 0.74),
                                                                    (2048, 1, 28.3, 5.8)])
def test_module_costs_what_was_counted_by_hand(dims, layers, parameters, gmac):
    module = STSSANeck(dims, dims, layers, norm=False)
    assert sum(p.numel() for p in module.parameters()) / 1e6 == pytest.approx(parameters, abs=0.05)
    # The rows of 49 are padded to 52, which adds up to 0.2 %.
    assert count_macs(module, torch.zeros(1, dims, 4, 7, 7))[0] / 1e9 == pytest.approx(gmac, abs=0.005, rel=0.003)


@pytest.mark.parametrize(('name', 'parameters'), [('plain-head', 0), ('no-attention', 2 * 2 * 2048)])
def test_trunk_of_the_root_and_no_attention(name, parameters):
    cfg = Config.fromfile(REPO / 'configs' / 'ablation' / f'stssa_ava_{name}.py')
    cost = model_complexity(cfg.model, (32, 256, 256))
    assert (cost.parameters, cost.roi_macs) == (parameters, 0)
    assert cost.trunk_macs / 1e9 == pytest.approx(56, abs=0.5)


def test_module_is_given_what_trunk_and_extractor_give():
    cfg = Config.fromfile(REPO / 'configs' / 'stssa_toy.py')
    cost = model_complexity(cfg.model, (16, 64, 64))
    module = STSSANeck(128, 64, 2)
    assert cost.parameters == sum(p.numel() for p in module.parameters())
    assert cost.roi_macs == count_macs(module, torch.zeros(1, 128, 8, 7, 7))[0]  # 16 frames to T = 8


def test_pathways_are_joined():
    cfg = Config.fromfile(REPO / 'configs' / 'trunks' / 'stssa_slowfast_ava.py')
    cfg.model.roi_head.shared_head.update(dims=64, layers=1)
    cost = model_complexity(cfg.model, (32, 64, 64))
    assert cost.roi_macs == count_macs(STSSANeck(2304, 64, 1), torch.zeros(1, 2304, 32, 7, 7))[0]
