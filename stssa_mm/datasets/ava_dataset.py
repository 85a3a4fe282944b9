"""AVA and everything in AVA's form."""
import contextlib
import os.path as osp
import random
from pathlib import Path
from typing import Callable, Collection, Dict, Optional, Sequence, Union

import numpy as np
import torch
from mmaction.datasets import AVADataset
from mmaction.utils import ConfigType
from mmengine.dataset import force_full_init
from mmengine.logging import MMLogger

from stssa_mm.files.annotations import Rows, read_annotations
from stssa_mm.files.key_frames import check_video_names, key_of, read_exclusions, split_key
from stssa_mm.files.label_map import read_label_map
from stssa_mm.files.proposals import Proposals, read_proposals, select_proposals
from stssa_mm.files.video_info import VideoInfo, read_video_info
from stssa_mm.registry import DATASETS
from stssa_mm.video.find import find_videos, has_extension
from stssa_mm.video.folder import DEFAULT_TEMPLATE, FrameFolder, check_template
from stssa_mm.video.probe import BrokenVideoError

from .grouped_rows import group_rows

MOST_CLASSES = 100_000  # a sample has a score for each person and class


@contextlib.contextmanager
def numpy_and_python_seed(seed):
    """Seed ``random`` and ``numpy.random``, from which the transforms draw, and put both back at the end."""
    python_state, numpy_state = random.getstate(), np.random.get_state()
    random.seed(seed)
    np.random.seed(seed)
    try:
        yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)


@DATASETS.register_module()
class STSSAAVADataset(AVADataset):
    """:class:`AVADataset` on columns: fast to read, small in memory, strict about its files.

    Each sample draws its random numbers from the sample itself. ``data_list`` holds the numbers of the key frames, and
    a sample's dict is made when it is asked for, so worker processes share all annotations and ``serialize_data`` is
    without effect. The samples are those of :class:`AVADataset`, but for this:

    - Two people with the same box and different ids stay two.
    - ``metainfo`` names the classes, and checkpoints carry it: ``classes``, a name for each score but the background's
      ('' for an id that the label map lacks), and ``class_ids``.
    - Rows without a person id (7 columns): a person is then a box.
    - Key frames with nobody, rows of two columns: in testing kept, without ground truth; in training left out, see
      ``keep_empty``. The same for key frames on which ``custom_classes`` leave nobody.
    - Timestamps may be fractions.
    - A key frame that the proposal file lacks is an error, where upstream takes the whole frame for a person; see
      ``missing_proposals``. One whose array is empty has no proposals.
    - Each video may have its own start, length and rate: ``video_info``.
    - Videos of any extension: ``video_suffix``. Frames of any name: ``filename_tmpl``.
    - With ``multilabel=False`` a person has one label, or there is an error.
    - In testing a dataset may go without ground truth: ``ann_file`` is None, and the key frames are ``key_frames`` or
      those of the proposal file, or it is a list of key frames ("video,timestamp"). ``gt_bboxes`` are (0, 4) then, as
      the transforms move proposals only beside ground truth.

    Args:
        ann_file (str, optional): Annotation csv; see above.
        pipeline (list): The transforms.
        proposal_file (str, optional): ``.pkl``, ``.npz`` or ``.csv``; see
            :func:`~stssa_mm.files.proposals.read_proposals`. Defaults to None: samples without proposals.
        custom_classes (Sequence[int], optional): Class ids to use, a subset of the label map's. Defaults to all.
        missing_proposals (str): A key frame without an entry in the proposal file: ``'error'``, or ``'empty'``, a clip
            without proposals in testing, left out in training; they are counted in the log, and all of them missing is
            an error; or ``'keep'``, the same without a word, for callers who look at ``missing`` themselves. Defaults
            to ``'error'``.
        key_frames (Sequence[str], optional): Keys ('video,0902') of the key frames to test on where ``ann_file`` is
            None. Defaults to None: those of the proposal file.
        keep_empty (bool): Also train on key frames without people. Defaults to False.
        video_suffix (str, optional): Added to a video id to find its file in ``data_prefix['img']``, with
            ``use_frames=False``, unless the id has the extension of a video, as in MultiSports, or is a file's name by
            itself. None: the one video of this name, whatever its extension. Defaults to ``'.mp4'``.
        filename_tmpl (str, optional): The names of frames as pictures, such as ``'img_{:05}.jpg'``. Defaults to None:
            those in the video's folder, see :class:`~stssa_mm.video.folder.FrameFolder`.
        video_info (str, optional): csv or json of each video's start, frames and fps; see
            :func:`~stssa_mm.files.video_info.read_video_info`. What it does not give is as for every video:
            ``timestamp_start``, ``timestamp_end`` and ``fps``. Defaults to None.
        lazy_init (bool): Read the files when they are first needed. Defaults to False.
        **kwargs: The other arguments of :class:`AVADataset`.

    Raises:
        FileNotFoundError: If a file named in the config is not there; names the key.
        ValueError: If a file is malformed or does not fit the arguments; names the file and line, key or key frame.
    """

    def __init__(self,
                 ann_file: Optional[str] = None,
                 pipeline: Sequence[Union[ConfigType, Callable]] = (),
                 *,
                 proposal_file: Optional[str] = None,
                 custom_classes: Optional[Sequence[int]] = None,
                 missing_proposals: str = 'error',
                 key_frames: Optional[Sequence[str]] = None,
                 keep_empty: bool = False,
                 video_suffix: Optional[str] = '.mp4',
                 filename_tmpl: Optional[str] = None,
                 video_info: Optional[str] = None,
                 lazy_init: bool = False,
                 **kwargs) -> None:
        if missing_proposals not in ('error', 'empty', 'keep'):
            raise ValueError(f"dataset.missing_proposals={missing_proposals!r}: expected 'error' or 'empty' (or "
                             "'keep')")
        self.missing_proposals = missing_proposals
        self.keep_empty = keep_empty
        self.video_suffix = video_suffix
        self.video_info = video_info
        self._filename_tmpl = filename_tmpl
        self._templates: Dict[str, str] = {}  # of videos whose folder was looked into
        # Shared with the workers, which live through all epochs.
        self._seed_and_epoch = torch.full((2, ), -1, dtype=torch.int64).share_memory_()
        # Upstream would read label map and proposals by its own means.
        super().__init__(ann_file, pipeline, lazy_init=True,
                         **{**kwargs, 'filename_tmpl': filename_tmpl or DEFAULT_TEMPLATE, 'serialize_data': False})
        self.proposal_file = proposal_file
        self._keys = key_frames
        self.custom_classes = None if custom_classes is None else [0, *custom_classes]
        if not lazy_init:
            self.full_init()

    def load_data_list(self) -> np.ndarray:
        """Read the files.

        Returns:
            np.ndarray: (F,) the numbers of the key frames.
        """
        self._check_arguments()
        proposals = read_proposals(self.proposal_file) if self.proposal_file else None
        rows = read_annotations(self.ann_file) if self.ann_file else _without_ground_truth(
            proposals if self._keys is None else self._keys)
        for note in rows.notes:
            MMLogger.get_current_instance().info(note)
        check_video_names(rows.videos.tolist(), self.ann_file or self.proposal_file or 'dataset.key_frames')
        self.key_frames = group_rows(rows, self._class_columns(rows))
        if not self.multilabel:
            self._check_single_labels()
        frames = range(len(self.key_frames.video))
        self.proposals: Optional[Proposals] = None
        self.missing = np.zeros(len(frames), bool)
        if proposals is not None:
            keys = [self._key(frame) for frame in frames]
            self.missing = np.array([key not in proposals for key in keys], bool)
            self.proposals = select_proposals(proposals, keys, self.person_det_score_thr, self.num_max_proposals,
                                              self.proposal_file)
            if self.proposals.clipped:
                MMLogger.get_current_instance().info(f'{self.proposal_file}: {self.proposals.clipped} proposals reach '
                                                     'over the frame by up to 0.01 and are clipped')
            if self.proposals.without_area:
                MMLogger.get_current_instance().info(f'{self.proposal_file}: {self.proposals.without_area} proposals '
                                                     'have no area: dropped')
        self._infos = self._video_infos()
        self._files: Dict[str, str] = {}
        if not self.use_frames and self.video_suffix is None:
            for video, file in find_videos(Path(self.data_prefix['img']), self.key_frames.videos.tolist()).items():
                if isinstance(file, Exception):
                    raise file
                self._files[video] = str(file)
        self._metainfo.update(self._classes())
        return np.array(frames)

    def filter_data(self) -> np.ndarray:
        """Leave out key frames that are excluded, in training those without people, and see to missing proposals.

        Returns:
            np.ndarray: (F',) the numbers of the key frames that stay.
        """
        keep, counts = np.ones(len(self.data_list), bool), []

        def leave_out(what: str, which: np.ndarray) -> None:
            nonlocal keep
            if (keep & which).any():
                counts.append(f'{int((keep & which).sum())} {what}')
            keep = keep & ~which

        if self.exclude_file:
            excluded = set(zip(*(column.tolist() for column in read_exclusions(self.exclude_file))))
            frames = self.key_frames
            names = frames.videos[frames.video].tolist()
            leave_out('excluded', np.array([key in excluded for key in zip(names, frames.timestamp.tolist())], bool))
        if not self.test_mode and not self.keep_empty:
            leave_out('with nobody', np.diff(self.key_frames.people) == 0)
        self._see_to_missing(np.flatnonzero(keep & self.missing), int(keep.sum()))
        if self.proposals is not None and not self.test_mode:
            leave_out('without proposals', np.diff(self.proposals.start) == 0)
        left_out = f'; left out: {", ".join(counts)}' if counts else ''
        if not keep.any():
            raise ValueError(f'dataset.ann_file={self.ann_file!r}: no key frame remains of {len(keep)}{left_out}')
        MMLogger.get_current_instance().info(f'{int(keep.sum())} of {len(keep)} key frames are used{left_out}')
        return self.data_list[keep]

    @force_full_init
    def get_data_info(self, idx: int) -> dict:
        """What is known of sample ``idx``, with the keys of :class:`AVADataset`."""
        frame = self.data_list[idx]
        video = str(self.key_frames.videos[self.key_frames.video[frame]])
        timestamp = float(self.key_frames.timestamp[frame])
        info = dict(
            video_id=video,
            timestamp=int(timestamp) if timestamp.is_integer() else timestamp,
            img_key=self._key(frame),
            **self.timing(video),
            filename_tmpl=self._template(video),
            start_index=self.start_index,
            modality=self.modality,
            sample_idx=idx if idx >= 0 else len(self) + idx,
            **self._ground_truth(frame))
        info['frame_dir' if self.use_frames else 'filename'] = self.path_of(video)
        if self.proposals is not None:
            info['proposals'], scores = self.proposals.of(frame)
            if scores is not None:
                info['scores'] = scores
        return info

    def path_of(self, video: str) -> str:
        """The file of a video, or its folder of frames."""
        path = osp.join(self.data_prefix['img'], video)
        if self.use_frames:
            return path
        if video in self._files:
            return self._files[video]
        whole = has_extension(video) or osp.splitext(video)[1] and osp.isfile(path)
        return path if whole else path + self.video_suffix

    def _template(self, video: str) -> str:
        """How the frames of a video are named."""
        if self._filename_tmpl or not self.use_frames:
            return self.filename_tmpl
        if video not in self._templates:
            try:
                self._templates[video] = FrameFolder(self.path_of(video)).template
            except BrokenVideoError:
                self._templates[video] = DEFAULT_TEMPLATE  # reading the frames says what is wrong
        return self._templates[video]

    def _key(self, frame: int) -> str:
        frames = self.key_frames
        return key_of(frames.videos[frames.video[frame]], frames.timestamp[frame])

    def _check_arguments(self) -> None:
        if self.use_frames and self.modality == 'RGB':
            check_template(self.filename_tmpl)
        if not 0 < self.num_classes <= MOST_CLASSES:
            raise ValueError(f'dataset.num_classes={self.num_classes}: expected 1 to {MOST_CLASSES}: give ids that are '
                             'high as custom_classes')
        for key in ('ann_file', 'label_file', 'exclude_file', 'proposal_file', 'video_info'):
            path = getattr(self, key)
            if path is not None and not osp.isfile(path):
                raise FileNotFoundError(f'dataset.{key}={path!r}: no such file (working directory '
                                        f'{osp.abspath(".")}). data/README.md shows how to make it; or correct the key')
        if self.ann_file is None and not ((self.proposal_file or self._keys is not None) and self.test_mode):
            raise ValueError('dataset.ann_file=None: expected a file, or with test_mode=True a proposal_file, whose '
                             'key frames are used')
        if self.ann_file is not None and self._keys is not None:
            raise ValueError(f'dataset.key_frames: expected None beside ann_file={self.ann_file!r}, which has its own')
        if self.custom_classes is not None:
            ids = self.custom_classes[1:]
            if self.label_file is None:
                raise ValueError('dataset.custom_classes: expected label_file as well')
            unknown = sorted(set(ids) - set(read_label_map(self.label_file)))
            if unknown or len(set(ids)) < len(ids):
                raise ValueError(f'dataset.custom_classes={ids}: expected different ids of {self.label_file}'
                                 + (f', which does not have {unknown}' if unknown else ''))
            if self.num_classes != len(ids) + 1:
                raise ValueError(f'dataset.num_classes={self.num_classes}: expected {len(ids) + 1}, the custom_classes '
                                 '+ 1')

    def _class_columns(self, rows: Rows) -> np.ndarray:
        """(N,) the class column of each row's label, -1 where the class is not used."""
        if self.custom_classes is not None:
            ids = np.array(self.custom_classes[1:], np.int64)
            if not len(ids):
                return np.full(len(rows.label), -1)
            order = np.argsort(ids)
            place = order[np.searchsorted(ids[order], rows.label).clip(max=len(ids) - 1)]
            return np.where(ids[place] == rows.label, place + 1, -1)
        if len(rows.label) and rows.label.max() >= self.num_classes:
            row = int(rows.label.argmax())
            raise ValueError(f'{self.ann_file}: key frame {key_of(rows.videos[rows.video[row]], rows.timestamp[row])}: '
                             f'class id {rows.label[row]}, but dataset.num_classes={self.num_classes}: expected the '
                             'highest id + 1, here, in the box head and in the evaluators')
        return rows.label

    def _check_single_labels(self) -> None:
        frames = self.key_frames
        if not len(frames.label):
            return
        low, high = (reduce.reduceat(frames.label, frames.labels[:-1]) for reduce in (np.minimum, np.maximum))
        if (low < high).any():
            person = int(np.argmax(low < high))
            frame = int(np.searchsorted(frames.people, person, 'right')) - 1
            raise ValueError(f'{self.ann_file}: key frame {self._key(frame)}: the person {frames.person[person]} has '
                             'several labels: expected one, or dataset.multilabel=True')

    def _see_to_missing(self, missing: np.ndarray, used: int) -> None:
        """Raise an error or log a line for the key frames (by number) that the proposal file lacks."""
        if not len(missing) or self.missing_proposals == 'keep':
            return
        some = '; '.join(map(self._key, missing[:3]))
        fact = (f'dataset.proposal_file={self.proposal_file!r}: {len(missing)} of {used} key frames of {self.ann_file} '
                f'are not in it, such as {some}')
        if self.missing_proposals == 'error':
            raise ValueError(f"{fact}: add them with tools/data/make_proposals.py, or set dataset.missing_proposals="
                             "'empty' to have no people there")
        if len(missing) == used:
            raise ValueError(f'{fact}: is it the file of this split, with the same names of videos?')
        MMLogger.get_current_instance().info(f'{fact}: nobody is there')

    def _video_infos(self) -> Dict[str, VideoInfo]:
        if not self.video_info:
            return {}
        infos = read_video_info(self.video_info)
        videos = self.key_frames.videos.tolist()
        unknown = sorted(set(videos) - set(infos))
        if unknown:
            raise ValueError(f'dataset.video_info={self.video_info!r}: {len(unknown)} of {len(videos)} videos of '
                             f'{self.ann_file} are not in it, such as {", ".join(unknown[:3])}: add them')
        return infos

    def timing(self, video: str) -> dict:
        """When a video starts and ends, its rate, and its frames (``shot_info``; None: the decoder counts them)."""
        given = self._infos.get(video, VideoInfo())
        fps = self._FPS if given.fps is None else given.fps
        start = self.timestamp_start if given.start is None else given.start
        if given.frames is None:
            shot = (0, (self.timestamp_end - self.timestamp_start) * self._FPS) if self.use_frames else None
            return dict(fps=fps, timestamp_start=start, timestamp_end=self.timestamp_end, shot_info=shot)
        return dict(fps=fps, timestamp_start=start, timestamp_end=start + given.frames / fps,
                    shot_info=(0, given.frames))

    def _ground_truth(self, frame: int) -> dict:
        """``gt_bboxes`` (n, 4), ``gt_labels`` (n, num_classes), or (n, 1) single labels, and ``entity_ids`` (n,)."""
        people = slice(self.key_frames.people[frame], self.key_frames.people[frame + 1])
        person, label = self.key_frames.labels_of(frame)
        boxes = self.key_frames.box[people].copy()
        if self.multilabel:
            labels = np.zeros((len(boxes), self.num_classes), np.float32)
            labels[person, label] = 1
        else:
            labels = np.zeros((len(boxes), 1), np.int64)
            labels[person, 0] = label
        return dict(gt_bboxes=boxes, gt_labels=labels, entity_ids=self.key_frames.person[people].copy())

    def _classes(self) -> dict:
        """``classes`` and ``class_ids`` of the scores; nothing without a label map."""
        if not self.label_file:
            return {}
        names = read_label_map(self.label_file)
        ids = tuple(self.custom_classes[1:] if self.custom_classes is not None else range(1, self.num_classes))
        return dict(classes=tuple(names.get(label, '') for label in ids), class_ids=ids)

    def seed_samples(self, seed: int, epoch: int) -> None:
        """From now on draw a sample's random numbers from the seed, the epoch and the sample's index.

        Args:
            seed (int): The run's seed.
            epoch (int): The epoch, from 0.
        """
        self._seed_and_epoch.copy_(torch.tensor([seed, epoch]))

    def prepare_data(self, idx: int) -> Optional[dict]:
        """The sample ``idx`` after the pipeline."""
        seed, epoch = self._seed_and_epoch.tolist()
        if seed < 0:
            return super().prepare_data(idx)
        state = np.random.SeedSequence([seed, epoch, idx]).generate_state(1)
        with numpy_and_python_seed(int(state[0])):
            return super().prepare_data(idx)


def _without_ground_truth(keys: Collection[str]) -> Rows:
    """Key frames with nobody on them."""
    names, timestamp, _ = zip(*map(split_key, keys)) if keys else ((), (), ())
    videos, video = np.unique(np.array(names, str), return_inverse=True)
    none = np.zeros(0, np.int64)
    return Rows(videos, none, np.zeros(0), np.zeros((0, 4)), none, None, np.zeros(0), video, np.array(timestamp))
