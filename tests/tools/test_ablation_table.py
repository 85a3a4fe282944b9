import importlib.util
import sys

import pytest
from conftest import REPO


@pytest.fixture
def tool(monkeypatch):
    """Run tools/ablation_table.py with arguments, with a table that says what it was asked for."""
    spec = importlib.util.spec_from_file_location('ablation_table_tool', REPO / 'tools' / 'ablation_table.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    row = dict.fromkeys(module.to_markdown.__globals__['COLUMNS'], 'cell')

    def run(*args):
        monkeypatch.setattr(sys, 'argv', ['ablation_table.py', *map(str, args)])
        if '--real' not in args:
            monkeypatch.setattr(module, 'ablation_table', lambda work_dirs, configs: [row] * len(work_dirs + configs))
        else:
            sys.argv.remove('--real')
        return module.main()

    return run


@pytest.mark.parametrize(('suffix', 'start'), [('.md', '| config |'), ('.csv', 'config,SSFA')])
def test_prints_and_writes(tool, tmp_path, capsys, suffix, start):
    out = tmp_path / 'new' / f'table{suffix}'
    tool('run', '--configs', 'a.py', 'b.py', '--out', out)
    printed = capsys.readouterr().out
    assert printed.startswith('| config |') and printed.count('\n') == 2 + 3
    assert out.read_text().startswith(start)


def test_errors_are_one_line(tool, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        tool('--real', tmp_path)
    assert stop.value.code == (f'ablation_table.py: {tmp_path}: no config in it: give a work folder of mim train')
    for args, message in (((), 'nothing to show'), (('run', '--out', 'table.txt'), 'expected a name that ends in')):
        with pytest.raises(SystemExit):
            tool(*args)
        assert message in capsys.readouterr().err
