"""The short log of the runner."""
import logging
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import LoggerHook
from mmengine.model import BaseModel
from torch.utils.data import Dataset

from stssa_mm.engine import STSSAProgressHook, STSSARunner
from stssa_mm.engine.runner import parameter_groups


class Numbers(Dataset):

    def __len__(self):
        return 12

    def __getitem__(self, index):
        return torch.tensor([float(index)])


class Line(BaseModel):

    def __init__(self):
        super().__init__()
        self.slow, self.fast, self.frozen = (torch.nn.Linear(1, 1) for _ in range(3))
        self.frozen.requires_grad_(False)

    def forward(self, inputs, mode):
        return dict(loss=(self.slow(inputs) + self.fast(inputs)).square().mean())


@pytest.fixture
def make(tmp_path):
    """makes a runner of 12 iterations an epoch whose LoggerHook counts to 5."""

    def build(**hook):
        cfg = Config(dict(
            work_dir=str(tmp_path / 'run'), default_scope='mmengine', a_long_value=list(range(500)),
            experiment_name=str(tmp_path.name), randomness=dict(seed=3)))
        cfg.dump(tmp_path / 'a_config.py')
        cfg = Config.fromfile(tmp_path / 'a_config.py')
        return STSSARunner(
            model=Line(), work_dir=str(tmp_path / 'run'), cfg=cfg, experiment_name=tmp_path.name,
            train_dataloader=dict(dataset=Numbers(), batch_size=1, sampler=dict(type='DefaultSampler', shuffle=False)),
            train_cfg=dict(by_epoch=True, max_epochs=1), randomness=dict(seed=3),
            optim_wrapper=dict(optimizer=dict(type='SGD', lr=.01, weight_decay=.1), paramwise_cfg=dict(
                custom_keys=dict(fast=dict(lr_mult=.1, decay_mult=0)))),
            default_hooks=dict(logger=dict(type='LoggerHook', interval=5)),
            custom_hooks=[dict(type='STSSAProgressHook', **hook)])

    return build


def lines(runner):
    for handler in runner.logger.handlers:
        handler.flush()
    file, = (file for file in Path(runner.log_dir).glob('*.log'))
    return file.read_text().splitlines()


def test_what_stands_before_the_first_loss(make):
    runner = make()
    runner.train()
    log = lines(runner)
    before = log[:next(number for number, line in enumerate(log) if 'Epoch(train)' in line)]
    assert len(before) < 20
    text = '\n'.join(before)
    assert 'a_long_value' not in text and 'paramwise_options' not in text and 'requires_grad' not in text
    assert 'SGD, tensors of parameters: 2 with lr 0.01, weight decay 0.1; 2 with lr 0.001, weight decay 0; 2 frozen' \
        in text
    assert 'seed 3' in text and 'RuntimeInfoHook, IterTimerHook' in text
    environment = (Path(runner.log_dir) / 'environment.txt').read_text()
    assert 'seed: 3\n' in environment and 'PyTorch: ' in environment
    initial = (Path(runner.log_dir) / 'initialization.txt').read_text()
    assert 'slow.weight - torch.Size([1, 1])' in initial and 'slow.weight' not in text
    assert runner.logger.filters == []
    built = runner.optim_wrapper.optimizer.param_groups
    assert sorted(group['lr'] for group in built) == [.001, .001, .01, .01]


def progress(runner):
    runner.train()
    return [int(line.split('[')[2].split('/')[0]) for line in lines(runner) if 'Epoch(train)' in line]


def test_lines_by_the_clock(make, monkeypatch):
    """An iteration takes 4 s of a made clock; LoggerHook writes after the 5th and 10th."""
    now = [0.0]
    monkeypatch.setattr('stssa_mm.engine.progress_hook.time.monotonic', lambda: now[0])
    monkeypatch.setattr(LoggerHook, 'before_train_iter', lambda *_, **__: now.__setitem__(0, now[0] + 4))
    assert progress(make(seconds=11)) == [2, 4, 5, 7, 9, 10, 12]


def test_no_lines_between_where_it_is_fast(make):
    assert progress(make()) == [5, 10]


def test_groups_of_equal_rates_are_one():
    parameters = [torch.nn.Parameter(torch.zeros(1)) for _ in range(3)]
    optimizer = torch.optim.AdamW([dict(params=[p], lr=1e-3) for p in parameters[:2]] + [
        dict(params=parameters[2:], lr=1e-4, weight_decay=0)], weight_decay=.05)
    assert parameter_groups(optimizer) == ('AdamW, tensors of parameters: 2 with lr 0.001, weight decay 0.05; '
                                           '1 with lr 0.0001, weight decay 0')


def test_a_hook_without_a_logger_hook_writes_by_itself(make):
    hook, seen = STSSAProgressHook(seconds=0), []

    class Runner:
        hooks = []
        logger = logging.getLogger('run')

        class log_processor:
            @staticmethod
            def get_log_after_iter(runner, batch_idx, mode):
                seen.append((batch_idx, mode))
                return {}, 'line'

    hook.before_test_epoch(Runner)
    hook.after_test_iter(Runner, 0)
    hook.after_val_iter(Runner, 1)
    assert seen == [(0, 'test'), (1, 'val')]
