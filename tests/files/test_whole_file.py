import errno
import os
import subprocess
import sys

import pytest
from conftest import REPO

from stssa_mm.files.whole_file import whole_file


def test_the_file_appears_at_the_end(tmp_path):
    path = tmp_path / 'new' / 'a.matches.npz'
    with whole_file(path) as part:
        part.write_text('new')
        assert part.suffix == '.npz' and part.parent == path.parent and not path.exists()
    assert [file.name for file in path.parent.iterdir()] == ['a.matches.npz'] and path.read_text() == 'new'


@pytest.mark.parametrize('written', [True, False])
def test_a_block_that_fails_leaves_the_older_file_and_nothing_else(tmp_path, written):
    path = tmp_path / 'a.json'
    path.write_text('old')
    with pytest.raises(KeyboardInterrupt), whole_file(path) as part:
        if written:
            part.write_text('ne')
        raise KeyboardInterrupt
    assert [file.name for file in tmp_path.iterdir()] == ['a.json'] and path.read_text() == 'old'


def test_two_processes_do_not_get_into_each_others_way(tmp_path):
    path = tmp_path / 'a.json'
    program = ('from stssa_mm.files.whole_file import whole_file\n'
               f'with whole_file({str(path)!r}) as part: part.write_text("b")')
    with whole_file(path) as part:
        part.write_text('whole')
        subprocess.run([sys.executable, '-c', program], check=True, cwd=REPO)
        assert path.read_text() == 'b'
    assert path.read_text() == 'whole' and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize('code', [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG, errno.EROFS])
def test_a_disk_that_fails_is_named_with_the_file(code, tmp_path):
    path = tmp_path / 'result.csv'
    path.write_text('old')
    with pytest.raises(OSError) as error, whole_file(path):
        raise OSError(code, os.strerror(code))  # as a write does, which names no file
    assert str(error.value) == f'[Errno {code}] {os.strerror(code)}: {str(path)!r}'
    assert path.read_text() == 'old' and list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_be_replaced_is_named(tmp_path):
    (tmp_path / 'result.csv').mkdir()
    with pytest.raises(OSError) as error, whole_file(tmp_path / 'result.csv') as part:
        part.write_text('new')
    assert str(error.value).endswith(f'{str(tmp_path / "result.csv")!r}') and '.part' not in str(error.value)
