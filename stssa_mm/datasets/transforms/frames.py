"""Reading clips out of folders of frames."""
from typing import Optional

import cv2
from mmaction.datasets.transforms import RawFrameDecode
from mmengine.fileio import FileClient
from PIL import UnidentifiedImageError

from stssa_mm.registry import TRANSFORMS
from stssa_mm.video.folder import REMEDY, FrameFolder, unreadable
from stssa_mm.video.picture import NO_PICTURE, picture_fault
from stssa_mm.video.probe import BrokenVideoError

from .broken_videos import BrokenVideos


class _SoundPictures:
    """A file client that gives whole pictures or raises a BrokenVideoError. ``path``: what it gave last."""

    def __init__(self, client: FileClient) -> None:
        self._client, self.path = client, None

    def get(self, path: str) -> bytes:
        self.path = path
        try:
            data = self._client.get(path)
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError) as error:
            raise unreadable(path, error) from None
        fault = picture_fault(data)
        if fault:
            raise BrokenVideoError(path, fault, REMEDY)
        return data


@TRANSFORMS.register_module()
class STSSARawFrameDecode(RawFrameDecode):
    """:class:`RawFrameDecode` that names a frame that is missing, empty, cut off (JPEG) or, to cv2 and Pillow, no
    picture.

    A folder on disk is looked at: none of its pictures may be missing in between, and the first
    has the number ``start_index``, or every clip would be off.

    Required and added keys: those of :class:`RawFrameDecode`; ``imgs`` are (H, W, 3) each, RGB. Optional key:
    ``start_index``. Gives None for a broken frame that is to be skipped.

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
            self._check(results['frame_dir'], results['filename_tmpl'], results.get('start_index'), results['modality'])
            return super().transform(results)
        except BrokenVideoError as error:
            broken = error
        except (cv2.error, UnidentifiedImageError):
            broken = BrokenVideoError(self.file_client.path, NO_PICTURE, REMEDY)
        return self._on_broken_video(results['frame_dir'], broken)

    def _check(self, folder: str, template: str, start_index: Optional[int], modality: str) -> None:
        if self.io_backend == 'disk' and modality == 'RGB':
            FrameFolder(folder, template, start_index)
