"""Person boxes for AVA-form data from the region proposals of a trained STSSAFasterRCNN."""
from pathlib import Path
from pickle import UnpicklingError
from typing import List, Sequence

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmengine.runner import load_checkpoint

from stssa_mm.datasets.converters.ava_form import check_proposal_suffix
from stssa_mm.datasets.proposals import SELECTION, KeyFrame, Selection, find_and_write
from stssa_mm.registry import DATASETS, MODELS


def proposes_regions(config: Path) -> bool:
    """Whether a config's model is an STSSAFasterRCNN."""
    return Config.fromfile(config).get('model', {}).get('type') == 'STSSAFasterRCNN'


class ClipPeople:
    """Candidates for people on the centre frames of clips.

    Args:
        config (Path): Config of an STSSAFasterRCNN. Clips are made as its ``test_dataloader`` says.
        checkpoint (Path): Its weights. Loaded as data.
        key_frame_file (Path): An annotation csv, or a list of key frames.
        videos (Path): Folder of the videos.
        device (str): Defaults to ``'cpu'``.

    Raises:
        FileNotFoundError: If a file is not there.
        ValueError: If a file is malformed, or the checkpoint holds more than data.
    """

    def __init__(self, config: Path, checkpoint: Path, key_frame_file: Path, videos: Path, device: str = 'cpu') -> None:
        self.name = f'{Path(config).name}, {Path(checkpoint).name}'
        cfg = Config.fromfile(config)
        init_default_scope(cfg.default_scope)
        dataset = cfg.test_dataloader.dataset
        dataset.update(
            ann_file=str(key_frame_file), proposal_file=None, exclude_file=None, test_mode=True, video_suffix=None)
        dataset.data_prefix.img = str(videos)
        self._dataset = DATASETS.build(dataset)
        frames = self._dataset.key_frames
        self.key_frames = [KeyFrame(frames.videos[video], int(timestamp) if timestamp % 1 == 0 else timestamp, index)
                           for index, (video, timestamp) in enumerate(zip(frames.video, frames.timestamp.tolist()))]
        cfg.model.init_cfg = None
        self._model = MODELS.build(cfg.model).to(device).eval()
        try:
            load_checkpoint(self._model, str(checkpoint), map_location='cpu', strict=True)
        except (RuntimeError, UnpicklingError) as error:
            reason = ' '.join(str(error).split())[:300]
            raise ValueError(f'{checkpoint}: not a checkpoint of {config} ({reason})') from error

    def __call__(self, key_frames: Sequence[KeyFrame]) -> List[np.ndarray]:
        """Of each key frame (n, 5): x1, y1, x2, y2, relative, and the score."""
        batch = pseudo_collate([self._dataset[key_frame.frame] for key_frame in key_frames])
        with torch.no_grad():
            data = self._model.data_preprocessor(batch, False)
            samples = self._model.propose(data['inputs'], data['data_samples'])
        found = [sample.pred_instances.cpu().numpy() for sample in samples]
        return [np.column_stack([people.bboxes, people.scores]) for people in found]


def make_region_proposals(config: Path, checkpoint: Path, key_frame_file: Path, videos: Path, out: Path,
                          selection: Selection = SELECTION, batch_size: int = 8, device: str = 'cpu') -> dict:
    """Write the region proposals of a trained network as a proposal file.

    Args:
        config, checkpoint, key_frame_file, videos, device: See :class:`ClipPeople`.
        out, selection, batch_size: See :func:`~stssa_mm.datasets.proposals.find_and_write`.

    Returns:
        dict: See :func:`~stssa_mm.datasets.proposals.find_and_write`.

    Raises:
        FileNotFoundError: If a file is not there.
        ValueError: If a file or an argument is not as it should be.
    """
    check_proposal_suffix(out)
    people = ClipPeople(config, checkpoint, key_frame_file, videos, device)
    return find_and_write(people.key_frames, people, out, selection, batch_size)
