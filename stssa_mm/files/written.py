"""What a tool has written into a folder, so that it replaces that and nothing else."""
import hashlib
import json
import os
from contextlib import contextmanager
from pathlib import Path
from typing import Dict, Iterable, Iterator, Set

from .whole_file import whole_file

ENDS = 1 << 20  # bytes of a file's begin and of its end that tell it from others, with its size


class Written:
    """The files that a tool wrote into a folder, by their sizes and hashes.

    They are noted in ``<folder>/written_by_<tool>.jsonl``, before each takes its name, so that a process that is killed
    knows its own files when it is called again.

    Args:
        folder (Path): What the tool writes into.
        tool (str): Its name.
    """

    def __init__(self, folder: Path, tool: str) -> None:
        self.folder, self.tool = Path(folder), tool
        self.file = self.folder / f'written_by_{tool}.jsonl'
        self._known: Dict[str, Set[str]] = {}
        self._made_from: Dict[str, str] = {}
        if self.file.is_file():
            for line in self.file.read_bytes().split(b'\n'):
                try:
                    name, digest, made_from = json.loads(line)
                    self._known.setdefault(name, set()).add(digest)
                    self._made_from[name] = made_from
                except (TypeError, ValueError):
                    continue  # a killed process left it half

    def check(self, paths: Iterable[Path]) -> None:
        """Raises ValueError if one of the files is there and is not as this tool wrote it."""
        for path in paths:
            if os.path.lexists(path) and not self._is_own(path):
                raise ValueError(self._foreign(path))

    def up_to_date(self, path: Path, made_from: str) -> bool:
        """Whether a file is as this tool wrote it, out of ``made_from``."""
        return os.path.lexists(path) and self._is_own(path) and self._made_from[self._name(path)] == made_from

    @contextmanager
    def replacing(self, path: Path, made_from: str = '') -> Iterator[Path]:
        """As :func:`~stssa_mm.files.whole_file.whole_file`, and the file is noted. A file that is the same already is
        this tool's from now on.

        Args:
            path (Path): Where the file or link belongs.
            made_from (str): What tells whether it has to be made again. Defaults to ''.

        Raises:
            ValueError: If another file is there that this tool did not write.
        """
        with whole_file(path) as part:
            yield part
            digest = _digest(part)
            if os.path.lexists(path) and not self._is_own(path) and _digest(path) != digest:
                raise ValueError(self._foreign(path))
            name = self._name(path)
            with open(self.file, 'ab+') as file:
                if file.tell() and file.seek(-1, os.SEEK_END) is not None and file.read() != b'\n':
                    file.write(b'\n')  # behind a line that a killed process left half
                file.write(json.dumps([name, digest, made_from]).encode() + b'\n')
            self._known.setdefault(name, set()).add(digest)
            self._made_from[name] = made_from

    def _name(self, path: Path) -> str:
        return os.path.relpath(os.path.abspath(path), os.path.abspath(self.folder))

    def _is_own(self, path: Path) -> bool:
        return _digest(path) in self._known.get(self._name(path), ())

    def _foreign(self, path: Path) -> str:
        return (f'{path}: it is there, and {self.tool} did not write it, or it was changed since: move it elsewhere, '
                'or choose another --out')


def _digest(path: Path) -> str:
    """What tells a file or a link from others."""
    if os.path.islink(path):
        return f'link to {os.readlink(path)}'
    if not os.path.isfile(path):
        return 'no file'
    with open(path, 'rb') as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        digest = hashlib.sha256(file.read(ENDS))
        file.seek(max(size - ENDS, 0))
        digest.update(file.read(ENDS))
    return f'{size} bytes {digest.hexdigest()}'
