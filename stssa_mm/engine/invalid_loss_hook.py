"""A run whose loss or weights are no longer numbers ends."""
import torch
from mmdet.engine.hooks import CheckInvalidLossHook

from stssa_mm.registry import HOOKS

REMEDY = 'Lower optim_wrapper.optimizer.lr, and look at the data with tools/check_dataset.py'


@HOOKS.register_module()
class STSSAInvalidLossHook(CheckInvalidLossHook):
    """:class:`CheckInvalidLossHook` whose error says where and what to do, and that lets no checkpoint of invalid
    weights be written: a step may break them after the last loss was looked at.
    """

    def after_train_iter(self, runner, batch_idx: int, data_batch=None, outputs=None) -> None:
        """Raises FloatingPointError where the loss is infinite or nan."""
        if self.every_n_train_iters(runner, self.interval) and not torch.isfinite(outputs['loss']):
            raise FloatingPointError(f'iteration {runner.iter + 1}: the loss is {outputs["loss"].item()}. {REMEDY}')

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Raises FloatingPointError where a weight is infinite or nan."""
        for name, weight in checkpoint['state_dict'].items():
            if torch.is_tensor(weight) and not weight.isfinite().all():
                raise FloatingPointError(f'iteration {runner.iter}: {name} is infinite or nan, no checkpoint is '
                                         f'written. {REMEDY}')
