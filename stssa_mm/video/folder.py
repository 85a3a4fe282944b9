"""The frames of a video as pictures in a folder."""
import os
import re
from pathlib import Path
from typing import List, Optional, Sequence

import cv2
import numpy as np

from .probe import BrokenVideoError

PICTURES = ('.bmp', '.jpeg', '.jpg', '.png', '.webp')
DEFAULT_TEMPLATE = 'img_{:05}.jpg'  # MMAction2's
REMEDY = "Extract the video's frames again; on_broken='skip' leaves its samples out of training"


def picture_fault(data: bytes) -> Optional[str]:
    """What is wrong with the bytes of a picture, as far as a decoder does not say it, or None."""
    if not data:
        return 'the file is empty'
    # A decoder fills up what is missing of a JPEG with grey, without a word.
    return 'the file is cut off' if data[:2] == b'\xff\xd8' and b'\xff\xd9' not in data[-64:] else None


class FrameFolder:
    """A video's frames as pictures, read as :class:`~stssa_mm.video.reader.Video` reads a file.

    Args:
        folder (Path): Where they are.
        template (str, optional): Their names, such as ``'img_{:05}.jpg'``. Defaults to None: what is there, which is
            that, or one beginning, digits and one extension, such as ``<video>_000001.jpg`` or ``7.png``.
        start_index (int, optional): The number of the first. Defaults to None: the least that is there.

    Attributes:
        template (str): Their names.
        start_index (int): The number of the first.

    Raises:
        BrokenVideoError: If there is none, one is missing in between, they are of several kinds, or the first has
            another number.
    """

    times = None  # a folder does not say when its frames are shown

    def __init__(self, folder: Path, template: Optional[str] = None, start_index: Optional[int] = None) -> None:
        self.path = str(folder)
        names = _picture_names(folder)
        self.template = template or _template(folder, names)
        begin, _, end = (part.replace('{{', '{').replace('}}', '}') for part in re.split(
            r'(?<!\{)(\{[^{}]*\})(?!\})', self.template, maxsplit=1))
        numbered = re.compile(rf'{re.escape(begin)}(\d+){re.escape(end)}')
        numbers = sorted(int(match[1]) for match in map(numbered.fullmatch, names)
                         if match and self.template.format(int(match[1])) == match[0])
        if not numbers:
            found = f', but there is {min(names)}' if names else ''
            raise BrokenVideoError(folder, f'filename_tmpl={self.template!r}: no such frame{found}', REMEDY)
        if start_index not in (None, numbers[0]):
            raise BrokenVideoError(folder, f'its first frame is {self.template.format(numbers[0])}, and start_index='
                                   f'{start_index} says {self.template.format(start_index)}', REMEDY)
        self.start_index, self._length = numbers[0], len(numbers)
        if numbers[-1] - numbers[0] >= len(numbers):
            gap = next(index for index, number in enumerate(numbers) if number != numbers[0] + index)
            raise BrokenVideoError(self.file(gap), 'no such frame', REMEDY)

    def __len__(self) -> int:
        return self._length

    def close(self) -> None:
        """Nothing: no file stays open."""

    def file(self, number: int) -> str:
        """The file of a frame, from 0."""
        return os.path.join(self.path, self.template.format(self.start_index + number))

    def read(self, numbers: Sequence[int]) -> List[np.ndarray]:
        """Frames by their numbers from 0: (H, W, 3) each, RGB, uint8. Raises BrokenVideoError if one cannot be read."""
        return [self._read(number) for number in numbers]

    def check(self, numbers: Sequence[int]) -> None:
        """Raises BrokenVideoError if one of the frames is empty or cut off."""
        for number in numbers:
            with open(self.file(number), 'rb') as file:
                start = file.read(64)
                file.seek(max(file.seek(0, os.SEEK_END) - 64, 0))
                fault = picture_fault(start + file.read())
            if fault:
                raise BrokenVideoError(self.file(number), fault, REMEDY)

    def _read(self, number: int) -> np.ndarray:
        data = Path(self.file(number)).read_bytes()
        fault = picture_fault(data)
        image = None if fault else cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        if image is None:
            raise BrokenVideoError(self.file(number), fault or 'it is no picture', REMEDY)
        return np.ascontiguousarray(image[..., ::-1])


def _picture_names(folder: Path) -> List[str]:
    try:
        return [name for name in os.listdir(folder) if name.lower().endswith(PICTURES)]
    except FileNotFoundError:
        raise BrokenVideoError(folder, 'no such folder of frames', REMEDY) from None


def _template(folder: Path, names: Sequence[str]) -> str:
    """How the frames are named that are there."""
    kinds = {}
    for name in names:
        match = re.fullmatch(r'(.*?)(\d+)(\.\w+)', name)
        if match:
            kinds[match[1], match[3]] = min(kinds.get((match[1], match[3]), 99), len(match[2]))
    found = [re.sub('[{}]', r'\g<0>\g<0>', begin) + f'{{:0{digits}}}{end}' for (begin, end), digits in kinds.items()]
    if not found:
        raise BrokenVideoError(folder, f'no pictures ({", ".join(PICTURES)}) with a number in their names', REMEDY)
    if len(found) > 1 and DEFAULT_TEMPLATE not in found:
        raise BrokenVideoError(folder, f'pictures of several kinds ({", ".join(sorted(found))}): keep the frames alone '
                               'in it, or set filename_tmpl', REMEDY)
    return DEFAULT_TEMPLATE if DEFAULT_TEMPLATE in found else found[0]
