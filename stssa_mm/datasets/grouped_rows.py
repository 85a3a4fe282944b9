"""The people of each key frame, as columns. No torch."""
from typing import NamedTuple, Tuple

import numpy as np
import pandas as pd

from stssa_mm.files.annotations import Rows


class GroupedRows(NamedTuple):
    """F key frames with P people, who have N labels. Read only: copies share the arrays.

    Attributes:
        videos (np.ndarray): (V,) names.
        video (np.ndarray): (F,) index into ``videos``.
        timestamp (np.ndarray): (F,) float, in the dataset's unit.
        people (np.ndarray): (F + 1,) the people of key frame f are people[f] to people[f + 1].
        box (np.ndarray): (P, 4) x1, y1, x2, y2, relative.
        person (np.ndarray): (P,) their ids.
        labels (np.ndarray): (P + 1,) the labels of person p are labels[p] to labels[p + 1].
        label (np.ndarray): (N,) class columns.
    """
    videos: np.ndarray
    video: np.ndarray
    timestamp: np.ndarray
    people: np.ndarray
    box: np.ndarray
    person: np.ndarray
    labels: np.ndarray
    label: np.ndarray

    def __deepcopy__(self, memo: dict) -> 'GroupedRows':
        return self

    def labels_of(self, frame: int) -> Tuple[np.ndarray, np.ndarray]:
        """The labels of a key frame's people: (n,) the person, from 0, and (n,) the class column."""
        first, last = self.people[frame], self.people[frame + 1]
        counts = np.diff(self.labels[first:last + 1])
        return np.repeat(np.arange(last - first), counts), self.label[self.labels[first]:self.labels[last]]


def _number(*columns: np.ndarray) -> np.ndarray:
    """(N,) numbers of the different rows of some columns (N,), in the order in which they first appear."""
    table = pd.DataFrame(dict(enumerate(columns)), copy=False)
    return table.groupby(list(table), sort=False).ngroup().to_numpy()


def _first(numbers: np.ndarray) -> np.ndarray:
    """The first position of each number of :func:`_number`."""
    return np.flatnonzero(~pd.Series(numbers).duplicated())


def group_rows(rows: Rows, index: np.ndarray) -> GroupedRows:
    """Group rows by key frame and person.

    Key frames, and people within one, stand in the order in which a row first names them; key frames without people
    come last. A person is an id with a box, or a box where the file has no ids: ids are then 0, 1, ... in each key
    frame.

    Args:
        rows (Rows): Of an annotation file.
        index (np.ndarray): (N,) the class column of each row's label; -1 for a row to leave out.
    """
    keep = index >= 0
    video, timestamp = (np.concatenate([column[keep], column[~keep], empty]) for column, empty in (
        (rows.video, rows.empty_video), (rows.timestamp, rows.empty_timestamp)))
    frame = _number(video, timestamp)
    first = _first(frame)
    frame, index, box = frame[:keep.sum()], index[keep], rows.box[keep]
    ids = [] if rows.person is None else [rows.person[keep]]
    person = _number(frame, *ids, *box.T)
    of_person = _first(person)
    order = np.argsort(frame[of_person], kind='stable')
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    person, of_person = rank[person], of_person[order]
    by_person = np.argsort(person, kind='stable')
    people = np.searchsorted(frame[of_person], np.arange(len(first) + 1))
    ids = ids[0][of_person] if ids else np.arange(len(of_person)) - people[frame[of_person]]
    return GroupedRows(
        videos=rows.videos,
        video=video[first],
        timestamp=timestamp[first],
        people=people,
        box=box[of_person],
        person=ids,
        labels=np.searchsorted(person[by_person], np.arange(len(of_person) + 1)),
        label=index[by_person].astype(np.int32))
