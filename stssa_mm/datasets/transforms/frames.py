"""Reading clips out of folders of frames."""
from typing import Optional

import cv2
from mmaction.datasets.transforms import RawFrameDecode
from mmengine.fileio import FileClient
from PIL import UnidentifiedImageError

from stssa_mm.datasets.video_files import picture_fault
from stssa_mm.datasets.video_reader import BrokenVideoError
from stssa_mm.registry import TRANSFORMS

from .broken_videos import BrokenVideos

REMEDY = "Extract the video's frames again; on_broken='skip' leaves its samples out of training"


class _SoundPictures:
    """A file client that gives whole pictures or raises a BrokenVideoError. ``path``: what it gave last."""

    def __init__(self, client: FileClient) -> None:
        self._client, self.path = client, None

    def get(self, path: str) -> bytes:
        self.path = path
        try:
            data = self._client.get(path)
        except FileNotFoundError:
            raise BrokenVideoError(f'{path}: no such frame. {REMEDY}') from None
        fault = picture_fault(data)
        if fault:
            raise BrokenVideoError(f'{path}: {fault}. {REMEDY}')
        return data


@TRANSFORMS.register_module()
class STSSARawFrameDecode(RawFrameDecode):
    """:class:`RawFrameDecode` that names a frame that is missing, empty, cut off (JPEG) or, to cv2 and Pillow, no
    picture.

    Required and added keys: those of :class:`RawFrameDecode`; ``imgs`` are (H, W, 3) each, RGB. Gives None for a broken
    frame that is to be skipped.

    Args:
        on_broken (str): ``'stop'`` or ``'skip'``, see :class:`.broken_videos.BrokenVideos`. Defaults to ``'stop'``.
        **kwargs: Of :class:`RawFrameDecode`.

    Raises:
        BrokenVideoError: A ValueError of one line, which names the file, what was found and what to do.
    """

    def __init__(self, on_broken: str = 'stop', **kwargs) -> None:
        super().__init__(**kwargs)
        self._on_broken_video = BrokenVideos(on_broken)
        self.take_skipped = self._on_broken_video.take_skipped

    def transform(self, results: dict) -> Optional[dict]:
        """Read the clip."""
        if self.file_client is None:
            self.file_client = _SoundPictures(FileClient(self.io_backend, **self.kwargs))
        try:
            return super().transform(results)
        except BrokenVideoError as error:
            broken = error
        except (cv2.error, UnidentifiedImageError):
            broken = BrokenVideoError(f'{self.file_client.path}: it is no picture. {REMEDY}')
        return self._on_broken_video(results['frame_dir'], broken)
