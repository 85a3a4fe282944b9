import copy

import pytest
import torch
import torch.nn as nn
from mmaction.structures import ActionDataSample
from mmdet.models.detectors import FastRCNN
from mmengine.config import ConfigDict
from mmengine.structures import InstanceData

from stssa_mm.models.detectors import STSSAFastRCNN

CLASSES = 6
CONFIG = ConfigDict(
    data_preprocessor=dict(
        type='mmaction.ActionDataPreprocessor', mean=[120, 120, 120], std=[60, 60, 60], format_shape='NCTHW'),
    backbone=dict(
        type='mmaction.ResNet3dSlowOnly', depth=18, pretrained=None, base_channels=4, conv1_kernel=(1, 7, 7),
        conv1_stride_t=1, pool1_stride_t=1, spatial_strides=(1, 2, 2, 1)),
    roi_head=dict(
        type='STSSARoIHead',
        bbox_roi_extractor=dict(type='STSSARoIExtractor', output_size=3, with_temporal_pool=False),
        shared_head=dict(type='STSSANeck', in_channels=32, dims=8, layers=1),
        bbox_head=dict(type='STSSABBoxHead', in_channels=8, num_classes=CLASSES)),
    train_cfg=dict(
        rcnn=dict(
            assigner=dict(type='MaxIoUAssignerAVA', pos_iou_thr=0.9, neg_iou_thr=0.9, min_pos_iou=0.9),
            sampler=dict(type='RandomSampler', num=32, pos_fraction=1, neg_pos_ub=-1, add_gt_as_proposals=True),
            pos_weight=1.0)),
    test_cfg=dict(rcnn=None))
SIZES = [(64, 96), (96, 64), (64, 96), (48, 48)]  # height, width


@pytest.fixture(scope='module')
def detectors():
    """Ours and mmdet's, with the same weights; attention is on."""
    torch.manual_seed(0)
    ours = STSSAFastRCNN(**copy.deepcopy(CONFIG))
    for parameter in ours.roi_head.parameters():
        nn.init.normal_(parameter, std=0.3)
    upstream = FastRCNN(**copy.deepcopy(CONFIG))
    upstream.load_state_dict(ours.state_dict())
    return ours.eval(), upstream.eval()


def clip(size, boxes):
    """A clip of noise with ``boxes`` people, who are the proposals too."""
    corner = torch.rand(boxes, 2) * 20
    boxes = torch.cat([corner, corner + 25], 1)
    sample = ActionDataSample(metainfo=dict(img_shape=size))
    sample.proposals = InstanceData(bboxes=boxes)
    sample.gt_instances = InstanceData(bboxes=boxes.clone(), labels=torch.eye(CLASSES)[[1] * len(boxes)])
    return torch.randint(0, 256, (3, 2, *size), dtype=torch.uint8), sample


def clips(sizes=SIZES, boxes=(2, 3, 1, 2), seed=0):
    torch.manual_seed(seed)
    return [clip(size, count) for size, count in zip(sizes, boxes)]


def predict(model, batch):
    inputs, samples = zip(*copy.deepcopy(batch))
    return model.test_step(dict(inputs=list(inputs), data_samples=list(samples)))


@pytest.mark.parametrize('boxes', [(2, 3, 1, 2), (0, 3, 0, 2)], ids=str)
def test_a_batch_of_clips_of_several_sizes_gives_what_each_gives_alone(detectors, boxes):
    batch = clips(boxes=boxes)
    together = predict(detectors[0], batch)
    for one, result in zip(batch, together):
        alone = predict(detectors[0], [one])[0]
        assert result.img_shape == one[1].img_shape
        assert len(result.pred_instances.bboxes) == len(one[1].proposals.bboxes)
        torch.testing.assert_close(result.pred_instances.bboxes, alone.pred_instances.bboxes)
        torch.testing.assert_close(result.pred_instances.scores, alone.pred_instances.scores)


def test_upstream_lets_the_padding_in(detectors):
    """The reason for our own; and that the tolerance of the test above would see it."""
    batch = clips()
    together, alone = predict(detectors[1], batch)[0], predict(detectors[1], batch[:1])[0]
    assert (together.pred_instances.scores - alone.pred_instances.scores).abs().max() > 1e-3


def test_clips_of_one_size_are_as_upstream(detectors):
    batch = clips(sizes=[(64, 96)] * 3, boxes=(2, 0, 3))
    for actual, expected in zip(*(predict(model, batch) for model in detectors)):
        assert torch.equal(actual.pred_instances.bboxes, expected.pred_instances.bboxes)
        assert torch.equal(actual.pred_instances.scores, expected.pred_instances.scores)


def test_clips_of_one_size_pass_the_trunk_together(detectors):
    shapes = []
    hook = detectors[0].backbone.register_forward_pre_hook(lambda _, args: shapes.append(tuple(args[0].shape)))
    predict(detectors[0], clips())
    hook.remove()
    assert shapes == [(2, 3, 2, 64, 96), (1, 3, 2, 96, 64), (1, 3, 2, 48, 48)]


def test_loss_twice_with_the_same_samples(detectors):
    model = detectors[0]
    batch = clips()
    inputs, samples = zip(*batch)
    data = model.data_preprocessor(dict(inputs=list(inputs), data_samples=list(samples)), True)
    runs = []
    for _ in range(2):
        torch.manual_seed(0)
        runs.append(model(**data, mode='loss'))
    assert runs[0]['loss_action_cls'] > 0
    for name, value in runs[0].items():
        assert torch.equal(runs[1][name], value), name


def test_every_parameter_has_a_gradient_where_no_clip_has_people(detectors):
    model = copy.deepcopy(detectors[0]).train()
    inputs, samples = zip(*clips(boxes=(0, 0, 0, 0)))
    data = model.data_preprocessor(dict(inputs=list(inputs), data_samples=list(samples)), True)
    model(**data, mode='loss')['loss_action_cls'].backward()
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None and not parameter.grad.any(), name
