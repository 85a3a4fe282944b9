"""Pictures in files, of the kinds that are meant: some others start programs, as Pillow does Ghostscript for an EPS."""
import struct
import warnings
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, Optional, Tuple

import numpy as np
from PIL import Image, ImageOps

KINDS = {'BMP': b'BM', 'JPEG': b'\xff\xd8\xff', 'PNG': b'\x89PNG\r\n\x1a\n', 'WEBP': b'RIFF'}  # how a file begins
NO_PICTURE = f'it is no picture ({", ".join(KINDS)})'
ORIENTATION = 0x0112  # of EXIF; from 5 on width and height change places
MAX_PIXELS = 2**27  # a file of some kilobytes may announce gigabytes
# What Pillow raises for damaged pictures.
DAMAGED = (OSError, SyntaxError, ValueError, TypeError, IndexError, KeyError, EOFError, OverflowError, MemoryError,
           AttributeError, struct.error, zlib.error, Image.DecompressionBombError)


def kind_of(data: bytes) -> Optional[str]:
    """The kind of a picture by its first bytes, whatever its name says; None for another."""
    kind = next((kind for kind, begin in KINDS.items() if data.startswith(begin)), None)
    return None if kind == 'WEBP' and data[8:12] != b'WEBP' else kind


def picture_fault(data: bytes) -> Optional[str]:
    """What is wrong with the bytes of a picture, as far as a decoder does not say it, or None."""
    if not data:
        return 'the file is empty'
    kind = kind_of(data)
    if kind is None:
        return NO_PICTURE
    # A decoder fills up what is missing of a JPEG with grey, without a word.
    return 'the file is cut off' if kind == 'JPEG' and b'\xff\xd9' not in data[-64:] else None


@contextmanager
def _opened(file: Path) -> Iterator[Image.Image]:
    """A picture, opened; raises as :func:`read_picture`."""
    with open(file, 'rb') as opened:
        if kind_of(opened.read(16)) is None:
            raise ValueError(f'{file}: cannot be read as an image: {NO_PICTURE}')
        opened.seek(0)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter('ignore', Image.DecompressionBombWarning)
                with Image.open(opened, formats=list(KINDS)) as image:
                    if image.width * image.height > MAX_PIXELS:
                        raise ValueError(f'{image.width} x {image.height} pixels, more than {MAX_PIXELS}')
                    yield image
        except DAMAGED as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise ValueError(f'{file}: cannot be read as an image ({reason})') from None


def read_picture(file: Path, upright: bool = False) -> np.ndarray:
    """A picture (H, W, 3), RGB, uint8.

    Args:
        file (Path): Its file.
        upright (bool): Turn it as its EXIF says. Defaults to False: as it is stored.

    Raises:
        OSError: If the file cannot be opened.
        ValueError: If it is no picture, or damaged.
    """
    with _opened(file) as image:
        return np.asarray((ImageOps.exif_transpose(image) if upright else image).convert('RGB'))


def picture_size(file: Path) -> Tuple[Tuple[int, int], bool]:
    """Width and height of a picture as it is stored, and whether its EXIF turns it by a quarter.

    Raises:
        OSError, ValueError: As :func:`read_picture`.
    """
    with _opened(file) as image:
        return image.size, image.getexif().get(ORIENTATION, 1) >= 5
