"""What a transform does with a broken video: stop, or leave its samples out and count them."""
import logging

import torch
from mmengine.logging import print_log

from stssa_mm.video.probe import BrokenVideoError

MAX_WORKERS = 1024


class BrokenVideos:
    """For transforms that read videos.

    Args:
        on_broken (str): ``'stop'`` raises the error. ``'skip'`` warns once for each name and process, and gives None,
            for which the dataset draws another sample; ``STSSASkippedVideosHook`` reports the number after each epoch.
            It is for training: a test that left samples out would measure something else, so in test mode MMEngine
            stops at the first None.
    """

    def __init__(self, on_broken: str) -> None:
        if on_broken not in ('stop', 'skip'):
            raise ValueError(f"on_broken={on_broken!r}: expected 'stop' or 'skip'")
        self.on_broken = on_broken
        self._skipped = torch.zeros(MAX_WORKERS, dtype=torch.int64).share_memory_()  # of each worker
        self._warned = set()

    def __call__(self, name: str, error: BrokenVideoError) -> None:
        """Raise the error of the video ``name``, or count a sample."""
        if self.on_broken == 'stop':
            raise error
        worker = torch.utils.data.get_worker_info()
        self._skipped[worker.id % MAX_WORKERS if worker else 0] += 1
        if name not in self._warned:
            self._warned.add(name)
            print_log(f'sample left out: {error}', logger='current', level=logging.WARNING)

    def take_skipped(self) -> int:
        """The samples left out since the last call, in all processes."""
        number = int(self._skipped.sum())
        self._skipped.zero_()
        return number
