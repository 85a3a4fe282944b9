"""Names that cannot be opened or written, for every tool: one line, never a traceback."""
import pytest
from conftest import REPO

TOY = REPO / 'configs' / 'stssa_toy.py'
# A tool, and its arguments; BAD stands for the name that cannot be.
TOOLS = {
    'evaluate.py, ground truth': ('evaluate.py', '--ground-truth', 'BAD', '--detections', 'x.csv', '--label-map',
                                  'LABELS'),
    'evaluate.py, label map': ('evaluate.py', '--ground-truth', 'x.csv', '--detections', 'x.csv', '--label-map', 'BAD'),
    'check_dataset.py': ('check_dataset.py', 'BAD'),
    'compare_runs.py': ('compare_runs.py', 'BAD', 'x.json'),
    'ablation_table.py': ('ablation_table.py', 'BAD'),
    'plot_run.py': ('plot_run.py', 'BAD'),
    'draw_network.py': ('draw_network.py', str(TOY), '--out', 'BAD/x.png'),
    'from_videos.py, labels': ('data/from_videos.py', 'BAD', '--format', 'csv', '--out', 'OUT'),
    'from_videos.py, CVAT': ('data/from_videos.py', 'BAD', '--format', 'cvat', '--out', 'OUT'),
    'from_videos.py, COCO': ('data/from_videos.py', 'BAD', '--format', 'coco', '--fps', '10', '--out', 'OUT'),
    'from_videos.py, detector': ('data/from_videos.py', 'x.csv', '--detector', 'BAD', '--out', 'OUT'),
    'make_proposals.py, detector': ('data/make_proposals.py', 'x.csv', '.', 'p.pkl', '--detector', 'BAD'),
    'jhmdb.py': ('data/jhmdb.py', 'BAD', '--out', 'OUT'),
    'make_toy.py': ('data/make_toy.py', '--out', 'BAD/x', '--train-videos', '5', '--val-videos', '5'),
}


def bad_names(folder):
    (folder / 'file').write_text('text')
    (folder / 'folder').mkdir()
    (folder / 'loop').symlink_to('loop')
    return {'missing': folder / 'missing' / 'x', 'a folder': folder / 'folder', 'below a file': folder / 'file' / 'x',
            'too long': folder / ('x' * 300), 'a loop of links': folder / 'loop'}


@pytest.mark.parametrize('kind', ['missing', 'a folder', 'below a file', 'too long', 'a loop of links'])
@pytest.mark.parametrize('name', TOOLS)
def test_a_name_that_cannot_be_is_one_line(name, kind, tmp_path, load_tool, capsys, monkeypatch):
    tool, *arguments = TOOLS[name]
    if kind in ('a folder', 'missing') and any(argument.startswith('BAD/') for argument in arguments):
        pytest.skip('the tool may write there')
    bad = str(bad_names(tmp_path)[kind])
    (tmp_path / 'labels.pbtxt').write_text('item { name: "run" id: 1 }')
    names = {'BAD': bad, 'LABELS': str(tmp_path / 'labels.pbtxt'), 'OUT': str(tmp_path / 'out')}
    module = load_tool(tool)
    monkeypatch.chdir(tmp_path)
    code = module.run(*(argument.replace('BAD', bad) if argument.startswith('BAD') else names.get(argument, argument)
                        for argument in arguments))
    if isinstance(code, str):
        assert '\n' not in code and code.isprintable() and str(tmp_path) in code
    else:
        assert code == 2 and str(tmp_path) in capsys.readouterr().err.splitlines()[-1]
