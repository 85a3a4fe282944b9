"""Any detector of mmdet that knows the class "person"."""
from pathlib import Path
from pickle import UnpicklingError
from typing import List, Sequence

import numpy as np
from mmdet.apis import inference_detector, init_detector
from mmengine.config import Config


class MMDetPersonDetector:
    """People by a detector of mmdet.

    Args:
        config (Path): Its config.
        checkpoint (str): Its weights: a file or an address. Loaded as data.
        device (str): Defaults to ``'cpu'``.

    Raises:
        ValueError: If it has no class "person", or the checkpoint holds more than data.
    """

    def __init__(self, config: Path, checkpoint: str, device: str = 'cpu') -> None:
        self.name = f'{Path(config).name}, {Path(checkpoint).name}'
        try:
            self.model = init_detector(Config.fromfile(config), str(checkpoint), device=device)
        except UnpicklingError as error:
            raise ValueError(f'{checkpoint}: cannot be loaded as weights ({str(error).splitlines()[0]})') from error
        classes = [name.lower() for name in self.model.dataset_meta['classes']]
        if 'person' not in classes:
            raise ValueError(f'{config}: no class "person" among its classes {", ".join(classes)}')
        self.person = classes.index('person')

    def __call__(self, frames: Sequence[np.ndarray]) -> List[np.ndarray]:
        """Candidates for people: see :class:`PersonDetector`."""
        results = inference_detector(self.model, [np.ascontiguousarray(frame[..., ::-1]) for frame in frames])
        people = []
        for frame, result in zip(frames, results):
            found = result.pred_instances.cpu().numpy()
            found = found[found.labels == self.person]
            height, width = frame.shape[:2]
            people.append(np.column_stack([found.bboxes / (width, height, width, height), found.scores]))
        return people
