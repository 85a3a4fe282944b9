"""Which frames make the clip around an annotated moment."""
import math

import numpy as np
from mmaction.datasets.transforms import SampleAVAFrames

from stssa_mm.registry import TRANSFORMS


@TRANSFORMS.register_module()
class STSSASampleFrames(SampleAVAFrames):
    """:class:`SampleAVAFrames` with the annotated moment in the middle, to the frame.

    The frame of the moment, counted from 0 at ``timestamp_start``, is

    - the one shown nearest to ``timestamp - timestamp_start`` seconds, where ``frame_times`` is there (videos);
    - ``round((timestamp - timestamp_start) * fps)`` elsewhere (folders of frames extracted at ``fps``), and for
      ``fps=1``, which means as in :class:`AVADataset` that timestamps are numbers of frames.

    Frame ``clip_len // 2`` of the clip is this frame, the others lie ``frame_interval`` apart. For training they are
    moved at random by half an interval at most (by -1 or 0 frames for an interval of 2, not at all for 1); that of the
    moment is not. What lies outside the video becomes its first or last frame: the video is
    ``range(*shot_info)``, or ``range(total_frames)``, or what they share if both are there.

    :class:`SampleAVAFrames` takes the frame ``start_index`` later, moves frames by -1 for an interval of 1, trusts
    ``fps`` for videos and wants whole seconds.

    Required keys: ``timestamp`` and ``timestamp_start`` (int or float), ``fps``, ``shot_info`` or ``total_frames``
    (without ``start_index``). Optional keys: ``start_index`` (number of the first frame, 1 in file names; 0),
    ``frame_times``. Added keys: those of :class:`SampleAVAFrames`.

    Args:
        clip_len (int): Frames of the clip.
        frame_interval (int): Distance of neighbouring frames. Defaults to 2.
        test_mode (bool): Whether frames stay where they are. Defaults to False.

    Raises:
        ValueError: If the moment lies before the video or behind its last frame. Except with ``fps=1``, one second
            behind is allowed, because lengths get rounded.
    """

    def transform(self, results: dict) -> dict:
        """Choose the frames."""
        first, end = results.get('shot_info') or (0, results['total_frames'])
        if results.get('total_frames') is not None:
            first, end = max(first, 0), min(end, results['total_frames'])
        fps, moment = results['fps'], results['timestamp'] - results['timestamp_start']
        times = results.get('frame_times') if fps != 1 else None
        if times is None:
            centre = math.floor(moment * fps + 0.5)
            behind = (centre - end + 1) / fps
        else:
            centre = int(np.abs(times - moment).argmin())
            behind = moment - times[end - 1]
        if moment < 0 or centre < first or behind > (0 if fps == 1 else 1):
            name = results.get('filename') or results.get('frame_dir')
            raise ValueError(
                f'{name}: the annotated moment {results["timestamp"]} is outside of the video, which has the frames '
                f'{first} to {end - 1} and starts at {results["timestamp_start"]}. Correct the annotation, or '
                f'timestamp_start or fps={fps} of the dataset (fps=1: timestamps are frame numbers)')
        offsets = np.random.randint(
            -(self.frame_interval // 2), (self.frame_interval + 1) // 2, size=self.clip_len)
        offsets[self.clip_len // 2] = 0
        indices = self._get_clips(centre, offsets, (first, end))
        results['frame_inds'] = np.array(indices, dtype=np.int32) + results.get('start_index', 0)
        results['clip_len'] = self.clip_len
        results['frame_interval'] = self.frame_interval
        results['num_clips'] = 1
        results['crop_quadruple'] = np.array([0, 0, 1, 1], dtype=np.float32)
        return results
