import pytest
import torch
import torch.nn.functional as F
from mmdet.models.task_modules.assigners import AssignResult
from mmdet.models.task_modules.samplers import SamplingResult
from mmdet.structures.bbox import bbox_overlaps
from mmengine.config import ConfigDict

from stssa_mm.models.roi_heads.bbox_heads import STSSADetectionBBoxHead

DIMS, CLASSES = 8, 5
TRAIN_CFG = ConfigDict(pos_weight=-1)
TEST_CFG = ConfigDict(score_thr=0.01, nms=dict(type='nms', iou_threshold=0.5), max_per_img=100)
META = dict(img_shape=(100, 200))


def head(**kwargs):
    torch.manual_seed(0)
    module = STSSADetectionBBoxHead(**{'in_channels': DIMS, 'num_classes': CLASSES, 'topk': (1, ), **kwargs})
    module.init_weights()
    return module


def sampled(labels, positives, negatives, people):
    """One clip: positive boxes, each of the person and labels of its row, then negative ones."""
    boxes = torch.cat([positives, negatives])
    assigned = torch.cat([torch.arange(1, len(positives) + 1), torch.zeros(len(negatives), dtype=torch.long)])
    padded = torch.cat([labels, labels.new_zeros(len(negatives), labels.shape[1])])
    return SamplingResult(
        pos_inds=torch.arange(len(positives)),
        neg_inds=torch.arange(len(positives), len(boxes)),
        priors=boxes,
        gt_bboxes=people,
        assign_result=AssignResult(len(people), assigned, torch.ones(len(boxes)), padded),
        gt_flags=torch.zeros(len(boxes), dtype=torch.uint8))


PEOPLE = torch.tensor([[10.0, 10, 50, 90], [100, 20, 140, 80]])
NEAR = torch.tensor([[14.0, 10, 50, 80], [100, 26, 150, 80]])
FAR = torch.tensor([[150.0, 10, 190, 90], [60, 10, 90, 40], [0, 0, 8, 8]])


def clip(*labels):
    return sampled(F.one_hot(torch.tensor(labels), CLASSES).float(), NEAR[:len(labels)], FAR, PEOPLE[:len(labels)])


def losses(module, scores, deltas, results):
    return module.loss_and_target(scores, deltas, None, results, TRAIN_CFG)['loss_bbox']


@pytest.mark.parametrize('multilabel', [True, False])
def test_loss_of_scores_by_hand(multilabel):
    """Two people of classes 1 and 3, and three boxes of the background, 0."""
    torch.manual_seed(1)
    scores, targets = torch.randn(5, CLASSES), torch.tensor([1, 3, 0, 0, 0])
    if multilabel:
        expected = F.binary_cross_entropy_with_logits(scores, F.one_hot(targets, CLASSES).float())
    else:
        expected = F.cross_entropy(scores, targets)
    actual = losses(head(multilabel=multilabel), scores, torch.zeros(5, 4), [clip(1, 3)])
    torch.testing.assert_close(actual['loss_action_cls'], expected)


def test_single_labels_that_are_several_share_the_probability():
    result = sampled(torch.tensor([[0.0, 1, 0, 1, 0]]), NEAR[:1], FAR[:0], PEOPLE[:1])
    scores = torch.randn(1, CLASSES)
    expected = -scores.log_softmax(1)[0, [1, 3]].mean()
    torch.testing.assert_close(losses(head(multilabel=False), scores, torch.zeros(1, 4), [result])['loss_action_cls'],
                               expected)


def test_loss_of_boxes_by_hand():
    """Smooth L1 of the positive boxes' deltas, over all sampled RoIs; those of negative ones do not count."""
    deltas = torch.randn(5, 4, generator=torch.Generator().manual_seed(3))
    sizes, wanted = NEAR[:, 2:] - NEAR[:, :2], PEOPLE[:, 2:] - PEOPLE[:, :2]
    shift = ((PEOPLE[:, 2:] + PEOPLE[:, :2]) - (NEAR[:, 2:] + NEAR[:, :2])) / 2 / sizes
    targets = torch.cat([shift / 0.1, (wanted / sizes).log() / 0.2], 1)
    expected = F.smooth_l1_loss(deltas[:2], targets, reduction='sum') / 5
    torch.testing.assert_close(losses(head(), torch.zeros(5, CLASSES), deltas, [clip(1, 3)])['loss_bbox'], expected)


@pytest.mark.parametrize('multilabel', [True, False])
@pytest.mark.parametrize('case', ['no RoI', 'negatives alone'])
def test_without_people_losses_are_finite_and_keep_the_keys_and_a_gradient_path(case, multilabel):
    module = head(multilabel=multilabel)
    nobody = torch.zeros(0, CLASSES)
    negatives = FAR if case == 'negatives alone' else FAR[:0]
    x = torch.randn(len(negatives), DIMS, 2, 3, 3)
    found = losses(module, module(x), module.regress(x), [sampled(nobody, NEAR[:0], negatives, PEOPLE[:0])])
    assert found.keys() == losses(module, torch.zeros(5, CLASSES), torch.zeros(5, 4), [clip(1, 3)]).keys()
    assert found['loss_bbox'] == 0 and (found['loss_action_cls'] == 0) == (case == 'no RoI')
    (found['loss_bbox'] + found['loss_action_cls']).backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in module.parameters())


def test_accuracy_in_the_log_is_that_of_positive_rois():
    scores = torch.zeros(5, CLASSES)
    scores[[0, 1], [1, 2]] = 9  # the first person right, the second wrong; the background's rows do not count
    found = losses(head(multilabel=False), scores, torch.zeros(5, 4), [clip(1, 3)])
    assert found['recall@top1'] == 0.5


@pytest.mark.parametrize('pooling', ['GAP', 'GMP'])
def test_deltas_are_a_linear_map_of_the_pooled_features(pooling):
    module, x = head(pooling=pooling), torch.randn(3, DIMS, 2, 3, 4)
    pooled = x.mean((2, 3, 4)) if pooling == 'GAP' else x.amax((2, 3, 4))
    torch.testing.assert_close(module.regress(x), pooled @ module.fc_reg.weight.T + module.fc_reg.bias)


def predict(module, boxes, scores, deltas=None, cfg=TEST_CFG, meta=META):
    rois = F.pad(torch.as_tensor(boxes, dtype=torch.float), (1, 0))
    deltas = torch.zeros(len(rois), 4) if deltas is None else deltas
    result, = module.predict_by_feat((rois, ), (torch.as_tensor(scores), ), (deltas, ), [meta], cfg)
    return result


def test_boxes_are_moved_and_clipped():
    deltas = torch.tensor([[1.0, 0, 0, 0], [0, 0, 5 * torch.tensor(4.0).log(), 0]])  # a tenth right; 4 times wider
    result = predict(head(), [[20, 10, 60, 90], [100, 20, 180, 80]], torch.zeros(2, CLASSES), deltas)
    expected = torch.tensor([[24, 10, 64, 90], [0, 20, 200, 80]]) / torch.tensor([200, 100, 200, 100])
    torch.testing.assert_close(result.bboxes, expected)


@pytest.mark.parametrize('multilabel', [True, False])
def test_boxes_of_which_the_frame_leaves_nothing_are_no_detections_and_take_no_place(multilabel):
    outside, inside = [-60, 10, -20, 90], [20, 10, 60, 90]
    scores = torch.tensor([[-9.0, 9, 9, 9, 9], [0, 1, 0, 0, 0]])
    cfg = ConfigDict(TEST_CFG, max_per_img=1)
    result = predict(head(multilabel=multilabel), [outside, inside], scores, cfg=cfg)
    torch.testing.assert_close(result.bboxes, torch.tensor([[0.1, 0.1, 0.3, 0.9]]))
    assert (result.scores > 0).sum() == 1 and result.scores[0, 1] > 0
    nobody = predict(head(multilabel=multilabel), [outside, [30, 20, 30, 40]], scores)
    assert nobody.bboxes.shape == (0, 4) and nobody.scores.shape == (0, CLASSES)


def test_what_encode_gives_decode_takes_back():
    module = head()
    deltas = module.bbox_coder.encode(NEAR, PEOPLE)
    result = predict(module, NEAR, torch.zeros(2, CLASSES), deltas)
    torch.testing.assert_close(result.bboxes, PEOPLE / torch.tensor([200, 100, 200, 100]))


def test_of_overlapping_boxes_each_class_keeps_its_best():
    boxes = [[20, 10, 60, 90], [21, 10, 61, 90], [150, 10, 190, 90]]
    scores = torch.tensor([[0.9, 0.8, 0.3, 0.005, 0.1], [0.9, 0.7, 0.6, 0.005, 0.1], [0.9, 0.2, 0.2, 0.005, 0.1]])
    result = predict(head(), boxes, scores.logit())
    torch.testing.assert_close(result.scores, torch.tensor([
        [0, 0.8, 0, 0, 0.1],  # of a tie the first stays
        [0, 0, 0.6, 0, 0],
        [0, 0.2, 0.2, 0, 0.1]]))


def test_single_label_scores_leave_a_share_to_the_background():
    scores = torch.tensor([[2.0, 1, 0, -1, -2]])
    result = predict(head(multilabel=False), [[20, 10, 60, 90]], scores)
    torch.testing.assert_close(result.scores[0, 1:], scores.softmax(1)[0, 1:])


def test_at_most_so_many_labelled_boxes():
    scores = torch.logit(torch.tensor([[0.0, 0.8, 0.3, 0.2, 0.1], [0, 0.7, 0.6, 0.02, 0.03]]).clamp(1e-6))
    cfg = ConfigDict(TEST_CFG, max_per_img=3)
    result = predict(head(), [[20, 10, 60, 90], [150, 10, 190, 90]], scores, cfg=cfg)
    torch.testing.assert_close(result.scores, torch.tensor([[0, 0.8, 0, 0, 0], [0, 0.7, 0.6, 0, 0]]))


def test_no_proposals_and_no_score_above_the_threshold():
    for count in (0, 2):
        result = predict(head(), torch.zeros(count, 4), torch.full((count, CLASSES), -9.0))
        assert result.bboxes.shape == (0, 4) and result.scores.shape == (0, CLASSES)


def test_boxes_of_a_cropped_clip_lead_back_to_the_whole_frame():
    meta = dict(img_shape=(50, 50), crop_quadruple=torch.tensor([0.5, 0.25, 0.5, 0.5]).numpy())
    result = predict(head(), [[0, 0, 25, 50]], torch.zeros(1, CLASSES), meta=meta)
    torch.testing.assert_close(result.bboxes, torch.tensor([[0.5, 0.25, 0.75, 0.75]]))


def test_input_is_not_changed():
    rois, scores, deltas = torch.tensor([[0.0, 10, 10, 50, 90]]), torch.zeros(1, CLASSES), torch.ones(1, 4)
    before = [tensor.clone() for tensor in (rois, scores, deltas)]
    head().predict_by_feat((rois, ), (scores, ), (deltas, ), [META], TEST_CFG)
    assert all(torch.equal(a, b) for a, b in zip(before, (rois, scores, deltas)))


def test_regression_alone_learns_the_way_to_the_boxes():
    """Fixed features tell the positive RoIs apart: the deltas that the loss asks for are found."""
    module, result = head(), clip(1, 3)
    x = F.one_hot(torch.arange(5), DIMS).float()[..., None, None, None]
    optimizer = torch.optim.Adam(module.parameters(), lr=0.1)
    for _ in range(200):
        optimizer.zero_grad()
        losses(module, module(x), module.regress(x), [result])['loss_bbox'].backward()
        optimizer.step()
    found = predict(module, NEAR, torch.zeros(2, CLASSES), module.regress(x[:2]).detach())
    overlaps = bbox_overlaps(found.bboxes, PEOPLE / torch.tensor([200, 100, 200, 100]), is_aligned=True)
    assert (overlaps > 0.95).all()


@pytest.mark.parametrize(('kwargs', 'message'), [
    (dict(background_class=False), r'bbox_head\.background_class=False: expected True')])
def test_wrong_options(kwargs, message):
    with pytest.raises(ValueError, match=message):
        head(**kwargs)


def test_labels_of_another_number_of_classes():
    result = sampled(torch.ones(2, CLASSES + 1), NEAR, FAR, PEOPLE)
    with pytest.raises(ValueError, match=r'bbox_head\.num_classes=5, but the dataset has num_classes=6'):
        losses(head(), torch.zeros(5, CLASSES), torch.zeros(5, 4), [result])
