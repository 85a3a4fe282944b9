import json

import pytest
import torch
from mmengine.config import Config

from stssa_mm.runs import training_time
from stssa_mm.runs.training_time import TrainingTime, estimate_training_time


@pytest.fixture
def cfg(repo, toy):
    cfg = Config.fromfile(repo / 'configs' / 'stssa_toy.py')
    return Config(json.loads(json.dumps(cfg.to_dict()).replace('data/toy', str(toy))))


def test_the_time_of_all_clips_of_all_epochs(cfg, monkeypatch):
    """A made clock: each look at it is a second later, so reading takes a second and a step another, for two clips."""
    ticks = iter(range(100))
    monkeypatch.setattr(training_time.time, 'perf_counter', lambda: next(ticks))
    monkeypatch.setattr(training_time, 'get_device', lambda: 'cpu')
    monkeypatch.setattr(training_time.os, 'cpu_count', lambda: 8)
    monkeypatch.setattr(training_time.os, 'getloadavg', lambda: (20, 0, 0))
    cfg.train_dataloader.num_workers = 4
    cfg.train_cfg.max_epochs = 3
    before = torch.get_rng_state()
    estimate = estimate_training_time(cfg, 2)
    assert (estimate.step, estimate.data, estimate.epochs, estimate.busy) == (.5, .5, 3, True)
    assert estimate.clips > 4 and estimate.seconds == pytest.approx((.5 + .5 / 4) * estimate.clips * 3)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(('seconds', 'text'), [(40, '40 seconds'), (1200, '20 minutes'), (7200, '2.0 hours')])
def test_it_is_said_in_a_unit_of_its_size(seconds, text):
    said = str(TrainingTime(seconds, 10, 656, .125, .05, '2 CPU threads'))
    assert said.startswith(f'about {text} for 10 epochs of 656 clips on 2 CPU threads (a clip: 0.12 s') \
        and 'other programs' not in said


def test_data_that_cannot_be_read(cfg):
    cfg.train_dataloader.dataset.ann_file = '/nowhere.csv'
    with pytest.raises(FileNotFoundError, match='nowhere'):
        estimate_training_time(cfg)
