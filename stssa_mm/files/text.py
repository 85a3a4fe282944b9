"""Lines and fields of text files, counts in messages, and what of a file an error shows."""
import csv
import json
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Iterator, Optional, TextIO, Tuple

MOST_SHOWN = 100  # characters of a value in an error
MOST_OF_LINE = 1000  # characters


def shown(value: object) -> str:
    """A value that a file holds, for an error: its ``repr``, cut where it is long."""
    try:
        text = repr(value)
    except (RecursionError, ValueError):  # nested deeply, or a number of over 4,300 digits
        text = f'a {type(value).__name__}'
    return text if len(text) <= MOST_SHOWN else f'{text[:MOST_SHOWN]}... ({len(text)} characters)'


def plain(text: object) -> str:
    """A text, such as that of another package's error, as one line of printable characters, cut where it is long."""
    line = ''.join(letter if letter.isprintable() else ' ' for letter in str(text)[:4 * MOST_SHOWN])
    line = ' '.join(line.split())
    return line if len(line) <= 2 * MOST_SHOWN else f'{line[:2 * MOST_SHOWN]}...'


def read_text(path: Path) -> str:
    """A text file, without its byte-order mark. Raises a ValueError if it is none."""
    try:
        return Path(path).read_text(encoding='utf-8-sig')
    except UnicodeDecodeError as error:
        raise ValueError(f'{path}: no UTF-8 text ({error.reason} at byte {error.start}): expected text') from None


def lines_of(path: Path) -> Iterator[Tuple[int, str]]:
    """The lines of a file that are not blank, with their numbers from 1.

    Raises:
        ValueError: If the file is no text, or a line is longer than any of AVA's form.
    """
    for number, line in enumerate(read_text(path).split('\n'), 1):
        if len(line) > MOST_OF_LINE:
            raise ValueError(f'{path}:{number}: a line of {len(line)} characters, {shown(line[:20])}...: expected at '
                             f'most {MOST_OF_LINE}: are there line ends?')
        if line.strip():
            yield number, line


def split_line(line: str) -> list:
    """The fields of one line of a csv file."""
    if '"' not in line:
        return line.rstrip('\r').split(',')
    try:
        return next(csv.reader([line.rstrip('\r')]), [])
    except csv.Error:  # a quoted field of over 131,072 characters, or a carriage return within a line
        return [line]


def without_blanks(name: str) -> str:
    """A name without the blanks around it, and without quotes behind a blank, which a csv reader leaves."""
    name = name.strip()
    return name[1:-1].strip() if len(name) > 1 and name[0] == name[-1] == '"' else name


def plural(number: int, one: str, many: Optional[str] = None) -> str:
    """A count in a message: '1 error', '2 errors'; ``many`` is what more are called where that is not ``one`` + s."""
    return f'{number} {one if number == 1 else many or f"{one}s"}'


@contextmanager
def open_csv(path: Path) -> Iterator[TextIO]:
    """A csv file for the readers of :mod:`csv`, whose errors become a ValueError that names it."""
    text = StringIO(read_text(path), newline='')
    try:
        yield text
    except csv.Error as error:
        raise ValueError(f'{path}: no csv ({error})') from None


def parse_json(text: str, where: str) -> object:
    """The content of a json text.

    Args:
        text (str): The text.
        where (str): Its file, or file and line, for the error.

    Raises:
        ValueError: If it is no json, nests too deeply, or holds a number of over 4,300 digits.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError(f'{where}: no json that can be read (it nests too deeply)') from None
    except ValueError as error:
        raise ValueError(f'{where}: no json ({plain(error)})') from None


def read_json(path: Path) -> object:
    """The content of a json file. Raises a ValueError as :func:`parse_json` does, or if it is no text."""
    return parse_json(read_text(path), str(path))
