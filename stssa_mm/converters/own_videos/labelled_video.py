"""Labels of videos, as every format is read into."""
import os
import re
from bisect import bisect_left, insort
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterable, List, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np
from tqdm import tqdm

from stssa_mm.files.text import shown
from stssa_mm.files.written import Written
from stssa_mm.video.clock import nearest_frame
from stssa_mm.video.folder import FrameFolder
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
        part (str): ``'train'`` or ``'val'``, where the user says it. Defaults to '': a split is made.
        clipped (int): Boxes that reached over the frame by a pixel or two. Defaults to 0.
        upright (bool): Whether images are turned as their EXIF orientation says. Defaults to True.
    """
    name: str
    source: Union[Path, List[Path]]
    fps: float
    frames: int
    marks: List[Mark] = field(default_factory=list)
    unlabelled: int = 0
    times: Optional[np.ndarray] = None
    mended: str = ''
    part: str = ''
    clipped: int = 0
    upright: bool = True

    def __post_init__(self) -> None:
        if self.times is None:
            self.times = np.arange(self.frames) / self.fps

    def key_frames(self, every: float) -> List[int]:
        """The labelled frames in the middle of each ``every`` seconds of the video, and the middles of marks whose
        label has no key frame within ``every`` seconds: short ones, and boxes given frame by frame with gaps."""
        covered = {}
        for mark in self.marks:
            change = covered.setdefault(mark.label, np.zeros(self.frames + 1, np.int64))
            change[mark.first] += 1
            change[mark.last + 1] -= 1
        covered = {label: change[:-1].cumsum() > 0 for label, change in covered.items()}
        moments = np.arange(every / 2, self.times[-1] + 0.5 / self.fps, every)
        grid = sorted({nearest_frame(moment, self.times) for moment in moments.tolist()})
        chosen = {label: [frame for frame in grid if there[frame]] for label, there in covered.items()}
        least = every - 0.5 / self.fps  # half a frame: rates like 29.97
        middles = {(mark.first + mark.last) // 2 for mark in self.marks
                   if bisect_left(grid, mark.first) == bisect_left(grid, mark.last + 1)}
        for frame in sorted(middles):
            labels = [label for label, there in covered.items() if there[frame]]
            if any(self._distance(frame, chosen[label]) >= least for label in labels):
                for label in labels:
                    insort(chosen[label], frame)
        return sorted(set().union(*chosen.values()))

    def _distance(self, frame: int, others: Sequence[int]) -> float:
        """Seconds from a frame to the nearest of others, which are in order."""
        place = bisect_left(others, frame)
        return min((abs(self.times[frame] - self.times[other]) for other in others[max(place - 1, 0):place + 1]),
                   default=np.inf)


class Source(NamedTuple):
    """A video file, or folder of frames, that can be read.

    Attributes:
        name (str): Its id in the dataset.
        file (Path | list[Path]): The file, or the frames.
        fps (float): Frames a second.
        times (np.ndarray): (frames,) seconds at which each is shown.
        width (int): In pixels.
        height (int): In pixels.
        mended (str): What was wrong with the file that was given; '' if this is it.
    """
    name: str
    file: Union[Path, List[Path]]
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


def open_sources(wanted: Sequence[Tuple[str, Path, str]], videos: Optional[Path] = None,
                 fps: Optional[float] = None) -> List[Source]:
    """Look at all of several videos, see :func:`open_source`; what is wrong with them is said of all at once.

    Args:
        wanted (Sequence[tuple[str, Path, str]]): Of each what names it in errors, such as the file and line (or ''),
            the video, and its id in the dataset.
        videos (Path, optional), fps (float, optional): As there.

    Raises:
        FileNotFoundError, ValueError: As there.
    """
    found, errors = [], []
    for where, file, name in tqdm(wanted, desc='reading videos', unit='video', mininterval=1):
        try:
            found.append(open_source(file, name, videos, fps))
        except (FileNotFoundError, ValueError) as error:
            kind = FileNotFoundError if isinstance(error, FileNotFoundError) else ValueError
            errors.append(kind(f'{where}: {error}' if where else str(error)))
    raise_all(errors, 'videos cannot be used')
    return found


def raise_all(errors: Sequence[Exception], what: str) -> None:
    """Raise the one error that there is, or a ValueError with all of them, a line each. None: nothing."""
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise ValueError(f'{len(errors)} {what}:' + ''.join(f'\n  {error}' for error in errors))


def open_source(file: Path, name: str, videos: Optional[Path] = None, fps: Optional[float] = None) -> Source:
    """Look at all of a video. One that cannot be read exactly is written anew, if there is a place for that.

    Args:
        file (Path): The video, or a folder of its frames as pictures.
        name (str): Its id in the dataset. That of a mended video, or of frames, ends with ``.mp4``.
        videos (Path, optional): The dataset's folder of videos. Defaults to None: nothing is mended.
        fps (float, optional): Frames a second of folders of frames, which do not say it. Defaults to None.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it cannot be read, and not be mended either, or somebody else's file is where it would be mended.
    """
    if file.is_dir():
        return _open_folder(file, name, fps)
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


def _open_folder(folder: Path, name: str, fps: Optional[float]) -> Source:
    frames = FrameFolder(folder)
    if not fps or fps <= 0:
        raise ValueError(f'{folder}: a folder of frames does not say how many a second has: give it (--fps), more '
                         'than 0')
    frames.check(range(len(frames)))
    height, width = frames.read([0])[0].shape[:2]
    files = [Path(frames.file(number)) for number in range(len(frames))]
    return Source(f'{name}.mp4', files, fps, np.arange(len(files)) / fps, width, height)


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


OVER = 2  # pixels that a box may reach over the frame: rounding, and tools that count the last pixel


def relative_box(box: Sequence[float], width: float, height: float, where: str,
                 pixels: bool = True) -> Tuple[Tuple[float, ...], bool]:
    """A box in parts of the frame.

    Args:
        box (Sequence[float]): x1, y1, x2, y2, in pixels or relative.
        width (float): Of the frame in pixels.
        height (float): The same.
        where (str): For the error.
        pixels (bool): Whether the box is in pixels; else it is relative. Defaults to True.

    Returns:
        tuple: The box, and whether it reached over the frame, by up to ``OVER`` pixels, and was clipped.

    Raises:
        ValueError: If the box is not inside the frame or has no area.
    """
    x1, y1, x2, y2 = box
    sides = (width, height) if pixels else (1, 1)
    over = (OVER, OVER) if pixels else (OVER / width, OVER / height)
    if not (-over[0] <= x1 < x2 <= sides[0] + over[0] and -over[1] <= y1 < y2 <= sides[1] + over[1]):
        where = f'{where}: box {x1:g},{y1:g},{x2:g},{y2:g}'
        if not pixels and max(box) > 2 and max(x1, x2) <= width + OVER and max(y1, y2) <= height + OVER:
            raise ValueError(f'{where}: expected 0 to 1; or are these pixels (--box-unit pixels)?')
        raise ValueError(f'{where}: expected 0 <= x1 < x2 <= {sides[0]:g} and 0 <= y1 < y2 <= {sides[1]:g}')
    relative = [value / side for value, side in zip(box, (*sides, *sides))]
    inside = tuple(round(min(max(value, 0), 1), 4) for value in relative)  # as annotations are written
    x1, y1, x2, y2 = inside
    if x1 >= x2 or y1 >= y2:
        raise ValueError(f'{where}: box {box[0]:g},{box[1]:g},{box[2]:g},{box[3]:g}: thinner than 0.0001 of the frame')
    return inside, min(relative) < 0 or max(relative) > 1


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
