"""What a check of the data gives."""
from typing import NamedTuple, Sequence

LEVELS = ('error', 'warning', 'note')
SEVERAL = 3  # names given as examples


class Finding(NamedTuple):
    """One fact about the data.

    Attributes:
        level (str): ``'error'``: training cannot work or mAP will be wrong; ``'warning'``; or ``'note'``.
        name (str): What it is about, such as ``'missing proposals'``.
        where (str): The split, or the part of the config.
        text (str): What was found, and what to do.
    """
    level: str
    name: str
    where: str
    text: str


def some(names: Sequence) -> str:
    """The first of some names, as examples."""
    return ', '.join(map(str, names[:SEVERAL])) + (', ...' if len(names) > SEVERAL else '')
