import json

import matplotlib.image
import pytest
from mmengine.config import ConfigDict

from stssa_mm.runs.logs import read_scalars
from stssa_mm.runs.test_metrics import basis, newest_test_result
from stssa_mm.visualization.plots import plot_loss, plot_per_class_ap


def write_log(folder, lines):
    (folder / 'vis_data').mkdir(parents=True)
    (folder / 'vis_data' / 'scalars.json').write_text(''.join(json.dumps(line) + '\n' for line in lines))


def test_a_resumed_run_replaces_what_it_repeats(tmp_path):
    write_log(tmp_path / '20260101_000000', [dict(loss=3.0, epoch=1, step=1), dict(loss=2.0, epoch=2, step=2)])
    write_log(tmp_path / '20260101_010000', [dict(loss=1.5, epoch=2, step=2), {'mAP/overall': 0.5, 'step': 2}])
    lines = read_scalars(tmp_path)
    assert [line['loss'] for line in lines if 'loss' in line] == [3.0, 1.5]
    assert [line['mAP/overall'] for line in lines if 'mAP/overall' in line] == [0.5]
    assert matplotlib.image.imread(plot_loss(tmp_path, tmp_path / 'loss.png')).std() > 0


def test_the_newest_test_is_taken(tmp_path):
    for time, value in (('20260101_000000', 0.1), ('20260102_000000', 0.2)):
        (tmp_path / 'test' / time).mkdir(parents=True)
        (tmp_path / 'test' / time / f'{time}.json').write_text(json.dumps({'mAP/overall': value, 'mAP/kick': 0.3}))
        (tmp_path / 'test' / time / 'vis_data').mkdir()
        (tmp_path / 'test' / time / 'vis_data' / 'config.py').write_text(
            f"test_evaluator = dict(type='STSSAAVAMetric', ann_file='{time}.csv', rule='mmaction2')")
    metrics, data = newest_test_result(tmp_path)
    assert data == '20260102_000000.csv, test, rule mmaction2'
    assert metrics['mAP/overall'] == 0.2
    assert matplotlib.image.imread(plot_per_class_ap(metrics, 'run', tmp_path / 'ap.png')).std() > 0


@pytest.mark.parametrize('read', [read_scalars, newest_test_result])
def test_an_empty_folder_is_named(read, tmp_path):
    with pytest.raises(FileNotFoundError, match=str(tmp_path)):
        read(tmp_path)


def test_a_line_that_a_killed_run_left_half_is_not_counted(tmp_path):
    write_log(tmp_path / '20260101_000000', [dict(loss=3.0, epoch=1, step=1)])
    log = tmp_path / '20260101_000000' / 'vis_data' / 'scalars.json'
    log.write_text(log.read_text() + '{"loss": 2.0, "epo')
    assert [line['loss'] for line in read_scalars(tmp_path)] == [3.0]
    log.write_text('loss 3\n')
    with pytest.raises(ValueError, match=r"scalars\.json:1: 'loss 3\\n': expected json"):
        read_scalars(tmp_path)


def test_a_test_without_single_classes_says_how_to_get_them(tmp_path):
    with pytest.raises(ValueError, match='test_evaluator.per_class=True'):
        plot_per_class_ap({'mAP/overall': 0.5, 'mAP/person_movement': 0.4}, 'run', tmp_path / 'ap.png')
    assert not (tmp_path / 'ap.png').exists()


def test_a_test_without_its_config_is_named(tmp_path):
    (tmp_path / 'test' / '1').mkdir(parents=True)
    (tmp_path / 'test' / '1' / '1.json').write_text(json.dumps({'mAP/overall': 0.5}))
    with pytest.raises(ValueError, match=r'config\.py: no such file'):
        newest_test_result(tmp_path)


def test_basis_of_a_list_of_evaluators_and_of_scoped_names():
    evaluators = [ConfigDict(type='Other'), ConfigDict(type='mmaction.STSSAAVAMetric', ann_file='val.csv')]
    assert basis(evaluators, 'test') == 'val.csv, test, rule activitynet'
    assert basis(ConfigDict(type='AVAMetric', ann_file='val.csv'), 'test') == 'val.csv, test, rule mmaction2'
