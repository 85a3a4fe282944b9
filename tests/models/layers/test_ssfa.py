import pytest
import torch
from models.layers.attention_reference import residual
from torch import nn

from stssa_mm.models.layers import SpatialSlowFastAttention
from stssa_mm.models.layers.ssfa import SpatialAttention


def columns(y):
    return torch.stack([y[:, :, :, h, w].flatten(1) for h in range(y.shape[3]) for w in range(y.shape[4])], 1)


@pytest.mark.parametrize('key_scale', [False, True])
@pytest.mark.parametrize('kernels', [
    {'slow': (3, 1, 1), 'fast': (1, 1, 1)}, {'slow': (5, 1, 3), 'fast': (1, 3, 1)}])
def test_equals_the_printed_equations(randomised, kernels, key_scale):
    module = randomised(SpatialSlowFastAttention(4, kernels=kernels, reduction=2, key_scale=key_scale))
    x = torch.randn(2, 4, 3, 2, 3, dtype=torch.float64)
    torch.testing.assert_close(module(x) - x, residual(module, x, 'location'), rtol=1e-9, atol=1e-10)


def test_default_kernels():
    module = SpatialSlowFastAttention(8)
    for name, kernel in (('slow', (3, 1, 1)), ('fast', (1, 1, 1))):
        branch = module.branches[name]
        assert {conv.kernel_size for conv in (branch.key, branch.query, branch.value)} == {kernel}
        assert (branch.key.out_channels, branch.query.out_channels, branch.value.out_channels) == (1, 1, 8)


def test_zero_keys_give_the_mean_over_locations(randomised):
    branch = randomised(SpatialAttention(4, (1, 1, 1), reduction=2))
    nn.init.zeros_(branch.key.weight)
    x = torch.randn(2, 4, 3, 2, 3, dtype=torch.float64)
    torch.testing.assert_close(branch(x), branch.value(x).mean((3, 4), keepdim=True).expand_as(x))


def test_gradients(randomised, gradients_are_right):
    module = randomised(SpatialSlowFastAttention(2, reduction=2))
    assert gradients_are_right(module, torch.randn(2, 2, 2, 1, 3, dtype=torch.float64))


def test_fresh_module_is_the_identity():
    x = torch.randn(2, 16, 4, 3, 3)
    assert torch.equal(SpatialSlowFastAttention(16)(x), x)


@pytest.mark.parametrize('shape', [(1, 4, 1, 1, 1), (1, 4, 1, 3, 2), (3, 4, 2, 1, 1)])
def test_one_time_step_or_one_location(randomised, shape):
    module = randomised(SpatialSlowFastAttention(4, reduction=2))
    x = torch.randn(shape, dtype=torch.float64)
    torch.testing.assert_close(module(x) - x, residual(module, x, 'location'), rtol=1e-9, atol=1e-10)


def test_permuting_the_locations_permutes_the_output(randomised):
    module = randomised(SpatialSlowFastAttention(4, reduction=2))  # Both default kernels are 1x1 in space.
    x = torch.randn(2, 4, 3, 2, 5, dtype=torch.float64)
    order = torch.randperm(10)

    def permuted(y):
        return y.flatten(3)[..., order].reshape(y.shape)

    torch.testing.assert_close(module(permuted(x)), permuted(module(x)))
    wide = randomised(SpatialSlowFastAttention(4, ['fast'], {'fast': (1, 3, 3)}, reduction=2))
    assert not torch.allclose(wide(permuted(x)), permuted(wide(x)), atol=1e-3)


def test_only_the_slow_branch_sees_the_order_of_time(randomised):
    module = randomised(SpatialSlowFastAttention(4, reduction=2))
    x = torch.randn(2, 4, 4, 2, 2, dtype=torch.float64)
    order = [2, 0, 3, 1]
    fast, slow = module.branches['fast'], module.branches['slow']
    torch.testing.assert_close(fast(x[:, :, order]), fast(x)[:, :, order])
    assert not torch.allclose(slow(x[:, :, order]), slow(x)[:, :, order], atol=1e-3)


def test_rois_do_not_see_one_another(randomised):
    module = randomised(SpatialSlowFastAttention(4, reduction=2))
    x = torch.randn(3, 4, 2, 2, 2, dtype=torch.float64)
    torch.testing.assert_close(module(x)[1:2], module(x[1:2]))


def test_key_scale_divides_by_the_root_of_the_columns_length(randomised):
    scaled = randomised(SpatialAttention(4, (1, 1, 1), reduction=2, key_scale=True))
    unscaled = SpatialAttention(4, (1, 1, 1), reduction=2).double()
    unscaled.load_state_dict(scaled.state_dict())
    x = torch.randn(1, 4, 8, 2, 2, dtype=torch.float64)
    with torch.no_grad():
        for parameter in unscaled.query.parameters():
            parameter /= 4  # The root of Ck * T = 2 * 8.
    torch.testing.assert_close(scaled(x), unscaled(x))


def test_softmax_starts_soft_and_kaiming_weights_would_saturate_it(features, mean_entropy):
    branch = SpatialAttention(2048, (1, 1, 1))
    x = features(1, 2048, 4, 7, 7)
    assert mean_entropy(columns(branch.query(x)), columns(branch.key(x))) > 2.5  # Of at most log(49) = 3.89.
    for conv in (branch.key, branch.query):
        nn.init.kaiming_normal_(conv.weight)
    assert mean_entropy(columns(branch.query(x)), columns(branch.key(x))) < 0.5


def test_softmax_runs_in_float32_under_autocast():
    branch = SpatialAttention(64, (1, 1, 1))
    for conv in (branch.key, branch.query):
        nn.init.normal_(conv.weight, std=0.15)
    x = torch.randn(1, 64, 4, 5, 5)
    with torch.autocast('cpu', torch.bfloat16):
        out = branch(x)
        query, key, value = (columns(conv(x)) for conv in (branch.query, branch.key, branch.value))
        low = (query @ key.transpose(1, 2)).bfloat16().softmax(-1).bfloat16() @ value
    assert query.dtype == value.dtype == low.dtype == torch.bfloat16
    assert out.dtype == torch.float32
    expected = (query.double() @ key.double().transpose(1, 2)).softmax(-1) @ value.double()
    assert (columns(out) - expected).abs().max() < 1e-4
    assert (low - expected).abs().max() > 1e-3  # so that the line above can fail


def test_no_rois():
    module = SpatialSlowFastAttention(16)
    out = module(torch.zeros(0, 16, 4, 7, 7))
    assert out.shape == (0, 16, 4, 7, 7)
    out.sum().backward()
    assert all(torch.equal(p.grad, torch.zeros_like(p)) for p in module.parameters())


@pytest.mark.parametrize('name', ['slow', 'fast'])
def test_a_branch_left_out_has_no_parameters(name):
    both = SpatialSlowFastAttention(8).state_dict()
    one = SpatialSlowFastAttention(8, [name]).state_dict()
    assert set(one) == {key for key in both if name in key.split('.')}
    assert f'gammas.{name}' in one


@pytest.mark.parametrize('options, message', [
    (dict(reduction=3), 'reduction=3: expected a divisor of the 8 channels'),
    (dict(kernels={'slow': (2, 1, 1), 'fast': (1, 1, 1)}), r'kernel=\(2, 1, 1\): expected three odd sizes')])
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        SpatialSlowFastAttention(8, **options)
