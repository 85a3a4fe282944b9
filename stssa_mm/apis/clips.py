"""Clips around key frames, made as a config's test pipeline makes them."""
from typing import Optional, Tuple

import numpy as np
from mmaction.datasets.transforms import (
    DecordDecode,
    DecordInit,
    OpenCVDecode,
    OpenCVInit,
    PyAVDecode,
    PyAVInit,
    RawFrameDecode,
    SampleAVAFrames,
)
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import DefaultScope

from stssa_mm.datasets.transforms.video import STSSAVideoDecode
from stssa_mm.files.key_frames import key_of

from .network import dataset_config
from .sources import Source

OPENS = (DecordInit, OpenCVInit, PyAVInit)
DECODES = (DecordDecode, OpenCVDecode, PyAVDecode, RawFrameDecode)


class _Frames:
    """What :class:`STSSAVideoDecode` reads from; ``first`` is the number of the first frame."""

    def __init__(self, source: Source, first: int) -> None:
        self._source, self._first = source, first

    def read(self, numbers) -> list:
        return self._source.read([number - self._first for number in numbers])


def _stop(filename: str, error: Exception) -> None:
    raise error


class ClipMaker:
    """Makes the clips of key frames by a config's test pipeline, whatever it reads: only the transforms that open and
    decode files are left out. Key frames are numbers of frames here, so the clip is that of a dataset's sample whose
    timestamp falls on the frame.

    Args:
        cfg (Config): Of the network.

    Attributes:
        before (int): Frames before the key frame that a clip reaches back to.
        behind (int): Frames behind the key frame.

    Raises:
        ValueError: If the pipeline does not sample clips around key frames.
    """

    def __init__(self, cfg: Config) -> None:
        dataset = dataset_config(cfg)
        with DefaultScope.overwrite_default_scope(cfg.get('default_scope', 'mmaction')):
            self._pipeline = Compose(list(dataset['pipeline']))
        self._pictures = any(isinstance(transform, RawFrameDecode) for transform in self._pipeline.transforms)
        self._shot = int(str(dataset.get('type')).endswith('AVAKineticsDataset'))  # its pictures begin with this number
        self._start_index = dataset.get('start_index', 0 if self._shot else 1)  # as the classes' defaults
        self._first = self._start_index + self._shot if self._pictures else 0
        self._num_classes = dataset.get('num_classes', 81)
        self._pipeline.transforms = [
            STSSAVideoDecode() if isinstance(transform, DECODES) else transform
            for transform in self._pipeline.transforms if not isinstance(transform, OPENS)]
        sampling = [transform for transform in self._pipeline.transforms if isinstance(transform, SampleAVAFrames)]
        if len(sampling) != 1 or not any(isinstance(t, STSSAVideoDecode) for t in self._pipeline.transforms):
            raise ValueError('test_dataloader.dataset.pipeline: expected a SampleAVAFrames or STSSASampleFrames and a '
                             'transform that decodes')
        self.before = sampling[0].clip_len // 2 * sampling[0].frame_interval
        self.behind = (sampling[0].clip_len + 1) // 2 * sampling[0].frame_interval

    def __call__(self, source: Source, frame: int, time: float, boxes: Optional[np.ndarray]) -> dict:
        """The clip of a key frame.

        Args:
            source (Source): The video.
            frame (int): The key frame.
            time (float): Its time in the results.
            boxes (np.ndarray, optional): (n, 4), relative. None: the network finds the people.

        Returns:
            dict: ``inputs`` (Tensor) and ``data_samples`` (ActionDataSample).
        """
        sample = dict(
            video_id=source.name,
            timestamp=frame,
            timestamp_start=0,
            timestamp_end=len(source),
            fps=1,
            shot_info=(self._shot, self._shot + len(source)),
            total_frames=None if self._pictures else len(source),
            start_index=self._start_index,
            filename=source.name,
            img_key=key_of(source.name, time),
            modality='RGB',
            sample_idx=0,
            video_reader=_Frames(source, self._first),
            on_broken_video=_stop,
            gt_bboxes=np.zeros((0, 4), np.float32),  # the transforms move proposals only beside ground truth
            gt_labels=np.zeros((0, self._num_classes), np.float32),
            entity_ids=np.zeros(0, int))
        if boxes is not None:
            sample['proposals'] = boxes.copy()
        return self._pipeline(sample)

    def window(self, frame: int) -> Tuple[int, int]:
        """The frames, first and the number behind the last, that the clip of a key frame takes, at most."""
        # MMAction2's own sampling is a frame early or up to two late.
        return frame - self.before - 1, frame + self.behind + 2
