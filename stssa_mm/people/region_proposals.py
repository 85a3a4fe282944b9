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

from stssa_mm.files.key_frames import KeyFrame, read_key_frames
from stssa_mm.registry import DATASETS, MODELS

from .proposals import SELECTION, Selection, find_and_write


def proposes_regions(config: Path) -> bool:
    """Whether a config's model is an STSSAFasterRCNN, under its bare name or with a scope."""
    return Config.fromfile(config).get('model', {}).get('type', '').rsplit('.')[-1] == 'STSSAFasterRCNN'


class ClipPeople:
    """Candidates for people on the key frames of clips.

    Args:
        config (Path): Config of an STSSAFasterRCNN. Clips are made as its ``test_dataloader`` says; its classes do not
            matter.
        checkpoint (Path): Its weights. Loaded as data.
        key_frame_file (Path): An annotation csv, or a list of key frames.
        videos (Path): Folder of the videos, or of the frame folders, whatever the config reads.
        max_people (int): Region proposals of a clip at most.
        device (str): Defaults to ``'cpu'``.

    Raises:
        FileNotFoundError: If a file is not there.
        ValueError: If a file is malformed, the checkpoint does not fit or holds more than data, or there is no such
            device.
    """

    def __init__(self, config: Path, checkpoint: Path, key_frame_file: Path, videos: Path, max_people: int,
                 device: str = 'cpu') -> None:
        if not Path(checkpoint).is_file():
            raise FileNotFoundError(f'{checkpoint}: no such file')
        state = Path(checkpoint).stat()  # epoch_4.pth of another run is another network
        self.name = f'{config}, {Path(checkpoint).resolve()}, {state.st_size} bytes of {state.st_mtime:.0f}'
        cfg = Config.fromfile(config)
        init_default_scope(cfg.default_scope)
        cfg.model.init_cfg = None
        cfg.model.test_cfg.rpn.max_per_img = max_people
        self._model = MODELS.build(cfg.model).eval()
        try:
            load_checkpoint(self._model, str(checkpoint), map_location='cpu', strict=True)
        except (EOFError, RuntimeError, UnpicklingError) as error:
            reason = ' '.join(str(error).split())[:300]
            raise ValueError(f'{checkpoint}: not a checkpoint of {config} ({reason})') from error
        try:
            self._model.to(device)
        except (AssertionError, RuntimeError) as error:
            raise ValueError(f'device={device!r}: {str(error).splitlines()[0]}') from error
        self.key_frames = read_key_frames(key_frame_file)
        dataset = cfg.test_dataloader.dataset
        dataset.update(ann_file=None, key_frames=[key_frame.key for key_frame in self.key_frames], label_file=None,
                       custom_classes=None, exclude_file=None, proposal_file=None, test_mode=True, video_suffix=None)
        dataset.data_prefix.img = str(videos)
        self._dataset = DATASETS.build(dataset)
        self._samples = {key_frame: index for index, key_frame in enumerate(self.key_frames)}  # they keep their order

    def __call__(self, key_frames: Sequence[KeyFrame]) -> List[np.ndarray]:
        """Of each key frame (n, 5): x1, y1, x2, y2, relative, and the score.

        Raises:
            ValueError: If a video cannot be read or a key frame lies outside.
        """
        batch = pseudo_collate([self._dataset[self._samples[key_frame]] for key_frame in key_frames])
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
        out, selection, batch_size: See :func:`~stssa_mm.people.proposals.find_and_write`.

    Returns:
        dict: See :func:`~stssa_mm.people.proposals.find_and_write`.

    Raises:
        FileNotFoundError: If a file is not there.
        ValueError: If a file or an argument is not as it should be.
    """
    selection.check()
    people = ClipPeople(config, checkpoint, key_frame_file, videos, selection.max_people, device)
    return find_and_write(people.key_frames, people, out, selection, batch_size)
