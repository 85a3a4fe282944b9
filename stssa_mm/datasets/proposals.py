"""Person boxes for the key frames of AVA-form data, by a detector."""
import json
from itertools import groupby
from pathlib import Path
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

import decord
import numpy as np
from tqdm import tqdm

from .converters.ava_form import check_proposal_suffix, write_proposals
from .person_detectors import PersonDetector, select_people


class KeyFrame(NamedTuple):
    """Where a key frame is: its timestamp in the files, and its frame in the video, from 0."""
    video: str
    timestamp: int
    frame: int

    @property
    def key(self) -> str:
        """What names it in a proposal file."""
        return f'{self.video},{self.timestamp:04d}'


class Selection(NamedTuple):
    """Which of a detector's boxes are proposals: see :func:`select_people`."""
    score_thr: float = 0.3
    nms_thr: float = 0.45
    max_people: int = 50

    def check(self) -> None:
        """Raises ValueError if a value is out of its range."""
        for name in ('score_thr', 'nms_thr'):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f'{name}={getattr(self, name)}: expected at least 0 and less than 1')
        if self.max_people < 1:
            raise ValueError(f'max_people={self.max_people}: expected 1 or more')


SELECTION = Selection()
UNREADABLE = (decord.DECORDError, decord.DECORDLimitReachedError, RuntimeError, IndexError)
BESIDE_VIDEOS = ('.csv', '.json', '.srt', '.txt', '.xml')


def open_video(file: Path) -> decord.VideoReader:
    """A reader of a video's frames, RGB.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not a video with frames.
    """
    if not Path(file).is_file():
        raise FileNotFoundError(f'{file}: no such video')
    try:
        reader = decord.VideoReader(str(file), num_threads=1)
        reader[0]
    except UNREADABLE as error:
        reason = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
        raise ValueError(f'{file}: cannot be read as a video ({reason}): replace the file or leave it out') from error
    return reader


def find_video(folder: Path, video: str) -> Path:
    """The file of a video id, which may lack the extension.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If there are several.
    """
    if (folder / video).is_file():
        return folder / video
    place = folder / video
    files = sorted(file for file in place.parent.glob('*')
                   if file.stem == place.name and file.suffix.lower() not in BESIDE_VIDEOS and file.is_file())
    if not files:
        raise FileNotFoundError(f'{place}: no video of this name, with or without an extension')
    if len(files) > 1:
        raise ValueError(f'{place}: several files of this name: {", ".join(file.name for file in files)}: keep one')
    return files[0]


def read_key_frames(file: Path) -> List[Tuple[str, int]]:
    """Video ids and timestamps of an annotation csv, or of a list of key frames: lines that begin "video,timestamp".

    Returns:
        list[tuple[str, int]]: Each once, in the file's order.

    Raises:
        ValueError: If a line is malformed, or there is none.
    """
    found = {}
    for number, line in enumerate(Path(file).read_text().splitlines(), 1):
        if not line.strip():
            continue
        video, timestamp, *_ = [*(part.strip() for part in line.split(',')), '']
        if not video or not timestamp.isdecimal():
            raise ValueError(f'{file}:{number}: {line!r}: expected "video,timestamp,...", the timestamp a whole number')
        found[video, int(timestamp)] = None
    if not found:
        raise ValueError(f'{file}: no key frames in it')
    return list(found)


class FramePeople:
    """Candidates for people on the key frames of videos, by a detector that looks at the frame alone.

    Args:
        files (dict[str, Path]): The video of each id.
        detector (PersonDetector): Finds the people.
    """

    def __init__(self, files: Dict[str, Path], detector: PersonDetector) -> None:
        self.name = detector.name
        self._files, self._detector = files, detector
        self._video, self._reader = None, None

    def __call__(self, key_frames: Sequence[KeyFrame]) -> List[np.ndarray]:
        """Of each key frame of one video (n, 5): x1, y1, x2, y2, relative, and the score.

        Raises:
            ValueError: If the video cannot be read or a key frame lies outside.
        """
        video = key_frames[0].video
        if video != self._video:
            self._video, self._reader = video, open_video(self._files[video])
        return self._detector(_read_frames(self._reader, key_frames, self._files[video]))


def detect_people(key_frames: Sequence[KeyFrame], find: Callable[[Sequence[KeyFrame]], List[np.ndarray]],
                  partial: Path, selection: Selection = SELECTION, batch_size: int = 8) -> Dict[str, np.ndarray]:
    """Proposals of key frames. What is found is noted batch by batch; a later call goes on from there.

    Args:
        key_frames (Sequence[KeyFrame]): Those of a video next to each other.
        find (Callable): Gives the candidates of key frames of one video, as :class:`FramePeople` does; its ``name``
            tells it apart where work is resumed.
        partial (Path): Where finished batches are noted, one key frame a line. It stays.
        selection (Selection): Which boxes are taken. Defaults to ``SELECTION``.
        batch_size (int): Key frames of a video that are seen to at a time. Defaults to 8.

    Returns:
        dict[str, np.ndarray]: For :func:`write_proposals`; (0, 5) where nobody is found.

    Raises:
        ValueError: If a video cannot be read, a key frame lies outside, or ``partial`` was begun in another way.
    """
    selection.check()
    if batch_size < 1:
        raise ValueError(f'batch_size={batch_size}: expected 1 or more')
    header = {'detector': find.name, **selection._asdict()}
    done = _read_partial(partial, header)
    todo = [key_frame for key_frame in key_frames if key_frame not in done]
    with open(partial, 'a') as file, tqdm(total=len(key_frames), initial=len(key_frames) - len(todo), unit='frame',
                                          desc='finding people', mininterval=1) as bar:
        if not file.tell():
            file.write(json.dumps(header) + '\n')
        for _, group in groupby(todo, key=lambda key_frame: key_frame.video):
            group = list(group)
            for start in range(0, len(group), batch_size):
                batch = group[start:start + batch_size]
                for key_frame, boxes in zip(batch, find(batch)):
                    done[key_frame] = select_people(boxes, *selection)
                file.write(''.join(json.dumps([*frame, done[frame].tolist()]) + '\n' for frame in batch))
                file.flush()
                bar.update(len(batch))
    return {key_frame.key: done[key_frame] for key_frame in key_frames}


def _read_partial(partial: Path, header: dict) -> Dict[KeyFrame, np.ndarray]:
    """Finished key frames. A last line that a killed run left half is cut off."""
    if not partial.exists():
        return {}
    text = partial.read_text()
    whole = text[:text.rfind('\n') + 1]
    if whole != text:
        partial.write_text(whole)
    lines = whole.splitlines()
    if not lines:
        return {}
    try:
        found, *rows = map(json.loads, lines)
        done = {KeyFrame(video, timestamp, frame): np.array(boxes, float).reshape(-1, 5)
                for video, timestamp, frame, boxes in rows}
    except (TypeError, ValueError) as error:
        raise ValueError(f'{partial}: not a file of unfinished work ({error}): delete it to start again') from error
    if found != header:
        raise ValueError(f'{partial}: begun with {found}, now {header}: take the same, or delete it to start again')
    return done


def _read_frames(reader: decord.VideoReader, key_frames: Sequence[KeyFrame], file: Path) -> List[np.ndarray]:
    for key_frame in key_frames:
        if not 0 <= key_frame.frame < len(reader):
            raise ValueError(f'{file}: has {len(reader)} frames, and the key frame {key_frame.key} would be number '
                             f'{key_frame.frame} (from 0): check the unit of the timestamps and where they start')
    try:
        return list(reader.get_batch([key_frame.frame for key_frame in key_frames]).asnumpy())
    except UNREADABLE as error:
        raise ValueError(f'{file}: frames near {key_frames[0].key} cannot be read: replace the file') from error


def make_proposals(key_frame_file: Path, videos: Path, detector: PersonDetector, out: Path, unit: str = 'seconds',
                   timestamp_start: Optional[int] = None, selection: Selection = SELECTION,
                   batch_size: int = 8) -> dict:
    """Write the proposals of AVA-form data, by a detector that looks at key frames.

    Args:
        key_frame_file (Path): An annotation csv, or a list of key frames.
        videos (Path): Folder of the videos.
        detector (PersonDetector): Finds the people.
        out (Path): The proposal file: see :func:`find_and_write`.
        unit (str): Of the timestamps: ``'seconds'`` or ``'frames'``. Defaults to ``'seconds'``.
        timestamp_start (int, optional): The timestamp of a video's first frame. Defaults to 900 for seconds, as in AVA,
            and to 1 for frames.
        selection (Selection): Which boxes are taken. Defaults to ``SELECTION``.
        batch_size (int): Frames detected at a time. Defaults to 8.

    Returns:
        dict: As :func:`find_and_write`.

    Raises:
        FileNotFoundError: If a video is not there.
        ValueError: If a file or an argument is not as it should be.
    """
    if timestamp_start is None:
        timestamp_start = {'seconds': 900, 'frames': 1}[unit]
    wanted = sorted(read_key_frames(key_frame_file))
    files = {video: find_video(Path(videos), video) for video in dict.fromkeys(video for video, _ in wanted)}
    rates = dict.fromkeys(files, 1.0)
    if unit == 'seconds':
        rates = {video: open_video(file).get_avg_fps() for video, file in files.items()}
    key_frames = [KeyFrame(video, timestamp, round((timestamp - timestamp_start) * rates[video]))
                  for video, timestamp in wanted]
    return find_and_write(key_frames, FramePeople(files, detector), out, selection, batch_size)


def find_and_write(key_frames: Sequence[KeyFrame], find: Callable[[Sequence[KeyFrame]], List[np.ndarray]], out: Path,
                   selection: Selection = SELECTION, batch_size: int = 8) -> dict:
    """Write the people of key frames as proposals. A killed call loses at most a batch when it is repeated.

    Args:
        key_frames, find, selection, batch_size: See :func:`detect_people`.
        out (Path): The proposal file, .pkl, .npz or .csv. Unfinished work is kept beside it.

    Returns:
        dict: ``key_frames``, ``people``, and ``empty`` (list[str]): the key frames without anybody.

    Raises:
        ValueError: If the file's name has another extension, and see :func:`detect_people`.
    """
    out = Path(out)
    check_proposal_suffix(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(f'{out.name}.part')
    proposals = detect_people(key_frames, find, partial, selection, batch_size)
    write_proposals(out, proposals)
    partial.unlink()
    return dict(
        key_frames=len(proposals),
        people=sum(map(len, proposals.values())),
        empty=[key for key, boxes in proposals.items() if not len(boxes)])
