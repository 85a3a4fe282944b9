import contextlib
import io
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmaction.evaluation import ava_eval
from mmaction.evaluation.functional import ava_utils

from stssa_mm.evaluation.ava_metric import STSSAAVAMetric, frame_ap

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


def test_small_differences_in_score_decide():
    """MMAction2 rounds scores to 4 decimals, after which these two would tie."""
    truth = {'v,1': ([BOX], [1]), 'v,2': ([BOX], [1])}
    right_first = {'v,1': ([BOX], [1], [0.50001]), 'v,2': ([OTHER], [1], [0.5])}
    wrong_first = {'v,1': ([BOX], [1], [0.5]), 'v,2': ([OTHER], [1], [0.50001])}
    assert frame_ap(truth, right_first, [1])[1] == 0.5
    assert frame_ap(truth, wrong_first, [1])[1] == 0.25


def test_custom_classes(tmp_path):
    config = files(tmp_path, [('v', 1, BOX, 2), ('v', 1, BOX, 1)])
    config.update(num_classes=2, custom_classes=[2])
    result = evaluate(config, {('v', 1): ([BOX], [[0., .9]])})
    assert result == {'mAP/overall': 1, 'mAP/kick': 1}


@pytest.mark.parametrize('seed', range(3))
def test_equals_mmaction2_where_every_class_is_detected_and_nothing_excluded(tmp_path, monkeypatch, seed):
    # Without its 32 processes.
    serial = SimpleNamespace(map=lambda function, items: [function(item) for item in items])
    monkeypatch.setattr(ava_utils.multiprocessing, 'Pool', lambda count: serial)
    rng = np.random.default_rng(seed)
    rows, predictions = [], {}
    for t in range(12):
        boxes = rng.uniform(0, 0.5, (3, 2)).round(3)
        boxes = np.concatenate([boxes, boxes + rng.uniform(0.1, 0.4, (3, 2)).round(3)], 1).round(3)
        rows += [('v', t, box.tolist(), int(rng.integers(1, 4))) for box in boxes]
        moved = (boxes + rng.uniform(-0.04, 0.04, boxes.shape)).clip(0, 1).round(4).astype(np.float32)
        scores = rng.permutation(np.arange(1, 10000))[:12].reshape(3, 4) / 1e4
        predictions['v', t] = (moved.tolist(), scores.astype(np.float32).tolist())
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
