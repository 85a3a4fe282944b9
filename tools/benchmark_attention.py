"""Compare the package's attention with the naive form on the literal Eqs. 4-6 of the paper, on the CPU, in one run.

The literal TSFA (reduction=1) of RoI features (R, C, T, H, W) attends over C*T tokens of length H*W. The naive form is
softmax(query key^T) value with the whole (C*T) x (C*T) map in memory; ours is ``scaled_attention``. Times are medians
over alternated repeats. Peak memory is measured in a process for each, over what the inputs take. The last line printed
is JSON: speedup = naive time / our time and memory_ratio = our memory / naive memory, both of the forward pass, and the
largest difference between the outputs.
"""
import argparse
import json
import platform
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import torch

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
    """One forward pass, or forward and backward."""
    if not backward:
        with torch.no_grad():
            return form(*inputs)
    inputs = [tensor.detach().requires_grad_() for tensor in inputs]
    out = form(*inputs)
    out.sum().backward()
    return out.detach()


def median_times(inputs, backward, repeats):
    """Median seconds of each form over alternated repeats, after one warm-up of each."""
    seconds = {name: [] for name in FORMS}
    for repeat in range(repeats + 1):
        for name, form in FORMS.items():
            start = time.perf_counter()
            run(form, inputs, backward)
            if repeat:
                seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def peak_memory():
    """Highest resident memory of this process so far, in bytes."""
    # On Linux a new process's ru_maxrss starts at its parent's, which would hide its own growth; VmHWM does not.
    status = Path('/proc/self/status')
    for line in status.read_text().splitlines() if status.exists() else []:
        if line.startswith('VmHWM:'):
            return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == 'darwin' else peak * 1024


def memory_growth(form, inputs, backward):
    """Bytes that one pass adds to the peak, after a tiny one has loaded what the form needs."""
    run(form, make_inputs(1, 8, inputs[0].shape[-1]), backward)
    before = peak_memory()
    run(form, inputs, backward)
    return peak_memory() - before


def memory_in_a_process(name, args, backward):
    """``memory_growth`` of a form, measured in a process of its own."""
    command = [sys.executable, __file__, '--child', name]
    for option in ('channels', 'time', 'size', 'rois', 'threads'):
        command += [f'--{option}', str(getattr(args, option))]
    if backward:
        command.append('--child-backward')
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return int(result.stdout.split()[-1])


def cpu_model():
    """The processor's name."""
    info = Path('/proc/cpuinfo')
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(':', 1)[1].strip() for line in lines if line.startswith('model name')]
    return names[0] if names else platform.processor() or platform.machine()


def positive(text):
    """An integer of at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f'{text}: expected 1 or more')
    return number


def parse_args():
    parser = argparse.ArgumentParser(description='Time and memory of the literal TSFA, ours against the naive form')
    parser.add_argument('--channels', type=positive, default=2048, help='C (default: %(default)s)')
    parser.add_argument('--time', type=positive, default=4, help='T (default: %(default)s)')
    parser.add_argument('--size', type=positive, default=7, help='height and width of a RoI (default: %(default)s)')
    parser.add_argument('--rois', type=positive, default=1, help='R (default: %(default)s)')
    parser.add_argument('--repeats', type=positive, default=7, help='timed repeats of each form (default: %(default)s)')
    parser.add_argument('--threads', type=positive, default=torch.get_num_threads(),
                        help='threads of torch (default: %(default)s)')
    parser.add_argument('--child', choices=list(FORMS), help=argparse.SUPPRESS)
    parser.add_argument('--child-backward', action='store_true', help=argparse.SUPPRESS)
    return parser.parse_args()


def main():
    args = parse_args()
    torch.set_num_threads(args.threads)
    inputs = make_inputs(args.rois, args.channels * args.time, args.size**2)
    if args.child:
        print(memory_growth(FORMS[args.child], inputs, args.child_backward))
        return

    print(f'{cpu_model()}, {args.threads} threads, torch {torch.__version__}, float32')
    print(f'{args.rois} RoI(s) of C={args.channels}, T={args.time}, {args.size}x{args.size}: '
          f'{args.channels * args.time} tokens of length {args.size**2}; medians of {args.repeats} repeats')
    with torch.no_grad():
        difference = (naive(*inputs) - ours(*inputs)).abs().max().item()
    print(f'\n{"":18}{"naive":>12}{"ours":>12}')
    ratios = {}
    for label, backward in (('forward', False), ('forward+backward', True)):
        seconds = median_times(inputs, backward, args.repeats)
        ratios[label] = seconds['naive'] / seconds['ours']
        peak = {name: memory_in_a_process(name, args, backward) for name in FORMS}
        if not peak['naive']:
            raise SystemExit('growth of the peak memory of the naive form: found 0, expected more; '
                             'raise --channels, --time or --rois')
        ratios[f'{label} memory'] = peak['ours'] / peak['naive']
        print(f'{label:18}{seconds["naive"]:10.3f} s{seconds["ours"]:10.3f} s   {ratios[label]:7.2f}x faster')
        print(f'{"  peak memory":18}{peak["naive"] / 2**20:8.1f} MiB{peak["ours"] / 2**20:8.1f} MiB'
              f'   {ratios[f"{label} memory"]:7.4f} of it')
    print(json.dumps({
        'speedup': round(ratios['forward'], 3),
        'memory_ratio': round(ratios['forward memory'], 4),
        'max_difference': difference,
    }))


if __name__ == '__main__':
    main()
