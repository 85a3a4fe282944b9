"""Configs name our classes without a scope; each registry of the stack has to find them."""
import mmaction.registry
import mmdet.registry
import mmengine.registry
import pytest
from mmengine.config import ConfigDict
from mmengine.registry import DefaultScope

from stssa_mm import models, registry

RPN = dict(
    type='STSSARPNHead',
    in_channels=32,
    anchor_generator=dict(type='AnchorGenerator', scales=[2], ratios=[1.0], strides=[16]))
CONFIGS = [
    dict(type='STSSANeck', in_channels=16, dims=8, layers=1),
    dict(type='STSSABBoxHead', in_channels=8, num_classes=6),
    dict(type='STSSARoIExtractor', output_size=3),
    dict(
        type='STSSARoIHead',
        bbox_roi_extractor=dict(type='STSSARoIExtractor', output_size=3),
        shared_head=dict(type='STSSANeck', in_channels=16, dims=8, layers=1),
        bbox_head=dict(type='STSSABBoxHead', in_channels=8, num_classes=6)),
    dict(type='STSSADetectionBBoxHead', in_channels=8, num_classes=6),
    dict(
        type='STSSADetectionRoIHead',
        bbox_roi_extractor=dict(type='STSSARoIExtractor', output_size=3),
        bbox_head=dict(type='STSSADetectionBBoxHead', in_channels=8, num_classes=6)),
    RPN,
    dict(
        type='STSSAFasterRCNN',
        backbone=dict(type='mmaction.ResNet3dSlowOnly', depth=18, pretrained=None, base_channels=4),
        rpn_head=RPN,
        roi_head=dict(
            type='STSSADetectionRoIHead',
            bbox_roi_extractor=dict(type='STSSARoIExtractor', output_size=3),
            bbox_head=dict(type='STSSADetectionBBoxHead', in_channels=32, num_classes=6)),
        train_cfg=None,
        test_cfg=dict(rpn=None, rcnn=None)),
    dict(
        type='STSSAFastRCNN',
        backbone=dict(type='mmaction.ResNet3dSlowOnly', depth=18, pretrained=None, base_channels=4),
        roi_head=dict(
            type='STSSARoIHead',
            bbox_roi_extractor=dict(type='STSSARoIExtractor', output_size=3),
            shared_head=dict(type='STSSANeck', in_channels=32, dims=8, layers=1),
            bbox_head=dict(type='STSSABBoxHead', in_channels=8, num_classes=6)),
        train_cfg=None,
        test_cfg=dict(rcnn=None)),
]


@pytest.mark.parametrize('config', CONFIGS, ids=lambda config: config['type'])
@pytest.mark.parametrize('package', [mmengine, mmaction, mmdet], ids=lambda package: package.__name__)
@pytest.mark.parametrize('scope', ['mmengine', 'mmaction', 'mmdet'])
def test_bare_name_in_every_registry_and_scope(config, package, scope):
    with DefaultScope.overwrite_default_scope(scope):
        built = package.registry.MODELS.build(ConfigDict(config))
    assert type(built) is getattr(models, config['type'])


@pytest.mark.parametrize('name', registry.__all__)
def test_registries_are_the_root_ones(name):
    assert getattr(registry, name) is getattr(mmengine.registry, name)
