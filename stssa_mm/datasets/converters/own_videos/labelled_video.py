"""Labels of videos, as every format is read into."""
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterable, List, NamedTuple, Optional, Sequence, Tuple, Union

from stssa_mm.datasets.video_files import open_video


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
    """
    name: str
    source: Union[Path, List[Path]]
    fps: float
    frames: int
    marks: List[Mark] = field(default_factory=list)
    unlabelled: int = 0

    def key_frames(self, every: float) -> List[int]:
        """The frames in the middle of each ``every`` seconds of the video that have a label, and the middle frame of
        each mark that would have none."""
        grid, count = [], 0
        while (frame := round((count + 0.5) * every * self.fps)) < self.frames:
            grid.append(frame)
            count += 1
        chosen = {frame for frame in grid if any(mark.first <= frame <= mark.last for mark in self.marks)}
        for mark in self.marks:
            if not any(mark.first <= frame <= mark.last for frame in grid):
                chosen.add((mark.first + mark.last) // 2)
        return sorted(chosen)


class Probe(NamedTuple):
    """What a video file is like."""
    fps: float
    frames: int
    width: int
    height: int


def probe(file: Path) -> Probe:
    """Open a video and look.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it cannot be read.
    """
    reader = open_video(file)
    height, width = reader[0].shape[:2]
    fps = reader.get_avg_fps()
    if not 0 < fps < float('inf'):
        raise ValueError(f'{file}: says it has {fps} frames a second: write it anew with a video tool')
    return Probe(fps, len(reader), width, height)


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
