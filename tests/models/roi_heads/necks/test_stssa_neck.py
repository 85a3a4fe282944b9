import pytest
import torch
import torch.nn as nn

from stssa_mm.models.layers import SlowFastAttentionBlock
from stssa_mm.models.roi_heads.necks import STSSANeck


def rois(channels=32, count=3, times=4):
    return torch.randn(count, channels, times, 7, 7, generator=torch.Generator().manual_seed(0))


def open_gates(neck):
    """Gammas of 0 hide the attention."""
    for name, parameter in neck.named_parameters():
        if 'gammas' in name:
            nn.init.constant_(parameter, 0.5)


def test_fresh_and_without_norm_it_is_the_identity():
    x = rois()
    torch.testing.assert_close(STSSANeck(32, 32, layers=2, norm=False)(x), x, rtol=0, atol=0)


def test_fresh_with_norm_it_is_a_layer_norm_over_the_channels():
    x = rois()
    y = STSSANeck(32, 32, layers=1)(x)
    expected = (x - x.mean(1, keepdim=True)) / (x.var(1, keepdim=True, unbiased=False) + 1e-5).sqrt()
    torch.testing.assert_close(y, expected, rtol=1e-4, atol=1e-5)


def test_other_dims_are_reached_by_a_linear_map_of_the_channels():
    neck = STSSANeck(32, 16, layers=1, norm=False)
    x = rois()
    y = neck(x)
    assert y.shape == (3, 16, 4, 7, 7)
    assert neck.reduce.weight.shape == (16, 32, 1, 1, 1)
    weight, bias = neck.reduce.weight[:, :, 0, 0, 0], neck.reduce.bias
    expected = torch.einsum('oc,rcthw->rothw', weight, x) + bias.view(-1, 1, 1, 1)
    torch.testing.assert_close(y, expected, rtol=1e-4, atol=1e-5)


def test_equal_dims_add_no_parameters():
    block = SlowFastAttentionBlock(32, norm=True)
    sizes = [sum(p.numel() for p in module.parameters()) for module in (STSSANeck(32, 32, layers=1), block)]
    assert sizes[0] == sizes[1]


@pytest.mark.parametrize('layers', [1, 2, 3])
def test_layers_are_blocks_one_after_the_other(layers):
    neck = STSSANeck(32, 16, layers=layers)
    open_gates(neck)
    assert len(neck.blocks) == layers
    y = neck.reduce(rois())
    for block in neck.blocks:
        y = block(y)
    torch.testing.assert_close(neck(rois()), y, rtol=0, atol=0)
    assert sum(isinstance(module, nn.LayerNorm) for module in neck.modules()) == layers


def test_branches_left_out_have_no_parameters():
    names = [name for name, _ in STSSANeck(32, 16, branches=['temporal_fast']).named_parameters()]
    assert any('fast' in name for name in names)
    assert not any('slow' in name or 'ssfa' in name for name in names)


def test_options_reach_the_blocks():
    neck = STSSANeck(32, 16, layers=1, kernels=dict(slow=(5, 1, 1), fast=(1, 1, 1)), temporal_reduction=1)
    kernels = {module.kernel_size for module in neck.blocks.modules() if isinstance(module, nn.Conv3d)}
    assert kernels == {(5, 1, 1), (1, 1, 1)}
    assert neck.blocks[0].tsfa.branches['fast'].key.out_channels == 16


def test_what_the_roi_head_gives_besides_is_ignored():
    neck = STSSANeck(32, 32)
    torch.testing.assert_close(neck(rois(), feat=1, rois=2, img_metas=3), neck(rois()))


def test_an_roi_does_not_see_the_others():
    neck = STSSANeck(32, 16)
    open_gates(neck)
    x = rois()
    torch.testing.assert_close(neck(x)[1:2], neck(x[1:2]), rtol=1e-4, atol=1e-5)


def test_no_roi_gives_every_parameter_a_gradient_of_zero():
    neck = STSSANeck(32, 16)
    y = neck(rois(count=0))
    assert y.shape == (0, 16, 4, 7, 7)
    y.sum().backward()
    for name, parameter in neck.named_parameters():
        assert parameter.grad is not None and not parameter.grad.any(), name


def test_wrong_channels_name_the_key():
    with pytest.raises(ValueError, match=r'model\.roi_head\.shared_head\.in_channels=64, .* 32 channels') as error:
        STSSANeck(in_channels=64, dims=32)(rois(32))
    assert '\n' not in str(error.value)


@pytest.mark.parametrize('layers', [0, -1])
def test_no_layers_are_refused(layers):
    with pytest.raises(ValueError, match=rf'roi_head\.shared_head\.layers={layers}: .*shared_head=None') as error:
        STSSANeck(32, 32, layers=layers)
    assert '\n' not in str(error.value)


def test_one_time_step_is_refused():
    with pytest.raises(ValueError, match='with_temporal_pool=False'):
        STSSANeck(32, 32)(rois(times=1))
