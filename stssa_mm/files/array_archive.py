"""Numpy's archives (.npz) of which nobody knows what is in them. No torch."""
import math
import zipfile
from pathlib import Path
from typing import Dict

import numpy as np

from .text import plain

# Bytes of all arrays: the true ones are boxes and scores, which hardly shrink when they are packed.
MOST, MOST_OVER_SIZE = 2**28, 32


def read_arrays(path: Path) -> Dict[str, np.ndarray]:
    """The arrays of an archive, by name. What it unfolds to is known from its headers before memory is taken for it.

    Raises:
        OSError: If it cannot be opened.
        ValueError: If it is damaged, holds anything but numbers and texts, or unfolds to more than 256 MiB and 32 times
            its size.
    """
    with open(path, 'rb') as file:
        try:
            return _read(file, Path(path).stat().st_size)
        except Exception as error:  # zipfile, zlib, lzma and numpy have no common error for bytes that anything may be
            reason = str(error) or type(error).__name__
            raise ValueError(f'{path}: cannot be read as npz ({plain(reason)})') from None


def _read(file, size: int) -> Dict[str, np.ndarray]:
    arrays = {}
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        most = MOST + MOST_OVER_SIZE * size
        announced = sum(member.file_size for member in members)
        if announced > most:
            raise ValueError(f'it unfolds to {announced} bytes: expected at most {most} of a file of {size}')
        for member in members:
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # others unfold without a bound
                raise ValueError(f'{member.filename}: packed in another way than numpy packs')
            with archive.open(member) as stream:
                version = np.lib.format.read_magic(stream)
                read_header = {(1, 0): np.lib.format.read_array_header_1_0,
                               (2, 0): np.lib.format.read_array_header_2_0}.get(version)
                if read_header is None:
                    raise ValueError(f'{member.filename}: npy version {version}: expected (1, 0) or (2, 0)')
                shape, fortran, dtype = read_header(stream)
                if dtype.hasobject or dtype.kind not in 'biufSU' or not dtype.itemsize and math.prod(shape):
                    raise ValueError(f'{member.filename}: type {dtype}: expected numbers or texts')
                if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize > member.file_size:
                    raise ValueError(f'{member.filename}: its {member.file_size} bytes do not fit the shape {shape}')
                data = stream.read(math.prod(shape) * dtype.itemsize)
                if stream.read(1):  # at the end the checksum is compared
                    raise ValueError(f'{member.filename}: it is longer than its shape {shape}')
            name = member.filename.removesuffix('.npy')
            if name in arrays:
                raise ValueError(f'{name}: occurs twice')
            arrays[name] = np.frombuffer(bytearray(data), dtype).reshape(shape, order='F' if fortran else 'C')
    return arrays
