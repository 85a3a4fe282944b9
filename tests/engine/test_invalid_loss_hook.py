"""What ends a run: a loss or weights that are no longer numbers."""
from types import SimpleNamespace

import pytest
import torch

from stssa_mm.engine import STSSAInvalidLossHook


def runner(iteration=41):
    return SimpleNamespace(iter=iteration)


@pytest.mark.parametrize('loss', [float('nan'), float('inf'), float('-inf')])
def test_invalid_loss_ends_the_run_with_the_iteration_and_the_remedy(loss):
    with pytest.raises(FloatingPointError, match=rf'^iteration 42: the loss is {loss}\. Lower .*lr.*check_') as error:
        STSSAInvalidLossHook(interval=1).after_train_iter(runner(), 0, outputs=dict(loss=torch.tensor(loss)))
    assert '\n' not in str(error.value)


def test_any_number_is_valid():
    for loss in (0.0, -1.0, 3e38):
        STSSAInvalidLossHook(interval=1).after_train_iter(runner(), 0, outputs=dict(loss=torch.tensor(loss)))


def test_interval_is_upstreams():
    hook, outputs = STSSAInvalidLossHook(interval=10), dict(loss=torch.tensor(float('nan')))
    hook.after_train_iter(runner(8), 0, outputs=outputs)
    with pytest.raises(FloatingPointError, match='iteration 10'):
        hook.after_train_iter(runner(9), 0, outputs=outputs)


@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_no_checkpoint_of_invalid_weights(value):
    state = {'steps': torch.tensor(3), 'note': 'text', 'fc.weight': torch.ones(2), 'fc.bias': torch.zeros(2)}
    hook = STSSAInvalidLossHook()
    hook.before_save_checkpoint(runner(42), dict(state_dict=state))
    state['fc.bias'][1] = value
    with pytest.raises(FloatingPointError, match=r'^iteration 42: fc\.bias is infinite or nan, no checkpoint') as error:
        hook.before_save_checkpoint(runner(42), dict(state_dict=state))
    assert '\n' not in str(error.value)
