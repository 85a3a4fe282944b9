import os

import pytest

from stssa_mm.runs.result_files import find_result, run_names


def put(path, time=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    if time:
        os.utime(path, (time, time))
    return path


def test_a_file_stands_for_itself(tmp_path):
    assert find_result(tmp_path / 'R.json') == (tmp_path / 'R.json', '')


@pytest.mark.parametrize('place', ['.', 'test', '20260101_000000', 'test/20260101_000000'])
def test_the_only_result_of_a_folder(tmp_path, place):
    file = put(tmp_path / place / 'result.json')
    put(tmp_path / place / 'val_result.json')
    assert find_result(tmp_path) == (file, '')


def test_the_newest_of_several_is_taken_and_said(tmp_path):
    """By the name of the log folder: a copied folder has the times of the copying."""
    new = put(tmp_path / 'test' / '20260202_000000' / 'result.json', 1000)
    put(tmp_path / '20260101_000000' / 'result.json', 2000)
    assert find_result(tmp_path) == (new, f'{tmp_path}: 2 results, the newest is taken: '
                                     'test/20260202_000000/result.json')
    unnamed = put(tmp_path / 'out' / 'result.json', 4e9)  # the year 2096
    assert find_result(tmp_path)[0] == unnamed
    put(unnamed, 1e9)
    assert find_result(tmp_path)[0] == new


def test_a_log_folder_itself(tmp_path):
    folder = tmp_path / '20260101_000000'
    file = put(folder / 'result.json')
    assert find_result(folder) == (file, '')
    put(folder / 'zoo' / 'result.json')
    with pytest.raises(ValueError, match=r'result.json and zoo/result.json are equally new: give one of them'):
        find_result(folder)


def test_a_folder_without_results(tmp_path):
    put(tmp_path / '20260101_000000' / '20260101_000000.json')
    with pytest.raises(FileNotFoundError, match=f'{tmp_path}: no result.json below: run `mim test` with --work-dir'):
        find_result(tmp_path)


def test_names_from_paths(tmp_path):
    assert run_names(tmp_path / 'a.json', tmp_path / 'b.json') == ('a', 'b')
    assert run_names(tmp_path / 'one' / 'R.json', tmp_path / 'two' / 'R.json') == ('one', 'two')
    with pytest.raises(ValueError, match='the same file twice'):
        run_names(tmp_path / 'a.json', tmp_path / 'x' / '..' / 'a.json')


@pytest.mark.parametrize(('first', 'second', 'names'), [
    (['off'], ['on'], ('off', 'on')),
    (['off_seed0'], ['on_seed0'], ('off_seed0', 'on_seed0')),
    (['off_seed0', 'off_seed1'], ['on_seed0', 'on_seed1', 'on_seed2'], ('off', 'on')),
    (['off/10', 'off/11'], ['on/10', 'on/11'], ('off', 'on')),
    (['off-seed-1', 'off-seed-2'], ['on-both-1', 'on-both-2'], ('off', 'on-both')),
    (['off/test/20260101_000000/result.json'], ['on/20260102_000000/result.json'], ('off', 'on')),
    (['w/20260101_000000/result.json'], ['w/20260102_000000/result.json'], ('20260101_000000', '20260102_000000')),
    (['w/train/result.json'], ['w/test/result.json'], ('train', 'test')),
    (['1.json', '2.json'], ['3.json', '4.json'], ('first', 'second')),
    (['off/seed0.json', 'off/seed1.json'], ['on/seed0.json'], ('off', 'on')),
])
def test_names_of_sides(tmp_path, first, second, names):
    assert run_names(*([tmp_path / path for path in paths] for paths in (first, second))) == names


def test_a_run_twice_is_refused(tmp_path):
    for sides in ((['a', 'a'], ['b']), (['a', 'b'], ['c', 'b'])):
        with pytest.raises(ValueError, match='the same file twice'):
            run_names(*([tmp_path / path for path in paths] for paths in sides))
