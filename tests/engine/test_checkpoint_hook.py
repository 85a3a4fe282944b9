"""Checkpoints of other models, and resumed runs whose schedule is not that of the config."""
import copy
import logging
from types import SimpleNamespace

import pytest
import torch
import torch.nn as nn
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import CosineAnnealingLR, LinearLR, MultiStepLR
from mmengine.runner import BaseLoop

from stssa_mm.engine import STSSACheckpointHook
from stssa_mm.engine.checkpoint_hook import different_schedules, different_weights


class Loop(BaseLoop):
    """One that is built and never run."""

    def __init__(self):
        pass

    def run(self):
        pass


def network(width=4, head=True, norm=True):
    model = nn.Sequential()
    model.add_module('trunk', nn.Conv2d(3, width, 1))
    if norm:
        model.add_module('norm', nn.BatchNorm2d(width))
    if head:
        model.add_module('head', nn.Linear(width, 2))
    return model


def runner_of(model, trains=False, resumes=False, load_from='a.pth', **kwargs):
    return SimpleNamespace(model=model, _train_loop=Loop() if trains else dict(type='Loop'), _resume=resumes,
                           _load_from=load_from, work_dir='work', param_schedulers=kwargs.pop('schedulers', None),
                           logger=logging.getLogger('run'), **kwargs)


def without(state, name):
    return {key: value for key, value in state.items() if not key.startswith(name)}


OTHERS = {
    'a layer is missing': (lambda state: without(state, 'head'), '2 of 8 not in the checkpoint: head.weight, head.b'),
    'a bias is missing': (lambda state: without(state, 'head.bias'), '1 of 8 not in the checkpoint: head.bias'),
    'only the trunk': (lambda state: without(without(state, 'head'), 'norm'), '6 of 8 not in the checkpoint: norm.we'),
    'nothing of it': (lambda state: {'other.weight': torch.zeros(1)}, '8 of 8 not in the checkpoint: trunk.weight'),
    'a layer more': (lambda state: {**state, 'neck.weight': torch.zeros(3)}, '1 of 9 not in the model: neck.weight'),
    'under another name': (lambda state: {f'model.{key}': value for key, value in state.items()},
                           '8 of 8 not in the model: model.trunk.weight'),
    'wider': (lambda state: network(5).state_dict(), 'trunk.weight (5, 3, 1, 1), in the model (4, 3, 1, 1)'),
    'more classes': (lambda state: {**state, 'head.weight': torch.zeros(3, 4)},
                     '1 of 8 of another shape: head.weight (3, 4), in the model (2, 4)'),
    'a side more': (lambda state: {**state, 'head.bias': torch.zeros(2, 1)}, 'head.bias (2, 1), in the model (2,)'),
    'without norms': (lambda state: network(norm=False).state_dict(), '4 of 8 not in the checkpoint: norm.weight'),
}


@pytest.mark.parametrize('resumes', [False, True], ids=['test', 'resume'])
@pytest.mark.parametrize('name', OTHERS)
def test_the_checkpoint_of_another_model_is_refused(name, resumes):
    model = network()
    make, said = OTHERS[name]
    with pytest.raises(ValueError) as error:
        STSSACheckpointHook().after_load_checkpoint(runner_of(model, resumes, resumes), {'state_dict': make(
            model.state_dict())})
    message = str(error.value)
    assert message.startswith("load_from='a.pth': the checkpoint is of another model: ") and said in message
    assert '\n' not in message and len(message) < 700


@pytest.mark.parametrize('content', [None, [], 7, 'weights', {}, {'state_dict': {}}, {'state_dict': None},
                                     {'state_dict': [1]}, torch.zeros(2), {'state_dict': 'x'}],
                         ids=lambda content: repr(content)[:20])
def test_a_file_without_weights_is_refused(content):
    with pytest.raises(ValueError, match=r"^load_from='a\.pth': the checkpoint holds no weights: give another"):
        STSSACheckpointHook().after_load_checkpoint(runner_of(network()), content)


def test_without_load_from_the_work_folder_is_named():
    with pytest.raises(ValueError, match='^--resume of work: the checkpoint is of another model'):
        STSSACheckpointHook().after_load_checkpoint(runner_of(network(), True, True, None), network(5).state_dict())


@pytest.mark.parametrize('make', [
    lambda state: {'state_dict': state},
    lambda state: state,
    lambda state: {'state_dict': {f'module.{key}': value for key, value in state.items()}},
    lambda state: {'state_dict': without(state, 'norm.num_batches_tracked')},
])
def test_the_own_checkpoint_is_taken(make):
    model = network()
    for runner in (runner_of(model), runner_of(model, True, True), runner_of(model, True)):
        STSSACheckpointHook().after_load_checkpoint(runner, make(model.state_dict()))


def test_training_may_start_from_a_part_but_not_from_nothing():
    model = network()
    for weights in (network(head=False).state_dict(), network(5).state_dict()):
        STSSACheckpointHook().after_load_checkpoint(runner_of(model, trains=True), weights)
    with pytest.raises(ValueError, match='another model'):
        STSSACheckpointHook().after_load_checkpoint(runner_of(model, trains=True), {'x': torch.zeros(1)})


def test_of_several_processes_the_model_inside_is_compared():
    model = network()
    wrapped = MMDistributedDataParallel.__new__(MMDistributedDataParallel)
    nn.Module.__init__(wrapped)
    wrapped.module = model
    STSSACheckpointHook().after_load_checkpoint(runner_of(wrapped), model.state_dict())
    assert not different_weights(model, model.state_dict())


def schedulers(lr=0.1, end=10, kind=CosineAnnealingLR, **kwargs):
    """The schedule of 2 steps of warm-up and a decay."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr)
    settings = dict(T_max=end - 2) if kind is CosineAnnealingLR else {}
    return [LinearLR(optimizer, start_factor=0.1, begin=0, end=2, by_epoch=False),
            kind(optimizer, **{**settings, 'begin': 2, 'end': end, 'by_epoch': False, **kwargs})]


def states(made, steps=0):
    for _ in range(steps):
        for scheduler in made:
            scheduler.step()
    return copy.deepcopy([scheduler.state_dict() for scheduler in made])


CHANGES = {
    'a longer schedule': (schedulers(end=20), 'param_scheduler[1].T_max=8, in the config 18; param_'),
    'a shorter schedule': (schedulers(end=6), 'param_scheduler[1].end=10, in the config 6'),
    'another end alone': (schedulers(T_max=8, end=12), 'param_scheduler[1].end=10, in the config 12'),
    'another period alone': (schedulers(T_max=9), 'param_scheduler[1].T_max=8, in the config 9'),
    'another rate': (schedulers(lr=0.2), 'param_scheduler[0].base_values=0.1, in the config 0.2'),
    'another last rate': (schedulers(eta_min=0.01), 'param_scheduler[1].eta_min=0.0, in the config 0.01'),
    'another begin': (schedulers(begin=3), 'param_scheduler[1].begin=2, in the config 3'),
    'by epoch': (schedulers(by_epoch=True), 'param_scheduler[1].by_epoch=False, in the config True'),
    'a scheduler less': (schedulers()[:1], '2 schedulers, in the config 1'),
    'a scheduler more': ([*schedulers(), *schedulers()[:1]], '2 schedulers, in the config 3'),
    'another warm-up': ([LinearLR(torch.optim.SGD([torch.zeros(1)], 0.1), 0.2, begin=0, end=2, by_epoch=False),
                         schedulers()[1]], 'param_scheduler[0].start_factor=0.1, in the config 0.2'),
}


@pytest.mark.parametrize('name', CHANGES)
def test_a_resumed_run_says_that_its_rate_does_not_follow_the_config(name, caplog):
    configured, said = CHANGES[name]
    model = network()
    checkpoint = dict(state_dict=model.state_dict(), param_schedulers=states(schedulers(), steps=5))
    STSSACheckpointHook().after_load_checkpoint(runner_of(model, True, True, schedulers=configured), checkpoint)
    line, = caplog.messages
    assert line.startswith('--resume: the learning rate follows the schedule in the checkpoint') and said in line


def test_the_same_schedule_is_no_news(caplog):
    assert different_schedules(states(schedulers()), states(schedulers(), steps=7)) == []
    model = network()
    checkpoint = dict(state_dict=model.state_dict(), param_schedulers=states(schedulers(), steps=5))
    STSSACheckpointHook().after_load_checkpoint(runner_of(model, True, True, schedulers=schedulers()), checkpoint)
    STSSACheckpointHook().after_load_checkpoint(runner_of(model, True, schedulers=schedulers(end=20)), checkpoint)
    assert not caplog.messages


@pytest.mark.parametrize(('made', 'iters', 'said'), [
    (schedulers(end=10), 20, 'ends after 50% of the training (train_cfg.max_epochs=5)'),
    (schedulers(end=10), 11, 'ends after 91% of the training'),
    (schedulers(end=10), 10, None),
    (schedulers(end=10), 5, None),
    (schedulers(kind=MultiStepLR, milestones=[4], end=10**9), 20, None),
    ([], 20, None),
    (None, 20, None),
])
def test_training_beyond_the_schedule_is_said(made, iters, said, caplog):
    STSSACheckpointHook().before_train(runner_of(network(), True, schedulers=made, max_epochs=5, max_iters=iters))
    assert len(caplog.messages) == (said is not None) and all(said in line for line in caplog.messages)
