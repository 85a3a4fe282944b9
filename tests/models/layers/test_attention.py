import math

import pytest
import torch
import torch.nn.functional as F
from models.layers import attention_reference
from models.layers.attention_reference import residual
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten
from torch.utils.flop_counter import FlopCounterMode

from stssa_mm.models.layers import SlowFastAttentionBlock, SpatialSlowFastAttention, TemporalSlowFastAttention
from stssa_mm.models.layers.attention import (
    ALL_BRANCHES,
    SlowFastAttention,
    SpatialAttention,
    TemporalAttention,
    init_key_and_query,
    same_conv3d,
    scaled_attention,
)


class LargestTensor(TorchDispatchMode):
    """Remembers the entries of the largest tensor that any operation returned."""

    entries = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for leaf in tree_flatten(out)[0]:
            if isinstance(leaf, torch.Tensor):
                self.entries = max(self.entries, leaf.numel())
        return out


class Times(torch.nn.Module):

    def __init__(self, channels, factor):
        super().__init__()
        self.factor = factor

    def forward(self, x):
        return self.factor * x


def columns(y):
    return torch.stack([y[:, :, :, h, w].flatten(1) for h in range(y.shape[3]) for w in range(y.shape[4])], 1)


READINGS = [dict(reduction=2), dict(reduction=1), dict(reduction=2, attend='time'), dict(reduction=1, attend='time')]


def rows(y):
    return torch.stack([y[:, c, t].flatten(1) for c in range(y.shape[1]) for t in range(y.shape[2])], 1)


class TestScaledAttention:

    @pytest.mark.parametrize('key_scale', [False, True])
    @pytest.mark.parametrize('value_length', [3, 5])
    def test_scaled_attention_equals_the_loops(self, key_scale, value_length):
        query, key = torch.randn(2, 2, 7, 3, dtype=torch.float64) * 2
        value = torch.randn(2, 7, value_length, dtype=torch.float64)
        expected = torch.tensor([
            attention_reference.attend(k.tolist(), q.tolist(), v.tolist(), 3**-0.5 if key_scale else 1.0)
            for q, k, v in zip(query, key, value)
        ], dtype=torch.float64)  # yapf: disable
        torch.testing.assert_close(scaled_attention(query, key, value, key_scale), expected, rtol=1e-10, atol=1e-12)

    def test_equal_keys_give_the_mean_of_the_values(self):
        value = torch.randn(2, 6, 4)
        out = scaled_attention(torch.randn(2, 6, 3), torch.ones(2, 6, 3), value, False)
        torch.testing.assert_close(out, value.mean(1, keepdim=True).expand_as(value))

    def test_one_token_returns_its_value(self):
        value = torch.randn(2, 1, 4)
        assert torch.equal(scaled_attention(torch.randn(2, 1, 3), torch.randn(2, 1, 3), value, False), value)

    def test_large_products_stay_finite(self):
        tokens = torch.eye(4).unsqueeze(0) * 1e3
        torch.testing.assert_close(scaled_attention(tokens, tokens, tokens, False), tokens)

    @pytest.mark.parametrize('dtype, expected', [(torch.float64, torch.float64), (torch.float32, torch.float32),
                                                 (torch.bfloat16, torch.float32), (torch.float16, torch.float32)])
    @pytest.mark.parametrize('autocast', [False, True])
    def test_output_is_float32_or_wider(self, dtype, expected, autocast):
        tokens = torch.randn(1, 4, 3).to(dtype)
        with torch.autocast('cpu', torch.bfloat16, enabled=autocast):
            assert scaled_attention(tokens, tokens, tokens, False).dtype == expected

    def test_bfloat16_tokens_get_a_float32_softmax(self):
        query, key, value = (torch.randn(1, 64, 32).bfloat16() for _ in range(3))
        expected = (query.double() @ key.double().transpose(1, 2)).softmax(-1) @ value.double()
        with torch.autocast('cpu', torch.bfloat16):
            ours = (scaled_attention(query, key, value, False) - expected).abs().max()
            low = (query @ key.transpose(1, 2)).bfloat16().softmax(-1).bfloat16() @ value
            in_bfloat16 = (low - expected).abs().max()
        assert ours < 1e-4
        assert in_bfloat16 > 1e-2  # so that the line above can fail

    @pytest.mark.parametrize('backward', [False, True])
    def test_map_is_never_held_in_memory(self, backward):
        tokens = torch.randn(3, 1, 1024, 9, requires_grad=True)

        def largest(attention):
            with LargestTensor() as seen:
                out = attention(*tokens)
                if backward:
                    out.sum().backward()
            return seen.entries

        def naive(query, key, value):
            return F.softmax(query @ key.transpose(1, 2), -1) @ value

        assert largest(naive) >= 1024**2
        assert largest(lambda *qkv: scaled_attention(*qkv, False)) <= 1024 * 64

    @pytest.mark.parametrize('kernel', [(1, 1, 1), (3, 1, 1), (1, 3, 5)])
    def test_same_conv3d_keeps_the_size(self, kernel):
        conv = same_conv3d(2, 3, list(kernel))
        assert conv.kernel_size == kernel
        assert conv(torch.randn(1, 2, 4, 5, 6)).shape == (1, 3, 4, 5, 6)

    @pytest.mark.parametrize('kernel', [(2, 1, 1), (1, 1, 4), (0, 1, 1), (3, 1), (3, 1, 1, 1), ()])
    def test_same_conv3d_refuses_a_kernel(self, kernel):
        with pytest.raises(ValueError, match='kernel=.*three odd sizes'):
            same_conv3d(2, 3, kernel)

    @pytest.mark.parametrize('channels, kernel', [(2048, (1, 1, 1)), (256, (1, 1, 1)), (64, (3, 1, 1))])
    def test_keys_spread_as_much_at_any_width_and_kernel(self, channels, kernel):
        conv = same_conv3d(channels, 64, kernel)
        init_key_and_query(conv)
        assert conv.bias.abs().max() == 0
        keys = conv(torch.randn(4, channels, 8, 5, 5))[:, :, 1:-1]
        assert keys.std().item() == pytest.approx(0.01 * 2048**0.5, rel=0.1)

    @pytest.mark.parametrize('reduction', [4, 12, 0, -2])
    def test_keys_need_a_whole_number_of_channels(self, reduction):
        with pytest.raises(ValueError, match=f'reduction={reduction}: expected a divisor of the 6 channels'):
            SpatialAttention(6, (1, 1, 1), reduction)

    @pytest.mark.parametrize(('branches', 'kernels'), [(['slow', 'fast'], {'slow': (3, 1, 1)}), ([], {}),
                                                       (['medium'], {'slow': (3, 1, 1)})])
    def test_each_branch_needs_a_kernel(self, branches, kernels):
        with pytest.raises(ValueError, match=r'branches=.*, kernels=.*: expected .*slow.*fast.*a kernel for each'):
            SpatialSlowFastAttention(8, branches, kernels)

    def test_each_branch_has_its_own_gamma(self):
        class Multiples(SlowFastAttention):
            branch = Times

        module = Multiples(1, kernels={'slow': 10.0, 'fast': 100.0})
        x = torch.ones(1, 1, 1, 1, 1)
        assert module(x).item() == 1
        with torch.no_grad():
            module.gammas['slow'].fill_(2)
            assert module(x).item() == 1 + 2 * 10
            module.gammas['fast'].fill_(3)
        assert module(x).item() == 1 + 2 * 10 + 3 * 100
        assert module.residual(x).item() == 2 * 10 + 3 * 100
        module(x).backward()
        assert [module.gammas[name].grad.item() for name in ('slow', 'fast')] == [10, 100]


class TestSSFA:

    @pytest.mark.parametrize('key_scale', [False, True])
    @pytest.mark.parametrize('kernels', [
        {'slow': (3, 1, 1), 'fast': (1, 1, 1)}, {'slow': (5, 1, 3), 'fast': (1, 3, 1)}])
    def test_equals_the_printed_equations(self, randomised, kernels, key_scale):
        module = randomised(SpatialSlowFastAttention(4, kernels=kernels, reduction=2, key_scale=key_scale))
        x = torch.randn(2, 4, 3, 2, 3, dtype=torch.float64)
        torch.testing.assert_close(module(x) - x, residual(module, x, 'location'), rtol=1e-9, atol=1e-10)

    def test_default_kernels(self):
        module = SpatialSlowFastAttention(8)
        for name, kernel in (('slow', (3, 1, 1)), ('fast', (1, 1, 1))):
            branch = module.branches[name]
            assert {conv.kernel_size for conv in (branch.key, branch.query, branch.value)} == {kernel}
            assert (branch.key.out_channels, branch.query.out_channels, branch.value.out_channels) == (1, 1, 8)

    def test_zero_keys_give_the_mean_over_locations(self, randomised):
        branch = randomised(SpatialAttention(4, (1, 1, 1), reduction=2))
        nn.init.zeros_(branch.key.weight)
        x = torch.randn(2, 4, 3, 2, 3, dtype=torch.float64)
        torch.testing.assert_close(branch(x), branch.value(x).mean((3, 4), keepdim=True).expand_as(x))

    @pytest.mark.parametrize('shape', [(1, 4, 1, 1, 1), (1, 4, 1, 3, 2), (3, 4, 2, 1, 1)])
    def test_one_time_step_or_one_location(self, randomised, shape):
        module = randomised(SpatialSlowFastAttention(4, reduction=2))
        x = torch.randn(shape, dtype=torch.float64)
        torch.testing.assert_close(module(x) - x, residual(module, x, 'location'), rtol=1e-9, atol=1e-10)

    def test_key_scale_divides_by_the_root_of_the_columns_length(self, randomised):
        scaled = randomised(SpatialAttention(4, (1, 1, 1), reduction=2, key_scale=True))
        unscaled = SpatialAttention(4, (1, 1, 1), reduction=2).double()
        unscaled.load_state_dict(scaled.state_dict())
        x = torch.randn(1, 4, 8, 2, 2, dtype=torch.float64)
        with torch.no_grad():
            for parameter in unscaled.query.parameters():
                parameter /= 4  # The root of Ck * T = 2 * 8.
        torch.testing.assert_close(scaled(x), unscaled(x))

    def test_softmax_starts_soft_and_kaiming_weights_would_saturate_it(self, features, mean_entropy):
        branch = SpatialAttention(2048, (1, 1, 1))
        x = features(1, 2048, 4, 7, 7)
        assert mean_entropy(columns(branch.query(x)), columns(branch.key(x))) > 2.5  # Of at most log(49) = 3.89.
        for conv in (branch.key, branch.query):
            nn.init.kaiming_normal_(conv.weight)
        assert mean_entropy(columns(branch.query(x)), columns(branch.key(x))) < 0.5

class TestTSFA:

    @pytest.mark.parametrize('key_scale', [False, True])
    @pytest.mark.parametrize('reading', READINGS)
    def test_equals_the_printed_equations(self, randomised, reading, key_scale):
        module = randomised(TemporalSlowFastAttention(4, key_scale=key_scale, **reading))
        x = torch.randn(2, 4, 3, 2, 3, dtype=torch.float64)
        expected = residual(module, x, reading.get('attend', 'channel_time'))
        torch.testing.assert_close(module(x) - x, expected, rtol=1e-9, atol=1e-10)

    def test_equals_the_printed_equations_with_other_kernels(self, randomised):
        kernels = {'slow': (5, 1, 1), 'fast': (1, 3, 3)}
        module = randomised(TemporalSlowFastAttention(2, kernels=kernels, reduction=1))
        x = torch.randn(1, 2, 4, 2, 3, dtype=torch.float64)
        torch.testing.assert_close(module(x) - x, residual(module, x, 'channel_time'), rtol=1e-9, atol=1e-10)

    def test_default_kernels_and_channels(self):
        module = TemporalSlowFastAttention(16)
        for name, kernel in (('slow', (3, 1, 1)), ('fast', (1, 1, 1))):
            branch = module.branches[name]
            for conv in (branch.key, branch.query, branch.value):
                assert (conv.kernel_size, conv.in_channels, conv.out_channels) == (kernel, 16, 2)
            assert (branch.out.kernel_size, branch.out.in_channels, branch.out.out_channels) == ((1, 1, 1), 2, 16)

    def test_literal_reading_has_no_last_convolution(self):
        branch = TemporalAttention(16, (1, 1, 1), reduction=1)
        assert [name for name, _ in branch.named_parameters()] == [
            f'{conv}.{kind}' for conv in ('key', 'query', 'value') for kind in ('weight', 'bias')]
        assert branch.value.out_channels == 16

    def test_zero_keys_give_the_mean_over_tokens(self, randomised):
        x = torch.randn(2, 4, 3, 2, 3, dtype=torch.float64)
        for attend, axes in (('channel_time', (1, 2)), ('time', (2, ))):
            branch = randomised(TemporalAttention(4, (1, 1, 1), reduction=1, attend=attend))
            nn.init.zeros_(branch.key.weight)
            nn.init.zeros_(branch.key.bias)
            torch.testing.assert_close(branch(x), branch.value(x).mean(axes, keepdim=True).expand_as(x))

    @pytest.mark.parametrize('attend, length', [('channel_time', 4), ('time', 2 * 4)])
    def test_key_scale_divides_by_the_root_of_the_tokens_length(self, randomised, attend, length):
        scaled = randomised(TemporalAttention(4, (1, 1, 1), reduction=2, key_scale=True, attend=attend))
        unscaled = TemporalAttention(4, (1, 1, 1), reduction=2, attend=attend).double()
        unscaled.load_state_dict(scaled.state_dict())
        x = torch.randn(1, 4, 3, 2, 2, dtype=torch.float64)
        with torch.no_grad():
            for parameter in unscaled.query.parameters():
                parameter /= math.sqrt(length)
        torch.testing.assert_close(scaled(x), unscaled(x))

    def test_softmax_starts_soft_and_kaiming_weights_would_saturate_it(self, features, mean_entropy):
        branch = TemporalAttention(2048, (1, 1, 1))
        x = features(1, 2048, 4, 7, 7)
        most = math.log(256 * 4)
        assert mean_entropy(rows(branch.query(x)), rows(branch.key(x))) > 0.65 * most
        for conv in (branch.key, branch.query):
            nn.init.kaiming_normal_(conv.weight, mode='fan_out')
        assert mean_entropy(rows(branch.query(x)), rows(branch.key(x))) < 0.1 * most

    @pytest.mark.parametrize('rois', [0, 1])
    def test_one_time_step_is_refused_with_the_remedy(self, rois):
        with pytest.raises(ValueError, match='T=1: set with_temporal_pool=False'):
            TemporalSlowFastAttention(8)(torch.zeros(rois, 8, 1, 3, 3))


BOTH = pytest.mark.parametrize(('module', 'options'), [(SpatialSlowFastAttention, dict(reduction=2))] + [
    (TemporalSlowFastAttention, reading) for reading in READINGS], ids=str)


@BOTH
class TestSSFAAndTSFA:
    """What holds for both, and in all readings of TSFA."""

    def test_gradients(self, randomised, gradients_are_right, module, options):
        attention = randomised(module(2, **options))
        assert gradients_are_right(attention, torch.randn(2, 2, 2, 1, 3, dtype=torch.float64))

    def test_a_fresh_module_is_the_identity(self, module, options):
        x = torch.randn(2, 16, 4, 3, 3)
        assert torch.equal(module(16, **options)(x), x)

    def test_permuting_the_locations_permutes_the_output(self, randomised, module, options):
        attention = randomised(module(4, **options))  # Both default kernels are 1x1 in space.
        x = torch.randn(2, 4, 3, 2, 5, dtype=torch.float64)
        order = torch.randperm(10)

        def permuted(y):
            return y.flatten(3)[..., order].reshape(y.shape)

        torch.testing.assert_close(attention(permuted(x)), permuted(attention(x)))
        wide = randomised(module(4, ['fast'], {'fast': (1, 3, 3)}, **options))
        assert not torch.allclose(wide(permuted(x)), permuted(wide(x)), atol=1e-3)

    def test_only_the_slow_branch_sees_the_order_of_time(self, randomised, module, options):
        attention = randomised(module(4, **options))
        x = torch.randn(2, 4, 4, 2, 2, dtype=torch.float64)
        order = [2, 0, 3, 1]
        fast, slow = attention.branches['fast'], attention.branches['slow']
        torch.testing.assert_close(fast(x[:, :, order]), fast(x)[:, :, order])
        assert not torch.allclose(slow(x[:, :, order]), slow(x)[:, :, order], atol=1e-3)

    def test_rois_do_not_see_one_another(self, randomised, module, options):
        attention = randomised(module(4, **options))
        x = torch.randn(3, 4, 2, 2, 2, dtype=torch.float64)
        torch.testing.assert_close(attention(x)[1:2], attention(x[1:2]))

    def test_no_rois(self, module, options):
        attention = module(16, **options)
        out = attention(torch.zeros(0, 16, 4, 7, 7))
        assert out.shape == (0, 16, 4, 7, 7)
        out.sum().backward()
        assert all(torch.equal(p.grad, torch.zeros_like(p)) for p in attention.parameters())

    @pytest.mark.parametrize('name', ['slow', 'fast'])
    def test_a_branch_left_out_has_no_parameters(self, module, options, name):
        both, one = module(8, **options).state_dict(), module(8, [name], **options).state_dict()
        assert set(one) == {key for key in both if name in key.split('.')}
        assert f'gammas.{name}' in one

    @pytest.mark.parametrize('wrong, message', [
        (dict(reduction=3), 'reduction=3: expected a divisor of the 8 channels'),
        (dict(kernels={'slow': (2, 1, 1), 'fast': (1, 1, 1)}), r'kernel=\(2, 1, 1\): expected three odd sizes')])
    def test_bad_arguments(self, module, options, wrong, message):
        with pytest.raises(ValueError, match=message):
            module(8, **{**options, **wrong})


@pytest.mark.parametrize(('branch', 'channels', 'options', 'tokens'), [
    (SpatialAttention, 64, {}, columns), (TemporalAttention, 32, dict(reduction=1), rows)])
def test_softmax_runs_in_float32_under_autocast(branch, channels, options, tokens):
    branch = branch(channels, (1, 1, 1), **options)
    for conv in (branch.key, branch.query):
        nn.init.normal_(conv.weight, std=0.15)
    x = torch.randn(1, channels, 4, 5, 5)
    with torch.autocast('cpu', torch.bfloat16):
        out = branch(x)
        query, key, value = (tokens(conv(x)) for conv in (branch.query, branch.key, branch.value))
        low = (query @ key.transpose(1, 2)).bfloat16().softmax(-1).bfloat16() @ value
    assert query.dtype == value.dtype == low.dtype == torch.bfloat16
    assert out.dtype == torch.float32
    expected = (query.double() @ key.double().transpose(1, 2)).softmax(-1) @ value.double()
    assert (tokens(out) - expected).abs().max() < 1e-4
    assert (low - expected).abs().max() > 1e-3  # so that the line above can fail


def test_unknown_tokens_of_tsfa():
    with pytest.raises(ValueError, match="attend='space': expected one of .*channel_time"):
        TemporalSlowFastAttention(8, attend='space')


class TestBlock:

    def test_is_the_sum_of_all_branches_on_one_residual(self, randomised):
        block = randomised(SlowFastAttentionBlock(4, spatial_reduction=2, temporal_reduction=1))
        x = torch.randn(2, 4, 3, 2, 3, dtype=torch.float64)
        expected = x + residual(block.ssfa, x, 'location') + residual(block.tsfa, x, 'channel_time')
        torch.testing.assert_close(block(x), expected, rtol=1e-9, atol=1e-10)

    def test_options_reach_the_branches(self, randomised):
        kernels = {'slow': (1, 3, 1), 'fast': (1, 1, 3)}
        block = randomised(SlowFastAttentionBlock(
            4, kernels=kernels, spatial_reduction=4, temporal_reduction=2, key_scale=True, attend='time'))
        assert block.ssfa.branches['slow'].key.weight.shape == (1, 4, 1, 3, 1)
        assert block.tsfa.branches['fast'].key.weight.shape == (2, 4, 1, 1, 3)
        x = torch.randn(1, 4, 3, 2, 3, dtype=torch.float64)
        assert all(branch.key_scale for part in (block.ssfa, block.tsfa) for branch in part.branches.values())
        expected = x + residual(block.ssfa, x, 'location') + residual(block.tsfa, x, 'time')
        torch.testing.assert_close(block(x), expected, rtol=1e-9, atol=1e-10)

    def test_fresh_block_is_the_identity(self):
        x = torch.randn(2, 16, 4, 3, 3)
        assert torch.equal(SlowFastAttentionBlock(16)(x), x)

    def test_fresh_block_with_norm_is_a_layer_norm_over_channels(self):
        x = torch.randn(2, 16, 4, 3, 5) * 3 + 1
        out = SlowFastAttentionBlock(16, norm=True)(x)
        for place in ((0, 0, 0, 0), (1, 3, 2, 4)):
            roi, *rest = place
            column = (roi, slice(None), *rest)
            torch.testing.assert_close(out[column], F.layer_norm(x[column], (16, )))
        mean, deviation = x.mean(1, keepdim=True), x.var(1, keepdim=True, unbiased=False).add(1e-5).sqrt()
        torch.testing.assert_close(out, (x - mean) / deviation)

    def test_gradients(self, randomised, gradients_are_right):
        block = randomised(SlowFastAttentionBlock(2, norm=True, spatial_reduction=2, temporal_reduction=2))
        assert gradients_are_right(block, torch.randn(1, 2, 2, 1, 3, dtype=torch.float64))

    def test_fresh_block_trains_its_gammas_first(self):
        block = SlowFastAttentionBlock(16)
        block(torch.randn(2, 16, 4, 3, 3)).square().sum().backward()
        for name, parameter in block.named_parameters():
            assert bool(parameter.grad.any()) == ('gammas' in name), name

    @pytest.mark.parametrize('norm', [False, True])
    def test_no_rois(self, norm):
        block = SlowFastAttentionBlock(16, norm=norm)
        out = block(torch.zeros(0, 16, 4, 7, 7))
        assert out.shape == (0, 16, 4, 7, 7)
        out.sum().backward()
        assert all(torch.equal(p.grad, torch.zeros_like(p)) for p in block.parameters())

    @pytest.mark.parametrize('branches', [[name] for name in ALL_BRANCHES] + [ALL_BRANCHES[:2], ALL_BRANCHES[1:3]])
    def test_branches_left_out_have_no_parameters_and_no_part(self, randomised, branches):
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

    def test_only_the_temporal_branches_need_time(self):
        x = torch.randn(1, 8, 1, 3, 3)
        assert torch.equal(SlowFastAttentionBlock(8, ['spatial_slow', 'spatial_fast'])(x), x)
        with pytest.raises(ValueError, match='T=1: set with_temporal_pool=False'):
            SlowFastAttentionBlock(8)(x)

    def test_works_under_autocast(self, randomised):
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
    def test_cost(self, dims, layers, millions, giga_mac):
        """The blocks alone, without the 1x1x1 convolution that makes 512 channels of 2048, and no classifier."""
        with torch.device('meta'):
            block = SlowFastAttentionBlock(dims)
        # In units of dims^2: SSFA has two convolutions to dims / 8 and one to dims, TSFA three to dims / 8, with
        # kernels of 3 and of 1, and TSFA one 1x1x1 convolution back from dims / 8 a branch.
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
    def test_without_branches_it_is_the_norm_alone(self, norm):
        block = SlowFastAttentionBlock(8, branches=(), norm=norm)
        x = torch.randn(2, 8, 1, 3, 5)  # nothing asks for time either
        expected = torch.nn.functional.layer_norm(x.movedim(1, -1), (8, )).movedim(-1, 1) if norm else x
        torch.testing.assert_close(block(x), expected)
        assert sum(p.numel() for p in block.parameters()) == (16 if norm else 0)

    @pytest.mark.parametrize('branches', [['spatial'], ['spatial_slow', 'temporal_medium'], 'spatial_slow'])
    def test_unknown_branches(self, branches):
        with pytest.raises(ValueError, match='branches=.*: expected names out of .*spatial_slow.*temporal_fast'):
            SlowFastAttentionBlock(8, branches)

    @pytest.mark.parametrize('options, message', [
        (dict(spatial_reduction=3), 'reduction=3: expected a divisor'),
        (dict(temporal_reduction=16), 'reduction=16: expected a divisor'),
        (dict(attend='space'), "attend='space'"),
        (dict(kernels={'slow': (4, 1, 1), 'fast': (1, 1, 1)}), r'kernel=\(4, 1, 1\)')])
    def test_bad_arguments(self, options, message):
        with pytest.raises(ValueError, match=message):
            SlowFastAttentionBlock(8, **options)
