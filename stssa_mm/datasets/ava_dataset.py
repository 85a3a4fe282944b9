"""AVA and everything in AVA's form."""
import contextlib
import os.path as osp
import random
from typing import Optional

import numpy as np
import torch
from mmaction.datasets import AVADataset

from stssa_mm.registry import DATASETS


@contextlib.contextmanager
def numpy_and_python_seed(seed):
    """Seed ``random`` and ``numpy.random``, from which the transforms draw, and put both back at the end."""
    python_state, numpy_state = random.getstate(), np.random.get_state()
    random.seed(seed)
    np.random.seed(seed)
    try:
        yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)


@DATASETS.register_module()
class STSSAAVADataset(AVADataset):
    """:class:`AVADataset` that checks its files first and draws each sample's random numbers from the sample itself.

    Args:
        video_suffix (str): Added to a video id to find its file in ``data_prefix['img']``, with ``use_frames=False``.
            Defaults to ``'.mp4'``.
        *args, **kwargs: Of :class:`AVADataset`.

    Raises:
        FileNotFoundError: If a file named in the config is not there; names the key.
    """

    def __init__(self, *args, video_suffix: str = '.mp4', **kwargs) -> None:
        self.video_suffix = video_suffix
        # Shared with the workers, which live through all epochs.
        self._seed_and_epoch = torch.full((2, ), -1, dtype=torch.int64).share_memory_()
        super().__init__(*args, **kwargs)

    def load_data_list(self) -> list:
        """Read the annotations.

        Returns:
            list[dict]: One for each key frame.
        """
        for key in ('ann_file', 'label_file', 'exclude_file', 'proposal_file'):
            path = getattr(self, key)
            if path is not None and not osp.isfile(path):
                raise FileNotFoundError(f'dataset.{key}={path!r}: no such file (working directory '
                                        f'{osp.abspath(".")}). data/README.md shows how to make it; or correct the key')
        samples = super().load_data_list()
        if not self.use_frames:
            for sample in samples:
                sample['filename'] += self.video_suffix
        return samples

    def seed_samples(self, seed: int, epoch: int) -> None:
        """From now on draw a sample's random numbers from the seed, the epoch and the sample's index.

        Args:
            seed (int): The run's seed.
            epoch (int): The epoch, from 0.
        """
        self._seed_and_epoch.copy_(torch.tensor([seed, epoch]))

    def prepare_data(self, idx: int) -> Optional[dict]:
        """The sample ``idx`` after the pipeline."""
        seed, epoch = self._seed_and_epoch.tolist()
        if seed < 0:
            return super().prepare_data(idx)
        state = np.random.SeedSequence([seed, epoch, idx]).generate_state(1)
        with numpy_and_python_seed(int(state[0])):
            return super().prepare_data(idx)
