"""Heads trained on kept maps through the real mim, and the same scores from frames and from maps."""
import csv
import shutil

import numpy as np
import pytest
from apis.cached_toy import write_config
from end_to_end.runs import weights

from stssa_mm.apis.feature_cache import cache_features

pytest.importorskip('efficientnet_lite_pytorch')


@pytest.fixture(scope='module')
def run(tmp_path_factory, toy, mim):
    """A config, that of its maps, and the checkpoint of a training on them."""
    folder = tmp_path_factory.mktemp('cached')
    config = write_config(folder, toy)
    cached = cache_features(config, folder / 'maps', mirror=True)
    mim('train', 'mmaction', cached, '--work-dir', folder / 'run', '--seed', 0)
    return config, cached, folder / 'run' / 'epoch_2.pth'


def detections(mim, config, checkpoint, out):
    mim('test', 'mmaction', config, '--checkpoint', checkpoint, '--work-dir', out, '--cfg-options',
        f'test_evaluator.out_dir={out}')
    rows = sorted(csv.reader((out / 'detections.csv').open()))
    return [tuple(row[:2] + row[6:7]) for row in rows], np.array([row[2:6] + row[7:8] for row in rows], float)


def test_frames_and_maps_give_the_same_scores(run, mim, tmp_path):
    config, cached, checkpoint = run
    keys, expected = detections(mim, config, checkpoint, tmp_path / 'frames')
    found, actual = detections(mim, cached, checkpoint, tmp_path / 'maps')
    assert found == keys and len(keys) > 50
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-3)
    assert np.ptp(expected[:, 4]) > 0.01  # the scores are not all one


def test_the_checkpoint_is_a_whole_one(run):
    from stssa_mm.models.backbones.networks import pretrained_weights
    state, trunk = weights(run[2]), pretrained_weights('efficientnet-lite0')
    own = {key[len('backbone.network.'):]: value for key, value in state.items() if key.startswith('backbone.')}
    assert len(own) > 50
    for key, value in own.items():
        np.testing.assert_array_equal(value, trunk[key])


def test_what_does_not_fit_is_one_line(run, mim, tmp_path, toy):
    """Through mim: another layer, and a video that was exchanged."""
    _, cached, checkpoint = run
    result = mim('test', 'mmaction', cached, '--checkpoint', checkpoint, '--work-dir', tmp_path, '--cfg-options',
                 'model.data_preprocessor.to_rgb=True', 'model.backbone.cache=/nowhere', check=False)
    assert result.returncode and 'FileNotFoundError: /nowhere: no kept maps are here' in result.stderr
    videos = tmp_path / 'videos'
    shutil.copytree(toy / 'videos', videos)
    first, *_, last = sorted(videos.iterdir())
    shutil.copy(first, last)
    result = mim('train', 'mmaction', cached, '--work-dir', tmp_path, '--cfg-options',
                 f'train_dataloader.dataset.data_prefix.img={videos}',
                 f'val_dataloader.dataset.data_prefix.img={videos}',
                 check=False)
    assert result.returncode and f'are of another file than {last} is now: run tools/cache_features.py' in result.stderr
