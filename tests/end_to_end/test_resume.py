"""A run that is killed at any moment and resumed ends as an undisturbed one."""
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import HANGS, REPO
from end_to_end.runs import TOY, assert_same_weights, options, weights


@pytest.fixture(scope='module')
def trained(mim, toy, tmp_path_factory):
    """Work folder of an undisturbed run of two epochs."""
    work_dir = tmp_path_factory.mktemp('runs') / 'undisturbed'
    mim('train', 'mmaction', TOY, '--work-dir', work_dir, '--seed', 3, *options(toy))
    return work_dir


def kill_when(command, env, condition):
    """Run a command and SIGKILL its whole process group once the condition holds."""
    process = subprocess.Popen(command, env=env, cwd=REPO, start_new_session=True, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    try:
        end = time.time() + HANGS
        while not condition():
            assert process.poll() is None, 'the run ended before it could be killed'
            assert time.time() < end, 'the moment to kill never came'
            time.sleep(0.02)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


SLOW_WRITES = '''
import os, time
fsync = os.fsync
def slow(file):
    fsync(file)
    if os.environ['SLOW_WRITES'] in os.readlink(f'/proc/self/fd/{file}'):
        time.sleep(3600)
os.fsync = slow
'''


@pytest.mark.parametrize('moment', ['in the middle of an epoch', 'while a checkpoint is written'])
def test_killed_and_resumed_run_ends_with_the_weights_of_an_undisturbed_one(moment, trained, mim, toy, tmp_path):
    work_dir = tmp_path / 'killed'
    command = [str(Path(sys.executable).with_name('mim')), 'train', 'mmaction', str(TOY), '--work-dir', str(work_dir),
               '--seed', '3', *options(toy)]
    env = dict(os.environ, OMP_NUM_THREADS='1')
    if moment == 'in the middle of an epoch':
        def condition():
            return any(len(file.read_text().splitlines()) >= 4  # two steps, validation, a step of the second epoch
                       for file in work_dir.glob('*/vis_data/scalars.json'))
    else:
        (tmp_path / 'sitecustomize.py').write_text(SLOW_WRITES)
        env |= {'PYTHONPATH': str(tmp_path), 'SLOW_WRITES': 'epoch_2.pth'}

        def condition():
            return any(work_dir.glob('epoch_2.pth.*.part'))

    kill_when(command, env, condition)
    assert not (work_dir / 'epoch_2.pth').exists()
    mim('train', 'mmaction', TOY, '--work-dir', work_dir, '--resume', *options(toy))
    assert_same_weights(weights(trained / 'epoch_2.pth'), weights(work_dir / 'epoch_2.pth'))
