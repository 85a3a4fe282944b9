import numpy as np
from mmdet.evaluation.functional import bbox_overlaps

from stssa_mm.evaluation.boxes import pairwise_iou

BOX = np.array([0., 0., 2., 2.])


def test_iou_by_hand():
    others = np.array([BOX, BOX + [1, 0, 1, 0], BOX + 5, [1, 1, 1, 1]])
    np.testing.assert_allclose(pairwise_iou(others, BOX), [1, 1 / 3, 0, 0])
    assert pairwise_iou(np.zeros(4), np.zeros(4)) == 0


def test_iou_of_all_pairs_is_mmdets():
    low = np.random.default_rng(0).random((2, 30, 2))
    one, other = np.concatenate([low, low + np.random.default_rng(1).random((2, 30, 2))], 2)
    found = pairwise_iou(one[:, None], other[:20])
    assert found.shape == (30, 20) and found.dtype == np.float64
    np.testing.assert_allclose(found, bbox_overlaps(one, other[:20]), atol=1e-6)
    assert pairwise_iou(one[:0, None], other).shape == (0, 30)
