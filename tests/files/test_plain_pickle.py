"""Whatever a pickle says, reading it runs no code, ends no process and takes no memory beyond a few times the file."""
import os
import pickle
import random
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import HANGS, REPO
from files.hostile_pickles import CODE, CRASH, MALFORMED, MEMORY

from stssa_mm.files.plain_pickle import PlainArray, PlainUnpickler

ARRAYS = [
    np.random.default_rng(0).random((3, 5)), np.zeros((0, 5)), np.arange(6, dtype='>i4').reshape(2, 3),
    np.asfortranarray(np.random.default_rng(1).random((4, 5)).astype(np.float32)), np.array([['0.1', '0.25\n']]),
    np.array([True, False]), np.float16([1.5]), np.array([]), np.array(3.5), np.array([b'text', b'longer'])
]


@pytest.mark.parametrize('protocol', range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize('array', ARRAYS, ids=lambda array: f'{array.dtype}{array.shape}')
def test_arrays_come_back_as_they_were(array, protocol):
    found = PlainUnpickler(pickle.dumps({'a': array, 'b': [array, 1, 'x', None, (2.5, True)]}, protocol)).load()
    for copy in (found['a'], found['b'][0]):
        np.testing.assert_array_equal(np.asarray(copy), array)
        assert copy.dtype in (array.dtype, array.dtype.newbyteorder('='))  # numpy's pickles up to protocol 4
    assert found['b'][1:] == [1, 'x', None, (2.5, True)]
    again = pickle.loads(pickle.dumps(found['a']))
    assert type(again) is np.ndarray
    np.testing.assert_array_equal(again, array)


def test_the_arrays_are_of_a_class_that_pickles_do_not_name():
    found = PlainUnpickler(pickle.dumps(np.ones(3))).load()
    assert type(found) is PlainArray and b'stssa_mm' not in pickle.dumps(found, 2)


def in_child(program, *args, cwd):
    """Run Python on a program with 2 GiB of memory."""
    limit = 2 * 2**30
    return subprocess.run([sys.executable, '-c', program, *map(str, args)], cwd=cwd, capture_output=True, text=True,
                          env=dict(os.environ, PYTHONPATH=str(REPO), OPENBLAS_NUM_THREADS='1'), timeout=HANGS,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))


USUAL = 'import pickle, sys; pickle.load(open(sys.argv[1], "rb"))'
OURS = ('import pickle, resource, struct, sys\n'
        'from stssa_mm.files.plain_pickle import PlainUnpickler\n'
        'before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n'
        'for file in sys.argv[1:]:\n'
        '    try:\n'
        '        PlainUnpickler(open(file, "rb").read()).load()\n'
        '        print("read")\n'
        '    except (pickle.UnpicklingError, EOFError, ValueError, TypeError, IndexError, KeyError, AttributeError,\n'
        '            MemoryError, OverflowError, ImportError, AssertionError, struct.error) as error:\n'
        '        print("refused:", ascii(str(error)[:60]))\n'
        'print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n')


def harm(result, folder):
    """What a child process suffered: 'code', 'crash' or 'memory'."""
    if Path(folder, 'called').exists():
        return 'code'
    if result.returncode in (-signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS):
        return 'crash'
    return 'memory' if 'MemoryError' in result.stderr or result.returncode == -signal.SIGKILL else None


@pytest.mark.parametrize(('kind', 'case'), [*(('code', case) for case in CODE), *(('crash', case) for case in CRASH),
                                            *(('memory', case) for case in MEMORY)])
def test_the_hostile_ones_are_hostile(tmp_path, kind, case):
    (tmp_path / 'p.pkl').write_bytes({**CODE, **CRASH, **MEMORY}[case])
    assert harm(in_child(USUAL, tmp_path / 'p.pkl', cwd=tmp_path), tmp_path) == kind


def test_none_of_them_does_harm(tmp_path):
    cases = {**CODE, **CRASH, **MEMORY, **MALFORMED}
    files = []
    for number, content in enumerate(cases.values()):
        files.append(tmp_path / f'{number}.pkl')
        files[-1].write_bytes(content)
    result = in_child(OURS, *files, cwd=tmp_path)
    assert harm(result, tmp_path) is None and result.returncode == 0, result.stderr[-2000:]
    *answers, memory = result.stdout.strip().split('\n')
    # Two hold an empty dict, and nothing is wrong with them but a number.
    assert {case for case, answer in zip(cases, answers) if not answer.startswith('refused')} == {
        'a memo of four billion', 'frame beyond the file'}
    assert int(memory) < 64 * 1024  # KiB


def test_what_chance_makes_of_good_and_bad_pickles_does_no_harm(tmp_path):
    good = [pickle.dumps({'v,0902': array, 'w,0903': [array]}, protocol) for array in ARRAYS for protocol in (0, 2, 4)]
    seeds = [*good, *CODE.values(), *CRASH.values(), *MALFORMED.values()]
    rng = random.Random(0)
    files = []
    for number in range(1500):
        content = bytearray(rng.choice(seeds)[:4000])
        for _ in range(rng.randint(1, 6)):
            place = rng.randrange(len(content))
            content[place:place + rng.randint(0, 3)] = rng.randbytes(rng.randint(0, 3))
            content = content or bytearray(b'.')
        files.append(tmp_path / f'{number}.pkl')
        files[-1].write_bytes(content)
    result = in_child(OURS, *files, cwd=tmp_path)
    assert harm(result, tmp_path) is None and result.returncode == 0, result.stderr[-2000:]
    *answers, memory = result.stdout.strip().split('\n')
    assert len(answers) == len(files) and int(memory) < 64 * 1024
    assert not any('touch' in file.name for file in tmp_path.iterdir())
