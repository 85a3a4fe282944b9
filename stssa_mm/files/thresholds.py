"""A threshold for the score of each class, as a JSON file. No torch."""
import json
from pathlib import Path
from typing import Dict, Mapping, Sequence, Union

from .text import read_text
from .whole_file import whole_file


def write_thresholds(path: Path, rows: Sequence[Mapping], **more) -> None:
    """Write thresholds, and what else is given.

    Args:
        path (Path): The file.
        rows (Sequence[Mapping]): Of each class ``id``, ``name`` and ``threshold`` (None: not known), and more.
    """
    with whole_file(path) as part:
        part.write_text(json.dumps(dict(more, thresholds=list(rows)), indent=1, ensure_ascii=False) + '\n',
                        encoding='utf-8')


def read_thresholds(path: Path) -> Dict[str, float]:
    """The thresholds of a file of :func:`write_thresholds`: names to scores. Classes without one are left out.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no such file; names it.
    """
    expected = 'expected the file of tools/evaluate.py --thresholds'
    try:
        rows = json.loads(read_text(path))['thresholds']
        found = {row['name']: row['threshold'] for row in rows if row['threshold'] is not None}
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(f'{path}: no thresholds in it ({type(error).__name__}: {error}): {expected}') from None
    return check_thresholds(found, str(path))


def check_thresholds(thresholds: Mapping[str, float], where: str) -> Dict[str, float]:
    """The same. Raises ValueError if one is not a number from 0 to 1."""
    for name, value in thresholds.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
            raise ValueError(f'{where}: threshold {value!r} of {name!r}: expected a number from 0 to 1')
    return dict(thresholds)


def class_thresholds(thresholds: Union[float, Mapping[str, float]], default: float, classes: Mapping[int, str],
                     where: str = 'thresholds') -> Dict[int, float]:
    """A threshold for each class id.

    Args:
        thresholds (float | Mapping[str, float]): One for all, or by name.
        default (float): Of classes that the mapping lacks.
        classes (Mapping[int, str]): Ids and names.
        where (str): What errors call the mapping.

    Raises:
        ValueError: If a name is none of the classes', or a value is not from 0 to 1.
    """
    if not isinstance(thresholds, Mapping):
        thresholds, default = {}, thresholds
    check_thresholds({**thresholds, 'all classes': default}, where)
    unknown = [name for name in thresholds if name not in classes.values()]
    if unknown:
        raise ValueError(f'{where}: {", ".join(map(repr, unknown[:3]))}: no such class in the model, which has '
                         f'{", ".join(list(classes.values())[:5])}{", ..." if len(classes) > 5 else ""}')
    return {label: thresholds.get(name, default) for label, name in classes.items()}
