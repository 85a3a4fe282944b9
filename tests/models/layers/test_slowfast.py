import pytest
import torch
import torch.nn.functional as F
from models.layers.attention_reference import attend
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

from stssa_mm.models.layers.slowfast import (
    SlowFastAttention,
    init_key_and_query,
    key_channels,
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


@pytest.mark.parametrize('key_scale', [False, True])
@pytest.mark.parametrize('value_length', [3, 5])
def test_scaled_attention_equals_the_loops(key_scale, value_length):
    query, key = torch.randn(2, 2, 7, 3, dtype=torch.float64) * 2
    value = torch.randn(2, 7, value_length, dtype=torch.float64)
    expected = torch.tensor([
        attend(k.tolist(), q.tolist(), v.tolist(), 3**-0.5 if key_scale else 1.0) for q, k, v in zip(query, key, value)
    ], dtype=torch.float64)  # yapf: disable
    torch.testing.assert_close(scaled_attention(query, key, value, key_scale), expected, rtol=1e-10, atol=1e-12)


def test_equal_keys_give_the_mean_of_the_values():
    value = torch.randn(2, 6, 4)
    out = scaled_attention(torch.randn(2, 6, 3), torch.ones(2, 6, 3), value, False)
    torch.testing.assert_close(out, value.mean(1, keepdim=True).expand_as(value))


def test_one_token_returns_its_value():
    value = torch.randn(2, 1, 4)
    assert torch.equal(scaled_attention(torch.randn(2, 1, 3), torch.randn(2, 1, 3), value, False), value)


def test_large_products_stay_finite():
    tokens = torch.eye(4).unsqueeze(0) * 1e3
    torch.testing.assert_close(scaled_attention(tokens, tokens, tokens, False), tokens)


@pytest.mark.parametrize('dtype, expected', [(torch.float64, torch.float64), (torch.float32, torch.float32),
                                             (torch.bfloat16, torch.float32), (torch.float16, torch.float32)])
@pytest.mark.parametrize('autocast', [False, True])
def test_output_is_float32_or_wider(dtype, expected, autocast):
    tokens = torch.randn(1, 4, 3).to(dtype)
    with torch.autocast('cpu', torch.bfloat16, enabled=autocast):
        assert scaled_attention(tokens, tokens, tokens, False).dtype == expected


def test_bfloat16_tokens_get_a_float32_softmax():
    query, key, value = (torch.randn(1, 64, 32).bfloat16() for _ in range(3))
    expected = (query.double() @ key.double().transpose(1, 2)).softmax(-1) @ value.double()
    with torch.autocast('cpu', torch.bfloat16):
        ours = (scaled_attention(query, key, value, False) - expected).abs().max()
        in_bfloat16 = (((query @ key.transpose(1, 2)).bfloat16().softmax(-1).bfloat16() @ value) - expected).abs().max()
    assert ours < 1e-4
    assert in_bfloat16 > 1e-2  # so that the line above can fail


@pytest.mark.parametrize('backward', [False, True])
def test_map_is_never_held_in_memory(backward):
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
def test_same_conv3d_keeps_the_size(kernel):
    conv = same_conv3d(2, 3, list(kernel))
    assert conv.kernel_size == kernel
    assert conv(torch.randn(1, 2, 4, 5, 6)).shape == (1, 3, 4, 5, 6)


@pytest.mark.parametrize('kernel', [(2, 1, 1), (1, 1, 4), (0, 1, 1), (3, 1), (3, 1, 1, 1), ()])
def test_same_conv3d_refuses_a_kernel(kernel):
    with pytest.raises(ValueError, match='kernel=.*three odd sizes'):
        same_conv3d(2, 3, kernel)


@pytest.mark.parametrize('channels, kernel', [(2048, (1, 1, 1)), (256, (1, 1, 1)), (64, (3, 1, 1))])
def test_keys_spread_as_much_at_any_width_and_kernel(channels, kernel):
    conv = same_conv3d(channels, 64, kernel)
    init_key_and_query(conv)
    assert conv.bias.abs().max() == 0
    keys = conv(torch.randn(4, channels, 8, 5, 5))[:, :, 1:-1]
    assert keys.std().item() == pytest.approx(0.01 * 2048**0.5, rel=0.1)


def test_key_channels():
    assert key_channels(2048, 8) == 256
    assert key_channels(6, 1) == 6
    assert key_channels(6, 6) == 1


@pytest.mark.parametrize('reduction', [4, 12, 0, -2])
def test_key_channels_refuses_what_is_no_divisor(reduction):
    with pytest.raises(ValueError, match=f'reduction={reduction}: expected a divisor of the 6 channels'):
        key_channels(6, reduction)


class Times(torch.nn.Module):

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, x):
        return self.factor * x


def test_each_branch_has_its_own_gamma():
    module = SlowFastAttention({'slow': Times(10.0), 'fast': Times(100.0)})
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
