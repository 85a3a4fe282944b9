"""How long a config will train on this machine, from a few clips that are really trained on."""
import os
import time
from typing import NamedTuple

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.device import get_device
from mmengine.registry import DATASETS, MODELS, init_default_scope


class TrainingTime(NamedTuple):
    """An estimate.

    Attributes:
        seconds (float): Of all epochs, validation not counted.
        epochs (int): As the config says.
        clips (int): Of an epoch.
        step (float): Seconds of forward and backward a clip.
        data (float): Seconds of reading a clip in one process.
        device (str): Where the network ran, such as ``'2 CPU threads'``.
        busy (bool): Whether other programs used the machine meanwhile.
    """
    seconds: float
    epochs: int
    clips: int
    step: float
    data: float
    device: str
    busy: bool = False

    def __str__(self) -> str:
        whole = self.seconds / 60
        length = f'{whole:.0f} minutes' if whole < 90 else f'{whole / 60:.1f} hours'
        if whole < 1.5:
            length = f'{self.seconds:.0f} seconds'
        load = '; other programs slow the machine down now' if self.busy else ''
        return (f'about {length} for {self.epochs} epochs of {self.clips} clips on {self.device} (a clip: '
                f'{self.step:.2f} s of training, {self.data:.2f} s of reading{load})')


def estimate_training_time(cfg: Config, clips: int = 4) -> TrainingTime:
    """Read some clips of the training data, and time a forward and backward pass of them, the second of two.

    The time of a clip is taken to be that in a batch of ``clips``: larger batches are seldom slower a clip. Workers
    read beside the network where it is on a GPU; on a CPU the cores that they take are missing there, so times are
    added.

    Args:
        cfg (Config): Of a training run by epochs.
        clips (int): So many clips, evenly over the data. Defaults to 4.

    Returns:
        TrainingTime: The estimate. Checkpoints of initial weights are not loaded, as they do not change the time.

    Raises:
        ValueError: If the data cannot be read.
        RuntimeError: If the network cannot be run.
    """
    init_default_scope(cfg.get('default_scope', 'mmaction'))
    loader = cfg.train_dataloader
    dataset = DATASETS.build(loader.dataset)
    chosen = np.unique(np.linspace(0, len(dataset) - 1, clips).astype(int)).tolist()
    start = time.perf_counter()
    batch = pseudo_collate([dataset[index] for index in chosen])
    data = (time.perf_counter() - start) / len(chosen)
    state = torch.get_rng_state()
    device = torch.device(get_device())
    model = MODELS.build(cfg.model).to(device).train()
    for _ in range(2):  # the first makes what later steps find made
        start = time.perf_counter()
        inputs = model.data_preprocessor(batch, True)
        loss, _ = model.parse_losses(model(**inputs, mode='loss'))
        loss.backward()
        if device.type == 'cuda':
            torch.cuda.synchronize()
        step = (time.perf_counter() - start) / len(chosen)
    torch.set_rng_state(state)
    workers = loader.get('num_workers', 0)
    if device.type == 'cpu':
        seconds = step + data / max(min(workers, os.cpu_count() or 1), 1)
        name = f'{torch.get_num_threads()} CPU threads'
    else:
        seconds = max(step, data / workers) if workers else step + data
        name = torch.cuda.get_device_name(device) if device.type == 'cuda' else str(device)
    epochs = cfg.train_cfg.max_epochs
    busy = hasattr(os, 'getloadavg') and os.getloadavg()[0] > 1.5 * (os.cpu_count() or 1)
    return TrainingTime(seconds * len(dataset) * epochs, epochs, len(dataset), step, data, name, busy)
