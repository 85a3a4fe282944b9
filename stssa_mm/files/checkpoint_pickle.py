"""What torch's unpickler for ``weights_only`` would make of a checkpoint, before it makes it. No torch.

That unpickler calls nothing but what is allowed. It does take a tuple in a million tuples for a key, whose hash ends
the process, and calls what is allowed as often and with as large numbers as the file says. Here the pickle is gone
through without making anything of it.
"""
import math
import pickle
import pickletools
import zipfile
from pathlib import Path
from typing import BinaryIO, Dict, List, Optional, Sequence

MAX_DEPTH = 100  # of tuples in tuples; torch's own have 3
MOST_OVER_SIZE = 16  # texts and items that calls get, over the bytes of the pickle, as one may be given to many calls
LEAST = 1 << 20  # texts and items, or elements of a tensor, that are fine in a file however small
TUPLES = {'EMPTY_TUPLE': 0, 'TUPLE1': 1, 'TUPLE2': 2, 'TUPLE3': 3}


class _Item:
    """Something on the stack: its value where that is a number, a text or a tuple of items; how deep tuples nest in it;
    how many characters and items it unfolds to; and whether a tuple holds it."""
    __slots__ = ('value', 'depth', 'weight', 'held')

    def __init__(self, value=None, depth: int = 0, weight: int = 1) -> None:
        self.value, self.depth, self.weight, self.held = value, depth, weight, False


def _weight(items: Sequence[_Item]) -> int:
    return min(1 + sum(item.weight for item in items), 1 << 62)


class _Stack:
    """The stack of an unpickler, of items."""

    def __init__(self) -> None:
        self.items: List[_Item] = []
        self._below: List[List[_Item]] = []
        self._memo: Dict[int, _Item] = {}
        self.called = 0  # characters and items that calls got

    def _pop(self, count: int) -> List[_Item]:
        if count > len(self.items):
            raise IndexError
        popped, self.items = self.items[len(self.items) - count:], self.items[:len(self.items) - count]
        return popped

    def _tuple(self, items: List[_Item]) -> None:
        made = _Item(tuple(items), 1 + max((item.depth for item in items), default=0), _weight(items))
        if made.depth > MAX_DEPTH:
            raise pickle.UnpicklingError(f'it holds tuples in tuples, over {MAX_DEPTH} deep')
        for item in items:
            item.held = True
        self.items.append(made)

    def _give(self, items: List[_Item]) -> None:
        """Items of a list or a dict; a dict hashes its keys."""
        target = self.items[-1]
        if target.held:  # it would be more than what was counted
            raise pickle.UnpicklingError('it adds to what it has used already')
        target.weight = _weight([target, *items])
        self.called += sum(item.weight for item in items if isinstance(item.value, tuple))

    def _call(self, function: _Item, arguments: _Item) -> None:
        given = arguments.value if isinstance(arguments.value, tuple) else ()
        name = function.value if isinstance(function.value, str) else ''
        if name.endswith(('bytearray', 'Tensor')) and any(isinstance(item.value, int) for item in given):
            raise pickle.UnpicklingError(f'it makes a {name} of a size that it names')
        if name.startswith('torch._utils._rebuild') and len(given) > 2 and isinstance(given[2].value, tuple):
            sides = [item.value for item in given[2].value]
            stored = given[0].value if isinstance(given[0].value, int) else 0
            if not all(isinstance(side, int) for side in sides) or math.prod(sides) > max(stored, LEAST):
                raise pickle.UnpicklingError(f'it holds a tensor of {stored} elements that unfolds to more')
        self.called += arguments.weight
        self.items.append(_Item(None, arguments.depth, arguments.weight))

    def step(self, name: str, argument) -> None:
        """Do what an opcode does."""
        if name == 'MARK':
            self._below.append(self.items)
            self.items = []
        elif name == 'TUPLE':
            items, self.items = self.items, self._below.pop()
            self._tuple(items)
        elif name in TUPLES:
            self._tuple(self._pop(TUPLES[name]))
        elif name in ('APPENDS', 'SETITEMS'):
            items, self.items = self.items, self._below.pop()
            self._give(items)
        elif name in ('APPEND', 'SETITEM'):
            self._give(self._pop(1 if name == 'APPEND' else 2))
        elif name in ('REDUCE', 'NEWOBJ'):
            self._call(*self._pop(2))
        elif name == 'BUILD':
            state, = self._pop(1)
            self.called += state.weight
            self.items[-1].weight = _weight([self.items[-1], state])
        elif name == 'BINPERSID':
            key, = self._pop(1)
            self.called += key.weight
            parts = key.value if isinstance(key.value, tuple) else ()
            self.items.append(_Item(parts[4].value if len(parts) > 4 else None))  # how many elements it stores
        elif name in ('BINGET', 'LONG_BINGET'):
            self.items.append(self._memo[argument])
        elif name in ('BINPUT', 'LONG_BINPUT'):
            self._memo[argument] = self.items[-1]
        elif name == 'GLOBAL':
            self.items.append(_Item(argument.replace(' ', '.', 1)))
        elif name not in ('PROTO', 'STOP'):  # a constant, or an opcode that torch does not know
            weight = max(len(argument), 1) if isinstance(argument, (str, bytes)) else 1
            self.items.append(_Item(argument if isinstance(argument, (int, str)) else None, 0, weight))


def check_pickle(file: BinaryIO) -> None:
    """Look at the pickle that begins here, and go back to its begin.

    Args:
        file (BinaryIO): Of a checkpoint.

    Raises:
        pickle.UnpicklingError: If it is damaged, or would take more memory or time than its size says.
    """
    start, stack = file.tell(), _Stack()
    most = max(LEAST, MOST_OVER_SIZE * (file.seek(0, 2) - start))
    file.seek(start)
    try:
        for opcode, argument, _ in pickletools.genops(file):
            stack.step(opcode.name, argument)
            if stack.called > most:
                raise pickle.UnpicklingError(f'it unfolds to over {MOST_OVER_SIZE} times its size')
    except (ValueError, IndexError, KeyError, OverflowError, MemoryError, AttributeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise pickle.UnpicklingError(f'it is damaged ({reason})') from None
    finally:
        file.seek(start)


def unfolding(path: Path) -> Optional[str]:
    """Why a checkpoint that is a zip archive would take much more memory than its file, or None."""
    if not zipfile.is_zipfile(path):
        return None
    with zipfile.ZipFile(path) as archive:
        size, whole = Path(path).stat().st_size, sum(entry.file_size for entry in archive.infolist())
    return f'its {size} bytes unpack to {whole}' if whole > MOST_OVER_SIZE * size + LEAST else None
