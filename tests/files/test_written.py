"""A tool replaces what its own record says it wrote, and nothing else."""
import os

import pytest

from stssa_mm.files.written import ENDS, Written


@pytest.fixture
def file(tmp_path):
    return tmp_path / 'a' / 'x.csv'


def write(file, content, tool='tool', made_from=''):
    with Written(file.parents[1], tool).replacing(file, made_from) as part:
        part.write_text(content)


def test_own_files_are_replaced(file):
    for content in ('one', 'two', 'one', 'three'):
        write(file, content)
        assert file.read_text() == content
    assert sorted(path.name for path in file.parent.iterdir()) == ['x.csv']


@pytest.mark.parametrize('change', [
    lambda file: file.write_text('mine'), lambda file: file.write_text('ours '), lambda file: file.write_text(''),
    lambda file: (file.unlink(), file.mkdir()), lambda file: (file.unlink(), file.symlink_to('nowhere')),
    lambda file: (file.rename(file.with_name('y')), file.symlink_to('y')),
    lambda file: file.write_text('O' + file.read_text()[1:])])
def test_what_has_changed_is_left_alone(file, change):
    write(file, 'ours')
    change(file)
    before = os.lstat(file)
    with pytest.raises(ValueError, match=rf'^{file}: it is there, and tool did not write it, or it was changed since'):
        Written(file.parents[1], 'tool').check([file])
    with pytest.raises(ValueError, match=f'^{file}: it is there'):
        write(file, 'next')
    assert os.lstat(file) == before and len(list(file.parent.iterdir())) < 3


def test_a_file_that_was_there_before_is_left_alone(file):
    file.parent.mkdir()
    file.write_text('mine')
    with pytest.raises(ValueError, match='it is there, and tool did not write it'):
        write(file, 'ours')
    assert file.read_text() == 'mine' and [path.name for path in file.parent.iterdir()] == ['x.csv']


def test_one_that_is_the_same_is_fine_and_own_from_then_on(file):
    file.parent.mkdir()
    file.write_text('the same')
    write(file, 'the same')
    write(file, 'next')
    assert file.read_text() == 'next'


def test_what_another_tool_wrote_is_not_own(file):
    write(file, 'ours', tool='other')
    with pytest.raises(ValueError, match='it is there, and tool did not write it'):
        write(file, 'next')


def test_the_middle_of_a_large_file_may_be_overlooked_and_its_size_and_ends_not(file):
    large = 'x' * (3 * ENDS)
    write(file, large)
    for changed in (large + 'x', 'y' + large[1:], large[:-1] + 'y'):
        file.write_text(changed)
        with pytest.raises(ValueError, match='it is there'):
            Written(file.parents[1], 'tool').check([file])


@pytest.mark.parametrize('tail', [b'', b'["a/y.csv", "3 bytes', b'\xff\xfe', b'{}\n', b'[1, 2]\n', b'null\n', b'\n\n'])
def test_a_record_that_a_killed_process_left_half_is_gone_on_with(file, tail):
    write(file, 'one')
    record = file.parents[1] / 'written_by_tool.jsonl'
    record.write_bytes(record.read_bytes() + tail)
    write(file, 'two')
    write(file, 'three')
    assert file.read_text() == 'three'


def test_killed_between_the_note_and_the_file(file, monkeypatch):
    """Then the note says more than there is, and what was there before is still known."""
    write(file, 'one')
    with monkeypatch.context() as broken:
        broken.setattr(os, 'replace', lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            write(file, 'two')
    assert file.read_text() == 'one'
    write(file, 'three')
    assert file.read_text() == 'three'


def test_up_to_date(file):
    write(file, 'ours', made_from='silhouettes')
    assert Written(file.parents[1], 'tool').up_to_date(file, 'silhouettes')
    assert not Written(file.parents[1], 'tool').up_to_date(file, 'RGB')
    file.write_text('mine')
    assert not Written(file.parents[1], 'tool').up_to_date(file, 'silhouettes')
    file.unlink()
    assert not Written(file.parents[1], 'tool').up_to_date(file, 'silhouettes')


def test_a_folder_may_be_moved_and_named_in_other_ways(file, monkeypatch):
    write(file, 'one')
    file.parents[1].joinpath('a').rename(file.parents[1] / 'a-')
    (file.parents[1] / 'a-').rename(file.parent)
    monkeypatch.chdir(file.parent)
    with Written('..', 'tool').replacing('x.csv') as part:
        part.write_text('two')
    assert file.read_text() == 'two'
