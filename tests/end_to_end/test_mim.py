"""The whole way through the real ``mim``: train, test, several processes, what is refused."""
import os

import pytest
import torch
from conftest import REPO
from end_to_end.runs import TOY, logged, metrics_of, options

from stssa_mm.evaluation.result import EvaluationResult
from stssa_mm.runs.result_files import find_result


@pytest.fixture(scope='module')
def trained(mim, toy, tmp_path_factory):
    """Work folder of an undisturbed run of two epochs."""
    work_dir = tmp_path_factory.mktemp('runs') / 'undisturbed'
    mim('train', 'mmaction', TOY, '--work-dir', work_dir, '--seed', 3, *options(toy))
    return work_dir


def saved_by_the_test(work_dir):
    """mAP of the result beside the log, and a check of what else is there."""
    file, note = find_result(work_dir)
    assert not note and file.parent.parent == work_dir and file.with_name(f'{file.parent.name}.log').is_file()
    assert {path.name for path in file.parent.iterdir() if path.name.startswith(('result', 'detections'))} == {
        'detections.csv', 'result.json', 'result.matches.npz'}
    assert file.with_name('detections.csv').stat().st_size
    return EvaluationResult.load(file).mean_ap()


def test_train_writes_log_and_checkpoints(trained):
    assert {'epoch_1.pth', 'epoch_2.pth', 'last_checkpoint'} <= {file.name for file in trained.iterdir()}
    assert len(logged(trained, 'loss')) == 4 and all(value > 0 for value in logged(trained, 'loss'))
    assert len(logged(trained, 'mAP/overall')) == 2
    assert 0 <= logged(trained, 'mAP/kick')[-1] <= 1
    assert not list(REPO.glob('AVA_*_result.csv'))
    meta = torch.load(trained / 'epoch_2.pth', weights_only=True)['meta']['dataset_meta']
    assert meta['classes'][:2] == ('stand', 'crouch') and meta['class_ids'] == tuple(range(1, 9))


def test_test_gives_the_validation_metrics(trained, mim, toy, tmp_path):
    mim('test', 'mmaction', TOY, '--checkpoint', trained / 'epoch_2.pth', '--work-dir', tmp_path, *options(toy))
    assert metrics_of(tmp_path)['mAP/overall'] == pytest.approx(logged(trained, 'mAP/overall')[-1], abs=1e-6)
    assert saved_by_the_test(tmp_path) == pytest.approx(metrics_of(tmp_path)['mAP/overall'], abs=1e-12)
    assert not list(trained.glob('**/*result.json'))  # a validation leaves none


def test_two_gloo_processes_give_the_metrics_of_one(trained, mim, toy, tmp_path):
    mim('test', 'mmaction', TOY, '--checkpoint', trained / 'epoch_2.pth', '--work-dir', tmp_path, '--launcher',
        'pytorch', '--gpus', 2, *options(toy))
    one = logged(trained, 'mAP/overall')[-1]
    assert metrics_of(tmp_path)['mAP/overall'] == saved_by_the_test(tmp_path) == pytest.approx(one, abs=1e-6)


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


def test_hostile_checkpoint_is_refused_and_runs_nothing(mim, toy, tmp_path):
    class Hostile:
        def __reduce__(self):
            return os.system, (f'touch {tmp_path / "ran"}', )

    torch.save(dict(state_dict={}, meta=Hostile()), tmp_path / 'hostile.pth')
    result = mim('test', 'mmaction', TOY, '--checkpoint', tmp_path / 'hostile.pth', '--work-dir', tmp_path / 'run',
                 *options(toy), check=False)
    assert result.returncode != 0
    assert 'no checkpoint, or more than data' in result.stderr
    assert not (tmp_path / 'ran').exists()


def test_missing_file_is_named(mim, toy, tmp_path):
    result = mim('train', 'mmaction', TOY, '--work-dir', tmp_path,
                 *options(toy, **{'train_dataloader.dataset.ann_file': '/nowhere/train.csv'}), check=False)
    assert result.returncode != 0
    assert "dataset.ann_file='/nowhere/train.csv': no such file" in result.stderr
