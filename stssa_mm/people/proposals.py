"""Person boxes for the key frames of AVA-form data, by a detector."""
import json
import os
from contextlib import closing
from itertools import groupby
from pathlib import Path
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence

import numpy as np
from tqdm import tqdm

from stssa_mm.files.key_frames import KeyFrame, check_video_names, read_key_frames
from stssa_mm.files.proposals import check_proposal_suffix, write_proposals
from stssa_mm.files.text import parse_json, plain, read_text, shown
from stssa_mm.files.video_info import VideoInfo, read_video_info
from stssa_mm.video.clock import frame_at
from stssa_mm.video.find import find_videos, open_frames

from .detectors import PersonDetector, select_people


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


class FramePeople:
    """Candidates for people on the key frames of videos, by a detector that looks at the frame alone.

    Args:
        files (dict[str, Path]): The video of each id, or its folder of frames.
        detector (PersonDetector): Finds the people.
    """

    def __init__(self, files: Dict[str, Path], detector: PersonDetector) -> None:
        self.name = detector.name
        self._files, self._detector = files, detector
        self._video, self._frames = None, None

    def __call__(self, key_frames: Sequence[KeyFrame]) -> List[np.ndarray]:
        """Of each key frame of one video (n, 5): x1, y1, x2, y2, relative, and the score.

        Raises:
            BrokenVideoError: A ValueError, if the video cannot be read.
        """
        video = key_frames[0].video
        if video != self._video:
            if self._frames is not None:
                self._frames.close()
            self._video, self._frames = video, open_frames(self._files[video])
        return self._detector(self._frames.read([key_frame.frame for key_frame in key_frames]))


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
    text = read_text(partial)
    whole = text[:text.rfind('\n') + 1]
    if whole != text:
        os.truncate(partial, len(whole.encode()))
    lines = whole.splitlines()
    if not lines:
        return {}
    try:
        found, *rows = (parse_json(line, str(partial)) for line in lines)
        done = {KeyFrame(video, timestamp, frame): np.array(boxes, float).reshape(-1, 5)
                for video, timestamp, frame, boxes in rows}
    except (TypeError, ValueError) as error:
        raise ValueError(f'{partial}: not a file of unfinished work ({plain(error)}): delete it to start '
                         'again') from error
    if found != header:
        raise ValueError(f'{partial}: begun with {shown(found)}, now {header}: take the same, or delete it to start '
                         'again')
    return done


def make_proposals(key_frame_file: Path, videos: Path, detector: PersonDetector, out: Path, unit: str = 'seconds',
                   timestamp_start: Optional[float] = None, video_info: Optional[Path] = None, fps: float = 30,
                   selection: Selection = SELECTION, batch_size: int = 8) -> dict:
    """Write the proposals of AVA-form data, by a detector that looks at key frames.

    Args:
        key_frame_file (Path): An annotation csv, or a list of key frames.
        videos (Path): Folder of the videos, or of their folders of frames.
        detector (PersonDetector): Finds the people.
        out (Path): The proposal file: see :func:`find_and_write`.
        unit (str): Of the timestamps: ``'seconds'`` or ``'frames'``. Defaults to ``'seconds'``.
        timestamp_start (float, optional): The timestamp of a video's first frame. Defaults to 900 for seconds, as in
            AVA, and to 1 for frames.
        video_info (Path, optional): Start and fps of each video, see
            :func:`~stssa_mm.files.video_info.read_video_info`. They go before ``timestamp_start`` and ``fps``; but a
            file has its own rate, unless this says 1: its timestamps are frame numbers. Defaults to none.
        fps (float): Frames a second of folders of frames, which do not say it. Defaults to 30, as in AVA.
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
    if not 0 < fps < float('inf'):
        raise ValueError(f'fps={fps}: expected a number above 0')
    if timestamp_start is not None and not abs(timestamp_start) < float('inf'):
        raise ValueError(f'timestamp_start={timestamp_start}: expected a number')
    wanted = sorted(read_key_frames(key_frame_file))
    check_video_names({video for video, *_ in wanted}, str(key_frame_file))
    infos = read_video_info(video_info) if video_info else {}
    timestamps: Dict[str, list] = {}
    for video, timestamp, _ in wanted:
        timestamps.setdefault(video, []).append(timestamp)
    folders = {video: Path(videos, video) for video in timestamps if Path(videos, video).is_dir()}
    files = {**find_videos(videos, timestamps.keys() - folders.keys()), **folders}
    key_frames = []
    for video in timestamps:
        if isinstance(files[video], Exception):
            raise files[video]
        with closing(open_frames(files[video])) as frames:  # what is known of them stays
            info = infos.get(video, VideoInfo())
        start = timestamp_start if info.start is None else info.start
        rate = 1 if unit == 'frames' else fps if info.fps is None else info.fps
        if frames.times is not None and info.fps != 1 and unit == 'seconds':
            rate = frames.get_avg_fps()
        end = len(frames) if info.frames is None else min(info.frames, len(frames))
        for timestamp in timestamps[video]:
            frame = frame_at(timestamp, start, rate, frames.times, (0, end), str(files[video]))
            key_frames.append(KeyFrame(video, timestamp, frame))
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
