"""Files that are mutated at random: what cannot be read is one line that names the file."""
import random
import re
from collections import Counter

import pytest
from broken_inputs.readers import READERS, write_sound

TRIES = 120
TOKENS = [
    b'\xff', b'\xe9', b'\0', b'1e999', b'-1e999', b'nan', b'NaN', b'Infinity', b'-1', b'-0', b'0', b'9' * 30,
    b'9' * 5000, b'"', b"'", b'\n', b'\r', b'\t', b',', b':', b'{',
    b'[', b'}', b']', b'[]', b'{}', b'null', b'true', b'"\\ud800"',
    b'<', b'&lt;', b'&#0;', b'..', b'/', b'%s', b'\x1b[2J', b'\x0c', '\x85\u2028\u0661😀'.encode(), b'[' * 3000
]


def mutated(data, rng):
    """Some bytes changed, left out, doubled, or replaced by what readers stumble over."""
    data = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 3, 8])):
        start = rng.randrange(len(data) + 1)
        part = slice(start, start + rng.randrange(1, 40))
        words = list(re.finditer(rb'[\w.+-]+', data))
        kind = rng.randrange(7)
        if kind == 0 and start < len(data):
            data[start] ^= 1 << rng.randrange(8)
        elif kind == 1 and start < len(data):
            data[start] = rng.randrange(256)
        elif kind == 2:
            del data[part]
        elif kind == 3:
            data[start:start] = data[part]
        elif kind == 4:
            data[start:start] = rng.choice(TOKENS)
        elif kind == 5 and words:
            word = rng.choice(words)
            data[word.start():word.end()] = rng.choice(TOKENS)
        elif kind == 6:
            del data[start:]
    return bytes(data)


@pytest.fixture(scope='module')
def sound(tmp_path_factory):
    folder = tmp_path_factory.mktemp('sound')
    write_sound(folder)
    return folder


@pytest.mark.parametrize('name', READERS)
def test_a_mutated_file_is_read_or_is_one_line_that_names_it(name, sound):
    file, read = sound / READERS[name].file, READERS[name].read
    data, rng, came = file.read_bytes(), random.Random(name), Counter()
    read(file)
    try:
        for _ in range(TRIES):
            file.write_bytes(mutated(data, rng))
            try:
                read(file)
                came['read'] += 1
            except (OSError, ValueError) as error:
                message = str(error)
                came['refused'] += 1
                assert str(sound) in message and message.isprintable() and len(message) < 900, message
    finally:
        file.write_bytes(data)
    assert came['refused'] > TRIES / 5  # else the mutations are none
