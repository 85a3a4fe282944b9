import pytest

from stssa_mm.visualization.ablation import COLUMNS


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


def test_errors_are_one_line(tool, tmp_path, capsys):
    assert tool.run(tmp_path) == f'ablation_table.py: {tmp_path}: no config in it: give a work folder of mim train'
    for args, message in (((), 'nothing to show'), (('run', '--out', 'table.txt'), 'expected a name that ends in')):
        assert tool.run(*args)
        assert message in capsys.readouterr().err
