"""A checkpoint must be of the model that it is loaded into, and a resumed run says whose schedule it follows."""
from typing import List, Sequence

import torch
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import BaseLoop

from stssa_mm.registry import HOOKS

SEVERAL = 3  # names given as examples
MOVING = ('last_step', '_global_step', '_last_value', 'verbose')  # what a scheduler's config does not say


def different_weights(model: torch.nn.Module, weights: dict) -> List[str]:
    """What keeps the weights of a checkpoint from being those of a model, a text for each kind; empty if nothing does.

    Args:
        model (nn.Module): The model.
        weights (dict[str, Tensor]): Name to value.
    """
    own, weights = ({name: value for name, value in state.items() if 'num_batches_tracked' not in name}
                    for state in (model.state_dict(), weights))  # MMEngine does not miss these
    kinds = {
        'not in the checkpoint': [name for name in own if name not in weights],
        'not in the model': [name for name in weights if name not in own],
        'of another shape': [
            f'{name} {tuple(weights[name].shape)}, in the model {tuple(value.shape)}' for name, value in own.items()
            if torch.is_tensor(weights.get(name)) and torch.is_tensor(value) and weights[name].shape != value.shape]
    }
    return [f'{len(names)} of {max(len(own), len(weights))} {kind}: {", ".join(names[:SEVERAL])}'
            + (', ...' if len(names) > SEVERAL else '') for kind, names in kinds.items() if names]


def different_schedules(configured: Sequence[dict], resumed: Sequence[dict]) -> List[str]:
    """Where the learning rate of a resumed run departs from its config, a text each; empty where it does not.

    Args:
        configured, resumed (Sequence[dict]): The states of the schedulers of the config and of the checkpoint.
    """
    if len(configured) != len(resumed):
        return [f'{len(resumed)} schedulers, in the config {len(configured)}']
    found = []
    for number, (new, old) in enumerate(zip(configured, resumed)):
        for key in new.keys() & old.keys() - set(MOVING):
            values = old[key], new[key]
            if isinstance(new[key], list) and isinstance(old[key], list):  # of the parameter groups
                values = next((pair for pair in zip(*values) if pair[0] != pair[1]), tuple(map(len, values)))
            if values[0] != values[1]:
                found.append(f'param_scheduler[{number}].{key}={values[0]!r}, in the config {values[1]!r}')
    return sorted(found)


@HOOKS.register_module()
class STSSACheckpointHook(Hook):
    """Refuse the checkpoint of another model, which MMEngine loads as far as it fits.

    A test, and a run that is resumed, need every weight. Training that starts from ``load_from`` needs one: it may take
    a trunk, or a head of other classes. Where the schedule that ``--resume`` restores is not that of the config, as
    after a change of ``max_epochs``, and where training goes on after the end of its schedule, the log says so.
    """

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Compare a checkpoint with the model and the schedule, before it is loaded.

        Raises:
            ValueError: If it is of another model; names layers that differ.
        """
        name = f'load_from={runner._load_from!r}' if runner._load_from else f'--resume of {runner.work_dir}'
        weights = checkpoint.get('state_dict', checkpoint) if isinstance(checkpoint, dict) else None
        if not isinstance(weights, dict) or not weights:
            raise ValueError(f'{name}: the checkpoint holds no weights: give another '
                             '(--checkpoint or --resume of the command line)')
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        weights = {str(name).removeprefix('module.'): value for name, value in weights.items()}  # as the runner does
        starts = isinstance(runner._train_loop, BaseLoop) and not runner._resume  # in a test it is not built
        found = different_weights(model, weights)
        if found and not (starts and model.state_dict().keys() & weights.keys()):
            raise ValueError(f'{name}: the checkpoint is of another model: {"; ".join(found)}: '
                             'give one of this config (--checkpoint or --resume of the command line), or the config '
                             'that it was trained with')
        schedulers, resumed = runner.param_schedulers, checkpoint.get('param_schedulers')
        if runner._resume and isinstance(schedulers, list) and isinstance(resumed, list):
            changed = different_schedules([scheduler.state_dict() for scheduler in schedulers], resumed)
            if changed:
                runner.logger.warning(
                    f'--resume: the learning rate follows the schedule in the checkpoint, not the config: '
                    f'{"; ".join(changed)}. For a schedule of its own start a new run from the weights: '
                    '--cfg-options load_from=CHECKPOINT without --resume')

    def before_train(self, runner) -> None:
        """Say if training goes on after the end of its schedule."""
        schedulers = runner.param_schedulers if isinstance(runner.param_schedulers, list) else []
        schedulers = [scheduler for scheduler in schedulers if scheduler.param_name == 'lr']
        lasts = [(scheduler.end, runner.max_epochs if scheduler.by_epoch else runner.max_iters)
                 for scheduler in schedulers]
        if lasts and all(end < most for end, most in lasts):
            end, most = max(lasts, key=lambda last: last[0] / last[1])
            runner.logger.warning(
                f'The schedule of the learning rate (param_scheduler) ends after {end / most:.0%} of the training '
                f'(train_cfg.max_epochs={runner.max_epochs}), and the rate stays as it is then: make both end together')
