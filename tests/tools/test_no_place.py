"""Where a tool cannot write, one line says so and nothing is left half."""
import os

import pytest
from evaluation.results import random_result

from stssa_mm.files.written import Written


@pytest.fixture
def place(tmp_path):
    """A file where a folder is due: the superuser's tests are not stopped by a folder's mode."""
    (tmp_path / 'file').write_text('mine')
    return tmp_path / 'file' / 'out'


def commands(place, tmp_path, repo):
    data = repo / 'tests' / 'evaluation' / 'data'
    for name in ('off', 'on'):
        random_result(len(name), skill=0.5).save(tmp_path / name / 'R.json')
    evaluate = ('evaluate.py', '--ground-truth', data / 'gt.csv', '--label-map', data / 'action_list.txt',
                '--detections', data / 'pred.csv')
    config = repo / 'configs' / 'stssa_toy.py'
    return {
        'make_toy': ('data/make_toy.py', '--out', place), 'ava': ('data/ava.py', '--out', place, '--offline'),
        'evaluate --out': (*evaluate, '--out', place / 'r.json'),
        'evaluate --curves': (*evaluate, '--curves', place / 'c.csv'),
        'compare_runs': ('compare_runs.py', tmp_path / 'off' / 'R.json', tmp_path / 'on' / 'R.json', '--resamples', '5',
                         '--out', place),
        'ablation_table': ('ablation_table.py', '--configs', config, '--out', place / 'table.md'),
        'draw_network': ('draw_network.py', config, '--out', place / 'network.png'),
    }


TOOLS = ['make_toy', 'ava', 'evaluate --out', 'evaluate --curves', 'compare_runs', 'ablation_table', 'draw_network']


@pytest.mark.parametrize('tool', TOOLS)
def test_a_file_in_place_of_the_folder(tool, place, tmp_path, repo, load_tool):
    file, *options = commands(place, tmp_path, repo)[tool]
    said = load_tool(file).run(*options)
    assert isinstance(said, str) and '\n' not in said and str(place.parent) in said
    assert place.parent.read_text() == 'mine'


@pytest.mark.parametrize('tool', [tool for tool in TOOLS if tool != 'ava'])
def test_a_disk_that_is_full_as_the_file_takes_its_name(tool, tmp_path, repo, load_tool, monkeypatch):
    place = tmp_path / 'new'
    file, *options = commands(place, tmp_path, repo)[tool]
    tool = load_tool(file)

    def full(part, path):
        raise OSError(28, 'No space left', str(path))

    monkeypatch.setattr(os, 'replace', full)
    said = tool.run(*options)
    assert isinstance(said, str) and '\n' not in said and 'No space left' in said
    assert [path for path in place.rglob('*') if path.is_file() and not path.name.startswith('written_by_')] == []


@pytest.mark.parametrize('name', ['written_by_make_toy.jsonl', 'annotations', 'videos', 'annotations/train.csv'])
def test_a_folder_or_file_in_its_place(name, tmp_path, load_tool):
    place = tmp_path / 'set' / name
    place.parent.mkdir(parents=True)
    place.mkdir() if '.' in name else place.write_text('mine')
    said = load_tool('data/make_toy.py').run('--out', tmp_path / 'set', '--train-videos', '1', '--val-videos', '1')
    assert said.startswith('make_toy.py: ') and '\n' not in said and str(place) in said
    assert place.is_dir() or place.read_text() == 'mine'


def test_a_record_that_cannot_be_read_is_said(tmp_path):
    (tmp_path / 'written_by_x.jsonl').mkdir()
    with pytest.raises(OSError, match='written_by_x'), Written(tmp_path, 'x').replacing(tmp_path / 'a') as part:
        part.write_text('a')
    assert not (tmp_path / 'a').exists()
