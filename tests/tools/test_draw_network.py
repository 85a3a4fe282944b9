from conftest import REPO


def test_writes_the_picture(load_tool, tmp_path, capsys):
    out = tmp_path / 'new' / 'network.svg'
    assert not load_tool('draw_network.py').run(REPO / 'configs' / 'stssa_toy.py', '--out', out, '--size', 64, 96)
    assert capsys.readouterr().out == f'written  {out}\n' and out.read_text().startswith('<?xml')


def test_a_mistake_is_one_line(load_tool, tmp_path, capsys):
    tool = load_tool('draw_network.py')
    missing = tool.run(tmp_path / 'none.py', '--out', tmp_path / 'a.png')
    assert missing.startswith('draw_network.py: ') and 'none.py' in missing and '\n' not in missing
    assert tool.run(REPO / 'configs' / 'stssa_toy.py', '--out', tmp_path / 'a.jpg') == 2
    assert 'expected a name that ends in .png, .svg or .pdf' in capsys.readouterr().err
