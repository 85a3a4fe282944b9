import contextlib
import io
import json
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mmaction.evaluation import ava_eval
from mmengine.logging import MessageHub, MMLogger

from stssa_mm.evaluation import ava_metric
from stssa_mm.evaluation.ava import evaluate_files
from stssa_mm.evaluation.ava_metric import STSSAAVAMetric
from stssa_mm.evaluation.result import EvaluationResult

BOX = [0.1, 0.1, 0.5, 0.5]
OTHER = [0.6, 0.6, 0.9, 0.9]


def files(folder, rows, excluded=(), names=('stand', 'kick', 'wave')):
    """Ground truth, label map and exclusions; a row is (video, timestamp, box, label)."""
    (folder / 'gt.csv').write_text(''.join(
        f'{v},{t:04d},{",".join(map(str, box))},{label},0\n' for v, t, box, label in rows))
    (folder / 'labels.pbtxt').write_text(''.join(
        f'item {{\n  name: "{name}"\n  id: {i}\n}}\n' for i, name in enumerate(names, 1)))
    (folder / 'excluded.csv').write_text(''.join(f'{v},{t:04d}\n' for v, t in excluded))
    return dict(ann_file=str(folder / 'gt.csv'), label_file=str(folder / 'labels.pbtxt'),
                exclude_file=str(folder / 'excluded.csv'), num_classes=len(names) + 1)


def evaluate(config, predictions, **kwargs):
    """Metrics for {(video, timestamp): (boxes, scores)}, scores (n, classes + 1)."""
    metric = STSSAAVAMetric(**config, per_class=True, **kwargs)
    samples = [dict(video_id=v, timestamp=t, pred_instances=dict(bboxes=torch.tensor(boxes).reshape(-1, 4),
                                                                 scores=torch.tensor(scores)))
               for (v, t), (boxes, scores) in predictions.items()]
    metric.process({}, samples)
    return metric.evaluate(len(samples))


def test_perfect_detections_have_ap_1_and_a_class_never_detected_0(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = files(tmp_path, [('v', 1, BOX, 1), ('v', 1, OTHER, 2)])
    before = set(tmp_path.iterdir())
    result = evaluate(config, {('v', 1): ([BOX, OTHER], [[0., .9, 0., 0.], [0., 0., 0., 0.]])})
    assert result['mAP/stand'] == 1 and result['mAP/kick'] == 0 and np.isnan(result['mAP/wave'])
    assert result['mAP/overall'] == 0.5  # MMAction2 gives 1.0
    assert set(tmp_path.iterdir()) == before


def test_excluded_frames_count_nowhere(tmp_path):
    config = files(tmp_path, [('v', 1, BOX, 1), ('v', 2, BOX, 1)], excluded=[('v', 2)])
    assert evaluate(config, {('v', 1): ([BOX], [[0., .9, 0., 0.]])})['mAP/overall'] == 1


def test_a_frame_without_detections_and_a_run_without_any(tmp_path):
    config = files(tmp_path, [('v', 1, BOX, 1), ('v', 2, BOX, 1)])
    nobody = (np.zeros((0, 4), np.float32), np.zeros((0, 4), np.float32))
    half = evaluate(config, {('v', 1): ([BOX], [[0., .9, 0., 0.]]), ('v', 2): nobody})
    assert half['mAP/overall'] == 0.5
    assert evaluate(config, {('v', 1): nobody, ('v', 2): nobody})['mAP/overall'] == 0


def test_small_differences_in_score_decide(tmp_path):
    """MMAction2 rounds scores to 4 decimals, after which these two would tie."""
    config = files(tmp_path, [('v', 1, BOX, 1), ('v', 2, BOX, 1)])
    for right, wrong, ap in ((0.50001, 0.5, 0.5), (0.5, 0.50001, 0.25)):
        found = {('v', 2): ([OTHER], [[0., wrong, 0., 0.]]), ('v', 1): ([BOX], [[0., right, 0., 0.]])}
        assert evaluate(config, found)['mAP/overall'] == ap


def test_custom_classes(tmp_path):
    config = files(tmp_path, [('v', 1, BOX, 2), ('v', 1, BOX, 1)])
    config.update(num_classes=2, custom_classes=[2])
    result = evaluate(config, {('v', 1): ([BOX], [[0., .9]])})
    assert result == {'mAP/overall': 1, 'mAP/kick': 1}


def random_run(seed):
    """Ground-truth rows, and predictions near them."""
    rng = np.random.default_rng(seed)
    rows, predictions = [], {}
    for t in range(12):
        boxes = rng.uniform(0, 0.5, (3, 2)).round(3)
        boxes = np.concatenate([boxes, boxes + rng.uniform(0.1, 0.4, (3, 2)).round(3)], 1).round(3)
        rows += [('v', t, box.tolist(), int(rng.integers(1, 4))) for box in boxes]
        moved = (boxes + rng.uniform(-0.04, 0.04, boxes.shape)).clip(0, 1).round(4).astype(np.float32)
        scores = rng.permutation(np.arange(1, 10000))[:12].reshape(3, 4) / 1e4
        predictions['v', t] = (moved.tolist(), scores.astype(np.float32).tolist())
    return rows, predictions


def test_equals_mmaction2_where_every_class_is_detected_and_nothing_excluded(tmp_path, serial_mmaction2):
    rows, predictions = random_run(0)
    config = files(tmp_path, rows)
    ours = evaluate(config, predictions, action_thr=0)
    with open(tmp_path / 'detections.csv', 'w') as file:
        for (v, t), (boxes, scores) in predictions.items():
            for box, row in zip(boxes, scores):
                for label in (1, 2, 3):
                    file.write(f'{v},{t},{",".join(f"{x:.4f}" for x in box)},{label},{row[label]:.4f}\n')
    with contextlib.redirect_stdout(io.StringIO()):
        theirs = ava_eval(str(tmp_path / 'detections.csv'), 'mAP', config['label_file'], config['ann_file'], None)
    assert ours['mAP/overall'] == pytest.approx(theirs['overall'], abs=1e-12)
    assert 0 < ours['mAP/overall'] < 1


def test_written_files_give_the_same_result_again(tmp_path):
    rows, predictions = random_run(1)
    config = files(tmp_path, rows, excluded=[('v', 3)])
    ours = evaluate(config, predictions, out_dir=str(tmp_path / 'out'), iou=(0.5, 0.75))
    written = {file.name for file in (tmp_path / 'out').iterdir()}
    assert written == {'detections.csv', 'result.json', 'result.matches.npz'}
    again, _ = evaluate_files(config['ann_file'], tmp_path / 'out' / 'detections.csv', config['label_file'],
                              config['exclude_file'], iou=(0.5, 0.75))
    assert again.mean_ap() == ours['mAP/overall'] and again.mean_ap(0.75) == ours['mAP/overall@0.75']
    assert json.loads((tmp_path / 'out' / 'result.json').read_text())['mAP'] == ours['mAP/overall']


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10**9), st.sampled_from([1, 3, 10**6]), st.sampled_from(['activitynet', 'mmaction2']))
def test_what_is_written_is_read_to_the_same_number(tmp_path, seed, levels, rule):
    """Any float32: boxes without area, tiny, at the border or out of it; scores of 0 and 1, equal ones, tiny ones."""
    rng = np.random.default_rng(seed)
    config, predictions, rows = None, {}, []
    for t in range(3):
        low = rng.choice([0, 0.1, 0.3, rng.uniform(0, 0.5)], (20, 2))
        size = rng.choice([0, 1e-30, 1e-9, 1e-4, 0.3, 0.4, 1 - 0.3, rng.uniform(0, 0.5)], (20, 2))
        boxes = np.concatenate([low, low + size], 1).astype(np.float32)
        scores = rng.integers(levels + 1, size=(20, 4)) / levels * rng.choice([1, 1, 1, 1e-30], (20, 1))
        predictions['v', t] = boxes.tolist(), scores.astype(np.float32).tolist()
        truth = np.concatenate([low[:4], low[:4] + 0.35], 1).astype(np.float32).round(3)
        rows += [('v', t, box, int(rng.integers(1, 4))) for box in truth.tolist()]
    config = files(tmp_path, rows)
    ours = evaluate(config, predictions, rule=rule, iou=(0.5, 1e-3), action_thr=-1, out_dir=str(tmp_path / 'out'))
    again, _ = evaluate_files(config['ann_file'], tmp_path / 'out' / 'detections.csv', config['label_file'],
                              config['exclude_file'], iou=(0.5, 1e-3), rule=rule, chance=True)
    assert again.mean_ap() == ours['mAP/overall'] and again.mean_ap(1e-3) == ours['mAP/overall@0.001']
    assert again.num_det.sum() > 0
    saved = json.loads((tmp_path / 'out' / 'result.json').read_text())
    assert saved['chance'] == again.chance and saved['upper_bound'] == again.upper_bound


def test_nothing_detected_is_written_and_read(tmp_path):
    config = files(tmp_path, [('v', 1, BOX, 1)])
    assert evaluate(config, {('v', 1): ([BOX], [[0.] * 4])}, out_dir=str(tmp_path))['mAP/overall'] == 0
    result, notes = evaluate_files(config['ann_file'], tmp_path / 'detections.csv', config['label_file'], chance=True)
    assert result.mean_ap() == result.chance == result.upper_bound == 0 and 'no detections' in notes[0]


@pytest.fixture
def log(monkeypatch):
    """The lines of the log."""
    lines = []
    monkeypatch.setattr(ava_metric.MMLogger, 'get_current_instance', lambda: SimpleNamespace(info=lines.append))
    return lines


def test_boxes_without_area_are_dropped_and_counted(tmp_path, log):
    config = files(tmp_path, [('v', 1, BOX, 1)])
    found = {('v', 1): ([[0.2, 0.2, 0.2, 0.4], BOX], [[0., .9, 0., 0.], [0., .8, 0., 0.]])}
    assert evaluate(config, found, out_dir=str(tmp_path))['mAP/overall'] == 1
    assert '1 of 2 detections have no area: dropped' in log
    _, notes = evaluate_files(config['ann_file'], tmp_path / 'detections.csv', config['label_file'])
    assert notes == ('1 of 2 detections have no area: dropped', )


def test_chance_is_logged_beside_the_map_and_kept(tmp_path, log):
    config = files(tmp_path, [('v', 1, BOX, 1), ('v', 2, BOX, 1)])
    found = {('v', t): ([BOX, OTHER], [[0., .9, 0., 0.], [0., .8, 0., 0.]]) for t in (1, 2)}
    assert set(evaluate(config, found, out_dir=str(tmp_path))) == {'mAP/overall', 'mAP/stand', 'mAP/kick', 'mAP/wave'}
    result = EvaluationResult.load(tmp_path / 'result.json')
    assert 0.4 < result.chance < 1 and result.upper_bound == 1
    assert f'random scores: frame-mAP@0.5 {result.chance:.4f}; in the best order: at most 1.0000' in '\n'.join(log)


def test_classes_named_like_a_mean_or_each_other_replace_nothing(tmp_path):
    names = ('overall', 'kick', 'kick', 'person_movement', 'overall@0.5')
    config = files(tmp_path, [('v', 1, BOX, 1), ('v', 1, OTHER, 3)], names=names)
    result = evaluate(config, {('v', 1): ([BOX], [[0., .9, 0., 0., 0., 0.]])})
    assert result.pop('mAP/overall') == 0.5
    assert result.pop('mAP/overall (1)') == 1 and result.pop('mAP/kick (3)') == 0
    assert set(result) == {'mAP/kick (2)', 'mAP/person_movement (4)', 'mAP/overall@0.5 (5)'}


@pytest.mark.parametrize('box, score', [([0.1, 0.1, float('nan'), 0.5], 0.9), (BOX, float('nan'))])
def test_nan_of_the_model_is_an_error(tmp_path, box, score):
    config = files(tmp_path, [('v', 1, BOX, 1)])
    with pytest.raises(ValueError, match='key frame v,1: the model gives nan'):
        evaluate(config, {('v', 1): ([box], [[0., score, 0., 0.]])})


def test_without_ground_truth_the_detections_are_written(tmp_path):
    config = {**files(tmp_path, [('v', 1, BOX, 1)]), 'ann_file': None}
    predictions = {('v', 1): ([BOX], [[0., .9, 0., 0.]])}
    assert evaluate(config, predictions, out_dir=str(tmp_path / 'out')) == {}
    row, = (tmp_path / 'out' / 'detections.csv').read_text().splitlines()
    assert row.startswith('v,1,') and row.split(',')[6] == '1' and float(row.split(',')[7]) == pytest.approx(.9)
    with pytest.raises(ValueError, match='ann_file=None: expected a file, or evaluator.out_dir'):
        evaluate(config, predictions)


@pytest.fixture
def run(tmp_path):
    """A function that starts what a runner starts for a metric: a log in ``<work dir>/<time>/``, and a stage."""
    names = []

    def start(stage, work_dir='work', time='20260101_000000'):
        folder = tmp_path / work_dir / time
        folder.mkdir(parents=True, exist_ok=True)
        names.append(f'{work_dir}_{time}_{len(names)}')
        MMLogger.get_instance(names[-1], log_file=str(folder / f'{time}.log'))
        MessageHub.get_instance(names[-1]).update_info('loop_stage', stage)
        return folder

    yield start
    for name in names:
        MMLogger._instance_dict.pop(name)
        MessageHub._instance_dict.pop(name)


FILES = {'detections.csv', 'result.json', 'result.matches.npz'}
ONE = {('v', 1): ([BOX], [[0., .9, 0., 0.]])}


def written(folder):
    return {file.name for file in folder.iterdir() if file.suffix != '.log'} if folder.exists() else set()


def test_a_test_writes_beside_its_log(tmp_path, run, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = files(tmp_path, [('v', 1, BOX, 1)])
    folder = run('test')
    metrics = evaluate(config, ONE)
    assert written(folder) == FILES and EvaluationResult.load(folder / 'result.json').mean_ap() == 1
    assert metrics['mAP/overall'] == 1 and not (tmp_path / 'auto').exists()


@pytest.mark.parametrize(('stage', 'out_dir', 'beside_log', 'in_out'), [
    ('test', 'out', set(), FILES),
    ('test', None, set(), set()),
    ('val', 'auto', set(), set()),
    ('val', 'out', set(), {f'val_{name}' for name in FILES}),
    (None, 'auto', set(), set()),  # no runner is at work
    (None, 'out', set(), FILES),
])
def test_what_is_written_where(tmp_path, run, monkeypatch, stage, out_dir, beside_log, in_out):
    monkeypatch.chdir(tmp_path)
    config = files(tmp_path, [('v', 1, BOX, 1)])
    folder = run(stage)
    evaluate(config, ONE, out_dir=out_dir)
    assert written(folder) == beside_log and written(tmp_path / 'out') == in_out and not (tmp_path / 'auto').exists()


def test_a_validation_leaves_the_files_of_a_test_alone(tmp_path, run):
    config = files(tmp_path, [('v', 1, BOX, 1)])
    run('test')
    evaluate(config, ONE, out_dir=str(tmp_path / 'out'))
    before = {name: (tmp_path / 'out' / name).read_bytes() for name in FILES}
    run('val')
    evaluate(config, {('v', 1): ([OTHER], [[0., .9, 0., 0.]])}, out_dir=str(tmp_path / 'out'))
    assert {name: (tmp_path / 'out' / name).read_bytes() for name in FILES} == before
    assert EvaluationResult.load(tmp_path / 'out' / 'val_result.json').mean_ap() == 0


def test_two_metrics_of_one_test_write_into_two_folders(tmp_path, run):
    config = files(tmp_path, [('v', 1, BOX, 1), ('v', 1, OTHER, 2)])
    folder = run('test')
    evaluate(config, ONE)
    evaluate(config, ONE, rule='mmaction2', prefix='zoo')
    assert EvaluationResult.load(folder / 'result.json').rule == 'activitynet'
    assert EvaluationResult.load(folder / 'zoo' / 'result.json').rule == 'mmaction2'


def test_a_test_without_ground_truth_needs_no_out_dir(tmp_path, run):
    config = {**files(tmp_path, [('v', 1, BOX, 1)]), 'ann_file': None}
    folder = run('test')
    assert evaluate(config, ONE) == {} and written(folder) == {'detections.csv'}
    run('val')
    with pytest.raises(ValueError, match='ann_file=None: expected a file, or evaluator.out_dir'):
        evaluate(config, ONE)


@pytest.mark.parametrize('target', ['detections.csv', 'result.matches.npz', 'result.json'])
def test_a_file_that_could_not_be_finished_leaves_the_older_one(tmp_path, monkeypatch, target):
    config = files(tmp_path, [('v', 1, BOX, 1)])
    out = tmp_path / 'out'
    evaluate(config, ONE, out_dir=str(out))
    before = {name: (out / name).read_bytes() for name in FILES}
    replace = os.replace

    def broken(source, destination):
        if Path(destination).name == target:
            raise OSError('disk full')
        replace(source, destination)

    monkeypatch.setattr(os, 'replace', broken)
    with pytest.raises(OSError, match='disk full'):
        evaluate(config, ONE, out_dir=str(out))
    assert (out / target).read_bytes() == before[target] and written(out) == FILES


def test_rule_is_a_choice(tmp_path):
    config = files(tmp_path, [('v', 1, BOX, 1), ('v', 1, OTHER, 2)])
    predictions = {('v', 1): ([BOX], [[0., .9, 0., 0.]])}
    assert evaluate(config, predictions)['mAP/overall'] == 0.5
    assert evaluate(config, predictions, rule='mmaction2')['mAP/overall'] == 1


def test_groups_of_ava(tmp_path):
    config = files(tmp_path, [('v', 1, BOX, 1)])
    names = {1: 'bend/bow (at the waist)', 12: 'stand', 17: 'carry/hold (an object)', 80: 'watch (a person)'}
    (tmp_path / 'labels.pbtxt').write_text(''.join(f'item {{\n name: "{n}"\n id: {i}\n}}\n' for i, n in names.items()))
    config['num_classes'] = 81
    scores = np.zeros((1, 81), np.float32)
    scores[0, [1, 2]] = 0.9  # 2 is not in this label map
    result = evaluate(config, {('v', 1): ([BOX], scores.tolist())})
    assert result['mAP/person_movement'] == 1 and np.isnan(result['mAP/person_interaction'])


def test_wrong_files_and_values_are_named_at_once(tmp_path):
    config = files(tmp_path, [('v', 1, BOX, 1)])
    with pytest.raises(FileNotFoundError, match=r"evaluator.ann_file='/nowhere.csv': no such file"):
        STSSAAVAMetric(**{**config, 'ann_file': '/nowhere.csv'})
    with pytest.raises(ValueError, match=r'evaluator.num_classes=3, but .*labels.pbtxt has ids up to 3'):
        STSSAAVAMetric(**{**config, 'num_classes': 3})
    with pytest.raises(ValueError, match=r'evaluator.custom_classes: \[9\] not in .*pbtxt, whose ids are 1 to 3'):
        STSSAAVAMetric(**{**config, 'num_classes': 2, 'custom_classes': [9]})
    (tmp_path / 'gt.csv').write_text('v,1,0.5,0,0.1,1,1,0\n')
    with pytest.raises(ValueError, match=r'gt.csv:1: .*expected x1 < x2'):
        STSSAAVAMetric(**config)
