import pytest

from stssa_mm.runs.ablation import COLUMNS


@pytest.fixture
def tool(load_tool):
    return load_tool('ablation_table.py')


@pytest.mark.parametrize(('suffix', 'start'), [('.md', '| config |'), ('.csv', 'config,SSFA')])
def test_prints_and_writes(tool, tmp_path, monkeypatch, capsys, suffix, start):
    row = dict.fromkeys(COLUMNS, 'cell')
    monkeypatch.setattr(tool, 'ablation_table', lambda work_dirs, configs: [row] * len(work_dirs + configs))
    out = tmp_path / 'new' / f'table{suffix}'
    assert not tool.run('run', '--configs', 'a.py', 'b.py', '--out', out)
    printed = capsys.readouterr().out
    assert printed.startswith('| config |') and printed.count('\n') == 2 + 3
    assert out.read_text().startswith(start)


def test_the_newest_of_several_tests_is_said(tool, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(tool, 'ablation_table', lambda work_dirs, configs: [])
    for time in ('20260101_000000', '20260102_000000'):
        (tmp_path / time).mkdir()
        (tmp_path / time / f'{time}.json').write_text('{"mAP/overall": 0.5}')
    assert not tool.run(tmp_path)
    assert capsys.readouterr().err == f'note: {tmp_path}: 2 tests, the newest is taken: 20260102_000000\n'


def test_errors_are_one_line(tool, tmp_path, capsys):
    assert tool.run(tmp_path) == f'ablation_table.py: {tmp_path}: no config in it: give a work folder of mim train'
    for args, message in (((), 'nothing to show'), (('run', '--out', 'table.txt'), 'expected a name that ends in')):
        assert tool.run(*args)
        assert message in capsys.readouterr().err
