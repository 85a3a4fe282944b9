"""The frames of a video as pictures in a folder."""
import os
import re
from collections import OrderedDict
from pathlib import Path
from string import Formatter
from typing import List, NamedTuple, Optional, Sequence, Tuple, Union

import cv2
import numpy as np

from .picture import NO_PICTURE, picture_fault
from .probe import BrokenVideoError

PICTURES = ('.bmp', '.jpeg', '.jpg', '.png', '.webp')
DEFAULT_TEMPLATE = 'img_{:05}.jpg'  # MMAction2's
MAX_LISTINGS = 65536  # of folders that a process remembers, of some 500 bytes
REMEDY = "Extract the video's frames again; on_broken='skip' leaves its samples out of training"


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

    A folder is listed once in a process, and again when something was added to it or taken away.

    Raises:
        ValueError: If the template does not have one field.
        BrokenVideoError: If there is none, one is missing in between, they are of several kinds, or the first has
            another number.
    """

    times = None  # a folder does not say when its frames are shown

    def __init__(self, folder: Path, template: Optional[str] = None, start_index: Optional[int] = None) -> None:
        self.path = str(folder)
        if template:
            check_template(template)
        found = _listing(self.path, template or None)
        if isinstance(found, BrokenVideoError):
            raise BrokenVideoError(*found.args)
        self.template, self.start_index, self._length = found.template, found.first, found.count
        if start_index not in (None, found.first):
            raise BrokenVideoError(folder, f'its first frame is {self.template.format(found.first)}, and start_index='
                                   f'{start_index} says {self.template.format(start_index)}', REMEDY)
        if found.gap is not None:
            raise BrokenVideoError(self.file(found.gap), 'no such frame', REMEDY)

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
        """Raises BrokenVideoError if one of the frames is missing, empty or cut off."""
        for number in numbers:
            try:
                with open(self.file(number), 'rb') as file:
                    start = file.read(64)
                    file.seek(max(file.seek(0, os.SEEK_END) - 64, 0))
                    fault = picture_fault(start + file.read())
            except OSError as error:
                raise unreadable(self.file(number), error) from None
            if fault:
                raise BrokenVideoError(self.file(number), fault, REMEDY)

    def _read(self, number: int) -> np.ndarray:
        try:
            data = Path(self.file(number)).read_bytes()
        except OSError as error:
            raise unreadable(self.file(number), error) from None
        fault = picture_fault(data)
        image = None if fault else cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        if image is None:
            raise BrokenVideoError(self.file(number), fault or NO_PICTURE, REMEDY)
        return np.ascontiguousarray(image[..., ::-1])


def count_frames(sample: dict) -> Optional[int]:
    """How many pictures the folder of a dataset's sample holds.

    Returns:
        int, optional: None if that cannot be told: the folder is not on disk, it holds optical flow, or something is
        wrong with it, which reading the frames says.
    """
    if 'frame_dir' not in sample or sample.get('modality', 'RGB') != 'RGB':
        return None
    try:
        return len(FrameFolder(sample['frame_dir'], sample.get('filename_tmpl'), sample.get('start_index')))
    except BrokenVideoError:
        return None


def unreadable(path: Union[str, os.PathLike], error: OSError) -> BrokenVideoError:
    """The error for a picture that cannot be read."""
    found = 'no such frame' if isinstance(error, FileNotFoundError) else f'it cannot be read ({error.strerror})'
    return BrokenVideoError(path, found, REMEDY)


def check_template(template: str) -> None:
    """Raises ValueError unless a template names pictures by one number, as ``'img_{:05}.jpg'`` does."""
    _parts(template)


def _parts(template: str) -> Tuple[str, str]:
    """What stands before and behind the number in a template."""
    try:
        parts = list(Formatter().parse(template))  # each is a text, and the field behind it or None
        place, = (index for index, (_, field, *_) in enumerate(parts) if field is not None)
        begin, end = (''.join(text for text, *_ in some) for some in (parts[:place + 1], parts[place + 1:]))
        named = rf'{re.escape(begin)}0*1031{re.escape(end)}'
        if parts[place][1] in ('', '0') and re.fullmatch(named, template.format(1031)):
            return begin, end
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        pass
    raise ValueError(f"filename_tmpl={template!r}: expected one field for the frame's number, such as "
                     f"{DEFAULT_TEMPLATE!r} for img_00001.jpg") from None


class _Listing(NamedTuple):
    """The pictures of a folder: how they are named, the first number, how many there are, and the first, counted from
    0, that is missing in between."""
    template: str
    first: int
    count: int
    gap: Optional[int]


_listings: 'OrderedDict[tuple, Union[_Listing, BrokenVideoError]]' = OrderedDict()


def _listing(folder: str, template: Optional[str]) -> Union[_Listing, BrokenVideoError]:
    """A folder's pictures, or what is wrong with it. It is listed once in a process, and again after a change."""
    try:
        changed = os.stat(folder).st_mtime_ns
    except OSError as error:
        return _no_folder(folder, error)
    key = (folder, template, changed)
    if key not in _listings:
        try:
            found = _list(folder, template)
        except BrokenVideoError as error:
            found = error.with_traceback(None)
        else:
            _listings[folder, found.template, changed] = found
        _listings[key] = found
        while len(_listings) > MAX_LISTINGS:
            _listings.popitem(last=False)
    return _listings[key]


def _list(folder: str, template: Optional[str]) -> _Listing:
    try:
        names = [name for name in os.listdir(folder) if name.lower().endswith(PICTURES)]
    except OSError as error:
        raise _no_folder(folder, error) from None
    template = template or _template(folder, names)
    begin, end = _parts(template)
    numbered = re.compile(rf'{re.escape(begin)}(\d+){re.escape(end)}')
    numbers = sorted(int(match[1]) for match in map(numbered.fullmatch, names)
                     if match and template.format(int(match[1])) == match[0])
    if not numbers:
        found = f', but there is {min(names)}' if names else ''
        raise BrokenVideoError(folder, f'filename_tmpl={template!r}: no such frame{found}', REMEDY)
    gap = None
    if numbers[-1] - numbers[0] >= len(numbers):
        gap = next(index for index, number in enumerate(numbers) if number != numbers[0] + index)
    return _Listing(template, numbers[0], len(numbers), gap)


def _no_folder(folder: str, error: OSError) -> BrokenVideoError:
    if isinstance(error, NotADirectoryError) and os.path.isfile(folder):
        found = 'it is a file, and a folder of frames is expected here'
    elif isinstance(error, (FileNotFoundError, NotADirectoryError)):
        found = 'no such folder of frames'
    else:
        found = f'the folder of frames cannot be read ({error.strerror})'
    return BrokenVideoError(folder, found, REMEDY)


def _template(folder: str, names: Sequence[str]) -> str:
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
