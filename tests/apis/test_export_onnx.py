"""An exported model says what the model that it was made of says, and runs without torch."""
import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from conftest import HANGS, REPO
from mmengine.config import Config
from mmengine.registry import init_default_scope

from stssa_mm.apis.export_onnx import export_onnx, verify_onnx
from stssa_mm.apis.onnx_model import ONNXModel
from stssa_mm.files.label_map import write_label_map
from stssa_mm.registry import MODELS

NARROW = dict(base_channels=8)


def config_of(name, folder):
    """A config of a few channels, and a checkpoint whose attention takes part."""
    cfg = Config.fromfile(REPO / 'configs' / f'{name}.py')
    cfg.merge_from_dict({
        'model.init_cfg': None, 'model.backbone.base_channels': 8, 'model.roi_head.shared_head.in_channels': 64,
        'model.roi_head.shared_head.dims': 32, 'model.roi_head.bbox_head.in_channels': 32})
    if 'rpn_head' in cfg.model:
        cfg.merge_from_dict({'model.rpn_head.in_channels': 64, 'model.rpn_head.feat_channels': 16})
    labels = folder / 'labels.pbtxt'
    write_label_map(labels, [f'class "{number}"' if number == 2 else f'class {number}'
                             for number in range(1, cfg.num_classes)])
    cfg.test_dataloader.dataset.label_file = str(labels)
    init_default_scope('mmaction')
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    for key, parameter in model.named_parameters():
        if 'gammas' in key:
            torch.nn.init.constant_(parameter, 0.5)
    torch.save(dict(state_dict=model.state_dict()), folder / 'model.pth')
    return cfg, folder / 'model.pth'
