"""Labels of videos, as every format is read into."""
import os
import re
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterable, List, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np

from stssa_mm.files.text import shown
from stssa_mm.files.written import Written
from stssa_mm.video.clock import nearest_frame
from stssa_mm.video.probe import BrokenVideoError
from stssa_mm.video.reader import open_video
from stssa_mm.video.writer import mend_video

LARGEST_ID = 2**53  # from here on not all whole numbers are floats
LEAST_SECONDS, MOST_FPS = 0.001, 10_000

TOOL = 'from_videos'  # under which name it notes what it wrote


class Mark(NamedTuple):
    """A label on frames: of everybody, or of the person in a relative box."""
    first: int  # frame, from 0
    last: int  # included
    label: str
    box: Optional[Tuple[float, float, float, float]] = None
    person: Optional[int] = None  # from the annotation, where it has tracks


@dataclass
class LabelledVideo:
    """A video and what is said of it.

    Args:
        name (str): Its id in the files, which is its path in the dataset's folder of videos.
        source (Path | list[Path]): The video, or the images that it is made of.
        fps (float): Frames a second.
        frames (int): How many it has.
        marks (list[Mark]): Its labels. Defaults to none.
        unlabelled (int): Boxes without an action, which are no marks. Defaults to 0.
        times (np.ndarray, optional): (frames,) seconds at which each is shown. Defaults to None: ``fps`` a second.
        mended (str): Why ``source`` is a copy, written anew, of what was given. Defaults to '': it is not.
    """
    name: str
    source: Union[Path, List[Path]]
    fps: float
    frames: int
    marks: List[Mark] = field(default_factory=list)
    unlabelled: int = 0
    times: Optional[np.ndarray] = None
    mended: str = ''

    def __post_init__(self) -> None:
        if self.times is None:
            self.times = np.arange(self.frames) / self.fps

    def key_frames(self, every: float) -> List[int]:
        """The frames in the middle of each ``every`` seconds of the video that have a label, and the middle frame of
        each mark that would have none."""
        moments = np.arange(every / 2, self.times[-1] + 0.5 / self.fps, every)
        grid = [nearest_frame(moment, self.times) for moment in moments.tolist()]
        chosen = {frame for frame in grid if any(mark.first <= frame <= mark.last for mark in self.marks)}
        for mark in self.marks:
            if not any(mark.first <= frame <= mark.last for frame in grid):
                chosen.add((mark.first + mark.last) // 2)
        return sorted(chosen)


class Source(NamedTuple):
    """A video file that can be read.

    Attributes:
        name (str): Its id in the dataset.
        file (Path): The file.
        fps (float): Frames a second.
        times (np.ndarray): (frames,) seconds at which each is shown.
        width (int): In pixels.
        height (int): In pixels.
        mended (str): What was wrong with the file that was given; '' if this is it.
    """
    name: str
    file: Path
    fps: float
    times: np.ndarray
    width: int
    height: int
    mended: str = ''

    @property
    def frames(self) -> int:
        """How many there are."""
        return len(self.times)

    def labelled(self, marks: Sequence[Mark] = ()) -> LabelledVideo:
        """The video with its labels."""
        return LabelledVideo(self.name, self.file, self.fps, self.frames, list(marks), times=self.times,
                             mended=self.mended)


def open_source(file: Path, name: str, videos: Optional[Path] = None) -> Source:
    """Look at all of a video. One that cannot be read exactly is written anew, if there is a place for that.

    Args:
        file (Path): The video.
        name (str): Its id in the dataset. That of a mended video ends with ``.mp4``.
        videos (Path, optional): The dataset's folder of videos. Defaults to None: nothing is mended.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it cannot be read, and not be mended either, or somebody else's file is where it would be mended.
    """
    if not file.is_file():
        raise FileNotFoundError(f'{file}: no such video')
    mended = ''
    try:
        with closing(open_video(file)) as video:
            video.check()
    except BrokenVideoError as error:
        if videos is None or not file.stat().st_size:
            raise
        name, mended = f'{name}.mp4', f'{file}: {error.found}'
        copy, written, version = videos / name, Written(videos.parent, TOOL), file.stat()
        made_from = f'{os.path.abspath(file)}, {version.st_size} bytes, {version.st_mtime_ns}'
        if not written.up_to_date(copy, made_from):
            written.check([copy])
            try:
                with written.replacing(copy, made_from) as part:
                    mend_video(file, part)
            except BrokenVideoError as failed:
                raise BrokenVideoError(file, f'{error.found}. It cannot be mended either: {failed.found}',
                                       'Leave it out') from None
        with closing(open_video(copy)) as video:
            file = copy
    return Source(name, file, video.get_avg_fps(), video.times, *video.size, mended)


def safe_name(path: Path) -> str:
    """A video's id from its path: everything but letters, digits, ``_ - . /`` becomes ``_``.

    Raises:
        ValueError: If the path leads out of the folder of videos.
    """
    if path.is_absolute() or '..' in path.parts:
        raise ValueError(f'{path}: expected the path of a video inside the folder of videos')
    return re.sub(r'[^\w./-]', '_', path.as_posix())


def check_names(videos: Iterable[LabelledVideo]) -> None:
    """Raises ValueError if two videos have the same id."""
    sources = {}
    for video in videos:
        if video.name in sources:
            raise ValueError(f'{video.source}: its name in the dataset is {video.name}, as that of '
                             f'{sources[video.name]}: rename one')
        sources[video.name] = video.source


def check_label(label: str, where: str) -> str:
    """A label without blanks around it.

    Raises:
        ValueError: If nothing is left, or it cannot stand in a label map.
    """
    label = label.strip()
    if not label:
        raise ValueError(f'{where}: the label is missing')
    if '"' in label or '\n' in label:
        raise ValueError(f'{where}: label {label!r}: expected a name without quotation marks and line breaks')
    return label


def relative_box(box: Sequence[float], width: float, height: float, where: str, slack: float = 0) -> Tuple[float, ...]:
    """A box in parts of the frame.

    Args:
        box (Sequence[float]): x1, y1, x2, y2.
        width (float): Of the frame, in the box's unit.
        height (float): The same.
        where (str): For the error.
        slack (float): How far outside the frame a side may be by rounding; it is moved onto the edge. Defaults to 0.

    Raises:
        ValueError: If the box is not inside the frame or has no area.
    """
    x1, y1, x2, y2 = box
    if not (-slack <= x1 < x2 <= width + slack and -slack <= y1 < y2 <= height + slack):
        raise ValueError(f'{where}: box {x1:g},{y1:g},{x2:g},{y2:g}: expected 0 <= x1 < x2 <= {width:g} and '
                         f'0 <= y1 < y2 <= {height:g}')
    relative = [min(max(value / size, 0), 1) for value, size in zip(box, (width, height, width, height))]
    x1, y1, x2, y2 = (round(value, 4) for value in relative)  # as annotations are written
    if x1 >= x2 or y1 >= y2:
        raise ValueError(f'{where}: box {box[0]:g},{box[1]:g},{box[2]:g},{box[3]:g}: thinner than 0.0001 of the frame')
    return x1, y1, x2, y2


def thin_out(frames: Iterable[int], least: float) -> List[int]:
    """The first of the frames, and each that is ``least`` frames or more after the one taken before."""
    taken: List[int] = []
    for frame in sorted(frames):
        if not taken or frame - taken[-1] >= least - 0.5:  # half a frame: rates like 29.97
            taken.append(frame)
    return taken


def person_id(value: object, where: str) -> int:
    """The number of a person.

    Raises:
        ValueError: If it is no whole number that a csv keeps: those from 2**53 on are not all floats.
    """
    try:
        number = int(value)
    except (OverflowError, TypeError, ValueError):
        number = LARGEST_ID
    if not abs(number) < LARGEST_ID:
        raise ValueError(f'{where}: person {shown(value)}: expected a whole number below 2**53')
    return number


def check_seconds(every: float) -> None:
    """Raises ValueError if there cannot be so many seconds between key frames."""
    if not LEAST_SECONDS <= every < float('inf'):
        raise ValueError(f'every={every}: expected more than 0 seconds, {LEAST_SECONDS} at least')


def check_rate(fps: float, where: str = '') -> None:
    """Raises ValueError if there cannot be so many frames a second."""
    if not 0 < fps <= MOST_FPS:
        raise ValueError(f'{where}fps={fps}: expected a number above 0, {MOST_FPS} at most')
