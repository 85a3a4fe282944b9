"""Detectors that find the people, or birds or cars, on a frame: a YOLOX ONNX file, or any detector of mmdet."""
from pathlib import Path
from typing import Optional

from .mmdet_detector import MMDetPersonDetector
from .person_detector import PersonDetector, select_people
from .yolox_onnx import YOLOXPersonDetector, decode_yolox

__all__ = [
    'MMDetPersonDetector', 'PersonDetector', 'YOLOXPersonDetector', 'decode_yolox', 'open_person_detector',
    'select_people'
]


def open_person_detector(model: Path, checkpoint: Optional[str] = None, device: str = 'cpu',
                         label: str = 'person') -> PersonDetector:
    """The detector of a file.

    Args:
        model (Path): An ONNX file of YOLOX, or a config of mmdet.
        checkpoint (str, optional): Of the mmdet config: a file or an address. Defaults to None.
        device (str): Where mmdet's detector runs. Defaults to ``'cpu'``.
        label (str): The class to look for: a name, or its number from 0. Defaults to ``'person'``.

    Returns:
        PersonDetector: The detector.

    Raises:
        ValueError: If the arguments do not belong together, or a file is not what it should be.
        FileNotFoundError: If a file is not there.
    """
    model = Path(model)
    if model.suffix not in ('.onnx', '.py'):
        raise ValueError(f'{model}: expected an ONNX file of YOLOX (.onnx) or a config of mmdet (.py)')
    if not model.is_file():
        raise FileNotFoundError(f'{model}: no such file')
    if model.suffix == '.onnx':
        if checkpoint:
            raise ValueError(f'{model}: an ONNX file has its weights: leave out the checkpoint {checkpoint}')
        return YOLOXPersonDetector(model, label)
    if not checkpoint:
        raise ValueError(f'{model}: a config of mmdet needs a checkpoint too')
    return MMDetPersonDetector(model, checkpoint, device, label)
