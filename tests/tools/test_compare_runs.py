import pytest
from evaluation.results import random_result


@pytest.fixture
def tool(load_tool):
    return load_tool('compare_runs.py').run


@pytest.fixture
def files(tmp_path):
    """Results of two runs, R.json in two folders."""
    paths = tmp_path / 'off' / 'R.json', tmp_path / 'on' / 'R.json'
    for seed, path in enumerate(paths):
        random_result(seed, skill=0.5 + 0.4 * seed).save(path)
    return paths


def test_writes_three_files_beside_the_first(tool, files, capsys):
    tool(*files, '--resamples', '20')
    out = capsys.readouterr().out
    assert out.startswith('mAP@0.5 (rule activitynet) of on ') and 'on is better on ' in out
    written = [files[0].parent / f'on_vs_off{suffix}' for suffix in ('.png', '.csv', '.md')]
    assert all(path.stat().st_size and str(path) in out for path in written)


def test_out_and_names(tool, files, tmp_path, capsys):
    tool(*files, '--resamples', '20', '--out', tmp_path / 'new', '--names', 'no attention', 'SSFA + TSFA')
    assert capsys.readouterr().out.startswith('mAP@0.5 (rule activitynet) of SSFA + TSFA ')
    assert '| no attention | SSFA + TSFA |' in (tmp_path / 'new' / 'on_vs_off.md').read_text()


def test_errors_are_one_line(tool, files, tmp_path):
    other = random_result(1)
    other.rule = 'mmaction2'
    other.save(tmp_path / 'other.json')
    (tmp_path / 'config.json').write_text('{"mAP/overall": 0.5}')
    for second, message in ((tmp_path / 'other.json', 'cannot be compared: rule activitynet and mmaction2'),
                            (tmp_path / 'config.json', f'{tmp_path}/config.json: not a result of tools/evaluate.py'),
                            (tmp_path / 'missing.json', 'missing.json'), (files[0], 'the same file twice')):
        error = tool(files[0], second)
        assert message in error and '\n' not in error
