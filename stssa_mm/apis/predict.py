"""What a trained network sees in videos, as files: detections, events and drawn videos."""
import signal
import threading
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Iterator, List, NamedTuple, Optional, Sequence

from tqdm import tqdm

from stssa_mm.files.detected_actions import ActionFile, KeyFrameActions
from stssa_mm.video.probe import BrokenVideoError
from stssa_mm.video.writer import write_video
from stssa_mm.visualization.people_video import PeopleDrawer, drawn_frames

from .events import LOW, MIN_LENGTH, Event, EventFinder, by_start, write_events
from .inferencer import Boxes, STSSAInferencer, boxes_by_video, key_moments
from .sources import Inputs, Place, Source, find_sources, open_source

NAMES = {'csv': 'detections.csv', 'ava': 'detections_ava.csv', 'jsonl': 'detections.jsonl'}
VIDEO = 'video.mp4'
BAR = '{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}, ends about {eta:%H:%M}]'


class Files(NamedTuple):
    """What is written of a video.

    Attributes:
        forms (Sequence[str]): Of the detections: ``'csv'`` (``detections.csv``, with ``events.csv``), ``'ava'``
            (``detections_ava.csv``, with ``events.csv``) and ``'jsonl'`` (``detections.jsonl``, with ``events.json``).
        video (bool): The drawn video, ``video.mp4``.
        ids (bool): The people's ids in it.
        timestamp_start (float): The timestamp of the first frame in ``detections_ava.csv``.
    """
    forms: Sequence[str] = ('csv', )
    video: bool = True
    ids: bool = False
    timestamp_start: float = 0


FILES = Files()


@dataclass
class Predicted:
    """What was written of a video.

    Attributes:
        video (str): Its name.
        folder (Path): Where the files are.
        key_frames (int): How many were seen to.
        people (int): How many ids there are.
        events (list[Event]): By their starts.
        files (list[str]): The names of what was written.
        fault (str): Why the video was not seen to its end; '' if it was.
    """
    video: str
    folder: Path
    key_frames: int
    people: int
    events: List[Event] = field(default_factory=list)
    files: List[str] = field(default_factory=list)
    fault: str = ''


class Stop:
    """Whether to stop, asked from outside."""

    def __init__(self) -> None:
        self.wanted = False

    def __bool__(self) -> bool:
        return self.wanted


@contextmanager
def stop_on_signal() -> Iterator[Stop]:
    """The first Ctrl-C, or SIGTERM, asks to stop when what is begun is whole; a second Ctrl-C interrupts."""
    stop, before = Stop(), {}

    def handle(number: int, frame) -> None:
        stop.wanted = True
        signal.signal(number, before[number])

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            before[number] = signal.signal(number, handle)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def predict_videos(inferencer: STSSAInferencer, inputs: Inputs, out: Path, *, every: float = 0.5,
                   boxes: Optional[Boxes] = None, timestamp_start: float = 0, fps: Optional[float] = None,
                   files: Files = FILES, low: float = LOW, min_length: float = MIN_LENGTH, progress: bool = True,
                   **options) -> Iterator[Predicted]:
    """Write the detections, events and drawn video of each video into a folder; of several, into a folder for each.

    The first Ctrl-C ends it after the key frames that are at work: all files are whole up to there.

    Args:
        inferencer (STSSAInferencer): The network.
        inputs, every, boxes, timestamp_start, fps: See :meth:`STSSAInferencer.__call__`.
        out (Path): The folder. Files of the same names are replaced.
        files (Files): What is written. Defaults to ``FILES``.
        low, min_length: Of the events, see :class:`EventFinder`.
        progress (bool): Show how far it is. Defaults to True.
        **options: ``detect_every`` and ``patience`` of :meth:`STSSAInferencer.__call__`.

    Yields:
        Predicted: For each video when it is done. One that cannot be read has a ``fault``, and the next is begun.

    Raises:
        OSError: If a file cannot be written.
        ValueError, FileNotFoundError: As :meth:`STSSAInferencer.__call__`.
        KeyboardInterrupt: After what was asked to stop has been written.
    """
    places = find_sources(inputs)
    by_video = None if boxes is None else boxes_by_video(
        boxes, [place.name for place in places], timestamp_start)
    EventFinder(inferencer.thresholds, every, low, min_length)  # says what is wrong before the work
    for place in places:
        folder = Path(out) if len(places) == 1 else Path(out, place.name)
        with stop_on_signal() as stop:
            work = _Video(inferencer, place, folder, stop, every, by_video and by_video[place.name], files)
            yield work.run(fps, low, min_length, progress, options)
        if stop:
            raise KeyboardInterrupt


class _Video:
    """The work on one video."""

    def __init__(self, inferencer: STSSAInferencer, place: Place, folder: Path, stop: Stop, every: float,
                 boxes: Optional[dict], files: Files) -> None:
        self._inferencer, self._place, self._stop = inferencer, place, stop
        self._every, self._boxes, self._files = every, boxes, files
        self._done = Predicted(place.name, folder, 0, 0)
        self._ids = set()

    def run(self, fps: Optional[float], low: float, min_length: float, progress: bool, options: dict) -> Predicted:
        """See :func:`predict_videos`."""
        done, folder = self._done, self._done.folder
        try:
            source = open_source(self._place, fps)
        except BrokenVideoError as error:
            done.fault = str(error)
            return done
        step = self._every if self._boxes is None else source.duration / max(len(self._boxes), 1)
        finder = EventFinder(self._inferencer.thresholds, step, low, min_length)
        with closing(source), ExitStack() as stack:
            folder.mkdir(parents=True, exist_ok=True)
            files = [stack.enter_context(ActionFile(folder / NAMES[form], form, self._files.timestamp_start))
                     for form in self._files.forms]
            done.files += [file.path.name for file in files]
            total = len(key_moments(source, self._every) if self._boxes is None else self._boxes)
            bar = stack.enter_context(tqdm(total=total, desc=source.name, unit='key frame', bar_format=BAR,
                                           mininterval=1, disable=not progress))
            # Large frames, or many of them from a key frame to the next, are decoded again to be drawn.
            held = self._files.video and self._inferencer.holds(source, step)
            key_frames = self._inferencer.predict(source, self._every, self._boxes, hold=2 * step * held, **options)
            noted = self._noted(key_frames, files, finder, bar)
            if self._files.video:
                self._draw(source if held else stack.enter_context(closing(open_source(self._place, fps))), noted)
            else:
                for _ in noted:
                    pass
            last = source.duration
        done.events += finder.finish(last)
        done.people = len(self._ids)
        done.events.sort(key=by_start)
        for suffix in dict.fromkeys('json' if form == 'jsonl' else 'csv' for form in self._files.forms):
            write_events(folder / f'events.{suffix}', done.events)
            done.files.append(f'events.{suffix}')
        return done

    def _noted(self, key_frames: Iterator[KeyFrameActions], files: Sequence[ActionFile], finder: EventFinder,
               bar: tqdm) -> Iterator[KeyFrameActions]:
        try:
            for key_frame in key_frames:
                for file in files:
                    file.add(key_frame)
                self._done.events += finder.add(key_frame)
                self._done.key_frames += 1
                self._ids.update(person.id for person in key_frame.people)
                bar.update()
                yield key_frame
                if self._stop:
                    return
        except BrokenVideoError as error:
            self._done.fault = str(error)

    def _draw(self, source: Source, key_frames: Iterator[KeyFrameActions]) -> None:
        drawer = PeopleDrawer(source.size, self._files.ids)
        frames = self._readable(drawn_frames(source, key_frames, drawer, lambda: self._stop or self._done.fault))
        first = next(frames, None)
        if first is not None:
            write_video(self._done.folder / VIDEO, chain([first], frames), source.fps, 'h264')
            self._done.files.append(VIDEO)

    def _readable(self, frames: Iterator) -> Iterator:
        """The frames up to one that cannot be read."""
        try:
            yield from frames
        except BrokenVideoError as error:
            self._done.fault = str(error)
