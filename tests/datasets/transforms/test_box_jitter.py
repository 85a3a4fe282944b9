import numpy as np
import pytest

from stssa_mm.datasets.transforms import STSSABoxJitter


def moved(boxes, **options):
    np.random.seed(0)
    results = dict(proposals=np.array(boxes, np.float32).reshape(-1, 4), img_shape=(100, 200), gt_bboxes='untouched')
    results = STSSABoxJitter(**options)(results)
    assert results['gt_bboxes'] == 'untouched' and results['proposals'].dtype == np.float32
    return results['proposals']


def test_without_jitter_boxes_stay():
    np.testing.assert_allclose(moved([[10, 20, 60, 90], [0, 0, 200, 100]], shift=0, scale=0),
                               [[10, 20, 60, 90], [0, 0, 200, 100]])


@pytest.mark.parametrize(('shift', 'scale'), [(0.1, 0), (0, 0.2), (0.1, 0.2)])
def test_centre_and_size_stay_within_their_limits(shift, scale):
    box = np.array([80, 40, 120, 60])
    boxes = moved([box] * 500, shift=shift, scale=scale)
    centre, size = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    off = np.abs((centre - [100, 50]) / [40, 20]).max(0)
    change = np.abs(size / [40, 20] - 1).max(0)
    np.testing.assert_array_less(off, shift + 1e-5)
    np.testing.assert_array_less(change, scale + 1e-5)
    assert (off >= 0.9 * shift).all() and (change >= 0.9 * scale).all()  # and they are reached


def test_boxes_stay_in_the_frame():
    boxes = moved([[0, 0, 40, 20], [160, 80, 200, 100]] * 50)
    assert boxes.min() >= 0 and boxes[:, 2].max() <= 200 and boxes[:, 3].max() <= 100
    assert (boxes[:, 2:] > boxes[:, :2]).all()


def test_nobody():
    assert moved([]).shape == (0, 4)
