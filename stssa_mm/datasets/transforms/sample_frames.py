"""Which frames make the clip around an annotated moment."""
import numpy as np
from mmaction.datasets.transforms import SampleAVAFrames

from stssa_mm.registry import TRANSFORMS
from stssa_mm.video.clock import frame_of_sample
from stssa_mm.video.folder import count_frames


@TRANSFORMS.register_module()
class STSSASampleFrames(SampleAVAFrames):
    """:class:`SampleAVAFrames` with the annotated moment in the middle, to the frame.

    The frame of the moment is that of :func:`~stssa_mm.video.clock.frame_at`, which goes by ``frame_times`` where they
    are there (videos), else by ``fps`` (folders of frames). It is frame ``clip_len // 2`` of the clip, the others lie
    ``frame_interval`` apart. For training they are moved at random by half an interval at most (by -1 or 0 frames for
    an interval of 2, not at all for 1); that of the moment is not. What lies outside the video becomes its first or
    last frame: the video is ``range(*shot_info)``, or ``range(total_frames)``, or what they share if both are there.
    A folder of frames on disk tells by itself how many it holds.

    :class:`SampleAVAFrames` takes the frame ``start_index`` later, moves frames by -1 for an interval of 1, trusts
    ``fps`` for videos and wants whole seconds.

    Required keys: ``timestamp`` and ``timestamp_start`` (int or float), ``fps``, ``shot_info`` or ``total_frames``
    (without ``start_index``). Optional keys: ``start_index`` (number of the first picture; 0),
    ``frame_times``, ``frame_dir`` with ``filename_tmpl``. Added keys: those of :class:`SampleAVAFrames`.

    Args:
        clip_len (int): Frames of the clip.
        frame_interval (int): Distance of neighbouring frames. Defaults to 2.
        test_mode (bool): Whether frames stay where they are. Defaults to False.
        shift (int): For training the whole clip is moved by at most so many frames, to either side, at random: for
            actions that hold longer than that. Boxes stay those of the moment. Defaults to 0.
        grid (int): For training, frames become the last multiple of this before them: where maps of frames are kept,
            fewer have to be. Defaults to 1: they stay.

    Raises:
        ValueError: If the moment is outside of the video, see :func:`~stssa_mm.video.clock.frame_at`.
    """

    def __init__(self, *args, shift: int = 0, grid: int = 1, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.shift, self.grid = (0, 1) if self.test_mode else (shift, grid)

    def _moment(self, results: dict) -> tuple:
        """The frame of the moment, the first frame of the video and the number behind its last, and what is added to
        their numbers in ``frame_inds``."""
        times = results.get('frame_times')
        total = count_frames(results) if results.get('total_frames') is None else results['total_frames']
        start_index = results.get('start_index', 0) if times is None else 0  # videos count from 0
        return (*frame_of_sample(results, total, times), start_index)

    def reach(self, results: dict) -> np.ndarray:
        """All frames that may be chosen, as ``frame_inds``: (n,), rising."""
        centre, (first, end), start_index = self._moment(results)
        interval, half = self.frame_interval, self.clip_len // 2
        steps = np.arange(-half, self.clip_len - half) * interval
        moves = [0] if self.test_mode else np.arange(-(interval // 2), (interval + 1) // 2)
        shifts = np.arange(-self.shift, self.shift + 1)
        frames = np.add.outer(np.add.outer(steps, moves), shifts).ravel() + centre
        return np.unique(self._on_grid(np.clip(frames, first, end - 1), first)) + start_index

    def _on_grid(self, frames: np.ndarray, first: int) -> np.ndarray:
        return np.maximum(frames // self.grid * self.grid, first)

    def transform(self, results: dict) -> dict:
        """Choose the frames."""
        centre, video, start_index = self._moment(results)
        if self.shift:
            centre = int(np.clip(centre + np.random.randint(-self.shift, self.shift + 1), video[0], video[1] - 1))
        offsets = np.random.randint(
            -(self.frame_interval // 2), (self.frame_interval + 1) // 2, size=self.clip_len)
        offsets[self.clip_len // 2] = 0
        indices = self._on_grid(self._get_clips(centre, offsets, video), video[0])
        results['frame_inds'] = np.array(indices, dtype=np.int32) + start_index
        results['clip_len'] = self.clip_len
        results['frame_interval'] = self.frame_interval
        results['num_clips'] = 1
        results['crop_quadruple'] = np.array([0, 0, 1, 1], dtype=np.float32)
        return results
