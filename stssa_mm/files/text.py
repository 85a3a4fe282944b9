"""Lines and fields of text files, and counts in messages."""
import csv
from pathlib import Path
from typing import Iterator, Optional, Tuple


def read_text(path: Path) -> str:
    """A text file, without its byte-order mark. Raises a ValueError if it is none."""
    try:
        return Path(path).read_text(encoding='utf-8-sig')
    except UnicodeDecodeError as error:
        raise ValueError(f'{path}: no UTF-8 text ({error.reason} at byte {error.start}): expected text') from None


def lines_of(path: Path) -> Iterator[Tuple[int, str]]:
    """The lines of a file that are not blank, with their numbers from 1."""
    return ((number, line) for number, line in enumerate(read_text(path).split('\n'), 1) if line.strip())


def split_line(line: str) -> list:
    """The fields of one line of a csv file."""
    return next(csv.reader([line.rstrip('\r')]), []) if '"' in line else line.rstrip('\r').split(',')


def without_blanks(name: str) -> str:
    """A name without the blanks around it, and without quotes behind a blank, which a csv reader leaves."""
    name = name.strip()
    return name[1:-1].strip() if len(name) > 1 and name[0] == name[-1] == '"' else name


def plural(number: int, one: str, many: Optional[str] = None) -> str:
    """A count in a message: '1 error', '2 errors'; ``many`` is what more are called where that is not ``one`` + s."""
    return f'{number} {one if number == 1 else many or f"{one}s"}'
