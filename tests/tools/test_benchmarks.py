"""The benchmarks run on small sizes, compare like with like and end with their line of JSON. No time is judged."""
import json
import os
import subprocess
import sys

import pytest
from conftest import HANGS


@pytest.fixture
def benchmark(repo):
    """A function that runs tools/benchmarks/<name>.py; gives the JSON of its last line."""

    def run(name, *options):
        result = subprocess.run([sys.executable, str(repo / 'tools' / 'benchmarks' / f'{name}.py'), *map(str, options)],
                                capture_output=True, text=True, timeout=HANGS,
                                env={**os.environ, 'OMP_NUM_THREADS': '1'})
        assert result.returncode == 0, result.stderr[-2000:]
        found = json.loads(result.stdout.splitlines()[-1])
        return found

    return run


def test_attention(benchmark):
    found = benchmark('attention', '--channels', 64, '--time', 2, '--size', 3, '--repeats', 1)
    assert set(found) == {'speedup', 'memory_ratio', 'max_difference'}
    assert found['speedup'] > 0 and found['max_difference'] < 1e-5


def test_evaluation(benchmark, toy, tmp_path):
    annotations = toy / 'annotations'
    found = benchmark('evaluation', '--ground-truth', annotations / 'train.csv', '--label-map',
                      annotations / 'action_list.pbtxt', '--repeats', 1)
    assert set(found) == {'speedup', 'ours_s', 'mmaction2_s', 'ours_mb', 'mmaction2_mb', 'map_difference'}
    assert found['speedup'] > 0 and found['map_difference'] < 1e-12


def test_data(benchmark):
    found = benchmark('data', '--scale', 0.02, '--seconds', 6, '--clips', 2, '--in-order', 2, '--repeats', 1,
                      '--memory-seconds', 8)
    video = {'random_clip_ratio', 'in_order_speedup', 'open_s'}
    assert set(found) >= {'annotations_speedup', 'annotations_memory_ratio', *video, *(f'ts_{key}' for key in video)}
    assert found['memory_long_mb'] < 256 + 64  # the cache of frames, and what opening a video takes
