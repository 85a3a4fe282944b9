"""Each broken input is one line that names the place, and docs/broken-inputs.md lists them all."""
import pytest
from broken_inputs.cases import CASES, SOUND, Case, ours


@pytest.mark.parametrize('case', CASES, ids=lambda case: f'{case.file or "arguments"}: {case.fault}')
def test_each_fault_is_one_line_that_names_it(case, tmp_path):
    with pytest.raises((ValueError, FileNotFoundError)) as error:
        ours(case, tmp_path)
    message = str(error.value)
    assert case.says.replace('@', str(tmp_path / case.file)) in message
    assert '\n' not in message and len(message) < 700


def test_the_sound_input_is_read(tmp_path):
    ours(Case('annotations.csv', '', SOUND['annotations.csv'], ''), tmp_path)


def test_the_table_has_every_case(repo):
    rows = (repo / 'docs' / 'broken-inputs.md').read_text().splitlines()
    for case in CASES:
        assert sum(row.startswith(f'| {case.file or "arguments"} | {case.fault} |') for row in rows) == 1
