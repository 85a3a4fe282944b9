import numpy as np
import pytest

from stssa_mm.datasets.transforms import STSSAPersonCrop


def clip(boxes, height=60, width=100):
    """A clip that is white inside its boxes (pixels)."""
    image = np.zeros((height, width, 3), np.uint8)
    for x1, y1, x2, y2 in boxes:
        image[y1:y2, x1:x2] = 255
    boxes = np.array(boxes, np.float32)
    return dict(imgs=[image.copy(), image.copy()], img_shape=(height, width), proposals=boxes, gt_bboxes=boxes.copy(),
                crop_quadruple=np.array([0, 0, 1, 1], np.float32))


def back(results, width=100, height=60):
    """Boxes of the crop in pixels of the whole frame, as BBoxHeadAVA undoes a crop."""
    size_h, size_w = results['img_shape']
    boxes = results['proposals'] / [size_w, size_h, size_w, size_h]
    x, y, w, h = results['crop_quadruple']
    return (boxes * [w, h, w, h] + [x, y, x, y]) * [width, height, width, height]


@pytest.mark.parametrize('boxes', [[(30, 10, 50, 50)], [(0, 0, 20, 60)], [(10, 20, 20, 50), (60, 5, 90, 55)]],
                         ids=['inside', 'at the edge', 'two people'])
def test_boxes_lead_back_to_the_frame_and_pixels_move_with_them(boxes):
    results = STSSAPersonCrop(size=64)(clip(boxes))
    np.testing.assert_allclose(back(results), boxes, atol=0.01)
    np.testing.assert_array_equal(results['proposals'], results['gt_bboxes'])
    for image in results['imgs']:
        assert image.shape == (64, 64, 3)
        for x1, y1, x2, y2 in results['proposals'].round().astype(int):
            assert image[y1 + 1:y2 - 1, x1 + 1:x2 - 1].min() == 255
            image[max(y1 - 1, 0):y2 + 1, max(x1 - 1, 0):x2 + 1] = 0
        assert image.max() == 0  # nothing else is white: outside of the frame is black


def test_context_is_the_share_around_the_longer_side():
    results = STSSAPersonCrop(size=100, context=2)(clip([(40, 10, 60, 50)]))
    x1, y1, x2, y2 = results['proposals'][0]
    assert y2 - y1 == pytest.approx(50) and (y1 + y2) / 2 == pytest.approx(50)


def test_jitter_moves_and_scales_and_keeps_boxes_right():
    crop = STSSAPersonCrop(size=64, context=1.5, scale_jitter=(0.9, 1.2), shift_jitter=0.1)
    np.random.seed(0)
    windows = set()
    for _ in range(10):
        results = crop(clip([(30, 10, 50, 50)]))
        np.testing.assert_allclose(back(results), [(30, 10, 50, 50)], atol=0.01)
        windows.add(tuple(results['crop_quadruple']))
    assert len(windows) == 10


def test_a_box_without_area_does_not_crash():
    assert STSSAPersonCrop(size=32)(clip([(30, 10, 30, 10)]))['imgs'][0].shape == (32, 32, 3)
