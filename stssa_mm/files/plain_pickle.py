"""Numpy arrays out of pickles that nobody vouches for. No torch.

A pickle names functions, calls them, and sets the state of what they return. numpy's own functions are not safe to be
called so: a dtype of objects whose flags are set anew turns bytes into pointers. The functions here stand for them
under numpy's names. They make arrays of plain numbers and texts, each of no more bytes than the pickle holds, and a
:class:`PlainUnpickler` makes no more of them than a few times its size.
"""
import io
import math
import pickle
import re
from typing import Sequence

import numpy as np

PLAIN_TYPES = re.compile(r'[<>|=]?(\?|b1|[iu][1248]|f[248]|[SU]\d{1,9})')
MOST_OVER_SIZE = 4  # bytes of all arrays and encoded texts over those of the pickle; Python 2's take 2
MAX_SIDE = 1024  # of an array that holds nothing, such as the (0, 5) of a frame without people


class PlainDtype:
    """Stands for a dtype while a pickle is read. Of its state the byte order is taken, the rest ignored."""
    __slots__ = ('dtype', )

    def __setstate__(self, state: Sequence) -> None:
        order = _text(state[1])
        if order in ('<', '>'):
            self.dtype = self.dtype.newbyteorder(order)


class PlainArray(np.ndarray):
    """An array whose state may be set from a pickle. Pickled itself, it is an ordinary array."""

    def __new__(cls):
        return super().__new__(cls, 0, np.uint8)

    def __setstate__(self, state: Sequence) -> None:
        *_, shape, dtype, fortran, data = state
        shape, dtype, data = _checked(shape, dtype, data)
        super().__setstate__((1, shape, dtype, bool(fortran), data))

    def __reduce_ex__(self, protocol: int):
        return np.asarray(self).__reduce_ex__(protocol)


def _text(value) -> str:
    return value.decode('latin1') if isinstance(value, bytes) else value


def _checked(shape, dtype, data) -> tuple:
    """Shape, numpy's dtype and bytes of an array, which fit each other; else a pickle.UnpicklingError."""
    data = data.encode('latin1') if isinstance(data, str) else data  # of Python 2
    if not isinstance(dtype, PlainDtype) or not isinstance(data, (bytes, bytearray)):
        raise pickle.UnpicklingError('it holds an array that is not of plain numbers or texts')
    sides = max(len(data), MAX_SIDE)
    if (not isinstance(shape, tuple) or len(shape) > 8
            or not all(isinstance(side, int) and 0 <= side <= sides for side in shape)
            or math.prod(shape) * dtype.dtype.itemsize != len(data)):
        raise pickle.UnpicklingError(f'it holds an array whose {len(data)} bytes do not fit its shape')
    return shape, dtype.dtype, bytes(data)


def plain_dtype(name, align=False, copy=False) -> PlainDtype:
    """Stands for ``numpy.dtype``."""
    name = _text(name)
    if not isinstance(name, str) or not PLAIN_TYPES.fullmatch(name):
        raise pickle.UnpicklingError(f'it holds an array of type {str(name)[:20]!r}, not of plain numbers or texts')
    made = PlainDtype()
    made.dtype = np.dtype(name)
    return made


def plain_array(kind, shape, typecode) -> PlainArray:
    """Stands for ``numpy.core.multiarray._reconstruct``: an array that is filled afterwards."""
    return PlainArray()


def plain_array_of_buffer(data, dtype, shape, order) -> np.ndarray:
    """Stands for ``numpy.core.numeric._frombuffer``, of protocol 5."""
    shape, dtype, data = _checked(shape, dtype, data)
    return np.frombuffer(data, dtype).reshape(shape, order='F' if _text(order) == 'F' else 'C')


def plain_scalar(dtype, data) -> np.generic:
    """Stands for ``numpy.core.multiarray.scalar``."""
    shape, dtype, data = _checked((), dtype, data)
    return np.frombuffer(data, dtype)[0]


def latin1(text, encoding='latin1') -> bytes:
    """Stands for ``_codecs.encode``, by which Python 3 writes bytes for Python 2."""
    if not isinstance(text, str) or _text(encoding) != 'latin1':
        raise pickle.UnpicklingError('it wants to encode something other than bytes')
    return text.encode('latin1')


def no_bytes() -> bytes:
    """Stands for ``bytes``, by which Python 3 writes empty ones for Python 2."""
    return b''


NDARRAY = 'numpy.ndarray'  # its name is an argument of _reconstruct; nothing can be made of a text
ARRAY_FUNCTIONS = {
    ('numpy', 'dtype'): plain_dtype,
    ('numpy', 'ndarray'): NDARRAY,
    ('_codecs', 'encode'): latin1,
    ('builtins', 'bytes'): no_bytes,
    ('__builtin__', 'bytes'): no_bytes,
    **{(f'numpy.{core}.multiarray', '_reconstruct'): plain_array for core in ('core', '_core')},
    **{(f'numpy.{core}.numeric', '_frombuffer'): plain_array_of_buffer for core in ('core', '_core')},
}  # module and name in the pickle to what stands for it
# Opcodes that make instances of classes, sets, or objects that are not in the file.
REFUSED = (pickle.INST, pickle.OBJ, pickle.NEWOBJ, pickle.NEWOBJ_EX, pickle.PERSID, pickle.BINPERSID, pickle.EXT1,
           pickle.EXT2, pickle.EXT4, pickle.NEXT_BUFFER, pickle.READONLY_BUFFER, pickle.EMPTY_SET, pickle.FROZENSET,
           pickle.ADDITEMS)


class PlainUnpickler(pickle._Unpickler):  # that in C has no opcodes to take away, and a memo of any size
    """Builds arrays of numbers and texts, lists, tuples, dicts whose keys are texts or whole numbers, numbers, texts
    and bytes.

    Args:
        data (bytes): The pickle.
    """
    dispatch = {opcode: load for opcode, load in pickle._Unpickler.dispatch.items()
                if opcode not in [code[0] for code in REFUSED]}

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data), encoding='latin1')
        self._size = len(data)
        self._made = 0

    def find_class(self, module: str, name: str):
        """What stands for a function of the pickle."""
        if (module, name) not in ARRAY_FUNCTIONS:
            raise pickle.UnpicklingError(f'it wants to call {module}.{name}')
        return ARRAY_FUNCTIONS[module, name]

    def load_reduce(self) -> None:
        """Call a function that :meth:`find_class` gave."""
        arguments = self.stack.pop()
        function = self.stack[-1]
        if not any(function is known for known in ARRAY_FUNCTIONS.values()) or function is NDARRAY:
            raise pickle.UnpicklingError(f'it wants to call a {type(function).__name__}')
        self.stack[-1] = function(*arguments)
        self._count(self.stack[-1])

    def load_build(self) -> None:
        """Set the state of an array or of its type."""
        state = self.stack.pop()
        if type(self.stack[-1]) not in (PlainArray, PlainDtype):
            raise pickle.UnpicklingError(f'it wants to set the state of a {type(self.stack[-1]).__name__}')
        self.stack[-1].__setstate__(state)
        self._count(self.stack[-1])

    def _count(self, made) -> None:
        """Refuse what makes the same bytes again and again of one that it remembers."""
        self._made += len(made) if isinstance(made, bytes) else getattr(made, 'nbytes', 0)
        if self._made > MOST_OVER_SIZE * self._size:
            raise pickle.UnpicklingError(f'it unfolds to over {MOST_OVER_SIZE} times its {self._size} bytes')

    def load_bytearray8(self) -> None:
        """Bytes of a writable array."""
        size = int.from_bytes(self.read(8), 'little')
        if size > self._size:  # Python would take the memory first
            raise pickle.UnpicklingError(f'it announces {size} bytes and has {self._size}')
        self.append(bytearray(self.read(size)))

    def load_setitem(self) -> None:
        """One entry of a dict."""
        self.stack[-3:] = [self.stack[-3], [self.stack[-2], self.stack[-1]]]
        self._set_items(self.stack.pop())

    def load_setitems(self) -> None:
        """Several entries of a dict."""
        self._set_items(self.pop_mark())

    def load_dict(self) -> None:
        """A dict, of protocol 0."""
        items = self.pop_mark()
        self.append({})
        self._set_items(items)

    def _set_items(self, items: list) -> None:
        target = self.stack[-1]
        if type(target) is not dict or len(items) % 2:
            raise pickle.UnpicklingError(f'it wants to set an item of a {type(target).__name__}')
        for key in items[::2]:
            if not isinstance(key, (str, bytes, int)):  # the hash of tuples that nest deeply ends the process
                raise pickle.UnpicklingError(f'a key of a dict is of the type {type(key).__name__}, not a text')
        target.update(zip(items[::2], items[1::2]))

    dispatch.update({
        pickle.REDUCE[0]: load_reduce,
        pickle.BUILD[0]: load_build,
        pickle.BYTEARRAY8[0]: load_bytearray8,
        pickle.SETITEM[0]: load_setitem,
        pickle.SETITEMS[0]: load_setitems,
        pickle.DICT[0]: load_dict
    })
