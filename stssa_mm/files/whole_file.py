"""Files that appear whole or not at all."""
import os
from contextlib import contextmanager
from pathlib import Path
from typing import Iterable, Iterator, Optional


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A place to write a file to, which takes its name once the block ends: a process that is killed meanwhile leaves
    the older file or none, never half of one.

    Args:
        path (Path): Where the file belongs; folders are made.

    Yields:
        Path: A name beside it, with the same extension. Nothing is left of it if the block fails.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f'.{os.getpid()}.part{path.suffix}')  # two processes may write it
    try:
        yield part
        os.replace(part, path)
    except OSError as error:
        if error.errno is None or error.filename not in (None, str(part)):
            raise
        raise OSError(error.errno, error.strerror, str(path)) from None  # a full disk names no file
    finally:
        part.unlink(missing_ok=True)


def write_whole(path: Path, text: str) -> None:
    """Write a text to a file by :func:`whole_file`."""
    with whole_file(path) as part:
        part.write_text(text)


def check_outputs(outputs: Iterable[Optional[Path]], inputs: Iterable[Optional[Path]]) -> None:
    """Raises ValueError if a file that would be written is one of those that are read. None: not given."""
    there = [path for path in inputs if path is not None and os.path.exists(path)]
    for output in outputs:
        for path in there if output is not None and os.path.exists(output) else ():
            if os.path.samefile(output, path):
                raise ValueError(f'{output}: it is read, and would be overwritten: choose another file to write')
