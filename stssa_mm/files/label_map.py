"""AVA's action lists (pbtxt): class ids and names."""
import re
from pathlib import Path
from typing import Dict, Sequence

from .text import plain, read_text, shown
from .whole_file import write_whole

# What an action list consists of: comments, texts, brackets and colons, separators, words, lone quotation marks.
TOKENS = re.compile(r'#[^\n]*|"[^"\n]*"|\'[^\'\n]*\'|[{}:]|[,;\s]+|[^\s{}:,;"\'#]+|["\']')


def read_label_map(path: Path) -> Dict[int, str]:
    """Read an AVA action list (pbtxt): blocks with a ``name`` and an ``id`` or ``label_id``.

    Returns:
        dict[int, str]: Class id to name, by rising id.

    Raises:
        ValueError: If a block is malformed, an id occurs twice, or there is no block; names file and line.
    """
    text = read_text(path)
    none = f'{path}: no class in it: expected item {{ name: "..." id: N }}'
    if '{' not in text:
        raise ValueError(none)
    names: Dict[int, str] = {}
    tokens = [token for token in TOKENS.finditer(text) if token[0][0] not in '#,;' and not token[0].isspace()]
    words = [token[0] for token in tokens] + [''] * 4

    def where(token: int) -> str:
        return f'{path}:{text.count(chr(10), 0, tokens[token].start()) + 1}'

    start = 0
    while start < len(tokens):
        end = start + 1 + (words[start + 1] == ':')
        fields, opened = {}, words[end] == '{'
        end += 1
        while opened and words[end + 1] == ':' and words[end + 2] not in ('{', '}', ':', '"', "'", ''):
            fields[words[end]] = words[end + 2]
            end += 3
        name, number = fields.get('name', ''), fields.get('label_id', fields.get('id', ''))
        if not (words[start].isidentifier() and opened and words[end] == '}' and name[:1] in ('"', "'")
                and number.isascii() and number.isdecimal() and len(number) < 19 and int(number)):
            block = text[tokens[start].start():tokens[min(end, len(tokens) - 1)].end()]
            raise ValueError(f'{where(start)}: {plain(block)}: expected item {{ name: "..." id: N }}, N from 1')
        if int(number) in names:
            raise ValueError(f'{where(start)}: id {number}: expected another, {shown(names[int(number)])} has it '
                             'already')
        names[int(number)] = name[1:-1]
        start = end + 1
    if not names:
        raise ValueError(none)
    return dict(sorted(names.items()))


def write_label_map(path: Path, names: Sequence[str]) -> None:
    """An AVA action list: classes numbered from 1.

    Raises:
        ValueError: If a name has a line break or both kinds of quotation marks, which the format cannot hold.
    """
    items = []
    for number, name in enumerate(names, 1):
        quote = "'" if '"' in name else '"'
        if quote in name or '\n' in name:
            raise ValueError(f'{path}: class {name!r}: expected one line, without one kind of quotation marks')
        items.append(f'item {{\n  name: {quote}{name}{quote}\n  id: {number}\n}}\n')
    write_whole(path, ''.join(items))
