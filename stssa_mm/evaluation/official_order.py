"""The order in which the official script takes the labelled boxes of a file. numpy only."""
from heapq import heappush, heapreplace
from typing import Optional

import numpy as np


def sort_by(score: np.ndarray, *keys: np.ndarray) -> np.ndarray:
    """(N,) index: by the last of the keys (whole numbers from 0), then the ones before it, then by falling score; the
    earlier of equals first."""
    order = np.argsort(-score, kind='stable')
    for key in keys:
        key = key.astype(np.min_scalar_type(int(key.max(initial=0))))  # up to 16 bits numpy sorts by radix
        order = order[np.argsort(key[order], kind='stable')]
    return order


def first_appearance(frame: np.ndarray) -> np.ndarray:
    """(N,) the place of each row's frame in the order in which the rows first name the frames."""
    last = len(frame) - 1
    first = np.full(int(frame.max(initial=-1)) + 1, last + 1)
    first[frame[::-1]] = np.arange(last, -1, -1)  # of equal indices the last one assigned stays
    place = np.empty(len(first), np.int64)
    place[np.argsort(first, kind='stable')] = np.arange(len(first))
    return place[frame]


def official_order(frame: np.ndarray, box: np.ndarray, label: np.ndarray, score: np.ndarray,
                   capacity: Optional[int] = None) -> np.ndarray:
    """Which labelled boxes the official script reads, and in which order it goes through them.

    ``read_csv`` of ``get_ava_performance.py`` keeps the boxes of a frame in a heap over (score, class, y1, x1, y2, x2).
    Once it is full, a box of higher score replaces the smallest. Frames then come in the order in which the file first
    names them, and the boxes of a frame by falling score, equal ones as they lie in the heap. Only frames in which that
    decides go through a heap here.

    Args:
        frame (np.ndarray): (N,) number of the key frame of each row of the file, from 0.
        box (np.ndarray): (N, 4) x1, y1, x2, y2.
        label (np.ndarray): (N,) class, from 0.
        score (np.ndarray): (N,) score; of annotated boxes the person id, which the script reads as one.
        capacity (int, optional): Boxes of a frame that are kept. Defaults to all.

    Returns:
        np.ndarray: (K,) indices of rows.
    """
    capacity = len(frame) if capacity is None else capacity
    place = first_appearance(frame)
    order = sort_by(score, place)
    in_order = place[order]
    count = np.bincount(in_order)
    rank = np.arange(len(order)) - (np.cumsum(count) - count)[in_order]
    undecided = _undecided(in_order, label[order], score[order], rank, capacity)
    by_score = order[(rank < capacity) & ~undecided[in_order]]
    rows = np.flatnonzero(undecided[place])
    if not len(rows):
        return by_score
    rows = rows[np.argsort(place[rows], kind='stable')]
    index = np.concatenate([by_score, rows[_by_heap(place[rows], box[rows], label[rows], score[rows], capacity)]])
    return index[np.argsort(place[index], kind='stable')]


def _undecided(place: np.ndarray, label: np.ndarray, score: np.ndarray, rank: np.ndarray, capacity: int) -> np.ndarray:
    """Mask of places: frames in which equal scores lie across the cap, or within it in one class.

    Args:
        place, label, score (np.ndarray): (N,) by place, then by falling score.
        rank (np.ndarray): (N,) position within the frame.
        capacity (int): Boxes of a frame that are kept.
    """
    undecided = np.zeros(place[-1] + 1 if len(place) else 0, bool)
    equal = (place[1:] == place[:-1]) & (score[1:] == score[:-1])
    undecided[place[1:][equal & (rank[1:] == capacity)]] = True
    run = np.cumsum(np.append(0, ~equal))[:len(place)]
    several = np.flatnonzero((np.append(equal, False) | np.append(False, equal))[:len(place)] & (rank < capacity))
    several = several[np.lexsort((label[several], run[several]))]
    same = (run[several[1:]] == run[several[:-1]]) & (label[several[1:]] == label[several[:-1]])
    undecided[place[several[1:][same]]] = True
    return undecided


def _by_heap(place: np.ndarray, box: np.ndarray, label: np.ndarray, score: np.ndarray, capacity: int) -> np.ndarray:
    """As :func:`official_order`, through heaps. Rows of a place stand together, in the order of the file."""
    columns = (box[:, 2], box[:, 3], box[:, 0], box[:, 1], label, score, place)
    order = np.lexsort(columns)
    changes = [column[order[1:]] != column[order[:-1]] for column in columns]
    # Whole numbers instead of tuples: equal rows have equal numbers, which stand for their place in the heap.
    number = np.empty(len(order), np.int64)
    number[order] = np.append(0, np.cumsum(np.any(changes, 0)))
    level = np.append(0, np.cumsum(changes[-1] | changes[-2]))[np.unique(number[order], return_index=True)[1]].tolist()
    starts = np.flatnonzero(np.append(True, place[1:] != place[:-1])).tolist()
    numbers, kept = number.tolist(), []
    for start, end in zip(starts, [*starts[1:], len(numbers)]):
        heap: list = []
        for value in numbers[start:end]:
            if len(heap) < capacity:
                heappush(heap, value)
            elif level[value] > level[heap[0]]:
                heapreplace(heap, value)
        kept += sorted(heap, key=level.__getitem__, reverse=True)
    kept = np.array(kept)
    # Equal rows are the same in all that counts: the first of them in the result is the first of the file.
    among = np.argsort(kept, kind='stable')
    occurrence = np.empty(len(kept), np.int64)
    occurrence[among] = np.arange(len(kept)) - np.searchsorted(kept[among], kept[among])
    return order[np.searchsorted(number[order], kept) + occurrence]
