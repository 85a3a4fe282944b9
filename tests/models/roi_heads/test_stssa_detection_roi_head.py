import copy

import pytest
import torch
import torch.nn as nn
from mmaction.structures import ActionDataSample
from mmengine.config import ConfigDict
from mmengine.structures import InstanceData

from stssa_mm.models.roi_heads import STSSADetectionRoIHead

CHANNELS, DIMS, CLASSES = 16, 8, 6
SIZE = (96, 128)


@pytest.fixture(scope='module')
def head():
    torch.manual_seed(0)
    module = STSSADetectionRoIHead(
        bbox_roi_extractor=dict(type='STSSARoIExtractor', output_size=3, with_temporal_pool=False),
        shared_head=dict(type='STSSANeck', in_channels=CHANNELS, dims=DIMS, layers=1),
        bbox_head=dict(type='STSSADetectionBBoxHead', in_channels=DIMS, num_classes=CLASSES),
        train_cfg=ConfigDict(
            assigner=dict(type='MaxIoUAssignerAVA', pos_iou_thr=0.5, neg_iou_thr=0.5, min_pos_iou=0.5),
            sampler=dict(type='RandomSampler', num=8, pos_fraction=0.5, neg_pos_ub=-1, add_gt_as_proposals=True),
            pos_weight=1.0),
        test_cfg=ConfigDict(score_thr=0.002, nms=dict(type='nms', iou_threshold=0.5), max_per_img=100))
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.3)
    return module


def clip(people, others):
    corner = torch.rand(people + others, 2) * torch.tensor([SIZE[1], SIZE[0]]) * 0.5
    boxes = torch.cat([corner, corner + 20 + torch.rand(people + others, 2) * 30], 1)
    sample = ActionDataSample(metainfo=dict(img_shape=SIZE))
    sample.gt_instances = InstanceData(bboxes=boxes[:people], labels=torch.eye(CLASSES)[[2] * people])
    sample.proposals = InstanceData(bboxes=boxes + torch.rand(len(boxes), 4))
    return sample


def run_loss(head, x, samples):
    torch.manual_seed(0)
    return head.loss(x, [sample.proposals for sample in samples], samples)


def features(clips, seed=1):
    return torch.randn(clips, CHANNELS, 2, 6, 8, generator=torch.Generator().manual_seed(seed))


def test_negative_rois_enter_the_module(head):
    rows = []
    hook = head.shared_head.register_forward_pre_hook(lambda _, args: rows.append(len(args[0])))
    torch.manual_seed(3)
    run_loss(head, features(2), [clip(2, 20), clip(0, 20)])
    hook.remove()
    assert rows == [16]  # 8 of each clip, that without people too


@pytest.mark.parametrize('people', [(2, 0), (0, 0)], ids=str)
def test_losses_and_gradients_are_finite_whatever_there_is(head, people):
    torch.manual_seed(4)
    samples = [clip(count, 0 if count else 5) for count in people]
    before = copy.deepcopy(samples)
    losses = run_loss(head.train(), features(2), samples)
    assert {'loss_action_cls', 'loss_bbox'} <= losses.keys()
    (losses['loss_action_cls'] + losses['loss_bbox']).backward()
    assert all(parameter.grad.isfinite().all() for parameter in head.parameters())
    for sample, old in zip(samples, before):
        assert torch.equal(sample.proposals.bboxes, old.proposals.bboxes)
        assert torch.equal(sample.gt_instances.labels, old.gt_instances.labels)


def test_no_proposal_and_nobody(head):
    sample = clip(0, 0)
    losses = run_loss(head, features(1), [sample])
    assert losses['loss_action_cls'] == losses['loss_bbox'] == 0
    with torch.no_grad():
        result, = head.predict(features(1), [sample.proposals], [sample])
    assert result.bboxes.shape == (0, 4) and result.scores.shape == (0, CLASSES)


def test_clips_of_a_batch_are_as_alone(head):
    torch.manual_seed(5)
    samples, x = [clip(1, 5), clip(0, 0), clip(2, 3)], features(3)
    with torch.no_grad():
        together = head.eval().predict(x, [sample.proposals for sample in samples], samples)
        for index, sample in enumerate(samples):
            alone, = head.predict(x[[index]], [sample.proposals], [sample])
            torch.testing.assert_close(together[index].bboxes, alone.bboxes)
            torch.testing.assert_close(together[index].scores, alone.scores)
    assert len(together[0].bboxes) and (together[0].bboxes >= 0).all() and (together[0].bboxes <= 1).all()


@pytest.mark.parametrize(('dtype', 'autocast'), [(torch.float16, False), (torch.bfloat16, False),
                                                 (torch.float16, True), (torch.bfloat16, True)])
@pytest.mark.parametrize(('people', 'others'), [(2, 6), (0, 6), (0, 0)])
def test_half_precision_trains_and_predicts_in_float32(head, people, others, dtype, autocast):
    torch.manual_seed(3)
    sample, x = clip(people, others), features(1)
    half = copy.deepcopy(head)
    for parameter in half.parameters():
        nn.init.normal_(parameter, std=0.1)
    expected = run_loss(half, x, [sample])
    half = half if autocast else half.to(dtype)
    with torch.autocast('cpu', dtype, enabled=autocast):
        losses = run_loss(half, x.to(dtype), [sample])
        found, = half.predict(x.to(dtype), [sample.proposals], [sample])
    for key in ('loss_action_cls', 'loss_bbox'):
        assert losses[key].dtype == torch.float32
        torch.testing.assert_close(losses[key], expected[key], rtol=0.02, atol=1e-4)
    assert found.scores.dtype == found.bboxes.dtype == torch.float32
    (losses['loss_action_cls'] + losses['loss_bbox']).backward()
    for name, parameter in half.named_parameters():
        assert parameter.grad.isfinite().all(), name
        if 'gammas' in name:
            assert bool(parameter.grad) == (people + others > 0), name
