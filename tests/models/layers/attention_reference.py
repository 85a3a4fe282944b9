"""The paper's Eqs. 1-6 in plain loops over Python floats, to hold the layers against. One RoI, (C, T, H, W) arrays."""
import math
from itertools import product

import numpy as np
import torch


def convolve(x, conv):
    """A convolution with zero padding that keeps (T, H, W), with the weights of ``conv``."""
    weight, bias = conv.weight.detach().numpy(), conv.bias.detach().numpy()
    kernel = weight.shape[2:]
    out = np.zeros((len(bias), *x.shape[1:]))
    for index in np.ndindex(*out.shape):
        total = bias[index[0]]
        for channel, *offset in product(range(x.shape[0]), *(range(size) for size in kernel)):
            place = [at + step - size // 2 for at, step, size in zip(index[1:], offset, kernel)]
            if all(0 <= at < size for at, size in zip(place, x.shape[1:])):
                total += weight[(index[0], channel, *offset)] * x[(channel, *place)]
        out[index] = total
    return out


def attend(keys, queries, values, scale):
    """Rows ``out_j = sum_i softmax_i(scale * keys_i . queries_j) values_i``."""
    rows = []
    for query in queries:
        products = [scale * sum(a * b for a, b in zip(key, query)) for key in keys]
        largest = max(products)
        exponentials = [math.exp(value - largest) for value in products]
        total = sum(exponentials)
        rows.append([
            sum(e / total * value[k] for e, value in zip(exponentials, values)) for k in range(len(values[0]))])
    return rows


def token_indices(shape, kind):
    """For each token the indices of its entries in a (C, T, H, W) array of this shape."""
    channels, times, height, width = (range(size) for size in shape)
    if kind == 'location':
        return [[(c, t, h, w) for c in channels for t in times] for h in height for w in width]
    if kind == 'channel_time':
        return [[(c, t, h, w) for h in height for w in width] for c in channels for t in times]
    return [[(c, t, h, w) for c in channels for h in height for w in width] for t in times]


def attention_output(branch, x, kind):
    """o (Eq. 3) or m (Eq. 6) of one branch, with tokens of ``kind``: ``location``, ``channel_time`` or ``time``."""
    keys, queries, values = (convolve(x, conv) for conv in (branch.key, branch.query, branch.value))
    rows = [[[y[index] for index in token] for token in token_indices(y.shape, kind)] for y in (keys, queries, values)]
    scale = len(rows[0][0])**-0.5 if branch.key_scale else 1.0
    out = np.zeros_like(values)
    for token, row in zip(token_indices(values.shape, kind), attend(*rows, scale)):
        for index, value in zip(token, row):
            out[index] = value
    last = getattr(branch, 'out', None)
    return convolve(out, last) if isinstance(last, torch.nn.Conv3d) else out


def residual(module, x, kind):
    """Sum over a module's branches of gamma times the branch's output, for (R, C, T, H, W)."""
    return torch.tensor(np.stack([
        sum(module.gammas[name].item() * attention_output(branch, roi, kind)
            for name, branch in module.branches.items()) for roi in x.detach().numpy()]))
