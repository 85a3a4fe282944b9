import copy

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


READINGS = [dict(), dict(attend='time'), dict(temporal_reduction=1), dict(key_scale=True), dict(norm=False),
            dict(branches=())]
IN_HALF = pytest.mark.parametrize(('dtype', 'autocast'), [(torch.float16, False), (torch.bfloat16, False),
                                                          (torch.float16, True), (torch.bfloat16, True)])


def in_half(neck, x, dtype, autocast):
    """A copy of the neck and its output: in half precision itself, or as ``--amp`` runs it."""
    neck = copy.deepcopy(neck) if autocast else copy.deepcopy(neck).to(dtype)
    with torch.autocast('cpu', dtype, enabled=autocast):
        return neck, neck(x.to(dtype))


@IN_HALF
@pytest.mark.parametrize('options', READINGS, ids=str)
def test_half_precision_gives_the_features_of_the_whole(options, dtype, autocast):
    torch.manual_seed(0)
    neck = STSSANeck(32, 16, **options)
    open_gates(neck)
    expected = neck(rois())
    _, y = in_half(neck, rois(), dtype, autocast)
    assert autocast or y.dtype == dtype
    error = (y.float() - expected).abs() / expected.abs().amax()
    assert error.max() < (0.004 if dtype == torch.float16 else 0.03)


@IN_HALF
@pytest.mark.parametrize('options', READINGS, ids=str)
def test_half_precision_without_an_roi(options, dtype, autocast):
    neck, y = in_half(STSSANeck(32, 16, **options), rois(count=0), dtype, autocast)
    assert y.shape == (0, 16, 4, 7, 7)
    y.sum().backward()
    assert all(parameter.grad is not None and not parameter.grad.any() for parameter in neck.parameters())


@pytest.mark.parametrize('autocast', [False, True])
@pytest.mark.parametrize('options', READINGS[:-1], ids=str)
def test_bfloat16_trains(options, autocast):
    """Each gamma has the gradient of the whole, also where it is 0, as in a fresh neck."""
    torch.manual_seed(0)
    neck = STSSANeck(32, 16, **options)
    weight = torch.randn(3, 16, 4, 7, 7)
    (neck(rois()) * weight).sum().backward()
    half, y = in_half(neck, rois(), torch.bfloat16, autocast)
    half.zero_grad()
    (y.float() * weight).sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in half.parameters())
    gammas = [[parameter.grad.float() for name, parameter in module.named_parameters() if 'gammas' in name]
              for module in (half, neck)]
    assert len(gammas[0]) == 8 and all(grad != 0 for grad in gammas[0])
    actual, expected = map(torch.stack, gammas)
    torch.testing.assert_close(actual, expected, rtol=0, atol=0.02 * expected.abs().max().item())
