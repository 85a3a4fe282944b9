"""AVA's annotation and detection files: reading them, saying what is wrong with them, and writing them."""
import csv
import itertools
import math
import mmap
from pathlib import Path
from typing import Iterable, NamedTuple, Optional, Tuple

import numpy as np
import pandas as pd

from .key_frames import DIGITS, check_video_names, key_of
from .text import MOST_OF_LINE, lines_of, plain, plural, shown, split_line, without_blanks
from .whole_file import whole_file

COLUMNS = ('video', 'timestamp', 'x1', 'y1', 'x2', 'y2', 'label')
# A ninth column is read as well, to find rows that are too long.
READ = dict(header=None, names=range(9), encoding='utf-8-sig', keep_default_na=False,
            na_values={column: [''] for column in range(1, 9)},
            dtype={0: 'category', **dict.fromkeys(range(1, 9), float)})
PIXELS = 2  # a coordinate above it is taken for pixels
LARGEST = 2**53  # from here on not all whole numbers are floats
MARGIN = 0.01  # annotated boxes may reach so far outside the frame, and are clipped


class Rows(NamedTuple):
    """The rows of an annotation or detection file, as columns. N rows with a box, E rows without, V videos.

    Attributes:
        videos (np.ndarray): (V,) names, sorted.
        video (np.ndarray): (N,) index into ``videos``.
        timestamp (np.ndarray): (N,) float, in the dataset's unit: seconds, or frames.
        box (np.ndarray): (N, 4) float, x1, y1, x2, y2, relative.
        label (np.ndarray): (N,) class ids.
        person (np.ndarray, optional): (N,) person ids of annotations; None where the file has 7 columns.
        score (np.ndarray): (N,) scores of detections; 1 in annotations.
        empty_video, empty_timestamp (np.ndarray): (E,) of the rows "video,timestamp": key frames with nobody.
        notes (tuple[str]): What is unusual about the file and was accepted.
    """
    videos: np.ndarray
    video: np.ndarray
    timestamp: np.ndarray
    box: np.ndarray
    label: np.ndarray
    person: Optional[np.ndarray]
    score: np.ndarray
    empty_video: np.ndarray
    empty_timestamp: np.ndarray
    notes: Tuple[str, ...] = ()


def _line_number(path: Path, row: int) -> int:
    """The line (from 1) that the row (from 0) stands on: pandas skips blank lines."""
    return next(itertools.islice(lines_of(path), row, None))[0]


def _first(path: Path, bad: np.ndarray, values: np.ndarray, what: str) -> None:
    """Raise a ValueError for the first row of the mask ``bad`` (N,), if there is one."""
    if bad.any():
        row = int(np.argmax(bad))
        raise ValueError(f'{path}:{_line_number(path, row)}: {plain(np.asarray(values[row]).tolist())}: {what}'
                         + (f' ({int(bad.sum())} such rows)' if bad.sum() > 1 else ''))


def _fault_of_line(fields: list) -> Optional[str]:
    """What is wrong with the fields of one line, or None."""
    columns = len(fields)
    while len(fields) > 2 and columns < 10 and not fields[-1]:
        fields = fields[:-1]  # a trailing comma is fine
    if len(fields) not in (2, 7, 8):
        tabs = ': it has tabs where commas are due' if any('\t' in field for field in fields) else ''
        return (f'{plural(len(fields), "column")}: expected {",".join(COLUMNS)} and perhaps a person id or score, or '
                f'video,timestamp for a key frame with nobody{tabs}')
    for name, value in zip((*COLUMNS[1:], 'person id or score'), fields[1:]):
        try:
            finite = math.isfinite(float(value)) and value.isascii() and '_' not in value
        except ValueError:
            finite = False
        if not finite:
            return f'{name}={shown(value)}: expected a number'
    return None


def _raise_first_fault(path: Path, error: Exception) -> None:
    """Go through a file that pandas refused, line by line, and raise a ValueError for the first fault."""
    for number, line in lines_of(path):
        fault = _fault_of_line(split_line(line))
        if fault:
            raise ValueError(f'{path}:{number}: {fault}')
    raise ValueError(f'{path}: {error}')


def _longest_line(data: mmap.mmap) -> int:
    """The bytes of the longest line."""
    letters = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero((letters == ord('\n')) | (letters == ord('\r')))
    return int(np.diff(ends, prepend=-1, append=len(letters)).max()) - 1


def _read_table(path: Path) -> Tuple[pd.DataFrame, Tuple[str, ...]]:
    """Nine columns, the missing ones nan; and notes on the file."""
    if not path.is_file() and path.exists():
        raise ValueError(f'{path}: not a regular file: write it to the disk first')
    with open(path, 'rb') as file:
        if not file.read(1):
            raise ValueError(f'{path}: the file is empty')
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            cut, nul, quoted = data[-1:] not in b'\r\n', data.find(b'\0'), data.find(b'"') >= 0
            long = _longest_line(data) > MOST_OF_LINE
    if nul >= 0:  # at which pandas would end a field
        raise ValueError(f'{path}: no text (a zero byte at byte {nul}): expected a csv file')
    if long:  # pandas would take minutes and gigabytes for a million columns
        _raise_first_fault(path, ValueError('a line is too long'))
    try:
        table = pd.read_csv(path, quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE, **READ)
    except (ValueError, OverflowError, pd.errors.ParserError) as error:  # UnicodeDecodeError is a ValueError
        _raise_first_fault(path, error)
    if not len(table):
        raise ValueError(f'{path}: the file holds blank lines only')
    if quoted and table[0].cat.categories.str.contains('\n').any():  # the quote of one line, closed in another
        _raise_first_fault(path, ValueError('a quote is not closed in its line'))
    # pandas makes an index of the first columns of a file whose first row is too long.
    if table[8].notna().any() or table[1].isna().any() or not isinstance(table.index, pd.RangeIndex):
        _raise_first_fault(path, ValueError('rows with a wrong number of columns'))
    return table, (f'{path}: the last line has no line end: is the file cut off?', ) if cut else ()


def _repeated(video: np.ndarray, numbers: np.ndarray) -> int:
    """How many rows are the same as an earlier one: of videos (N,) and numbers (N, C)."""
    # Equal rows have equal sums, which are faster to compare than rows.
    factors = np.random.default_rng(0).integers(1, 2**63, numbers.shape[1] + 1, np.uint64) * np.uint64(2) + np.uint64(1)
    sums = video.astype(np.uint64) * factors[0]
    for column, factor in zip(numbers.T, factors[1:]):
        sums += np.ascontiguousarray(column).view(np.uint64) * factor
    rows = np.flatnonzero(pd.Series(sums).duplicated(keep=False))
    return int(pd.DataFrame(numbers[rows]).assign(video=video[rows]).duplicated().sum())


def _read_rows(path: Path, detections: bool) -> Rows:
    path = Path(path)
    table, notes = _read_table(path)
    numbers = table.loc[:, 1:7].to_numpy()
    blank = np.isnan(numbers[:, 1:6])
    empty, missing = blank.all(1), np.isnan(numbers[:, 6])
    if (blank.any(1) & ~empty).any() or (empty & ~missing).any():
        _raise_first_fault(path, ValueError('a row has empty fields'))
    _first(path, np.isinf(numbers).any(1), numbers, 'expected finite numbers')
    _first(path, np.abs(numbers[:, 0]) >= LARGEST, numbers[:, 0], 'expected a timestamp: seconds, or a frame number')
    numbers[:, 0] = numbers[:, 0].round(DIGITS)
    raw = table[0].cat.categories.to_numpy().astype(str)
    names = np.array([without_blanks(name) for name in raw.tolist()], raw.dtype)
    codes = table[0].cat.codes.to_numpy()
    videos, number = np.unique(names, return_inverse=True)  # pandas gives them as they first come up
    video = number[codes]
    if (names != raw).any():
        notes += (f'{path}: blanks around the name of the video in '
                  f'{plural(int((names != raw)[codes].sum()), "row")}: taken off', )
    _first(path, videos[video] == '', numbers[:, 0], 'the name of the video is missing')
    if (missing & ~empty).any() and not missing.all():
        _first(path, missing & ~empty, table[0].astype(object).to_numpy(),
               'expected 8 columns, as in other rows, and found 7: is the file cut off?')
    label = numbers[:, 5]
    _first(path, ~empty & ((label != np.round(label)) | (label < 1) | (label > 2**31)), label,
           'expected a class id, a whole number from 1')
    box = numbers[:, 1:5]
    _first(path, (np.abs(box) > PIXELS).any(1), box,
           'expected a box x1,y1,x2,y2 relative to the frame (0 to 1): divide pixels by width and height')
    if detections:  # boxes without area are the evaluation's to count
        _first(path, (box[:, 2:] < box[:, :2]).any(1), box, 'expected x1 <= x2 and y1 <= y2')
    else:
        _first(path, (box[:, 2:] <= box[:, :2]).any(1), box, 'expected x1 < x2 and y1 < y2')
    outside = (box < 0).any(1) | (box > 1).any(1)
    last = numbers[:, 6]
    if detections:
        if outside.any():
            notes += (f'{path}: {plural(int(outside.sum()), "box reaches", "boxes reach")} outside the frame '
                      '(0 to 1): used as given', )
        wild = (last < 0) | (last > 1)
        if wild.any():
            notes += (f'{path}: {plural(int(wild.sum()), "score is", "scores are")} not between 0 and 1: used as '
                      'given, only their order matters', )
        if (missing & ~empty).any():
            notes += (f'{path}: 7 columns, so every detection has score 1', )
    else:
        inside = box.clip(0, 1)
        far = (np.abs(box - inside) > MARGIN * (1 + 1e-9)).any(1) | (inside[:, 2:] <= inside[:, :2]).any(1)
        _first(path, far, box, 'expected a box x1,y1,x2,y2 within the frame (0 to 1)')
        if outside.any():
            box = inside
            notes += (f'{path}: {plural(int(outside.sum()), "box reaches", "boxes reach")} up to {MARGIN} outside '
                      'the frame (0 to 1): clipped', )
        repeated = _repeated(video, numbers)
        if repeated:
            notes += (f'{path}: {plural(repeated, "row repeats", "rows repeat")} an earlier one: in the evaluation '
                      'each counts, as in the official script', )
        _first(path, ~missing & (last != np.round(last)), last,
               'expected a person id, a whole number: is this a file of detections?')
        _first(path, np.abs(last) >= LARGEST, last, 'expected a person id below 2**53')
    keep = ~empty if empty.any() else slice(None)
    with_last = len(last[keep]) and not missing[keep].any()
    return Rows(
        videos=videos,
        video=video[keep].astype(np.int32),
        timestamp=numbers[keep, 0],
        box=np.ascontiguousarray(box[keep]),
        label=label[keep].astype(np.int64),
        person=last[keep].astype(np.int64) if with_last and not detections else None,
        score=last[keep] if with_last and detections else np.ones(len(last[keep])),
        empty_video=video[empty].astype(np.int32),
        empty_timestamp=numbers[empty, 0],
        notes=notes)


def read_annotations(path: Path) -> Rows:
    """Read a ground-truth csv: video, timestamp, x1, y1, x2, y2, label and perhaps a person id.

    A row "video,timestamp" is a key frame with nobody in it. Timestamps are rounded to 6 digits: equal ones are the
    same key frame. Boxes that reach up to 0.01 outside the frame are clipped. Blank lines, a byte-order mark, fields in
    quotes and blanks around names are fine. Clipped boxes, blanks and rows that repeat another are counted in a note.

    Args:
        path (Path): The file.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If a row is malformed; names file and line, what was found and what was expected.
    """
    return _read_rows(path, detections=False)


def read_detections(path: Path) -> Rows:
    """Read a csv of detections: video, timestamp, x1, y1, x2, y2, label and score.

    Boxes that reach outside the frame and scores outside 0 to 1 are kept and noted, boxes without area are kept;
    without the last column each score is 1, as in the official script.

    Args:
        path (Path): The file. An empty one holds no detection.

    Raises:
        FileNotFoundError, ValueError: As in :func:`read_annotations`.
    """
    path = Path(path)
    if path.is_file() and path.stat().st_size == 0:
        none = np.zeros(0)
        return Rows(none.astype(str), none.astype(np.int32), none, none.reshape(0, 4), none.astype(np.int64), None,
                    none, none.astype(np.int32), none, (f'{path}: the file is empty: no detections', ))
    return _read_rows(path, detections=True)


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
    rows = list(rows)
    check_video_names({row.video for row in rows}, str(path))
    with whole_file(path) as part, open(part, 'w') as file:
        for row in rows:
            box = ','.join(f'{value:.4f}' for value in row[2:6])
            file.write(f'{key_of(row.video, row.timestamp)},{box},{row.label},{row.person}\n')


def write_detections(path: Path, rows: Rows) -> None:
    """Write detections as csv: video, timestamp, x1, y1, x2, y2, label, score, with all digits."""
    check_video_names(rows.videos.tolist(), str(path))
    timestamp = rows.timestamp.astype(int) if (rows.timestamp % 1 == 0).all() else rows.timestamp
    columns = [rows.videos[rows.video], timestamp, *rows.box.T, rows.label, rows.score]
    with whole_file(path) as part:
        pd.DataFrame(dict(enumerate(columns))).to_csv(part, header=False, index=False)
