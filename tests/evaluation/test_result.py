import pytest
from evaluation.results import make_result, random_result

from stssa_mm.evaluation.result import EvaluationResult


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
