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
