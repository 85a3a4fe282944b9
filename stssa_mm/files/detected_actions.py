"""Who does what on a key frame, as plain objects, and the files that they are written to as they come. No torch."""
import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Dict, Iterable, List, Optional, Tuple

import numpy as np

from .key_frames import key_of

LEAST_SCORE = 0.002  # of a row in AVA's csv, as in STSSAAVAMetric


@dataclass
class Action:
    """An action with its score, from 0 to 1."""
    id: int
    name: str
    score: float


@dataclass
class Person:
    """Somebody on a key frame.

    Attributes:
        id (int): The same for the same person throughout a video, from 0.
        box (tuple[float]): x1, y1, x2, y2, relative to the frame.
        actions (list[Action]): Those whose score reaches its threshold, best first.
        scores (np.ndarray): (K,) of all actions, in the order of the key frame's ``classes``.
        detection_score (float, optional): Of the person detector. None: the boxes came without scores.
    """
    id: int
    box: Tuple[float, float, float, float]
    actions: List[Action]
    scores: np.ndarray
    detection_score: Optional[float] = None


@dataclass
class KeyFrameActions:
    """The people of a key frame.

    Attributes:
        video (str): Name of the video.
        frame (int): Number of the frame, from 0.
        time (float): Seconds after the first frame.
        size (tuple[int]): Width and height of the frame in pixels.
        people (list[Person]): Everybody on it.
        classes (dict[int, str]): K ids and names of the actions.
    """
    video: str
    frame: int
    time: float
    size: Tuple[int, int]
    people: List[Person]
    classes: Dict[int, str]

    def pixels(self, person: Person) -> Tuple[float, float, float, float]:
        """A person's x1, y1, x2, y2 in pixels."""
        return tuple(value * side for value, side in zip(person.box, self.size * 2))

    def to_dict(self) -> dict:
        """Plain values for JSON: boxes relative, the actions that reach their thresholds."""
        return dict(
            video=self.video, frame=self.frame, time=self.time, width=self.size[0], height=self.size[1],
            people=[dict(id=person.id, box=list(person.box), detection_score=person.detection_score,
                         actions=[vars(action) for action in person.actions]) for person in self.people])

    def ava_rows(self, timestamp_start: float = 0, least_score: float = LEAST_SCORE) -> Iterable[tuple]:
        """Rows of AVA's csv: video, timestamp, x1, y1, x2, y2, class id, score; of scores above ``least_score``, with
        ``timestamp_start`` seconds at the first frame."""
        timestamp = key_of('', self.time + timestamp_start)[1:]
        for person in self.people:
            for label, score in zip(self.classes, person.scores.tolist()):
                if score > least_score:
                    yield (self.video, timestamp, *person.box, label, score)

    def to_supervision(self):
        """``supervision.Detections``, one for each action of each person: boxes in pixels, the action's score as
        ``confidence``, its id as ``class_id``, the person's id as ``tracker_id`` and the action's name as
        ``data['class_name']``.

        Raises:
            ImportError: If supervision is not installed.
        """
        try:
            from supervision import Detections
        except ImportError as error:
            raise ImportError('supervision is not installed: pip install supervision') from error
        rows = [(self.pixels(person), person.id, action) for person in self.people for action in person.actions]
        return Detections(
            xyxy=np.array([box for box, _, _ in rows], np.float32).reshape(-1, 4),
            confidence=np.array([action.score for _, _, action in rows], np.float32),
            class_id=np.array([action.id for _, _, action in rows], int),
            tracker_id=np.array([person for _, person, _ in rows], int),
            data={'class_name': np.array([action.name for _, _, action in rows], str)})


def named_rows(key_frame: KeyFrameActions) -> Iterable[tuple]:
    """Rows of :data:`NAMED_COLUMNS`, for each action that reaches its threshold."""
    for person in key_frame.people:
        for action in person.actions:
            yield (key_frame.video, key_frame.time, key_frame.frame, person.id,
                   *(round(value, 4) for value in person.box), action.id, action.name, round(action.score, 4))


NAMED_COLUMNS = ('video', 'time', 'frame', 'person', 'x1', 'y1', 'x2', 'y2', 'action_id', 'action', 'score')


class ActionFile:
    """A file to which key frames are added as they come; what was added stays whatever happens next.

    Args:
        path (Path): The file; one of the name is replaced.
        form (str): ``'csv'``, with a header (:data:`NAMED_COLUMNS`) and the actions that reach their thresholds;
            ``'ava'``, AVA's csv of detections with all actions; or ``'jsonl'``, a JSON object a key frame.
        timestamp_start (float): The timestamp of the first frame in AVA's csv, in seconds. Defaults to 0.

    Raises:
        OSError: If it cannot be written; names the file.
    """

    FORMS = ('csv', 'ava', 'jsonl')

    def __init__(self, path: Path, form: str = 'csv', timestamp_start: float = 0) -> None:
        if form not in self.FORMS:
            raise ValueError(f'form={form!r}: expected one of {self.FORMS}')
        self.path, self.form, self._start = Path(path), form, timestamp_start
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file: IO[str] = open(self.path, 'w', newline='', encoding='utf-8')  # noqa: SIM115
        self._rows = csv.writer(self._file, lineterminator='\n')
        if form == 'csv':
            self._write([NAMED_COLUMNS])

    def add(self, key_frame: KeyFrameActions) -> None:
        """Write the people of a key frame."""
        if self.form == 'jsonl':
            self._write(json.dumps(key_frame.to_dict(), ensure_ascii=False) + '\n')
        else:
            self._write(named_rows(key_frame) if self.form == 'csv' else key_frame.ava_rows(self._start))

    def _write(self, what) -> None:
        try:
            if isinstance(what, str):
                self._file.write(what)
            else:
                self._rows.writerows(what)
            self._file.flush()
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self.path)) from None

    def close(self) -> None:
        """Close the file."""
        try:
            self._file.close()
        except OSError as error:  # what could not be written before is tried again
            raise OSError(error.errno, error.strerror, str(self.path)) from None

    def __enter__(self) -> 'ActionFile':
        return self

    def __exit__(self, *_) -> None:
        self.close()
