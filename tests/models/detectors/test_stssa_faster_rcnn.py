import copy

import pytest
import torch
from conftest import REPO
from mmaction.structures import ActionDataSample
from mmdet.structures.bbox import bbox_overlaps
from mmengine.config import Config, ConfigDict
from mmengine.structures import InstanceData

from stssa_mm.models.detectors import STSSAFasterRCNN

CLASSES = 4
SETTINGS = Config.fromfile(REPO / 'configs' / '_base_' / 'faster_rcnn.py')
TEST_CFG = {key: value for key, value in SETTINGS.detection_test_cfg.items() if key != '_delete_'}


def detector(multilabel=True):
    torch.manual_seed(0)
    train_cfg = SETTINGS.detection_train_cfg.to_dict()
    train_cfg['rcnn']['assigner']['type'] = 'MaxIoUAssignerAVA'
    train_cfg['rcnn']['sampler'].update(
        type='RandomSampler', num=16, pos_fraction=0.5, neg_pos_ub=-1, add_gt_as_proposals=True)
    train_cfg['rcnn']['pos_weight'] = 1.0
    model = STSSAFasterRCNN(
        data_preprocessor=dict(
            type='mmaction.ActionDataPreprocessor', mean=[120, 120, 120], std=[60, 60, 60], format_shape='NCTHW'),
        backbone=dict(
            type='mmaction.ResNet3dSlowOnly', depth=18, pretrained=None, base_channels=8, conv1_kernel=(1, 7, 7),
            conv1_stride_t=1, pool1_stride_t=1, spatial_strides=(1, 2, 2, 1)),
        rpn_head=dict(SETTINGS.rpn_head, in_channels=64, feat_channels=64),
        roi_head=dict(
            type='STSSADetectionRoIHead',
            bbox_roi_extractor=dict(
                type='STSSARoIExtractor', output_size=4, featmap_stride=16, with_temporal_pool=False),
            shared_head=dict(type='STSSANeck', in_channels=64, dims=64, layers=1),
            bbox_head=dict(
                type='STSSADetectionBBoxHead', in_channels=64, num_classes=CLASSES, multilabel=multilabel, topk=(1, ))),
        train_cfg=ConfigDict(train_cfg),
        test_cfg=ConfigDict(copy.deepcopy(TEST_CFG)))
    model.init_weights()
    return model


def clip(size, boxes, labels):
    """A dark clip of two frames; each person is a bright rectangle whose colour is the action."""
    frames = torch.randint(0, 40, (3, 2, *size), dtype=torch.uint8)
    for (x1, y1, x2, y2), label in zip(boxes, labels):
        frames[label - 1, :, y1:y2, x1:x2] = 255
    sample = ActionDataSample(metainfo=dict(img_shape=size))
    sample.gt_instances = InstanceData(
        bboxes=torch.tensor(boxes, dtype=torch.float).reshape(-1, 4), labels=torch.eye(CLASSES)[list(labels)])
    return frames, sample


def clips():
    torch.manual_seed(7)
    return [clip((64, 96), [(20, 6, 50, 60)], [1]), clip((64, 96), [(50, 10, 84, 62), (4, 14, 30, 54)], [2, 3]),
            clip((48, 80), [], [])]


def batch_of(model, found, training=False):
    inputs, samples = zip(*copy.deepcopy(found))
    data = model.data_preprocessor(dict(inputs=list(inputs), data_samples=list(samples)), training)
    return data['inputs'], data['data_samples']


@pytest.fixture(scope='module')
def trained():
    """A detector that knows a handful of people by heart."""
    model = detector().train()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1, 0.05, total_iters=160)
    for _ in range(160):
        optimizer.zero_grad()
        losses = model.loss(*batch_of(model, clips(), True))
        sum(sum(value) if isinstance(value, list) else value for key, value in losses.items() if 'loss' in key
            ).backward()
        optimizer.step()
        schedule.step()
    return model.eval()


def matches(samples):
    """IoU and score of the best detection of each person's action."""
    found = []
    for sample in samples:
        size = torch.tensor([*sample.img_shape[::-1]] * 2)
        for box, label in zip(sample.gt_instances.bboxes, sample.gt_instances.labels.argmax(1)):
            scores = sample.pred_instances.scores[:, label]
            best = scores.argmax()
            overlap = bbox_overlaps(sample.pred_instances.bboxes[best][None] * size, box[None])
            found.append((overlap.item(), scores[best].item()))
    return found


def test_all_losses_are_in_the_log():
    model = detector()
    losses = model.loss(*batch_of(model, clips(), True))
    assert {'loss_rpn_cls', 'loss_rpn_bbox', 'loss_action_cls', 'loss_bbox'} == {key for key in losses if 'loss' in key}
    _, log = model.parse_losses(losses)
    assert all(value > 0 and value < 20 for key, value in log.items() if 'loss' in key)


def test_finds_people_and_their_actions_without_given_boxes(trained):
    inputs, samples = batch_of(trained, clips())
    with torch.no_grad():
        trained.predict(inputs, samples)
    assert len(matches(samples)) == 3
    assert all(overlap > 0.75 and score > 0.5 for overlap, score in matches(samples))
    nobody = samples[2].pred_instances
    assert not len(nobody) or nobody.scores[:, 1:].max() < 0.3


def shifted(boxes, x, y):
    """Boxes moved by these parts of their width and height."""
    return boxes + (boxes[:, 2:] - boxes[:, :2]).repeat(1, 2) * torch.tensor([x, y, x, y])


def test_regression_moves_shifted_proposals_onto_the_people():
    """A handful of shifted boxes, overfitted: given alone, those with an IoU of 0.6 come out with more than 0.9."""
    model = detector().train()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1, 0.05, total_iters=300)
    shifts = [(0.12, 0.12), (-0.12, -0.12)]
    for _ in range(300):
        inputs, samples = batch_of(model, clips(), True)
        proposals = [InstanceData(bboxes=torch.cat([shifted(sample.gt_instances.bboxes, *by) for by in shifts]))
                     for sample in samples]
        losses = model.roi_head.loss(model.extract_feat(inputs), proposals, samples)
        optimizer.zero_grad()
        (losses['loss_bbox'] + losses['loss_action_cls']).backward()
        optimizer.step()
        schedule.step()

    model.eval()
    for by in shifts:
        inputs, samples = batch_of(model, clips())
        for sample in samples:
            boxes = sample.gt_instances.bboxes
            sample.proposals = InstanceData(bboxes=shifted(boxes, *by))
            assert (bbox_overlaps(sample.proposals.bboxes, boxes, is_aligned=True) < 0.65).all()
        with torch.no_grad():
            model.predict(inputs, samples)
        assert all(overlap > 0.9 for overlap, _ in matches(samples)), (by, matches(samples))


def test_proposals_alone(trained):
    inputs, samples = batch_of(trained, clips())
    with torch.no_grad():
        trained.propose(inputs, samples)
    for sample in samples:
        found = sample.pred_instances
        assert 0 < len(found) <= 32 and (found.scores.diff() <= 0).all()
        size = torch.tensor([*sample.img_shape[::-1]] * 2)
        for box in sample.gt_instances.bboxes:
            assert bbox_overlaps(found.bboxes * size, box[None]).max() > 0.7


def test_a_batch_of_clips_of_several_sizes_gives_what_each_gives_alone(trained):
    inputs, samples = batch_of(trained, clips())
    with torch.no_grad():
        trained.predict(inputs, samples)
        for one, result in zip(clips(), samples):
            _, (alone, ) = alone_inputs, _ = batch_of(trained, [one])
            trained.predict(alone_inputs, [alone])
            torch.testing.assert_close(result.pred_instances.bboxes, alone.pred_instances.bboxes, atol=1e-5, rtol=1e-4)
            torch.testing.assert_close(result.pred_instances.scores, alone.pred_instances.scores, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize('case', ['nobody anywhere', 'boxes over the edge', 'smaller than the anchors', 'a crowd'])
def test_hard_clips_train_and_predict(case):
    found = {
        'nobody anywhere': [clip((64, 96), [], []), clip((96, 64), [], [])],
        'boxes over the edge': [clip((64, 96), [(-10, -5, 30, 70), (80, 20, 120, 60)], [1, 2])],
        'smaller than the anchors': [clip((17, 20), [(2, 2, 18, 15)], [1])],
        'a crowd': [clip((64, 96), [(x, y, x + 12, y + 20) for x in range(0, 84, 7) for y in range(0, 44, 11)],
                         [1, 2, 3] * 16)],
    }[case]
    model = detector(multilabel=False)
    losses = model.loss(*batch_of(model, found, True))
    total, log = model.parse_losses(losses)
    total.backward()
    assert torch.isfinite(total)
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters() if p.requires_grad)
    inputs, samples = batch_of(model.eval(), found)
    with torch.no_grad():
        model.predict(inputs, samples)
    for sample in samples:
        boxes = sample.pred_instances.bboxes
        assert ((boxes >= 0) & (boxes <= 1)).all()


@pytest.mark.parametrize('autocast', [False, True])
def test_bf16_trains(autocast):
    model = detector()
    inputs, samples = batch_of(model, clips(), True)
    if not autocast:
        model, inputs = model.bfloat16(), inputs.bfloat16()
    with torch.autocast('cpu', torch.bfloat16, enabled=autocast):
        losses = model.loss(inputs, samples)
    total, log = model.parse_losses(losses)
    total.backward()
    gammas = [parameter for name, parameter in model.named_parameters() if 'gammas' in name]
    assert len(gammas) == 4 and all(gamma.grad.isfinite() and gamma.grad != 0 for gamma in gammas)
    assert torch.isfinite(total) and losses['loss_bbox'].dtype == losses['loss_action_cls'].dtype == torch.float32


def test_samples_are_not_changed():
    model = detector()
    inputs, samples = batch_of(model, clips(), True)
    before = copy.deepcopy(samples)
    model.loss(inputs, samples)
    for old, new in zip(before, samples):
        assert torch.equal(old.gt_instances.labels, new.gt_instances.labels)
        assert torch.equal(old.gt_instances.bboxes, new.gt_instances.bboxes)
        assert old.metainfo == new.metainfo
