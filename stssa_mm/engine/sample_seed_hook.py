"""Random numbers that depend on the seed, the epoch and the iteration alone."""
import random

import numpy as np
import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook

from stssa_mm.registry import HOOKS


@HOOKS.register_module()
class STSSASampleSeedHook(Hook):
    """Make the random numbers of training a function of the run's seed, the epoch and the iteration.

    A resumed run then repeats what an undisturbed one does, and the augmentation of a sample does not depend on the
    number of workers or processes: the dataset seeds each sample by itself (see :class:`STSSAAVADataset`). MMEngine
    gives every epoch of a resumed run the random numbers of the first.
    """

    def before_train_epoch(self, runner) -> None:
        """Seed the sampler and the training dataset."""
        dataloader = runner.train_loop.dataloader
        if hasattr(dataloader.dataset, 'seed_samples'):
            dataloader.dataset.seed_samples(runner.seed, runner.epoch)
        if hasattr(dataloader.sampler, 'seed'):  # a resumed run has the seed of the run it goes on with
            dataloader.sampler.seed = runner.seed

    def before_train_iter(self, runner, batch_idx: int, data_batch=None) -> None:
        """Seed this process, whose model may draw (dropout, RoI samplers).

        Not once an epoch: the loader draws too when it starts its workers, in the first epoch after a resumption alone.
        """
        seed = int(np.random.SeedSequence([runner.seed, runner.iter, get_rank()]).generate_state(1)[0])
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
