"""Compare STSSAAVADataset with MMAction2's AVADataset: reading annotations of AVA v2.1 train's size, in one run.

The file is made: 839,071 rows on 184,475 key frames of 235 videos. Each side reads it in a process of its own, in turn;
seconds leave out the imports and are medians, memory is the growth (PSS) from before to after reading, which is what
stays during training, and to the peak. The last line printed is JSON.
"""
import argparse
import contextlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from peak_memory import peak_memory

from stssa_mm.datasets import STSSAAVADataset  # before mmaction, which it makes importable

from mmaction.datasets import AVADataset  # isort: skip

SIDES = dict(ours=STSSAAVADataset, mmaction2=AVADataset)
ROWS, KEY_FRAMES, VIDEOS = 839_071, 184_475, 235


def make_annotations(path, rows, key_frames, videos, seed=0):
    """Write an annotation csv: the rows spread over people (2.5 labels each) and key frames at random."""
    rng = np.random.default_rng(seed)
    per_video = -(-key_frames // videos)
    people = max(rows * 2 // 5, key_frames)
    frame = np.sort(np.concatenate([np.arange(key_frames), rng.integers(0, key_frames, people - key_frames)]))
    low = rng.uniform(0, 0.6, (people, 2))
    box = np.round(np.hstack([low, low + rng.uniform(0.1, 0.4, (people, 2))]), 3)
    of_row = np.sort(np.concatenate([np.arange(people), rng.integers(0, people, rows - people)]))
    names = np.array([f'video_{number:05}' for number in range(videos)])
    columns = [names[frame // per_video], 902 + frame % per_video, *box.T]
    table = pd.DataFrame({number: column[of_row] for number, column in enumerate(columns)})
    table[1] = table[1].map('{:04d}'.format)
    table['label'], table['person'] = rng.integers(1, 81, len(table)), of_row
    table.to_csv(path, header=False, index=False)


def child(side, annotations, watch):
    """Time, or watch the memory of, one reading."""
    report = {}
    with peak_memory(report) if watch else contextlib.nullcontext():
        start = time.perf_counter()
        cpu = time.process_time()
        dataset = SIDES[side](ann_file=annotations, pipeline=[])
        report['s'], report['cpu_s'] = time.perf_counter() - start, time.process_time() - cpu
    report['key_frames'] = len(dataset)
    print(json.dumps(report))


def run_child(side, annotations, *options):
    """The report of a process that reads with one side."""
    command = [sys.executable, __file__, '--child', side, '--annotations', str(annotations), *options]
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(result.stdout.splitlines()[-1])


def benchmark_annotations(repeats, scale=1.0, annotations=None):
    """Measure, print and return ``annotations_speedup``, ``annotations_memory_ratio`` and what they come from."""
    with tempfile.TemporaryDirectory() as folder:
        if annotations is None:
            annotations = Path(folder, 'annotations.csv')
            rows, key_frames = int(ROWS * scale), int(KEY_FRAMES * scale)
            make_annotations(annotations, rows, key_frames, VIDEOS)
            print(f'annotations: {rows:,} made rows on {key_frames:,} key frames; {repeats} runs of each side in turn',
                  flush=True)
        reports = {side: [] for side in SIDES}
        for _ in range(repeats):
            for side in SIDES:
                reports[side].append(run_child(side, annotations))
                print(f'{side:10}' + '{s:8.2f} s, processor {cpu_s:8.2f} s, {key_frames:,} key frames'.format(
                    **reports[side][-1]), flush=True)
        watched = {side: run_child(side, annotations, '--memory') for side in SIDES}
    median = {side: {key: statistics.median(report[key] for report in reports[side]) for key in ('s', 'cpu_s')}
              for side in SIDES}
    for side in SIDES:
        print(f'{side:10}{median[side]["s"]:8.2f} s {watched[side]["mb"]:8.0f} MiB, at the peak '
              f'{watched[side]["peak_mb"]:8.0f} MiB')
    return {
        'annotations_speedup': round(median['mmaction2']['s'] / median['ours']['s'], 1),
        'annotations_memory_ratio': round(watched['ours']['peak_mb'] / watched['mmaction2']['peak_mb'], 3),
        'annotations_cpu_speedup': round(median['mmaction2']['cpu_s'] / median['ours']['cpu_s'], 1),
        **{f'annotations_{side}_{key}': round(value, 2) for side in SIDES for key, value in (
            *median[side].items(), ('mb', watched[side]['mb']), ('peak_mb', watched[side]['peak_mb']))},
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--annotations', type=Path, help='csv in AVA\'s form, 80 classes (default: made)')
    parser.add_argument('--scale', type=float, default=1, help='of the made file: 0.1 is a tenth (default: 1)')
    parser.add_argument('--repeats', type=int, default=3, help='timed runs of each side (default: 3)')
    parser.add_argument('--child', choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument('--memory', action='store_true', help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        child(args.child, str(args.annotations), args.memory)
        return
    print(f'{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python '
          f'{platform.python_version()}, numpy {np.__version__}, pandas {pd.__version__}')
    print(json.dumps(benchmark_annotations(args.repeats, args.scale, args.annotations)))


if __name__ == '__main__':
    main()
