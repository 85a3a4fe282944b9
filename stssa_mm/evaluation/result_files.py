"""The results that ``mim test`` left in a work folder. No torch."""
import re
import time
from pathlib import Path
from typing import Tuple

NAME = 'result.json'
TIME = '%Y%m%d_%H%M%S'  # MMEngine names the log folder of a run by its start


def is_time(name: str) -> bool:
    """Whether a folder has the name of a log folder, as ``20260131_235959``."""
    return bool(re.fullmatch(r'\d{8}_\d{6}', name))


def find_result(path: Path) -> Tuple[Path, str]:
    """The result file that a path stands for.

    Args:
        path (Path): A result file, or a folder with results of ``mim test`` anywhere below it, of which the newest is
            taken: by the name of its log folder, or else by the file's time.

    Returns:
        tuple: The file, and a note (str) that says which of several was taken; empty for a file or the only one.

    Raises:
        FileNotFoundError: If there is no result below the folder.
        ValueError: If the two newest are equally old.
    """
    path = Path(path)
    if not path.is_dir():
        return path, ''
    found = sorted((_written(file, path), file) for file in path.glob(f'**/{NAME}'))
    if not found:
        raise FileNotFoundError(f'{path}: no {NAME} below: run `mim test` with --work-dir {path}, or give the file '
                                'that tools/evaluate.py wrote with --out')
    newest, file = found[-1]
    if len(found) == 1:
        return file, ''
    if found[-2][0] == newest:
        raise ValueError(f'{path}: {found[-2][1].relative_to(path)} and {file.relative_to(path)} are equally new: give '
                         'one of these files')
    return file, f'{path}: {len(found)} results, the newest is taken: {file.relative_to(path)}'


def _written(file: Path, root: Path) -> str:
    folders = [parent.name for parent in file.parents if parent == root or root in parent.parents]
    times = [name for name in folders if is_time(name)]
    return times[0] if times else time.strftime(TIME, time.localtime(file.stat().st_mtime))
