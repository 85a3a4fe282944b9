"""The line of the log with the number of parameters."""
import copy
import logging
from types import SimpleNamespace

import pytest
import torch
import torch.nn as nn
from conftest import REPO
from mmengine.config import Config
from mmengine.model import MMDistributedDataParallel
from mmengine.registry import MODELS, init_default_scope

from stssa_mm.engine import STSSAParametersHook


def logged(model, caplog):
    """The lines that the hook logs for a model."""
    caplog.clear()
    with caplog.at_level(logging.INFO):
        STSSAParametersHook().before_train(SimpleNamespace(model=model, logger=logging.getLogger('run')))
    return [record.getMessage() for record in caplog.records]


def build(name):
    init_default_scope('mmaction')
    with torch.device('meta'):
        return MODELS.build(dict(Config.fromfile(REPO / 'configs' / name).model, init_cfg=None))


@pytest.mark.parametrize(('name', 'line'), [
    # Two blocks of 28.3 M, which tests/models/layers/test_block.py counts by hand, and their LayerNorms.
    ('stssa_ava.py', 'Parameters: trunk 27.2 M, neck 56.7 M, box head 0.2 M (84.0 M in all, 84.0 M trained)'),
    ('ablation/stssa_ava_plain-head.py', 'Parameters: trunk 27.2 M, box head 0.2 M (27.4 M in all, 27.4 M trained)'),
])
def test_parts_of_the_ava_configs(name, line, caplog):
    assert logged(build(name), caplog) == [line]


def test_parts_add_up_to_the_model(caplog):
    model = build('stssa_toy_faster-rcnn.py')
    line, = logged(model, caplog)
    for part in ('trunk', 'neck', 'box head', 'RPN head'):
        assert f'{part} ' in line
    assert 'other' not in line


def small():
    model = nn.Module()
    model.backbone = nn.Linear(999, 100)  # 100,000
    model.roi_head = nn.Module()
    model.roi_head.bbox_head = nn.Linear(9, 10)  # 100
    model.extra = nn.Linear(99, 10)  # 1000
    return model


def test_units_other_parts_and_frozen_parameters(caplog):
    model = small()
    assert logged(model, caplog) == [
        'Parameters: trunk 0.1 M, box head 100, other 1.0 k (0.1 M in all, 0.1 M trained)']
    model.backbone.requires_grad_(False)
    assert logged(model, caplog)[0].endswith('(0.1 M in all, 1.1 k trained)')


def test_a_recogniser_is_a_trunk_and_the_rest(caplog):
    model = nn.Module()
    model.backbone, model.cls_head = nn.Linear(1, 1), nn.Linear(2, 1)
    assert logged(model, caplog) == ['Parameters: trunk 2, other 3 (5 in all, 5 trained)']


def test_a_shared_parameter_counts_once(caplog):
    model = small()
    model.roi_head.bbox_head.weight = model.extra.weight
    assert logged(model, caplog) == [
        'Parameters: trunk 0.1 M, box head 1.0 k, other 10 (0.1 M in all, 0.1 M trained)']


def test_only_the_first_process_logs_and_sees_through_its_wrapper(caplog, monkeypatch, tmp_path):
    model = small()
    expected = logged(copy.deepcopy(model), caplog)
    torch.distributed.init_process_group('gloo', init_method=f'file://{tmp_path}/store', rank=0, world_size=1)
    try:
        wrapped = MMDistributedDataParallel(model)
        assert logged(wrapped, caplog) == expected
        monkeypatch.setattr('mmengine.dist.utils.get_rank', lambda group=None: 1)
        assert logged(wrapped, caplog) == []
    finally:
        torch.distributed.destroy_process_group()
