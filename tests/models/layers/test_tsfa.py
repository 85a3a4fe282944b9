import math

import pytest
import torch
from models.layers.attention_reference import residual
from torch import nn

from stssa_mm.models.layers import TemporalSlowFastAttention
from stssa_mm.models.layers.tsfa import TemporalAttention

READINGS = [dict(reduction=2), dict(reduction=1), dict(reduction=2, attend='time'), dict(reduction=1, attend='time')]


def rows(y):
    return torch.stack([y[:, c, t].flatten(1) for c in range(y.shape[1]) for t in range(y.shape[2])], 1)


@pytest.mark.parametrize('key_scale', [False, True])
@pytest.mark.parametrize('reading', READINGS)
def test_equals_the_printed_equations(randomised, reading, key_scale):
    module = randomised(TemporalSlowFastAttention(4, key_scale=key_scale, **reading))
    x = torch.randn(2, 4, 3, 2, 3, dtype=torch.float64)
    expected = residual(module, x, reading.get('attend', 'channel_time'))
    torch.testing.assert_close(module(x) - x, expected, rtol=1e-9, atol=1e-10)


def test_equals_the_printed_equations_with_other_kernels(randomised):
    kernels = {'slow': (5, 1, 1), 'fast': (1, 3, 3)}
    module = randomised(TemporalSlowFastAttention(2, kernels=kernels, reduction=1))
    x = torch.randn(1, 2, 4, 2, 3, dtype=torch.float64)
    torch.testing.assert_close(module(x) - x, residual(module, x, 'channel_time'), rtol=1e-9, atol=1e-10)


def test_default_kernels_and_channels():
    module = TemporalSlowFastAttention(16)
    for name, kernel in (('slow', (3, 1, 1)), ('fast', (1, 1, 1))):
        branch = module.branches[name]
        for conv in (branch.key, branch.query, branch.value):
            assert (conv.kernel_size, conv.in_channels, conv.out_channels) == (kernel, 16, 2)
        assert (branch.out.kernel_size, branch.out.in_channels, branch.out.out_channels) == ((1, 1, 1), 2, 16)


def test_literal_reading_has_no_last_convolution():
    branch = TemporalAttention(16, (1, 1, 1), reduction=1)
    assert [name for name, _ in branch.named_parameters()] == [
        f'{conv}.{kind}' for conv in ('key', 'query', 'value') for kind in ('weight', 'bias')]
    assert branch.value.out_channels == 16


def test_zero_keys_give_the_mean_over_tokens(randomised):
    x = torch.randn(2, 4, 3, 2, 3, dtype=torch.float64)
    for attend, axes in (('channel_time', (1, 2)), ('time', (2, ))):
        branch = randomised(TemporalAttention(4, (1, 1, 1), reduction=1, attend=attend))
        nn.init.zeros_(branch.key.weight)
        nn.init.zeros_(branch.key.bias)
        torch.testing.assert_close(branch(x), branch.value(x).mean(axes, keepdim=True).expand_as(x))


@pytest.mark.parametrize('reading', READINGS)
def test_gradients(randomised, gradients_are_right, reading):
    module = randomised(TemporalSlowFastAttention(2, **reading))
    assert gradients_are_right(module, torch.randn(2, 2, 2, 1, 3, dtype=torch.float64))


@pytest.mark.parametrize('reading', READINGS)
def test_fresh_module_is_the_identity(reading):
    x = torch.randn(2, 16, 4, 3, 3)
    assert torch.equal(TemporalSlowFastAttention(16, **reading)(x), x)


@pytest.mark.parametrize('reading', READINGS)
def test_permuting_the_locations_permutes_the_output(randomised, reading):
    module = randomised(TemporalSlowFastAttention(4, **reading))  # Both default kernels are 1x1 in space.
    x = torch.randn(2, 4, 3, 2, 5, dtype=torch.float64)
    order = torch.randperm(10)

    def permuted(y):
        return y.flatten(3)[..., order].reshape(y.shape)

    torch.testing.assert_close(module(permuted(x)), permuted(module(x)))
    wide = randomised(TemporalSlowFastAttention(4, ['fast'], {'fast': (1, 3, 3)}, **reading))
    assert not torch.allclose(wide(permuted(x)), permuted(wide(x)), atol=1e-3)


@pytest.mark.parametrize('reading', READINGS)
def test_only_the_slow_branch_sees_the_order_of_time(randomised, reading):
    module = randomised(TemporalSlowFastAttention(4, **reading))
    x = torch.randn(2, 4, 4, 2, 2, dtype=torch.float64)
    order = [2, 0, 3, 1]
    fast, slow = module.branches['fast'], module.branches['slow']
    torch.testing.assert_close(fast(x[:, :, order]), fast(x)[:, :, order])
    assert not torch.allclose(slow(x[:, :, order]), slow(x)[:, :, order], atol=1e-3)


def test_rois_do_not_see_one_another(randomised):
    module = randomised(TemporalSlowFastAttention(4, reduction=2))
    x = torch.randn(3, 4, 2, 2, 2, dtype=torch.float64)
    torch.testing.assert_close(module(x)[1:2], module(x[1:2]))


@pytest.mark.parametrize('attend, length', [('channel_time', 4), ('time', 2 * 4)])
def test_key_scale_divides_by_the_root_of_the_tokens_length(randomised, attend, length):
    scaled = randomised(TemporalAttention(4, (1, 1, 1), reduction=2, key_scale=True, attend=attend))
    unscaled = TemporalAttention(4, (1, 1, 1), reduction=2, attend=attend).double()
    unscaled.load_state_dict(scaled.state_dict())
    x = torch.randn(1, 4, 3, 2, 2, dtype=torch.float64)
    with torch.no_grad():
        for parameter in unscaled.query.parameters():
            parameter /= math.sqrt(length)
    torch.testing.assert_close(scaled(x), unscaled(x))


def test_softmax_starts_soft_and_kaiming_weights_would_saturate_it(features, mean_entropy):
    branch = TemporalAttention(2048, (1, 1, 1))
    x = features(1, 2048, 4, 7, 7)
    most = math.log(256 * 4)
    assert mean_entropy(rows(branch.query(x)), rows(branch.key(x))) > 0.65 * most
    for conv in (branch.key, branch.query):
        nn.init.kaiming_normal_(conv.weight, mode='fan_out')
    assert mean_entropy(rows(branch.query(x)), rows(branch.key(x))) < 0.1 * most


def test_softmax_runs_in_float32_under_autocast():
    branch = TemporalAttention(32, (1, 1, 1), reduction=1)
    for conv in (branch.key, branch.query):
        nn.init.normal_(conv.weight, std=0.15)
    x = torch.randn(1, 32, 4, 5, 5)
    with torch.autocast('cpu', torch.bfloat16):
        out = branch(x)
        query, key, value = (rows(conv(x)) for conv in (branch.query, branch.key, branch.value))
        low = (query @ key.transpose(1, 2)).bfloat16().softmax(-1).bfloat16() @ value
    assert query.dtype == value.dtype == low.dtype == torch.bfloat16
    assert out.dtype == torch.float32
    expected = (query.double() @ key.double().transpose(1, 2)).softmax(-1) @ value.double()
    assert (rows(out) - expected).abs().max() < 1e-4
    assert (low - expected).abs().max() > 1e-3  # so that the line above can fail


@pytest.mark.parametrize('reading', READINGS)
def test_no_rois(reading):
    module = TemporalSlowFastAttention(16, **reading)
    out = module(torch.zeros(0, 16, 4, 7, 7))
    assert out.shape == (0, 16, 4, 7, 7)
    out.sum().backward()
    assert all(torch.equal(p.grad, torch.zeros_like(p)) for p in module.parameters())


@pytest.mark.parametrize('rois', [0, 1])
def test_one_time_step_is_refused_with_the_remedy(rois):
    with pytest.raises(ValueError, match='T=1: set with_temporal_pool=False'):
        TemporalSlowFastAttention(8)(torch.zeros(rois, 8, 1, 3, 3))


@pytest.mark.parametrize('name', ['slow', 'fast'])
def test_a_branch_left_out_has_no_parameters(name):
    both = TemporalSlowFastAttention(8).state_dict()
    one = TemporalSlowFastAttention(8, [name]).state_dict()
    assert set(one) == {key for key in both if name in key.split('.')}
    assert f'gammas.{name}' in one


@pytest.mark.parametrize('options, message', [
    (dict(reduction=3), 'reduction=3: expected a divisor of the 8 channels'),
    (dict(attend='space'), "attend='space': expected one of .*channel_time"),
    (dict(kernels={'slow': (2, 1, 1), 'fast': (1, 1, 1)}), r'kernel=\(2, 1, 1\): expected three odd sizes')])
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        TemporalSlowFastAttention(8, **options)
