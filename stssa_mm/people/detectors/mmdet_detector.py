"""Any detector of mmdet."""
from pathlib import Path
from pickle import UnpicklingError
from typing import List, Sequence

import numpy as np
from mmdet.apis import inference_detector, init_detector
from mmengine.config import Config

from .person_detector import class_number, name_of


class MMDetPersonDetector:
    """People, or what else it knows, by a detector of mmdet.

    Args:
        config (Path): Its config.
        checkpoint (str): Its weights: a file or an address. Loaded as data.
        device (str): Defaults to ``'cpu'``.
        label (str): The class to look for: a name of its classes, or a number from 0. Defaults to ``'person'``.

    Raises:
        ValueError: If it has no such class, or the checkpoint holds more than data.
    """

    def __init__(self, config: Path, checkpoint: str, device: str = 'cpu', label: str = 'person') -> None:
        self.name = name_of(f'{Path(config).name}, {Path(checkpoint).name}', label)
        try:
            self.model = init_detector(Config.fromfile(config), str(checkpoint), device=device)
        except UnpicklingError as error:
            raise ValueError(f'{checkpoint}: cannot be loaded as weights ({str(error).splitlines()[0]})') from error
        self.label = class_number(label, self.model.dataset_meta['classes'], str(config))

    def __call__(self, frames: Sequence[np.ndarray]) -> List[np.ndarray]:
        """Candidates: see :class:`PersonDetector`."""
        results = inference_detector(self.model, [np.ascontiguousarray(frame[..., ::-1]) for frame in frames])
        people = []
        for frame, result in zip(frames, results):
            found = result.pred_instances.cpu().numpy()
            found = found[found.labels == self.label]
            height, width = frame.shape[:2]
            people.append(np.column_stack([found.bboxes / (width, height, width, height), found.scores]))
        return people
