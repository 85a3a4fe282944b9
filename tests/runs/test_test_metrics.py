import pytest
from mmengine.config import ConfigDict
from runs.work_dirs import write_test

from stssa_mm.runs.test_metrics import basis, newest_test_result, note_on_tests


def write(folder, value):
    write_test(folder, {'mAP/overall': value, 'mAP/kick': 0.3},
               f"test_evaluator = dict(type='STSSAAVAMetric', ann_file='{folder.name}.csv', rule='mmaction2')")


def test_the_newest_test_is_taken(tmp_path):
    write(tmp_path / 'test' / '20260101_000000', 0.1)
    assert note_on_tests(tmp_path) == ''
    write(tmp_path / '20260102_000000', 0.2)
    write(tmp_path / 'a' / '20251231_235959', 0.3)
    metrics, data = newest_test_result(tmp_path)
    assert data == '20260102_000000.csv, test, rule mmaction2' and metrics['mAP/overall'] == 0.2
    assert note_on_tests(tmp_path) == f'{tmp_path}: 3 tests, the newest is taken: 20260102_000000'


def test_two_tests_that_are_equally_new_are_named(tmp_path):
    for folder, value in (('a', 0.1), ('b', 0.2)):
        write(tmp_path / folder / '20260101_000000', value)
    with pytest.raises(ValueError, match=r'a/20260101_000000 and b/20260101_000000 are equally new'):
        newest_test_result(tmp_path)


def test_an_empty_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=str(tmp_path)):
        newest_test_result(tmp_path)


def test_a_test_without_its_config_is_named(tmp_path):
    write(tmp_path / 'test' / '1', 0.5)
    (tmp_path / 'test' / '1' / 'vis_data' / 'config.py').unlink()
    with pytest.raises(ValueError, match=r'config\.py: no such file'):
        newest_test_result(tmp_path)


def test_basis_of_a_list_of_evaluators_and_of_scoped_names():
    evaluators = [ConfigDict(type='Other'), ConfigDict(type='mmaction.STSSAAVAMetric', ann_file='val.csv')]
    assert basis(evaluators, 'test') == 'val.csv, test, rule activitynet'
    assert basis(ConfigDict(type='AVAMetric', ann_file='val.csv'), 'test') == 'val.csv, test, rule mmaction2'
