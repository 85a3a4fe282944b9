"""Random numbers of training depend on the seed, the epoch and the iteration alone."""
import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from stssa_mm.engine import STSSASampleSeedHook


@pytest.fixture
def runner():
    """What the hook needs of a runner."""
    seeds = []
    dataset = SimpleNamespace(seed_samples=lambda seed, epoch: seeds.append((seed, epoch)))
    dataloader = SimpleNamespace(dataset=dataset, sampler=SimpleNamespace(seed=99))
    return SimpleNamespace(seed=5, epoch=0, iter=0, train_loop=SimpleNamespace(dataloader=dataloader), seeds=seeds)


def numbers():
    return random.random(), np.random.rand(), torch.rand(1).item()


def test_same_seed_and_iteration_give_the_same_numbers_whatever_was_drawn_before(runner):
    hook, drawn = STSSASampleSeedHook(), {}
    for seed, iteration in ((5, 0), (5, 1), (6, 0), (5, 0)):
        runner.seed, runner.iter = seed, iteration
        hook.before_train_epoch(runner)
        numbers()
        hook.before_train_iter(runner, 0)
        values = numbers()
        assert drawn.setdefault((seed, iteration), values) == values
    assert len(set(drawn.values())) == 3


def test_dataset_and_sampler_get_the_seed_of_the_run(runner):
    runner.epoch = 7
    STSSASampleSeedHook().before_train_epoch(runner)
    assert runner.seeds == [(5, 7)] and runner.train_loop.dataloader.sampler.seed == 5


def test_other_datasets_and_samplers_are_left_alone(runner):
    runner.train_loop.dataloader = SimpleNamespace(dataset=object(), sampler=object())
    STSSASampleSeedHook().before_train_epoch(runner)
