import inspect
from pathlib import Path

import pytest

from stssa_mm.converters.ava import STEPS, Sources, prepare_ava

NOWHERE = 'http://127.0.0.1:9'


@pytest.fixture
def tool(load_tool):
    return load_tool('data/ava.py')


@pytest.mark.parametrize('options, given', [
    ([], dict(out=Path('data/ava'), version='2.1', subsets=('train', 'val'), steps=STEPS, sources=Sources())),
    (['--version', '2.2', '--subset', 'test', '--steps', 'cut', 'frames', '--videos=-a', '--limit', '3'],
     dict(version='2.2', subsets=['test'], steps=['cut', 'frames'], videos=['-a'], limit=3)),
    (['--short-side', '0', '--quality', '5', '--jobs', '2', '--offline', '--movies', 'm', '--movies-url', NOWHERE],
     dict(short_side=0, quality=5, jobs=2, offline=True, movies=Path('m'), sources=Sources(movies=NOWHERE))),
])
def test_options_reach_the_function(tool, monkeypatch, capsys, options, given):
    calls = []

    def spy(*args, **kwargs):
        calls.append(inspect.signature(prepare_ava).bind(*args, **kwargs).arguments)
        return {'videos': 299, 'missing': {}}

    monkeypatch.setattr(tool, 'prepare_ava', spy)
    assert not tool.run(*options)
    assert given.items() <= calls[0].items()
    assert 'videos 299, missing 0' in capsys.readouterr().out


def test_missing_files_are_listed_and_the_status_says_so(tool, tmp_path, capsys):
    status = tool.run('--out', tmp_path, '--steps', 'proposals', '--offline', '--subset', 'val')
    assert status == 1
    output = capsys.readouterr()
    name = 'ava_dense_proposals_val.FAIR.recall_93.9.pkl'
    assert f'missing: {name}: {tmp_path}/annotations/{name} is not there, and offline' in output.err
    assert f'missing 1 (see {tmp_path}/missing.txt' in output.out
    assert (tmp_path / 'missing.txt').read_text().startswith(f'{name}: ')


def test_errors_are_one_line(tool, tmp_path):
    message = tool.run('--out', tmp_path, '--offline')
    assert 'ava.py: offline, and these are not there: ' in message and '\n' not in message
    assert 'limit 0: expected at least 1' in tool.run('--out', tmp_path, '--limit', '0')


def test_help_states_the_terms(tool, capsys):
    assert not tool.run('--help')
    text = capsys.readouterr().out
    assert 'CC BY 4.0' in text and 'rights remain with\ntheir owners' in text
