"""Reading clips out of videos."""
from typing import List, Optional

import numpy as np
from mmaction.datasets.transforms import DecordDecode, DecordInit
from mmengine.fileio import FileClient

from stssa_mm.registry import TRANSFORMS
from stssa_mm.video.probe import BrokenVideoError
from stssa_mm.video.reader import Video, VideoPool

from .broken_videos import BrokenVideos


@TRANSFORMS.register_module()
class STSSAVideoInit(DecordInit):
    """:class:`DecordInit` that keeps videos open, and the frames decoded last; for :class:`STSSAVideoDecode`.

    Whatever FFmpeg reads: frame i is the i-th that a player shows, see :mod:`stssa_mm.video`. Each process keeps its
    own: nothing is shared by fork or pickling. A pass over a video in order decodes every frame once, whatever the
    overlap of its clips.

    A broken video is one that is missing, empty, no video, cut off (mp4, mov, Matroska and AVI say how long they are),
    not decodable where a clip needs it, or whose timestamps go back. Damage that the codec conceals without a word
    cannot be seen.

    Required keys: ``filename`` (with its suffix). Added keys: ``video_reader``, ``total_frames``, ``avg_fps``,
    ``frame_times`` (seconds after the first frame at which each is shown) and ``on_broken_video``.

    Args:
        max_open (int): Videos that a process keeps open. Defaults to 4.
        cache_mb (float): The most that kept frames take in a process, in MiB. Defaults to 256.
        on_broken (str): ``'stop'`` or ``'skip'``, see :class:`.broken_videos.BrokenVideos`. Defaults to ``'stop'``.
        timeout (float): Without effect; it was for hangs of decord. Defaults to 60.
        io_backend, num_threads, **kwargs: Of :class:`DecordInit`.

    Raises:
        BrokenVideoError: A ValueError of one line, which names the file, what was found and what to do.
    """

    def __init__(self,
                 max_open: int = 4,
                 cache_mb: float = 256,
                 on_broken: str = 'stop',
                 timeout: float = 60,
                 io_backend: str = 'disk',
                 num_threads: int = 1,
                 **kwargs) -> None:
        super().__init__(io_backend=io_backend, num_threads=num_threads, **kwargs)
        self._on_broken_video = BrokenVideos(on_broken)
        self.take_skipped = self._on_broken_video.take_skipped
        self.pool = VideoPool(max_open, int(cache_mb * 2**20), num_threads)

    def _load(self, filename: str) -> bytes:
        if self.file_client is None:
            self.file_client = FileClient(self.io_backend, **self.kwargs)
        return self.file_client.get(filename)

    def _get_video_reader(self, filename: str) -> Video:
        return self.pool.open(filename, None if self.io_backend == 'disk' else self._load)

    def transform(self, results: dict) -> Optional[dict]:
        """Open the video."""
        results['on_broken_video'] = self._on_broken_video
        try:
            results = super().transform(results)
        except BrokenVideoError as error:
            return self._on_broken_video(results['filename'], error)
        results['frame_times'] = results['video_reader'].times
        return results

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(max_open={self.pool.max_open}, cache_mb={self.pool.cache_bytes / 2**20:g}, '
                f'on_broken={self._on_broken_video.on_broken!r}, io_backend={self.io_backend!r}, '
                f'num_threads={self.num_threads})')


@TRANSFORMS.register_module()
class STSSAVideoDecode(DecordDecode):
    """:class:`DecordDecode` for the videos that :class:`STSSAVideoInit` opens.

    Required keys: ``video_reader`` and ``on_broken_video`` of :class:`STSSAVideoInit`, ``filename``, ``frame_inds``.
    Added keys: those of :class:`DecordDecode`. Gives None for a broken video that is to be skipped.

    Args:
        mode (str): ``'accurate'``, or ``'efficient'``, which :class:`DecordDecode` takes for leave to give other frames
            than are asked for; here both give the same. Defaults to ``'accurate'``.
    """

    def __init__(self, mode: str = 'accurate') -> None:
        super().__init__(mode)

    def _decord_load_frames(self, container: Video, frame_inds: np.ndarray) -> List[np.ndarray]:
        return container.read(frame_inds.tolist())

    def transform(self, results: dict) -> Optional[dict]:
        """Decode the clip."""
        on_broken_video = results.pop('on_broken_video')
        try:
            return super().transform(results)
        except BrokenVideoError as error:
            return on_broken_video(results['filename'], error)
