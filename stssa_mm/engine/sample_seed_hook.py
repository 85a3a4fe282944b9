"""Random numbers that depend on the seed and the epoch alone."""
import random

import numpy as np
import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook

from stssa_mm.registry import HOOKS


@HOOKS.register_module()
class STSSASampleSeedHook(Hook):
    """Make an epoch's random numbers a function of the run's seed and the epoch.

    A resumed run then repeats what an undisturbed one does, and the augmentation of a sample does not depend on the
    number of workers or processes: the dataset seeds each sample by itself (see :class:`STSSAAVADataset`). MMEngine
    gives every epoch of a resumed run the random numbers of the first.
    """

    def before_train_epoch(self, runner) -> None:
        """Seed this process, the sampler and the training dataset."""
        dataloader = runner.train_loop.dataloader
        if hasattr(dataloader.dataset, 'seed_samples'):
            dataloader.dataset.seed_samples(runner.seed, runner.epoch)
        if hasattr(dataloader.sampler, 'seed'):  # a resumed run has the seed of the run it goes on with
            dataloader.sampler.seed = runner.seed
        seed = int(np.random.SeedSequence([runner.seed, runner.epoch, get_rank()]).generate_state(1)[0])
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
