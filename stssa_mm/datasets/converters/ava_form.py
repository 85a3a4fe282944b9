"""Writing files in AVA's formats."""
import pickle
from pathlib import Path
from typing import Dict, Iterable, NamedTuple, Sequence

import numpy as np

from stssa_mm.files.whole_file import whole_file


class Row(NamedTuple):
    """One line of an annotation file: a person with one label on a key frame.

    Boxes are relative, timestamps in the dataset's own unit (seconds, or frames with ``fps=1``).
    """
    video: str
    timestamp: int
    x1: float
    y1: float
    x2: float
    y2: float
    label: int
    person: int


def write_annotations(path: Path, rows: Iterable[Row]) -> None:
    """An annotation csv with person ids: video, timestamp, x1, y1, x2, y2, label, person."""
    with whole_file(path) as part, open(part, 'w') as file:
        for row in rows:
            box = ','.join(f'{value:.4f}' for value in row[2:6])
            file.write(f'{row.video},{row.timestamp:04d},{box},{row.label},{row.person}\n')


def write_proposals(path: Path, proposals: Dict[str, np.ndarray]) -> None:
    """A proposal file, by its suffix.

    Args:
        path (Path): ``.pkl``; ``.npz`` with an array a key; or ``.csv`` with the lines
            "video,timestamp,x1,y1,x2,y2,score", and "video,timestamp" where there is no box.
        proposals (dict[str, np.ndarray]): 'video,timestamp' (the timestamp with four digits) to an array (n, 5):
            x1, y1, x2, y2, relative, and the score.

    Raises:
        ValueError: If the suffix is another.
    """
    path = Path(path)
    check_proposal_suffix(path)
    with whole_file(path) as part:
        if path.suffix == '.pkl':
            part.write_bytes(pickle.dumps(proposals, protocol=4))
        elif path.suffix == '.npz':
            np.savez_compressed(part, **proposals)
        else:
            lines = (','.join([key, *(f'{value:.4f}' for value in box)]) + '\n'
                     for key, boxes in proposals.items() for box in (boxes if len(boxes) else [()]))
            part.write_text(''.join(lines))


def check_proposal_suffix(path: Path) -> None:
    """Raises ValueError if there are no proposal files with this suffix."""
    if Path(path).suffix not in ('.pkl', '.npz', '.csv'):
        raise ValueError(f'{path}: expected a proposal file .pkl, .npz or .csv')


def ground_truth_proposals(rows: Iterable[Row]) -> Dict[str, np.ndarray]:
    """The annotated boxes as proposals, each once a person and with score 1, for :func:`write_proposals`."""
    boxes: Dict[str, dict] = {}
    for row in rows:
        boxes.setdefault(f'{row.video},{row.timestamp:04d}', {})[row.person] = [round(v, 4) for v in row[2:6]] + [1.0]
    return {key: np.array(list(people.values())) for key, people in boxes.items()}


def write_label_map(path: Path, names: Sequence[str]) -> None:
    """An AVA action list: classes numbered from 1."""
    items = (f'item {{\n  name: "{name}"\n  id: {number}\n}}\n' for number, name in enumerate(names, 1))
    with whole_file(path) as part:
        part.write_text(''.join(items))
