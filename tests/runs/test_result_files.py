import os

import pytest
from evaluation.results import make_result, random_result

from stssa_mm.evaluation.result import EvaluationResult
from stssa_mm.runs.result_files import find_result


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
    with pytest.raises(ValueError, match=r'result.json and zoo/result.json are equally new: give one of these files'):
        find_result(folder)


def test_a_folder_without_results(tmp_path):
    put(tmp_path / '20260101_000000' / '20260101_000000.json')
    with pytest.raises(FileNotFoundError, match=f'{tmp_path}: no result.json below: run `mim test` with --work-dir'):
        find_result(tmp_path)


def test_a_json_with_the_matches_of_another_evaluation(tmp_path):
    one, other = (make_result({'kick': ([2], [(0, .9, hit)])}) for hit in (True, False))
    other.save(tmp_path / 'other.json')
    one.save(tmp_path / 'one.json')
    (tmp_path / 'one.matches.npz').write_bytes((tmp_path / 'other.matches.npz').read_bytes())
    with pytest.raises(ValueError, match='AP 0 of "kick", and one.json says 0.5: they are of different evaluations'):
        EvaluationResult.load(tmp_path / 'one.json')


def test_classes_without_ap_load_again(tmp_path):
    result = random_result(1, iou=(0.5, 0.75))
    result.save(tmp_path / 'r.json')
    assert EvaluationResult.load(tmp_path / 'r.json').summary() == result.summary()
