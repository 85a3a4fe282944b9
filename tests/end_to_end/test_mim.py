"""The whole way through the real ``mim``: train, test, resume, several processes, kill."""
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from conftest import REPO

TOY = REPO / 'configs' / 'stssa_toy.py'


FASTER_RCNN = REPO / 'configs' / 'stssa_toy_faster-rcnn.py'


def options(toy, proposals=True, **extra):
    """--cfg-options for the small toy set and a thin trunk."""
    pairs = {'train_cfg.val_interval': 1, 'train_cfg.max_epochs': 2, 'model.backbone.base_channels': 8,
             'model.roi_head.shared_head.in_channels': 64, 'default_hooks.logger.interval': 1}
    for split in ('train', 'val', 'test'):
        name = 'val' if split == 'test' else split
        dataset = f'{split}_dataloader.dataset'
        pairs |= {f'{dataset}.ann_file': toy / 'annotations' / f'{name}.csv',
                  f'{dataset}.exclude_file': toy / 'annotations' / f'{name}_excluded_timestamps.csv',
                  f'{dataset}.label_file': toy / 'annotations' / 'action_list.pbtxt',
                  f'{dataset}.data_prefix.img': toy / 'videos'}
        if proposals:
            pairs |= {f'{dataset}.proposal_file': toy / 'annotations' / f'{name}_proposals.pkl'}
        if split != 'train':
            pairs |= {f'{split}_evaluator.ann_file': toy / 'annotations' / 'val.csv',
                      f'{split}_evaluator.exclude_file': toy / 'annotations' / 'val_excluded_timestamps.csv',
                      f'{split}_evaluator.label_file': toy / 'annotations' / 'action_list.pbtxt'}
    return ['--cfg-options', *(f'{key}={value}' for key, value in (pairs | extra).items())]


def weights(file):
    import stssa_mm  # noqa: F401  (allows what mmengine writes)
    return torch.load(file, weights_only=True)['state_dict']


def assert_same_weights(a, b):
    assert a.keys() == b.keys()
    for key in a:
        assert torch.equal(a[key], b[key]), key


def logged(work_dir, key):
    """The values of a key over a run's log."""
    file, = Path(work_dir).glob('*/vis_data/scalars.json')
    return [entry[key] for entry in map(json.loads, file.read_text().splitlines()) if key in entry]


def metrics_of(work_dir):
    """The metrics that ``mim test`` wrote."""
    file, = Path(work_dir).glob('*/*.json')
    return json.loads(file.read_text())


@pytest.fixture(scope='module')
def trained(mim, toy, tmp_path_factory):
    """Work folder of an undisturbed run of two epochs."""
    work_dir = tmp_path_factory.mktemp('runs') / 'undisturbed'
    mim('train', 'mmaction', TOY, '--work-dir', work_dir, '--seed', 3, *options(toy))
    return work_dir


def test_train_writes_log_and_checkpoints(trained):
    assert {'epoch_1.pth', 'epoch_2.pth', 'last_checkpoint'} <= {file.name for file in trained.iterdir()}
    assert len(logged(trained, 'loss')) == 4 and all(value > 0 for value in logged(trained, 'loss'))
    assert len(logged(trained, 'mAP/overall')) == 2
    assert 0 <= logged(trained, 'mAP/kick')[-1] <= 1
    assert not list(REPO.glob('AVA_*_result.csv'))


def test_test_gives_the_validation_metrics(trained, mim, toy, tmp_path):
    mim('test', 'mmaction', TOY, '--checkpoint', trained / 'epoch_2.pth', '--work-dir', tmp_path, *options(toy))
    assert metrics_of(tmp_path)['mAP/overall'] == pytest.approx(logged(trained, 'mAP/overall')[-1], abs=1e-6)


def test_two_gloo_processes_give_the_metrics_of_one(trained, mim, toy, tmp_path):
    mim('test', 'mmaction', TOY, '--checkpoint', trained / 'epoch_2.pth', '--work-dir', tmp_path, '--launcher',
        'pytorch', '--gpus', 2, *options(toy))
    one = logged(trained, 'mAP/overall')[-1]
    assert metrics_of(tmp_path)['mAP/overall'] == pytest.approx(one, abs=1e-6)


def test_two_gloo_processes_train_at_the_learning_rate_of_their_batch(mim, toy, tmp_path):
    run = mim('train', 'mmaction', TOY, '--work-dir', tmp_path, '--seed', 3, '--launcher', 'pytorch', '--gpus', 2,
              '--auto-scale-lr', *options(toy, **{'train_cfg.max_epochs': 1, 'train_dataloader.batch_size': 4,
                                                  'auto_scale_lr.base_batch_size': 16}))
    assert 'the current batch size is 8. Scaling the original LR by 0.5.' in run.stdout + run.stderr
    assert len(logged(tmp_path, 'loss')) == 2
    assert (tmp_path / 'epoch_1.pth').exists()


def test_amp_trains_on_a_gpu_and_says_that_it_needs_one(mim, toy, tmp_path):
    run = mim('train', 'mmaction', TOY, '--work-dir', tmp_path, '--amp', *options(toy, **{'train_cfg.max_epochs': 1}),
              check=torch.cuda.is_available())
    if torch.cuda.is_available():
        assert all(value > 0 for value in logged(tmp_path, 'loss'))
    else:
        assert 'only available training on gpu' in run.stderr


def kill_when(command, env, condition):
    """Run a command and SIGKILL its whole process group once the condition holds."""
    process = subprocess.Popen(command, env=env, cwd=REPO, start_new_session=True, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    try:
        end = time.time() + 200
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
        time.sleep(60)
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


def test_faster_rcnn_trains_resumes_and_tests_in_two_processes(mim, toy, tmp_path):
    """Its samplers draw at random: a run resumed after an epoch ends with the weights of the undisturbed one."""
    extra = options(toy, proposals=False, **{'model.rpn_head.in_channels': 64, 'model.train_cfg.rcnn.sampler.num': 4,
                                            'model.test_cfg.rpn.max_per_img': 8})
    mim('train', 'mmaction', FASTER_RCNN, '--work-dir', tmp_path / 'run', '--seed', 3, *extra)
    for key in ('loss_rpn_cls', 'loss_rpn_bbox', 'loss_action_cls', 'loss_bbox'):
        assert len(logged(tmp_path / 'run', key)) == 4 and all(value > 0 for value in logged(tmp_path / 'run', key))
    undisturbed = (tmp_path / 'run' / 'epoch_2.pth').rename(tmp_path / 'undisturbed.pth')
    overall = logged(tmp_path / 'run', 'mAP/overall')[-1]
    mim('train', 'mmaction', FASTER_RCNN, '--work-dir', tmp_path / 'run', '--resume', *extra)
    assert_same_weights(weights(undisturbed), weights(tmp_path / 'run' / 'epoch_2.pth'))
    mim('test', 'mmaction', FASTER_RCNN, '--checkpoint', undisturbed, '--work-dir', tmp_path / 'test', '--launcher',
        'pytorch', '--gpus', 2, *extra)
    assert metrics_of(tmp_path / 'test')['mAP/overall'] == pytest.approx(overall, abs=1e-6)


def test_hostile_checkpoint_is_refused_and_runs_nothing(mim, toy, tmp_path):
    class Hostile:
        def __reduce__(self):
            return os.system, (f'touch {tmp_path / "ran"}', )

    torch.save(dict(state_dict={}, meta=Hostile()), tmp_path / 'hostile.pth')
    result = mim('test', 'mmaction', TOY, '--checkpoint', tmp_path / 'hostile.pth', '--work-dir', tmp_path / 'run',
                 *options(toy), check=False)
    assert result.returncode != 0
    assert 'Weights only load failed' in result.stderr
    assert not (tmp_path / 'ran').exists()


def test_missing_file_is_named(mim, toy, tmp_path):
    result = mim('train', 'mmaction', TOY, '--work-dir', tmp_path,
                 *options(toy, **{'train_dataloader.dataset.ann_file': '/nowhere/train.csv'}), check=False)
    assert result.returncode != 0
    assert "dataset.ann_file='/nowhere/train.csv': no such file" in result.stderr
