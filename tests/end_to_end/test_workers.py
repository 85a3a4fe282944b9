"""Workers that hang or lack something end a run with the remedy; without workers one override is enough."""
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from end_to_end.runs import TOY, logged, options
from mmengine.runner import Runner

from stssa_mm import compat

ONE_EPOCH = {'train_cfg.max_epochs': 1, 'train_cfg.val_interval': 9}
HANGING = '''
import os, time
from stssa_mm.datasets.transforms import STSSAVideoInit
STSSAVideoInit.transform = lambda self, results: time.sleep(3600)
'''


def last_error(run):
    """The last line of the training process, before what mim says of it."""
    return run.stderr.split('\nTraceback (most recent call last):\n')[-2].splitlines()[-1]


def test_one_override_trains_without_workers(mim, toy, tmp_path):
    mim('train', 'mmaction', TOY, '--work-dir', tmp_path, '--seed', 3,
        *options(toy, **ONE_EPOCH, **{'train_dataloader.num_workers': 0}))
    assert len(logged(tmp_path, 'loss')) == 2


def test_a_worker_that_hangs_ends_the_run_with_the_remedy(mim, toy, tmp_path):
    (tmp_path / 'hanging_workers.py').write_text(HANGING)
    config = tmp_path / 'hangs.py'
    config.write_text(f"_base_ = '{TOY}'\ncustom_imports = dict(imports=['stssa_mm', 'hanging_workers'])\n")
    run = mim('train', 'mmaction', config, '--work-dir', tmp_path / 'run',
              *options(toy, **ONE_EPOCH, **{'train_dataloader.timeout': 3}), check=False,
              env={'PYTHONPATH': f'{tmp_path}:{Path(compat.__file__).parents[1]}'})
    assert run.returncode != 0
    assert last_error(run).startswith('RuntimeError: train_dataloader: DataLoader timed out after 3 seconds. Its work')
    assert last_error(run).endswith('train_dataloader.num_workers=0; to wait longer for a batch: '
                                    'train_dataloader.timeout=SECONDS')


def test_too_few_open_files_end_the_run_with_the_remedy(mim, toy, tmp_path):
    def few_files():
        resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))

    run = mim('train', 'mmaction', TOY, '--work-dir', tmp_path,
              *options(toy, **ONE_EPOCH, **{'train_dataloader.timeout': 10}), check=False, preexec_fn=few_files)
    assert run.returncode != 0
    assert last_error(run).startswith('RuntimeError: train_dataloader: ') and 'ulimit -n 65536' in last_error(run)


def test_a_full_shared_memory_ends_the_run_with_the_remedy(toy, tmp_path):
    command = [str(Path(sys.executable).with_name('mim')), 'train', 'mmaction', str(TOY), '--work-dir', str(tmp_path),
               *options(toy, **ONE_EPOCH, **{'train_dataloader.timeout': 10})]
    small = ['unshare', '--mount', 'sh', '-c', 'mount -t tmpfs -o size=1m tmpfs /dev/shm && exec "$@"', 'sh']
    try:
        subprocess.run([*small, 'true'], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip('needs the right to mount a small /dev/shm, which this process has not')
    run = subprocess.run([*small, *command], capture_output=True, text=True, cwd=TOY.parents[1])
    assert run.returncode != 0
    assert last_error(run).startswith('RuntimeError: train_dataloader: ') and 'df -h /dev/shm' in last_error(run)


@pytest.mark.parametrize('said', [
    'DataLoader timed out after 600 seconds',
    'DataLoader worker (pid(s) 4711) exited unexpectedly',
    "DataLoader worker (pid 4711) is killed by signal: Bus error. It is possible that dataloader's workers are out of "
    'shared memory. Please try to raise your shared memory limit.',
    'DataLoader worker (pid 4711) is killed by signal: Killed. ',
    'DataLoader worker (pid 4711) is killed by signal: Segmentation fault. ',
    'Pin memory thread exited unexpectedly',
    'received 0 items of ancdata',
    'unable to open shared memory object </torch_1_2_3> in read-write mode: Too many open files (24)',
    'unable to allocate shared memory(shm) for file </torch_1_2_3>: No space left on device (28)',
    OSError(24, 'Too many open files'),
    'Caught RuntimeError in DataLoader worker process 0.\nOriginal Traceback (most recent call last):\n  File "x"\n'
    'RuntimeError: unable to write to file </torch_1_2_3>: No space left on device (28)',
])
def test_what_is_said_of_workers_becomes_one_line(said, monkeypatch):
    error = said if isinstance(said, OSError) else RuntimeError(said)

    def build_train_loop(self, loop):
        raise error

    monkeypatch.setattr(Runner, 'build_train_loop', build_train_loop)
    runner = Runner.__new__(Runner)
    runner.model, runner._train_loop, runner._val_loop = type('Model', (), {'train_step': None}), {}, None
    with pytest.raises(RuntimeError, match=r'^(\w+)_dataloader: .*\1_dataloader\.num_workers=0') as found:
        runner.train()
    assert '\n' not in str(found.value)


def test_other_errors_stay_as_they_are(monkeypatch):
    def build_train_loop(self, loop):
        raise RuntimeError('CUDA out of memory')

    monkeypatch.setattr(Runner, 'build_train_loop', build_train_loop)
    runner = Runner.__new__(Runner)
    runner.model, runner._train_loop, runner._val_loop = type('Model', (), {'train_step': None}), {}, None
    with pytest.raises(RuntimeError, match='^CUDA out of memory$'):
        runner.train()


@pytest.mark.parametrize('loader', [
    dict(num_workers=0), dict(), dict(persistent_workers=True), dict(timeout=600), dict(prefetch_factor=4),
    dict(num_workers=0, persistent_workers=True, timeout=600, prefetch_factor=4)
])
def test_loaders_without_workers_are_built(loader):
    built = Runner.build_dataloader(dict(dataset=[1, 2, 3], sampler=None, batch_size=2, **loader))
    assert built.num_workers == 0 and built.timeout == 0 and not built.persistent_workers and len(list(built)) == 2


def test_loaders_with_workers_keep_what_they_are_told():
    built = Runner.build_dataloader(dict(dataset=[1, 2, 3], sampler=None, batch_size=2, num_workers=1,
                                         persistent_workers=True, timeout=600, prefetch_factor=4))
    assert (built.num_workers, built.timeout, built.persistent_workers, built.prefetch_factor) == (1, 600, True, 4)
