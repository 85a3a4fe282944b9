"""The detector with region proposals through the real ``mim``."""
import pytest
from conftest import REPO
from end_to_end.runs import assert_same_weights, logged, metrics_of, options, weights

FASTER_RCNN = REPO / 'configs' / 'stssa_toy_faster-rcnn.py'


def small(toy, **extra):
    """--cfg-options for a thin network that draws few regions."""
    return options(toy, proposals=False, **{'model.rpn_head.in_channels': 64, 'model.train_cfg.rcnn.sampler.num': 4,
                                            'model.test_cfg.rpn.max_per_img': 8, **extra})


def test_faster_rcnn_trains_resumes_and_tests_in_two_processes(mim, toy, tmp_path):
    """Its samplers draw at random: a run resumed after an epoch ends with the weights of the undisturbed one."""
    extra = small(toy)
    mim('train', 'mmaction', FASTER_RCNN, '--work-dir', tmp_path / 'run', '--seed', 3, *extra)
    for key in ('loss_rpn_cls', 'loss_rpn_bbox', 'loss_action_cls', 'loss_bbox'):
        assert len(logged(tmp_path / 'run', key)) == 4 and all(value > 0 for value in logged(tmp_path / 'run', key))
    undisturbed = (tmp_path / 'run' / 'epoch_2.pth').rename(tmp_path / 'undisturbed.pth')
    overall = logged(tmp_path / 'run', 'mAP/overall')[-1]
    mim('train', 'mmaction', FASTER_RCNN, '--work-dir', tmp_path / 'run', '--resume', *extra)
    assert_same_weights(weights(undisturbed), weights(tmp_path / 'run' / 'epoch_2.pth'))
    mim('test', 'mmaction', FASTER_RCNN, '--checkpoint', undisturbed, '--work-dir', tmp_path / 'test', '--launcher',
        'pytorch', '--gpus', 2, *extra)
    assert metrics_of(tmp_path / 'test')['mAP/overall'] == pytest.approx(overall, abs=1e-6)


def test_faster_rcnn_trains_in_two_processes(mim, toy, tmp_path):
    """Every parameter takes part in every loss, also where a process has fewer people."""
    mim('train', 'mmaction', FASTER_RCNN, '--work-dir', tmp_path, '--seed', 3, '--launcher', 'pytorch', '--gpus', 2,
        *small(toy, **{'train_cfg.max_epochs': 1, 'train_dataloader.batch_size': 4}))
    for key in ('loss_rpn_cls', 'loss_rpn_bbox', 'loss_action_cls', 'loss_bbox'):
        assert all(value > 0 for value in logged(tmp_path, key))
    assert (tmp_path / 'epoch_1.pth').exists()
