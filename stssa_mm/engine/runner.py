"""A runner whose log is read: what fills hundreds of lines stands in files beside it."""
import logging
from collections import Counter
from pathlib import Path
from typing import Dict

import torch
from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from mmengine.utils.dl_utils import collect_env

from stssa_mm.registry import RUNNERS

PARAMWISE = 'paramwise_options -- '  # how mmengine begins the lines, two or more a parameter


@RUNNERS.register_module()
class STSSARunner(Runner):
    """:class:`Runner` with a short log.

    The environment and the initialization of parameters are in ``environment.txt`` and ``initialization.txt`` beside
    the log, the config, as always, in the work folder, and the learning rates of parameters are summed up by group.
    """

    def _log_env(self, env_cfg: dict) -> None:
        """One line; the environment goes to a file."""
        env = {**collect_env(), **env_cfg, **self._randomness_cfg, 'seed': self._seed, 'launcher': self._launcher,
               'processes': self._world_size}
        file = Path(self.log_dir, 'environment.txt')
        if self.rank == 0:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(''.join(f'{key}: {value}\n' for key, value in env.items()))
        device = env.get('GPU 0') or f'CPU, {torch.get_num_threads()} threads'
        config = Path(self.work_dir, Path(self.cfg.filename).name) if self.cfg.filename else self.work_dir
        self.logger.info(f'PyTorch {torch.__version__} on {device}, seed {self._seed}; config: {config}, environment: '
                         f'{file}')

    def get_hooks_info(self) -> str:
        """The hooks' names by priority, on one line."""
        return ', '.join(type(hook).__name__ for hook in self.hooks)

    def _init_model_weights(self) -> None:
        """As upstream; how each parameter was initialized goes to a file."""
        model = self.model.module if is_model_wrapper(self.model) else self.model

        def write() -> None:
            if self.rank == 0:
                Path(self.log_dir, 'initialization.txt').write_text(''.join(
                    f'{name} - {parameter.shape}: {model._params_init_info[parameter]["init_info"].strip()}\n'
                    for name, parameter in model.named_parameters()))

        model._dump_init_info = write
        try:
            super()._init_model_weights()
        finally:
            del model._dump_init_info

    def build_optim_wrapper(self, optim_wrapper) -> OptimWrapper:
        """As upstream; one line a group of parameters, not of each parameter."""
        skipped: Counter = Counter()

        def keep(record: logging.LogRecord) -> bool:
            text = record.getMessage()
            frozen = ' is skipped since its requires_grad=False' in text
            skipped.update(['frozen'] if frozen else [])
            return not (frozen or text.startswith(PARAMWISE))

        self.logger.addFilter(keep)
        try:
            built = super().build_optim_wrapper(optim_wrapper)
        finally:
            self.logger.removeFilter(keep)
        if isinstance(built, OptimWrapper):
            self.logger.info(parameter_groups(built.optimizer, skipped['frozen']))
        return built


def parameter_groups(optimizer: torch.optim.Optimizer, frozen: int = 0) -> str:
    """One line: how many parameters have which learning rate and weight decay.

    Args:
        optimizer (torch.optim.Optimizer): Its groups are put together by these.
        frozen (int): Parameters that it does not have. Defaults to 0.
    """
    counts: Dict[tuple, int] = {}
    for group in optimizer.param_groups:
        key = group['lr'], group.get('weight_decay', 0)
        counts[key] = counts.get(key, 0) + len(group['params'])
    texts = [f'{count} with lr {lr:g}, weight decay {decay:g}' for (lr, decay), count in
             sorted(counts.items(), key=lambda entry: -entry[1])]
    texts += [f'{frozen} frozen'] * bool(frozen)
    return f'{type(optimizer).__name__}, tensors of parameters: {"; ".join(texts)}'
