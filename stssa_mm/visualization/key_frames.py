"""Key frames side by side, as a picture to show."""
from pathlib import Path
from typing import Dict, List, Optional, Sequence

import cv2
import numpy as np
from mmengine.config import Config
from mmengine.registry import DATASETS, init_default_scope
from PIL import Image

from stssa_mm.files.annotations import read_detections
from stssa_mm.files.key_frames import key_of, split_key
from stssa_mm.files.label_map import read_label_map
from stssa_mm.files.whole_file import whole_file

from .boxes import Labelled, class_colours, draw_people
from .contact_sheet import labelled_people, read_key_frame

GAP = 6  # pixels between frames


def draw_key_frames(cfg: Config, split: str, keys: Sequence[str], out: Path, detections: Optional[Path] = None,
                    score_thr: float = 0.5, height: int = 540) -> Path:
    """Draw the people of key frames, with the names of what they do.

    Args:
        cfg (Config): Its dataset says where videos, annotations and names are.
        split (str): ``'train'``, ``'val'`` or ``'test'``.
        keys (Sequence[str]): The key frames, ``'video,timestamp'`` each.
        out (Path): The picture, ``.png`` or ``.jpg``.
        detections (Path, optional): Draw these, with scores, and not the annotations. Defaults to None.
        score_thr (float): Least score of a detection. Defaults to 0.5.
        height (int): Of the picture, in pixels. Defaults to 540.

    Returns:
        Path: ``out``.

    Raises:
        ValueError: If there is no such key frame, or something cannot be read or drawn.
    """
    out = Path(out)
    if out.suffix not in ('.png', '.jpg'):
        raise ValueError(f'{out}: expected a picture .png or .jpg')
    if height < 64:
        raise ValueError(f'height={height}: expected 64 pixels or more')
    init_default_scope(cfg.get('default_scope', 'mmaction'))
    part = cfg.get(f'{split}_dataloader')
    if not part:
        raise ValueError(f'the config has no {split}_dataloader')
    dataset = DATASETS.build({**part.dataset, 'test_mode': True})
    steps = {step['type'].rsplit('.')[-1] for step in part.dataset.get('pipeline', ())}
    names = read_label_map(part.dataset.label_file)
    there = {dataset.get_data_info(index)['img_key']: index for index in range(len(dataset))}
    found = _detected(detections, names, score_thr) if detections else {}
    tiles: List[np.ndarray] = []
    for text in keys:
        key = split_key(text).key
        if key not in there:
            raise ValueError(f'{text}: no key frame of the {split} data: expected one of {len(there)}, such as '
                             f'{", ".join(list(there)[:3])}')
        sample = dataset.get_data_info(there[key])
        image = read_key_frame(dataset, sample, {'STSSAVideoInit', 'STSSASampleFrames'} <= steps)
        image = cv2.resize(image, (max(round(image.shape[1] * height / image.shape[0]), 1), height),
                           interpolation=cv2.INTER_AREA if image.shape[0] > height else cv2.INTER_CUBIC)
        ids = np.array(dataset.custom_classes or range(dataset.num_classes))
        people = found.get(key, []) if detections else labelled_people(sample, names, ids)
        tiles.append(draw_people(image, people, size=max(height // 38, 12), line=max(height // 200, 2)))
        tiles.append(np.full((height, GAP, 3), 255, np.uint8))
    with whole_file(out) as part:
        Image.fromarray(np.concatenate(tiles[:-1], 1)).save(part, 'PNG' if out.suffix == '.png' else 'JPEG',
                                                            quality=90)
    return out


def _detected(path: Path, names: Dict[int, str], score_thr: float) -> Dict[str, List[Labelled]]:
    """The detections of each key frame; those of one box are a person, the likeliest first."""
    rows = read_detections(path)
    colours = dict(zip(names, class_colours(len(names))))
    boxes: Dict[str, Dict[tuple, list]] = {}
    for index in np.flatnonzero(rows.score >= score_thr):
        key = key_of(str(rows.videos[rows.video[index]]), rows.timestamp[index])
        boxes.setdefault(key, {}).setdefault(tuple(rows.box[index].tolist()), []).append(
            (float(rows.score[index]), int(rows.label[index])))
    return {key: [Labelled(box, [f'{names.get(label, label)} {score:.2f}' for score, label in sorted(labels)[::-1]],
                           [colours.get(label, (190, 195, 205)) for _, label in sorted(labels)[::-1]])
                  for box, labels in of.items()] for key, of in boxes.items()}
