"""The results that ``mim test`` left in a work folder. No torch."""
import re
import time
from os.path import realpath  # Path.resolve raises RuntimeError for a loop of links
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple, Union

from stssa_mm.evaluation.result import RESULT, EvaluationResult

from .logs import MEAN

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
    found = list(path.glob(f'**/{RESULT}'))
    if not found:
        raise FileNotFoundError(f'{path}: no {RESULT} below: run `mim test` with --work-dir {path}, or give the file '
                                'that tools/evaluate.py wrote with --out')
    return newest_of(found, path, 'results')


def result_of_test(work_dir: Path, metrics: Dict[str, float]) -> Optional[EvaluationResult]:
    """The result file of the test that gave these metrics, or None: an earlier version left none, or of another test.

    Args:
        work_dir (Path): A folder with tests anywhere below it.
        metrics (dict[str, float]): Those of the test, with ``mAP/overall``.
    """
    try:
        result = EvaluationResult.load(find_result(work_dir)[0])
    except (OSError, ValueError):
        return None
    return result if abs(result.mean_ap() - metrics[MEAN]) < 1e-6 else None


def newest_of(places: Sequence[Path], root: Path, what: str) -> Tuple[Path, str]:
    """The newest of what several tests left below a folder: by the name of its log folder, or else by its time.

    Args:
        places (Sequence[Path]): Files or log folders, one at least.
        root (Path): The folder. Names of folders above it do not count.
        what (str): They are, in the plural.

    Returns:
        tuple: The newest, and a note (str) that says so; empty for the only one.

    Raises:
        ValueError: If the two newest are equally old.
    """
    *others, (newest, place) = sorted((_written(place, root), place) for place in places)
    if not others:
        return place, ''
    shown = place.relative_to(root)
    if others[-1][0] == newest:
        raise ValueError(f'{root}: {others[-1][1].relative_to(root)} and {shown} are equally new: give one of them')
    return place, f'{root}: {len(places)} {what}, the newest is taken: {shown}'


def _written(place: Path, root: Path) -> str:
    folders = [folder.name for folder in (place, *place.parents) if folder == root or root in folder.parents]
    times = [name for name in folders if is_time(name)]
    return times[0] if times else time.strftime(TIME, time.localtime(place.stat().st_mtime))


def run_names(first: Union[Path, Sequence[Path]], second: Union[Path, Sequence[Path]]) -> Tuple[str, str]:
    """What tells two sides apart: the last part of their paths that differs.

    Suffixes, names of log folders (times) and the names ``test`` and ``result`` say nothing and are passed over as long
    as another part differs. The name of a side with several runs is what theirs begin with: ``off`` for ``off_seed0``
    and ``off_seed1``.

    Args:
        first (Path or Sequence[Path]): Result files or work folders of the first side.
        second (Path or Sequence[Path]): Those of the second.

    Returns:
        tuple[str]: The names; 'first' and 'second' where the paths give none.

    Raises:
        ValueError: If it is the same file twice.
    """
    sides = [[side] if isinstance(side, (str, Path)) else list(side) for side in (first, second)]
    seen: dict = {}
    for path in (path for side in sides for path in side):
        if Path(realpath(path)) in seen:
            raise ValueError(f'{seen[Path(realpath(path))]} and {path}: the same file twice: give the results of '
                             'different runs')
        seen[Path(realpath(path))] = path
    every = [[_parts(path) for path in side] for side in sides]
    shared = next((depth for depth, parts in enumerate(zip(*(parts[::-1] for side in every for parts in side)))
                   if len(set(parts)) > 1), 0)
    telling = [[[part for part in parts[:len(parts) - shared] if not is_time(part)
                 and part not in ('test', Path(RESULT).stem)] for parts in side] for side in every]
    for candidates in (telling, every):
        for level in range(min(len(parts) for side in candidates for parts in side)):
            names = tuple(_common([parts[level] for parts in side]) for side in candidates)
            if names[0] != names[1] and all(names):
                return names
    return 'first', 'second'


def _parts(path: Path) -> List[str]:
    """The parts of a path without a file's suffix, the last first."""
    path = Path(realpath(path))
    return list((path if path.is_dir() else path.with_suffix('')).parts[::-1])


def _common(names: Sequence[str]) -> str:
    """What all names begin with, up to a separator and without a number that seeds have: '' if that is nothing."""
    if len(set(names)) == 1:
        return names[0]
    start = []
    for words in zip(*(re.split(r'([-_. ])', name) for name in names)):
        if len(set(words)) > 1:
            break
        start.append(words[0])
    return re.sub(r'[-_. ]+(seed|run)?[-_. ]*$', '', ''.join(start)) if len(start) > 1 else ''
