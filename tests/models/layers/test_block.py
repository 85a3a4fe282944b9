import pytest
import torch
import torch.nn.functional as F
from models.layers.attention_reference import residual
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from stssa_mm.models.layers import SlowFastAttentionBlock
from stssa_mm.models.layers.block import ALL_BRANCHES


def test_is_the_sum_of_all_branches_on_one_residual(randomised):
    block = randomised(SlowFastAttentionBlock(4, spatial_reduction=2, temporal_reduction=1))
    x = torch.randn(2, 4, 3, 2, 3, dtype=torch.float64)
    expected = x + residual(block.ssfa, x, 'location') + residual(block.tsfa, x, 'channel_time')
    torch.testing.assert_close(block(x), expected, rtol=1e-9, atol=1e-10)


def test_options_reach_the_branches(randomised):
    kernels = {'slow': (1, 3, 1), 'fast': (1, 1, 3)}
    block = randomised(SlowFastAttentionBlock(
        4, kernels=kernels, spatial_reduction=4, temporal_reduction=2, key_scale=True, attend='time'))
    assert block.ssfa.branches['slow'].key.weight.shape == (1, 4, 1, 3, 1)
    assert block.tsfa.branches['fast'].key.weight.shape == (2, 4, 1, 1, 3)
    x = torch.randn(1, 4, 3, 2, 3, dtype=torch.float64)
    assert all(branch.key_scale for part in (block.ssfa, block.tsfa) for branch in part.branches.values())
    expected = x + residual(block.ssfa, x, 'location') + residual(block.tsfa, x, 'time')
    torch.testing.assert_close(block(x), expected, rtol=1e-9, atol=1e-10)


def test_fresh_block_is_the_identity():
    x = torch.randn(2, 16, 4, 3, 3)
    assert torch.equal(SlowFastAttentionBlock(16)(x), x)


def test_fresh_block_with_norm_is_a_layer_norm_over_channels():
    x = torch.randn(2, 16, 4, 3, 5) * 3 + 1
    out = SlowFastAttentionBlock(16, norm=True)(x)
    for place in ((0, 0, 0, 0), (1, 3, 2, 4)):
        roi, *rest = place
        torch.testing.assert_close(out[(roi, slice(None), *rest)], F.layer_norm(x[(roi, slice(None), *rest)], (16, )))
    mean, deviation = x.mean(1, keepdim=True), x.var(1, keepdim=True, unbiased=False).add(1e-5).sqrt()
    torch.testing.assert_close(out, (x - mean) / deviation)


def test_gradients(randomised, gradients_are_right):
    block = randomised(SlowFastAttentionBlock(2, norm=True, spatial_reduction=2, temporal_reduction=2))
    assert gradients_are_right(block, torch.randn(1, 2, 2, 1, 3, dtype=torch.float64))


def test_fresh_block_trains_its_gammas_first():
    block = SlowFastAttentionBlock(16)
    block(torch.randn(2, 16, 4, 3, 3)).square().sum().backward()
    for name, parameter in block.named_parameters():
        assert bool(parameter.grad.any()) == ('gammas' in name), name


@pytest.mark.parametrize('norm', [False, True])
def test_no_rois(norm):
    block = SlowFastAttentionBlock(16, norm=norm)
    out = block(torch.zeros(0, 16, 4, 7, 7))
    assert out.shape == (0, 16, 4, 7, 7)
    out.sum().backward()
    assert all(torch.equal(p.grad, torch.zeros_like(p)) for p in block.parameters())


@pytest.mark.parametrize('branches', [[name] for name in ALL_BRANCHES] + [ALL_BRANCHES[:2], ALL_BRANCHES[1:3]])
def test_branches_left_out_have_no_parameters_and_no_part(randomised, branches):
    block = randomised(SlowFastAttentionBlock(8, branches))
    kept = {(part, name) for part, full in (('ssfa', 'spatial'), ('tsfa', 'temporal')) for name in ('slow', 'fast')
            if f'{full}_{name}' in branches}
    keys = set(block.state_dict())
    assert keys == {
        key for key in SlowFastAttentionBlock(8).state_dict() if (key.split('.')[0], key.split('.')[2]) in kept}
    assert {key for key in keys if 'gammas' in key} == {f'{part}.gammas.{name}' for part, name in kept}
    x = torch.randn(1, 8, 2, 2, 2, dtype=torch.float64)
    parts = {'ssfa': block.ssfa, 'tsfa': block.tsfa}
    expected = x + sum(parts[part].gammas[name] * parts[part].branches[name](x) for part, name in kept)
    torch.testing.assert_close(block(x), expected)


def test_only_the_temporal_branches_need_time():
    x = torch.randn(1, 8, 1, 3, 3)
    assert torch.equal(SlowFastAttentionBlock(8, ['spatial_slow', 'spatial_fast'])(x), x)
    with pytest.raises(ValueError, match='T=1: set with_temporal_pool=False'):
        SlowFastAttentionBlock(8)(x)


def test_works_under_autocast(randomised):
    block = randomised(SlowFastAttentionBlock(16, norm=True), std=0.1).float()
    x = torch.randn(2, 16, 4, 3, 3)
    expected = block(x)
    with torch.autocast('cpu', torch.bfloat16):
        out = block(x)
    assert out.dtype == torch.float32
    torch.testing.assert_close(out, expected, rtol=0, atol=0.05)
    out.square().sum().backward()
    assert all(p.grad.isfinite().all() for p in block.parameters())


@pytest.mark.parametrize('dims, layers, millions, giga_mac', [
    (512, 1, '1.8', '0.37'), (512, 2, '3.5', '0.74'), (2048, 1, '28.3', '5.8'), (2048, 2, '56.6', '11.6')])
def test_cost(dims, layers, millions, giga_mac):
    """The blocks alone, without the 1x1x1 convolution that makes 512 channels of 2048 and without the classifier."""
    with torch.device('meta'):
        block = SlowFastAttentionBlock(dims)
    # In units of dims^2: SSFA has two convolutions to dims / 8 and one to dims, TSFA three to dims / 8, with kernels of
    # 3 and of 1, and TSFA one 1x1x1 convolution back from dims / 8 a branch.
    weights = dims**2 * ((2 / 8 + 1) * (3 + 1) + 3 / 8 * (3 + 1) + 2 / 8)
    biases = dims * 2 * ((2 / 8 + 1) + (3 / 8 + 1))
    parameters = sum(p.numel() for p in block.parameters())
    assert parameters == weights + biases + len(ALL_BRANCHES)
    assert f'{layers * parameters / 1e6:.1f}' == millions
    block = block.to_empty(device='cpu')
    # The counter knows the products of the math kernel, not the fused one.
    with FlopCounterMode(display=False) as counter, torch.no_grad(), sdpa_kernel(SDPBackend.MATH):
        block(torch.zeros(1, dims, 4, 7, 7))
    digits = len(giga_mac.split('.')[1])
    assert f'{layers * counter.get_total_flops() / 2e9:.{digits}f}' == giga_mac


@pytest.mark.parametrize('norm', [False, True])
def test_without_branches_it_is_the_norm_alone(norm):
    block = SlowFastAttentionBlock(8, branches=(), norm=norm)
    x = torch.randn(2, 8, 1, 3, 5)  # nothing asks for time either
    expected = torch.nn.functional.layer_norm(x.movedim(1, -1), (8, )).movedim(-1, 1) if norm else x
    torch.testing.assert_close(block(x), expected)
    assert sum(p.numel() for p in block.parameters()) == (16 if norm else 0)


@pytest.mark.parametrize('branches', [['spatial'], ['spatial_slow', 'temporal_medium'], 'spatial_slow'])
def test_unknown_branches(branches):
    with pytest.raises(ValueError, match='branches=.*: expected names out of .*spatial_slow.*temporal_fast'):
        SlowFastAttentionBlock(8, branches)


@pytest.mark.parametrize('options, message', [
    (dict(spatial_reduction=3), 'reduction=3: expected a divisor'),
    (dict(temporal_reduction=16), 'reduction=16: expected a divisor'),
    (dict(attend='space'), "attend='space'"),
    (dict(kernels={'slow': (4, 1, 1), 'fast': (1, 1, 1)}), r'kernel=\(4, 1, 1\)')])
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        SlowFastAttentionBlock(8, **options)
