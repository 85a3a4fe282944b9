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


@pytest.fixture
def work_dirs(tmp_path):
    """Three seeds of one config and two of another, as mim train and mim test leave them."""
    folders = []
    for number, name in enumerate(('off_seed0', 'off_seed1', 'off_seed2', 'on_seed0', 'on_seed1')):
        folder = tmp_path / 'work_dirs' / name
        random_result(number, skill=0.5 + 0.4 * (number > 2)).save(folder / 'test' / '20260101_000000' / 'result.json')
        (folder / 'val_result.json').write_text('{}')
        folders.append(folder)
    return folders


def test_two_work_folders(tool, work_dirs, capsys):
    assert not tool(work_dirs[0], work_dirs[3], '--resamples', '20')
    assert ' of on_seed0 ' in capsys.readouterr().out and (work_dirs[0] / 'on_seed0_vs_off_seed0.md').is_file()


def test_several_seeds_a_side(tool, work_dirs, tmp_path, capsys):
    assert not tool('--first', *work_dirs[:3], '--second', *work_dirs[3:], '--resamples', 20, '--out', tmp_path / 'new')
    out = capsys.readouterr().out
    assert '(2 seeds), of off ' in out and '6 videos and 3 and 2 seeds' in out and 'on is better on ' in out
    assert 'on std' in (tmp_path / 'new' / 'on_vs_off.csv').read_text()
    assert (tmp_path / 'new' / 'on_vs_off.png').stat().st_size


def test_the_newest_of_several_tests_is_said(tool, work_dirs, capsys):
    new = work_dirs[0] / '20260202_000000' / 'result.json'
    random_result(0, skill=0.1).save(new)
    assert not tool(work_dirs[0], work_dirs[3], '--resamples', '20')
    out = capsys.readouterr().out
    assert out.startswith(f'note: {work_dirs[0]}: 2 results, the newest is taken: 20260202_000000/result.json\n')
    assert f'of off_seed0 {100 * random_result(0, skill=0.1).mean_ap():.1f}' in out


def test_the_same_run_as_folder_and_as_file(tool, work_dirs):
    file = work_dirs[0] / 'test' / '20260101_000000' / 'result.json'
    assert 'the same file twice' in tool('--first', work_dirs[0], file, '--second', work_dirs[3])


@pytest.mark.parametrize('args', [(), ('a', ), ('a', 'b', 'c'), ('a', 'b', '--first', 'c'), ('--first', 'a'),
                                  ('a', '--second', 'b')])
def test_neither_two_runs_nor_two_sides(tool, args, capsys):
    assert tool(*args) == 2
    assert 'expected two runs, or --first and --second' in capsys.readouterr().err


def test_a_folder_without_a_result_is_one_line(tool, work_dirs, tmp_path):
    (tmp_path / 'empty').mkdir()
    assert tool(work_dirs[0], tmp_path / 'empty').startswith(f'compare_runs.py: {tmp_path}/empty: no result.json below')
