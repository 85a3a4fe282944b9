import numpy as np
import pytest
from mmengine.config import Config
from mmengine.runner import Runner

from stssa_mm.files.annotations import read_detections


@pytest.fixture
def mim_test(tmp_path):
    """What ``mim test`` does with a config: its mAP, and the score of each (video, timestamp, class, box)."""
    count = 0

    def run(config, checkpoint, batch_size=1):
        nonlocal count
        count += 1
        cfg = Config.fromfile(config) if not isinstance(config, Config) else config.copy()
        cfg.merge_from_dict({'test_dataloader.batch_size': batch_size, 'test_evaluator.action_thr': -1.0,
                             'test_evaluator.out_dir': str(tmp_path / f'out{count}')})
        cfg.update(work_dir=str(tmp_path / f'work{count}'), load_from=str(checkpoint), launcher='none')
        runner = Runner.from_cfg(cfg)
        mean_ap = runner.test()['mAP/overall']
        rows = read_detections(tmp_path / f'out{count}' / 'detections.csv')
        keys = zip(rows.videos[rows.video].tolist(), rows.timestamp.tolist(), rows.label.tolist(),
                   map(tuple, rows.box.round(3).tolist()))
        scores = dict(zip(keys, rows.score.tolist()))
        assert len(scores) == len(rows.score)
        return mean_ap, scores, runner.test_loop.dataloader.dataset

    return run


@pytest.fixture
def scores_of():
    """The score of each (video, time + start, class, box) of key frames."""

    def collect(key_frames, start):
        return {(frame.video, frame.time + start, label, tuple(np.float64(person.box).round(3).tolist())): score
                for frame in key_frames for person in frame.people
                for label, score in zip(frame.classes, person.scores.tolist())}

    return collect
