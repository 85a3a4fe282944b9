"""Proposal files: person boxes of key frames."""
import pickle
import struct
from pathlib import Path
from typing import Dict, Iterable, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from .annotations import MARGIN, PIXELS, Row
from .array_archive import read_arrays
from .key_frames import check_video_names, key_frame_lines, key_of, split_key
from .plain_pickle import MOST_OVER_SIZE, PlainUnpickler
from .text import plain, shown
from .whole_file import whole_file


class Proposals(NamedTuple):
    """The proposals of F key frames as columns, P boxes in all. Read only: copies share the arrays.

    Attributes:
        start (np.ndarray): (F + 1,) the boxes of key frame f are start[f] to start[f + 1].
        box (np.ndarray): (P, 4) x1, y1, x2, y2, relative.
        score (np.ndarray): (P,); nan where the file has none.
        without_area (int): Boxes of these key frames that were dropped, as they have no area.
        clipped (int): Boxes that reached up to ``MARGIN`` outside the frame.
    """
    start: np.ndarray
    box: np.ndarray
    score: np.ndarray
    without_area: int = 0
    clipped: int = 0

    def __deepcopy__(self, memo: dict) -> 'Proposals':
        return self

    def of(self, frame: int) -> Tuple[np.ndarray, Optional[np.ndarray]]:
        """Copies of the boxes (n, 4) and scores (n,) of a key frame; None for scores that the file does not have."""
        part = slice(self.start[frame], self.start[frame + 1])
        score = self.score[part]
        return self.box[part].copy(), None if np.isnan(score).any() else score.copy()


def _read_pickle(path: Path) -> dict:
    try:
        data = path.read_bytes()
        found = PlainUnpickler(data).load()
        arrays = found.values() if isinstance(found, dict) else ()
        if sum(array.nbytes for array in arrays if isinstance(array, np.ndarray)) > MOST_OVER_SIZE * len(data):
            raise pickle.UnpicklingError('many key frames have the same array, which unfolds to over '
                                         f'{MOST_OVER_SIZE} times its {len(data)} bytes')
        return found
    except (pickle.UnpicklingError, EOFError, ValueError, TypeError, IndexError, KeyError, AttributeError, MemoryError,
            OverflowError, ImportError, AssertionError, struct.error) as error:  # what damaged pickles raise
        early, unknown = 'it ends too early', 'it is no pickle'
        reason = {EOFError: early, struct.error: early, KeyError: unknown}.get(type(error), error)
        raise ValueError(f'{path}: cannot be read as a pickle of a dict of numpy arrays ({plain(reason)}): make it '
                         'with tools/data/make_proposals.py') from None


def _read_npz(path: Path) -> dict:
    return read_arrays(path)


def _read_csv(path: Path) -> dict:
    boxes: Dict[str, list] = {}
    expected = 'video,timestamp,x1,y1,x2,y2 and perhaps a score, or video,timestamp where nobody was found'
    for where, line, key_frame, fields in key_frame_lines(path, expected):
        if len(fields) == 6 and fields[4].strip() in ('', '-1'):  # PySlowFast's predicted boxes: no label
            del fields[4]
        try:
            box = [float(field) for field in fields]
        except ValueError:
            box = None
        if box is None or len(box) not in (0, 4, 5):
            raise ValueError(f'{where}: {shown(line)}: expected {expected}')
        rows = boxes.setdefault(key_frame.key, [])
        rows.extend([box] if box else [])
        if rows and len(rows[0]) != len(rows[-1]):
            raise ValueError(f'{where}: {shown(line)}: expected as many columns as in the other boxes of this frame')
    return {key: np.array(rows, float).reshape(len(rows), -1) if rows else np.zeros((0, 5))
            for key, rows in boxes.items()}


READERS = {'.pkl': _read_pickle, '.pickle': _read_pickle, '.npz': _read_npz, '.csv': _read_csv}


def read_proposals(path: Path) -> Dict[str, np.ndarray]:
    """Read a proposal file of any format that :func:`write_proposals` writes, or MMAction2's.

    Pickles are data only: what is not a numpy array, dict, list, text or number is refused. Boxes may be lists, numbers
    texts, and a csv PySlowFast's predicted boxes, whose seventh field is empty.

    Args:
        path (Path): ``.pkl``, ``.npz`` or ``.csv``.

    Returns:
        dict[str, np.ndarray]: Key of a key frame ('video,0902') to an array (n, 4) or (n, 5): x1, y1, x2, y2, relative,
        and perhaps the score, in the file's order.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is malformed; names the file, and the key or line.
    """
    path = Path(path)
    if path.suffix not in READERS:
        raise ValueError(f'{path}: expected a proposal file: {", ".join(READERS)}')
    found = READERS[path.suffix](path)
    if not isinstance(found, dict):
        raise ValueError(f"{path}: found a {type(found).__name__}: expected a dict from 'video,0902' to arrays (n, 5)")
    proposals = {}
    for name, boxes in found.items():
        if not isinstance(name, str):
            raise ValueError(f"{path}: key {shown(name)}: expected a text 'video,timestamp'")
        try:
            key = split_key(name).key
        except ValueError as error:
            raise ValueError(f'{path}: {plain(error)}') from None
        if key in proposals:
            raise ValueError(f'{path}: key {shown(name)}: occurs twice (as {key!r})')
        boxes = _plain(boxes)
        if not isinstance(boxes, np.ndarray) or boxes.ndim != 2 or boxes.shape[1] not in (4, 5) \
                or boxes.dtype.kind not in 'fiu':
            what = f'{boxes.dtype} {boxes.shape}' if isinstance(boxes, np.ndarray) else type(boxes).__name__
            raise ValueError(f'{path}: key {shown(name)}: found {what}: expected an array of numbers, (n, 4) or '
                             '(n, 5): x1, y1, x2, y2, score')
        proposals[key] = np.asarray(boxes)
    box, score, start = _columns(list(proposals.values()))
    scored = np.repeat([array.shape[1] == 5 for array in proposals.values()], np.diff(start))
    wild = ~np.isfinite(box).all(1) | scored.astype(bool) & ~np.isfinite(score)
    _check(path, list(proposals), start, box, wild, 'expected finite numbers, also as the score')
    _check(path, list(proposals), start, box, (box[:, 2:] < box[:, :2]).any(1), 'expected x1 <= x2 and y1 <= y2')
    return proposals


def _plain(boxes: object) -> object:
    """What public scripts write where an array (n, 5) is meant: lists, numbers as texts, perhaps with a line end, and
    a list or array of one dimension for nobody. Anything else as it is."""
    if isinstance(boxes, (list, tuple)):
        if not boxes:
            return np.zeros((0, 5))
        try:
            return np.array([[float(value) for value in row] for row in boxes])
        except (TypeError, ValueError, OverflowError):  # not of numbers, or of different length
            return boxes
    if isinstance(boxes, np.ndarray) and boxes.dtype.kind in 'US':
        try:
            boxes = boxes.astype(float)
        except ValueError:
            return boxes
    if isinstance(boxes, np.ndarray) and not boxes.size and boxes.shape in ((0, ), (0, 0)):
        return boxes.reshape(0, 5)
    return boxes


def _columns(arrays: Sequence[np.ndarray]) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Boxes (P, 4), scores (P,) and starts (F + 1,) of F arrays (n, 4) or (n, 5)."""
    start = np.concatenate([[0], np.cumsum([len(array) for array in arrays], dtype=np.int64)])
    box = np.concatenate([np.zeros((0, 4), np.float16), *(array[:, :4] for array in arrays)])
    score = np.concatenate([np.zeros(0, np.float16), *(
        array[:, 4] if array.shape[1] == 5 else np.full(len(array), np.nan, np.float16) for array in arrays)])
    return box, score, start


def _check(path: Path, keys: Sequence[str], start: np.ndarray, box: np.ndarray, bad: np.ndarray, what: str) -> None:
    """Raise a ValueError for the first box of the mask ``bad`` (P,), if there is one."""
    if bad.any():
        first = int(np.argmax(bad))
        key = keys[int(np.searchsorted(start, first, 'right')) - 1]
        raise ValueError(f'{path}: key {key!r}: box {box[first].tolist()}: {what} ({int(bad.sum())} such boxes)')


def select_proposals(proposals: Dict[str, np.ndarray], keys: Sequence[str], score_thr: float, max_boxes: int,
                     path: Path) -> Proposals:
    """The proposals of some key frames that a dataset uses. Boxes without area are dropped and counted.

    Args:
        proposals (dict[str, np.ndarray]): Of :func:`read_proposals`.
        keys (Sequence[str]): F key frames. One that ``proposals`` lacks has no boxes.
        score_thr (float): Boxes of at least this score are used; if a key frame has none, those of its best score.
        max_boxes (int): The first so many of these are used.
        path (Path): Of the file, for errors.

    Raises:
        ValueError: If a box that is used reaches more than ``MARGIN`` outside 0 to 1; names its key.
    """
    none = np.zeros((0, 4), np.float16)
    box, score, start = _columns([proposals.get(key, none) for key in keys])
    frame = np.repeat(np.arange(len(keys)), np.diff(start))
    has_area = (box[:, 2:] > box[:, :2]).all(1)
    box, score, frame = box[has_area], score[has_area], frame[has_area]
    count = np.bincount(frame, minlength=len(keys))
    start = np.concatenate([[0], np.cumsum(count)])
    best = np.maximum.reduceat(score, start[:-1][count > 0]) if len(score) else score
    threshold = np.repeat(np.minimum(best, score.dtype.type(score_thr)), count[count > 0])
    keep = np.isnan(score) | (score >= threshold)
    passed = np.cumsum(keep) - keep  # boxes used before this one
    keep &= passed - passed[start[frame]] < max_boxes
    box, score = box[keep], score[keep]
    start = np.concatenate([[0], np.cumsum(np.bincount(frame[keep], minlength=len(keys)))])
    inside = box.clip(0, 1)
    outside = (inside != box).any(1)
    far = (np.abs(inside - box) > MARGIN * (1 + 1e-3)).any(1) | (inside[:, 2:] <= inside[:, :2]).any(1)
    _check(path, keys, start, box, far & (box > PIXELS).any(1),
           'expected a box relative to the frame (0 to 1): divide pixels by width and height')
    _check(path, keys, start, box, far, 'expected a box relative to the frame (0 to 1)')
    return Proposals(start, inside, score, int((~has_area).sum()), int(outside.sum()))


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
    check_video_names((key.rpartition(',')[0] for key in proposals), str(path))
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
        boxes.setdefault(key_of(row.video, row.timestamp), {})[row.person] = [round(v, 4) for v in row[2:6]] + [1.0]
    return {key: np.array(list(people.values())) for key, people in boxes.items()}
