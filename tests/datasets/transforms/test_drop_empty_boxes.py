import numpy as np

from stssa_mm.datasets.transforms import STSSADropEmptyBoxes

from mmaction.datasets.transforms import RandomCrop  # isort: skip


def test_people_outside_the_crop_leave_the_ground_truth():
    # A crop of 8 of 8 x 9 pixels begins at the left: of three people the last stands in the column beside it.
    boxes = np.array([[0, 0, 4, 8], [6, 0, 9, 8], [8, 0, 9, 8]], np.float32)
    results = dict(
        imgs=[np.zeros((8, 9, 3), np.uint8)], img_shape=(8, 9), gt_bboxes=boxes, gt_labels=np.eye(3),
        entity_ids=np.array([3, 4, 5]), proposals=boxes)
    results = RandomCrop(8)(results)
    assert len(results['gt_bboxes']) == 3  # what upstream leaves
    results = STSSADropEmptyBoxes()(results)
    assert results['gt_bboxes'].tolist() == [[0, 0, 4, 7], [6, 0, 7, 7]]
    assert results['entity_ids'].tolist() == [3, 4] and results['gt_labels'].tolist() == [[1, 0, 0], [0, 1, 0]]
    assert len(results['proposals']) == 3


def test_a_clip_may_be_left_with_nobody():
    results = STSSADropEmptyBoxes()(dict(gt_bboxes=np.array([[1., 1, 1, 2]]), gt_labels=np.ones((1, 3))))
    assert results['gt_bboxes'].shape == (0, 4) and results['gt_labels'].shape == (0, 3)
