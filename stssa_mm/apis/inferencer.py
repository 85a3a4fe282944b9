"""A trained network on a user's own videos."""
from contextlib import closing
from pathlib import Path
from typing import Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.device import get_device
from scipy.optimize import linear_sum_assignment

from stssa_mm.evaluation.boxes import pairwise_iou
from stssa_mm.files.detected_actions import Action, KeyFrameActions, Person
from stssa_mm.files.key_frames import DIGITS, split_key
from stssa_mm.files.proposals import read_proposals
from stssa_mm.files.thresholds import class_thresholds, read_thresholds
from stssa_mm.models.detectors.predict_by_size import PredictBySize
from stssa_mm.models.detectors.stssa_faster_rcnn import STSSAFasterRCNN
from stssa_mm.models.roi_heads.stssa_detection_roi_head import STSSADetectionRoIHead
from stssa_mm.people.detectors import PersonDetector, open_person_detector, select_people
from stssa_mm.people.proposals import SELECTION, Selection
from stssa_mm.people.tracking import Following, PeopleLinks, follow_people
from stssa_mm.video.clock import nearest_frame

from .clips import ClipMaker
from .events import LOW
from .network import class_names, load_network
from .sources import Inputs, Place, Source, find_sources, open_source

SCORE_THR = 0.4
WINDOW_BYTES = 2**30  # of the frames that are at hand, unless a single clip needs more
Boxes = Union[str, Path, Mapping]


class Moment(NamedTuple):
    """A key frame: its number from 0, and its time in seconds after the first frame."""
    frame: int
    time: float


class _Waiting(NamedTuple):
    """A key frame whose people wait for their scores; ``clip`` is None where nobody is to be scored."""
    moment: Moment
    people: Optional[Following]
    clip: Optional[dict]


class STSSAInferencer:
    """Who does what, where and when in videos, by a trained network.

    >>> inferencer = STSSAInferencer('configs/stssa_toy.py', 'epoch_12.pth', detector='yolox_nano.onnx')
    >>> for key_frame in inferencer('video.mp4'):
    ...     print(key_frame.time, key_frame.people)

    It is called as MMEngine's :class:`BaseInferencer` is, and no subclass: that makes one sample of an input and
    returns when all are done, where a video has many key frames whose results come one by one; and it takes weights
    that do not fit.

    Scores are those of ``mim test`` on the same key frames and boxes.

    Args:
        config (str | Path | Config): Of the network. Clips are made as its ``test_dataloader`` says.
        checkpoint (str | Path): Its weights. Loaded as data.
        detector (str | Path | PersonDetector, optional): Who finds the people: an ONNX file of YOLOX, a config of mmdet
            with ``detector_checkpoint``, or a function, see :class:`PersonDetector`. Defaults to None: the boxes are
            given in the call, or the network, an STSSAFasterRCNN, finds the people itself.
        detector_checkpoint (str, optional): Of a config of mmdet. Defaults to None.
        selection (Selection): Which of the detector's boxes are people. Defaults to ``SELECTION``.
        thresholds (float | str | Path | Mapping[str, float]): Actions with a score of at least this are in
            ``Person.actions``: one number, or one for each class by its name, or the file that ``tools/evaluate.py
            --thresholds`` writes. Defaults to 0.4.
        label_map (str | Path, optional): A pbtxt of the classes. Defaults to None: the names in the checkpoint's
            ``dataset_meta``, else those of the config's label map.
        batch_size (int): Clips that pass through the network together. Defaults to 4.
        device (str, optional): Defaults to None: a GPU where there is one.

    Attributes:
        classes (dict[int, str]): Ids and names of the actions.
        thresholds (dict[int, float]): Of each id.

    Raises:
        FileNotFoundError: If a file is not there.
        ValueError: If the checkpoint is not one of the config (says which layers differ), the label map has another
            number of classes, or a file or an argument is not what it should be.
    """

    def __init__(self,
                 config: Union[str, Path, Config],
                 checkpoint: Union[str, Path],
                 detector: Union[str, Path, PersonDetector, None] = None,
                 *,
                 detector_checkpoint: Optional[str] = None,
                 selection: Selection = SELECTION,
                 thresholds: Union[float, str, Path, Mapping[str, float]] = SCORE_THR,
                 label_map: Union[str, Path, None] = None,
                 batch_size: int = 4,
                 device: Optional[str] = None) -> None:
        if batch_size < 1:
            raise ValueError(f'batch_size={batch_size}: expected 1 or more')
        selection.check()
        cfg, name = (config, config.filename or 'the config') if isinstance(config, Config) else (_read(config), config)
        device = device or get_device()
        self.selection = selection
        self.model, meta = load_network(cfg, checkpoint, device, str(name))
        heads = self.model.roi_head.bbox_head
        self._scores = class_names(cfg, meta.get('dataset_meta') or {}, heads.num_classes, label_map)
        self.classes = dict(self._scores.values())
        where = 'thresholds'
        if isinstance(thresholds, (str, Path)):
            where, thresholds = str(thresholds), read_thresholds(thresholds)
        self.thresholds = class_thresholds(thresholds, SCORE_THR, self.classes, where)
        self.detector = open_person_detector(detector, detector_checkpoint, device) \
            if isinstance(detector, (str, Path)) else detector
        # The stock detectors take one clip at a time, or pad clips of different sizes.
        self.batch_size = batch_size if isinstance(self.model, PredictBySize) else 1
        self.clips = ClipMaker(cfg)

    def __call__(self,
                 inputs: Inputs,
                 every: float = 0.5,
                 boxes: Optional[Boxes] = None,
                 detect_every: Optional[float] = None,
                 patience: float = 1,
                 fps: Optional[float] = None,
                 timestamp_start: float = 0) -> Iterator[KeyFrameActions]:
        """The people and their actions on each key frame, in the order of the videos, as they are found. What is kept
        in memory does not grow with the video's length.

        Args:
            inputs: A video file, a folder of videos or of the frames of one, a pattern such as ``'clips/*.mp4'``, a
                list of these, or the frames of a video: (N, H, W, 3) or a list of (H, W, 3), uint8, RGB.
            every (float): Seconds between key frames, the first of which is the first frame. Defaults to 0.5.
            boxes (Mapping | str | Path, optional): The people, in place of a detector: seconds after the first frame to
                boxes (n, 4), or (n, 5) with scores, relative; for several videos a mapping of their names to these; or
                a proposal file (.pkl, .npz, .csv) with these names and seconds. These are the key frames then. Of boxes
                with scores those above ``selection.score_thr`` are people. Defaults to None.
            detect_every (float, optional): Seconds between the frames that the detector looks at. On other key frames
                boxes are interpolated. Defaults to None: the key frames.
            patience (float): Seconds for which somebody whom the detector loses is still the same person, and is there
                if found again. Defaults to 1.
            fps (float, optional): Frames a second of arrays, and of a folder of frames (default: 30).
            timestamp_start (float): What a proposal file calls the first frame, in seconds; 900 in AVA. Defaults to 0.

        Yields:
            KeyFrameActions: One for each key frame.

        Raises:
            FileNotFoundError: If a video is not there.
            ValueError: If a video cannot be read, an argument is out of its range, or nobody says who is in a frame.
        """
        places = find_sources(inputs)
        by_video = None if boxes is None else boxes_by_video(
            boxes, [place.name for place in places], timestamp_start)
        self._check(every, detect_every, patience, by_video)
        return self._run(places, fps, by_video, every=every, detect_every=detect_every, patience=patience)

    def _run(self, places: Sequence[Place], fps: Optional[float], by_video: Optional[dict],
             **options) -> Iterator[KeyFrameActions]:
        for place in places:
            with closing(open_source(place, fps)) as source:
                yield from self.predict(source, boxes=by_video and by_video[place.name], **options)

    def _check(self, every: float, detect_every: Optional[float], patience: float, boxes) -> None:
        for name, value in (('every', every), ('detect_every', every if detect_every is None else detect_every)):
            if not value > 0:
                raise ValueError(f'{name}={value}: expected more than 0 seconds')
        if not patience >= 0:
            raise ValueError(f'patience={patience}: expected 0 seconds or more')
        if boxes is None and self.detector is None and not isinstance(self.model, STSSAFasterRCNN):
            raise ValueError('who is in a frame? Give a detector (an ONNX file of YOLOX or a config of mmdet) or '
                             'boxes: only an STSSAFasterRCNN finds people itself')

    def predict(self,
                source: Source,
                every: float = 0.5,
                boxes: Optional[Mapping[float, np.ndarray]] = None,
                detect_every: Optional[float] = None,
                patience: float = 1,
                hold: float = 0) -> Iterator[KeyFrameActions]:
        """The same for one video that is open.

        Args:
            source (Source): The video.
            every, boxes, detect_every, patience: See :meth:`__call__`.
            hold (float): Seconds before a key frame whose frames are still at hand when it is yielded, for one who
                reads on from there. Defaults to 0.
        """
        self._check(every, detect_every, patience, boxes)
        moments = key_moments(source, every) if boxes is None else _given_moments(source, boxes)
        step = max((source.times[-1] - source.times[0]) / len(moments), 1 / source.fps) if moments else 1
        ahead = patience + max(step, detect_every or 0)
        window = _Window(source, hold, max(_room(source), self._at_hand(source, min(step, 1), min(ahead, 2), hold)))
        batch = sum(self._at_hand(source, step, ahead, hold, clips) <= _room(source)
                    for clips in range(1, self.batch_size + 1))
        if boxes is not None:
            given = [(time, self._given(boxes[time], f'{source.name}: boxes at {time:g} s')) for time in sorted(boxes)]
            people = follow_people(given, [time for time, _ in given], 0)
        elif self.detector is not None:
            grid = moments if detect_every is None else key_moments(source, detect_every)
            people = follow_people(self._detections(window, grid), (moment.time for moment in moments), patience)
        else:
            people = (None for _ in moments)
        return self._score(source, window, moments, people, patience, max(batch, 1))

    def holds(self, source: Source, every: float, patience: float = 1) -> bool:
        """Whether the frames from a key frame before the last yielded one on may be held, within ``WINDOW_BYTES``."""
        return self._at_hand(source, every, every + patience, 2 * every) <= _room(source)

    def _at_hand(self, source: Source, step: float, ahead: float, hold: float, clips: int = 1) -> float:
        """How many frames are at hand, where so many clips wait for each other; the others in seconds."""
        return self.clips.before + max(self.clips.behind, ahead * source.fps) + (hold + clips * step) * source.fps

    def _given(self, boxes: np.ndarray, where: str) -> np.ndarray:
        """A user's boxes (n, 5), nan where there is no score; ``where`` is what errors call them."""
        boxes = np.asarray(boxes)
        boxes = boxes if boxes.size else np.zeros((0, 5))
        if boxes.ndim != 2 or boxes.shape[1] not in (4, 5) or boxes.dtype.kind not in 'fiu':
            raise ValueError(f'{where}: {boxes.dtype} {boxes.shape}: expected numbers (n, 4) or (n, 5): x1, y1, x2, '
                             'y2, score')
        wrong = ~((boxes[:, :4] >= 0) & (boxes[:, :4] <= 1)).all(1) | (boxes[:, 2:4] <= boxes[:, :2]).any(1)
        if wrong.any():
            raise ValueError(f'{where}: {boxes[wrong][0, :4].tolist()}: expected x1 < x2 and y1 < y2 relative to the '
                             'frame (0 to 1): divide pixels by width and height')
        if boxes.shape[1] == 4:
            return np.column_stack([boxes, np.full(len(boxes), np.nan)])
        return boxes[boxes[:, 4] > self.selection.score_thr]

    def _detections(self, window: '_Window', moments: Sequence[Moment]) -> Iterator[Tuple[float, np.ndarray]]:
        for moment in moments:
            window.reach(moment.frame, moment.frame + 1)
            found, = self.detector(window.source.read([moment.frame]))
            yield moment.time, select_people(found, *self.selection)

    def _score(self, source: Source, window: '_Window', moments: Sequence[Moment],
               people: Iterable[Optional[Following]], patience: float, batch: int) -> Iterator[KeyFrameActions]:
        links = PeopleLinks(patience=patience)
        waiting: List[_Waiting] = []
        for place, (moment, found) in enumerate(zip(moments, people)):
            clip = None
            if found is None or len(found.boxes):
                window.reach(*self.clips.window(moment.frame))
                clip = self.clips(source, moment.frame, moment.time, None if found is None else found.boxes[:, :4])
            waiting.append(_Waiting(moment, found, clip))
            if len(waiting) == batch or not any(one.clip for one in waiting):
                yield from self._scored(source, waiting, links)
                waiting = []
            if place + 1 < len(moments):
                following = moments[place + 1]
                window.leave(self.clips.window(following.frame)[0], (waiting[0].moment if waiting else following).time)
        yield from self._scored(source, waiting, links)

    def _scored(self, source: Source, waiting: Sequence[_Waiting], links: PeopleLinks) -> Iterator[KeyFrameActions]:
        groups: Dict[tuple, List[int]] = {}
        for place, one in enumerate(waiting):
            if one.clip:
                groups.setdefault(tuple(one.clip['inputs'].shape), []).append(place)
        results = {}
        for places in groups.values():
            with torch.no_grad():
                samples = self.model.test_step(pseudo_collate([waiting[place].clip for place in places]))
            for place, sample in zip(places, samples):
                found = sample.pred_instances.cpu()
                results[place] = found.bboxes.float().numpy(), found.scores.float().numpy()
        for place, (moment, people, _) in enumerate(waiting):
            yield KeyFrameActions(source.name, moment.frame, moment.time, source.size,
                                  self._people(moment, people, results.get(place), links), self.classes)

    def _people(self, moment: Moment, given: Optional[Following], result: Optional[tuple],
                links: PeopleLinks) -> List[Person]:
        if result is None:
            return []
        boxes, scores = result
        if np.isnan(boxes).any() or np.isnan(scores).any():
            raise ValueError(f'at {moment.time:g} s the model gives nan as a box or score: has the training diverged? '
                             'Take an earlier checkpoint')
        scores = scores[:, list(self._scores)]
        if given is None or isinstance(self.model.roi_head, STSSADetectionRoIHead):  # boxes of its own
            floor = LOW * np.array(list(self.thresholds.values()))
            shown = (scores >= floor).any(1)
            boxes, scores = boxes[shown], scores[shown]
            numbers, detected = links.update(moment.time, boxes), [None] * len(boxes)
        else:
            order = _places(given.boxes[:, :4], boxes)
            numbers = [given.numbers[place] for place in order]
            detected = [None if np.isnan(given.boxes[place, 4]) else float(given.boxes[place, 4]) for place in order]
        return [Person(number, tuple(box), self._actions(row), row, score)
                for number, box, row, score in zip(numbers, boxes.tolist(), scores, detected)]

    def _actions(self, scores: np.ndarray) -> List[Action]:
        found = [Action(label, name, score) for (label, name), score in zip(self.classes.items(), scores.tolist())
                 if score >= self.thresholds[label]]
        return sorted(found, key=lambda action: -action.score)


class _Window:
    """Keeps the frames at hand that are still to be read, so that each is decoded once; where key frames are far apart,
    those of the clips alone."""

    def __init__(self, source: Source, behind: float, most: float) -> None:
        self.source, self._behind, self._most = source, behind, most
        self._first = self._end = 0

    def reach(self, first: int, end: int) -> None:
        """Have the frames ``first`` to ``end - 1``, and those before that were not left."""
        end = min(end, len(self.source))
        if end > self._end:
            self.source.hold(self._first if end - self._first <= self._most else max(first, self._first), end)
            self._end = end

    def leave(self, frame: int, time: float) -> None:
        """Nothing before this frame is read again, nor before this time less the seconds that are held."""
        if self._behind:
            frame = min(frame, int(np.searchsorted(self.source.times, time - self._behind)))
        self._first = max(self._first, frame)


def _room(source: Source) -> float:
    """How many of a video's frames may be at hand."""
    return WINDOW_BYTES / (3 * source.size[0] * source.size[1])


def _read(config: Union[str, Path]) -> Config:
    if not Path(config).is_file():
        raise FileNotFoundError(f'{config}: no such file')
    return Config.fromfile(config)


def key_moments(source: Source, every: float) -> List[Moment]:
    """The key frames of a video: those shown nearest to the seconds 0, ``every``, 2 ``every``, ..., each once."""
    count = int(np.floor(source.times[-1] / every + 1e-6)) + 1
    frames = dict.fromkeys(nearest_frame(number * every, source.times) for number in range(count))
    return [Moment(frame, round(float(source.times[frame]), DIGITS)) for frame in frames]


def _given_moments(source: Source, boxes: Mapping[float, np.ndarray]) -> List[Moment]:
    last = source.duration
    for time in boxes:
        if not 0 <= time <= last:
            raise ValueError(f'{source.name}: boxes at {time:g} s: expected seconds after the first frame, and the '
                             f'video has {last:.2f}')
    return [Moment(nearest_frame(time, source.times), float(time)) for time in sorted(boxes)]


def boxes_by_video(boxes: Boxes, names: Sequence[str],
                   timestamp_start: float = 0) -> Dict[str, Mapping[float, np.ndarray]]:
    """Boxes of each video of a name, by seconds after its first frame; see :meth:`STSSAInferencer.__call__`."""
    if isinstance(boxes, (str, Path)):
        found: Dict[str, dict] = {}
        for key, array in read_proposals(boxes).items():
            video, time, *_ = split_key(key)
            found.setdefault(video, {})[round(time - timestamp_start, DIGITS)] = array
    elif all(isinstance(key, str) for key in boxes):
        found = dict(boxes)
    elif len(names) == 1:
        found = {names[0]: boxes}
    else:
        raise ValueError(f'boxes by seconds, and {len(names)} videos: expected boxes by the names of the videos')
    missing = [name for name in names if name not in found]
    if missing:
        raise ValueError(f'no boxes for {", ".join(missing[:3])}{", ..." if len(missing) > 3 else ""}: expected those '
                         f'of each video by its name; found {", ".join(list(found)[:3]) or "none"}')
    return found


def _places(given: np.ndarray, found: np.ndarray) -> List[int]:
    """Which of the given boxes (n, 4) each box (m, 4) of the network is, m <= n: a head drops those without area."""
    if len(given) == len(found):
        return list(range(len(given)))
    order = [0] * len(found)
    for before, now in zip(*linear_sum_assignment(pairwise_iou(given[:, None], found), maximize=True)):
        order[now] = int(before)
    return order


