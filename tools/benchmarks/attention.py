"""Compare the package's attention with the naive form on the literal Eqs. 4-6 of the paper, on the CPU, in one run.

The literal TSFA (reduction=1) of RoI features (R, C, T, H, W) attends over C*T tokens of length H*W. The naive form is
softmax(query key^T) value with the whole (C*T) x (C*T) map in memory; ours is ``scaled_attention``. Times are medians
over alternated repeats. Peak memory is measured in a process for each, over what the inputs take. The last line printed
is JSON: speedup = naive time / our time and memory_ratio = our memory / naive memory, both of the forward pass, and the
largest difference between the outputs.
"""
import argparse
import time

import torch
from harness import at_least, finish, high_water, in_a_process, in_turn, machine, medians

from stssa_mm.models.layers.attention import scaled_attention


def naive(query, key, value):
    """softmax(query key^T) value by its definition."""
    return torch.softmax(query @ key.transpose(1, 2), dim=-1) @ value


def ours(query, key, value):
    """The same numbers as the package computes them."""
    return scaled_attention(query, key, value, key_scale=False)


FORMS = {'naive': naive, 'ours': ours}


def make_inputs(rois, tokens, length):
    """Query, key and value (R, N, D), with products of a spread that neither flattens nor saturates the softmax."""
    generator = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(rois, tokens, length, generator=generator) for _ in range(3))
    return query * length**-0.5, key, value


def run(form, inputs, backward):
    """Seconds of one forward pass, or forward and backward."""
    start = time.perf_counter()
    if backward:
        FORMS[form](*(tensor.detach().requires_grad_() for tensor in inputs)).sum().backward()
    else:
        with torch.no_grad():
            FORMS[form](*inputs)
    return time.perf_counter() - start


def memory_growth(form, shape, backward, threads):
    """Bytes that one pass adds to the peak, after a tiny one has loaded what the form needs."""
    torch.set_num_threads(threads)
    inputs = make_inputs(*shape)
    run(form, make_inputs(1, 8, shape[-1]), backward)
    before = high_water()
    run(form, inputs, backward)
    return high_water() - before


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default, what in (('channels', 2048, 'C'), ('time', 4, 'T'), ('size', 7, 'height and width of a RoI'),
                                ('rois', 1, 'R'), ('repeats', 7, 'timed repeats of each form'),
                                ('threads', torch.get_num_threads(), 'threads of torch')):
        parser.add_argument(f'--{name}', type=at_least(1), default=default, help=f'{what} (default: {default})')
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    shape = args.rois, args.channels * args.time, args.size**2
    inputs = make_inputs(*shape)
    print(f'{machine("torch")}, {args.threads} threads, float32\n{args.rois} RoI(s) of C={args.channels}, '
          f'T={args.time}, {args.size}x{args.size}: {shape[1]} tokens of length {shape[2]}; medians of {args.repeats} '
          'repeats')
    with torch.no_grad():
        difference = (naive(*inputs) - ours(*inputs)).abs().max().item()
    print(f'\n{"":18}{"naive":>12}{"ours":>12}')
    speedup, ratio = {}, {}
    for label, backward in (('forward', False), ('forward+backward', True)):
        found = in_turn(FORMS, args.repeats + 1, lambda form, backward=backward: run(form, inputs, backward))
        seconds = medians({form: values[1:] for form, values in found.items()})  # without the warm-up
        peak = {form: in_a_process(memory_growth, form, shape, backward, args.threads) for form in FORMS}
        if not peak['naive']:
            raise SystemExit('growth of the peak memory of the naive form: found 0, expected more; '
                             'raise --channels, --time or --rois')
        speedup[label], ratio[label] = seconds['naive'] / seconds['ours'], peak['ours'] / peak['naive']
        print(f'{label:18}{seconds["naive"]:10.3f} s{seconds["ours"]:10.3f} s   {speedup[label]:7.2f}x faster')
        print(f'{"  peak memory":18}{peak["naive"] / 2**20:8.1f} MiB{peak["ours"] / 2**20:8.1f} MiB'
              f'   {ratio[label]:7.4f} of it')
    finish({'speedup': speedup['forward'], 'memory_ratio': ratio['forward'], 'max_difference': difference})


if __name__ == '__main__':
    main()
