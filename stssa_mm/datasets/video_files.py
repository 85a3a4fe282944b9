"""The frames of videos on the disk: files, and folders of pictures. No torch."""
import re
from pathlib import Path
from typing import List, Optional, Sequence, Union

import cv2
import decord
import numpy as np

UNREADABLE = (decord.DECORDError, decord.DECORDLimitReachedError, RuntimeError, IndexError)
BESIDE_VIDEOS = ('.csv', '.json', '.srt', '.txt', '.xml')
PICTURES = ('.jpg', '.jpeg', '.png')


def find_video(folder: Path, video: str) -> Path:
    """The file of a video id, which may lack the extension.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If there are several.
    """
    if (folder / video).is_file():
        return folder / video
    place = folder / video
    files = sorted(file for file in place.parent.glob('*')
                   if file.stem == place.name and file.suffix.lower() not in BESIDE_VIDEOS and file.is_file())
    if not files:
        raise FileNotFoundError(f'{place}: no video of this name, with or without an extension')
    if len(files) > 1:
        raise ValueError(f'{place}: several files of this name: {", ".join(file.name for file in files)}: keep one')
    return files[0]


def open_video(file: Path) -> decord.VideoReader:
    """A reader of a video's frames, RGB.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not a video with frames.
    """
    if not Path(file).is_file():
        raise FileNotFoundError(f'{file}: no such video')
    try:
        reader = decord.VideoReader(str(file), num_threads=1)
        reader[0]
    except UNREADABLE as error:
        reason = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
        raise ValueError(f'{file}: cannot be read as a video ({reason}): replace the file or leave it out') from error
    return reader


def picture_fault(data: bytes) -> Optional[str]:
    """What is wrong with the bytes of a picture, as far as a decoder does not say it, or None."""
    if not data:
        return 'the file is empty'
    # A decoder fills up what is missing of a JPEG with grey, without a word.
    return 'the file is cut off' if data[:2] == b'\xff\xd8' and b'\xff\xd9' not in data[-64:] else None


class FrameFolder:
    """A video's frames as pictures in a folder, by the number at the end of their names; ``len``: how many.

    Args:
        folder (Path): Where they are, such as ``img_00001.jpg``, from any number on.

    Raises:
        ValueError: If there is none in it, one is missing in between, or they are of several kinds.
    """

    def __init__(self, folder: Path) -> None:
        numbered = {}
        for file in Path(folder).iterdir():
            name = re.fullmatch(r'(.*?)(\d+)', file.stem)
            if name and file.suffix.lower() in PICTURES:
                numbered.setdefault((name[1], file.suffix), {})[int(name[2])] = file
        if not numbered:
            raise ValueError(f'{folder}: no pictures ({", ".join(PICTURES)}) with a number in it')
        if len(numbered) > 1:
            kinds = ', '.join(f'{start}*{suffix}' for start, suffix in sorted(numbered))
            raise ValueError(f'{folder}: pictures of several kinds ({kinds}): keep the frames alone in it')
        (start, suffix), files = numbered.popitem()
        first, last = min(files), max(files)
        if last - first + 1 > len(files):
            gap = next(number for number in range(first, last) if number not in files)
            raise ValueError(f'{folder}: {start}*{suffix} number {gap} is missing: extract the frames again')
        self._files = [files[number] for number in range(first, last + 1)]

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, number: int) -> np.ndarray:
        """Frame ``number`` (from 0): (H, W, 3), RGB. Raises ValueError if the picture cannot be read."""
        data = self._files[number].read_bytes()
        fault = picture_fault(data)
        image = None if fault else cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        if image is None:
            raise ValueError(f'{self._files[number]}: {fault or "it is no picture"}: replace it')
        return np.ascontiguousarray(image[..., ::-1])


def read_frames(frames: Union[decord.VideoReader, FrameFolder], numbers: Sequence[int]) -> List[np.ndarray]:
    """Frames by number (from 0): (H, W, 3) each, RGB. Raises one of ``UNREADABLE`` or ValueError if one cannot be
    read."""
    if isinstance(frames, FrameFolder):
        return [frames[number] for number in numbers]
    return list(frames.get_batch(list(numbers)).asnumpy())
