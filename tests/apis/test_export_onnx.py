"""An exported model says what the model that it was made of says, and runs without torch."""
import contextlib
import subprocess
import sys

import numpy as np
import pytest
import torch
from conftest import HANGS, REPO
from mmengine.config import Config
from mmengine.registry import DefaultScope

from stssa_mm.apis.export_onnx import export_onnx, verify_onnx
from stssa_mm.apis.onnx_model import ONNXModel
from stssa_mm.files.label_map import write_label_map
from stssa_mm.registry import MODELS


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
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmaction'):
        model = MODELS.build(cfg.model)
    for key, parameter in model.named_parameters():
        if 'gammas' in key:
            torch.nn.init.constant_(parameter, 0.5)
    torch.save(dict(state_dict=model.state_dict()), folder / 'model.pth')
    return cfg, folder / 'model.pth'


@pytest.fixture(scope='module', params=['stssa_toy', 'stssa_jhmdb', 'stssa_jhmdb_faster-rcnn'])
def exported(request, tmp_path_factory):
    """Of clips of any size, of person crops, and with region proposals: config, checkpoint and ONNX file."""
    folder = tmp_path_factory.mktemp(request.param)
    cfg, checkpoint = config_of(request.param, folder)
    export_onnx(cfg, checkpoint, folder / 'model.onnx', (64, 96) if 'rpn_head' in cfg.model else None)
    return cfg, checkpoint, folder / 'model.onnx'


@pytest.mark.parametrize('frame_size', [(120, 160), (160, 90)])
def test_scores_are_those_of_pytorch_for_0_1_3_and_50_people(exported, frame_size):
    cfg, checkpoint, file = exported
    report = verify_onnx(cfg, checkpoint, file, frame_size)
    assert report['max_difference'] < 1e-4
    assert report['onnx_ms'] > 0 and report['torch_ms'] > 0


def test_classes_and_frames_are_in_the_metadata(exported):
    cfg, _, file = exported
    model = ONNXModel(file)
    assert len(model.classes) == cfg.num_classes - 1 and model.classes[2] == 'class "2"'
    assert model.clip_len == cfg.val_pipeline[1].clip_len
    assert model.frames_around(3, 100)[model.clip_len // 2] == 3
    assert model.frames_around(0, 4)[0] == 0 and model.frames_around(3, 4)[-1] == 3
    assert model.finds_people == ('rpn_head' in cfg.model)


def test_other_weights_are_seen(exported, tmp_path):
    cfg, checkpoint, file = exported
    state = torch.load(checkpoint)
    state['state_dict']['roi_head.bbox_head.fc_cls.bias'][1] += 1
    torch.save(state, tmp_path / 'other.pth')
    with contextlib.suppress(ValueError):  # with region proposals there may be another number of boxes
        assert verify_onnx(cfg, tmp_path / 'other.pth', file)['max_difference'] > 1e-3


def test_wrong_calls_and_files_are_refused(exported, tmp_path):
    cfg, checkpoint, file = exported
    model = ONNXModel(file)
    frames = np.zeros((model.clip_len, 48, 64, 3), np.uint8)
    wrong = np.array([[0, 0, 1, 1.]]) if model.finds_people else None
    with pytest.raises(ValueError, match='expected .* frames and'):
        model(frames, wrong)
    with pytest.raises(ValueError, match='frames and'):
        model(frames[1:], None if model.finds_people else np.zeros((0, 4)))
    (tmp_path / 'no.onnx').write_bytes(b'no model')
    with pytest.raises(ValueError, match=r'no\.onnx: no ONNX model'):
        ONNXModel(tmp_path / 'no.onnx')
    if model.finds_people:
        with pytest.raises(ValueError, match='give the size'):
            export_onnx(cfg, checkpoint, tmp_path / 'm.onnx')
    elif 'crop' in cfg.val_pipeline[3].type.lower():
        with pytest.raises(ValueError, match='leave the size out'):
            export_onnx(cfg, checkpoint, tmp_path / 'm.onnx', (64, 64))


def test_a_model_runs_without_torch_and_the_openmmlab_stack(exported, tmp_path):
    _, _, file = exported
    script = f"""
import importlib.util, sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in ('torch', 'mmengine', 'mmcv', 'mmdet', 'mmaction'):
            raise ModuleNotFoundError(name)
find_spec = importlib.util.find_spec
importlib.util.find_spec = lambda name: None if name == 'mmengine' else find_spec(name)
sys.meta_path.insert(0, Refuse())
import numpy as np
import stssa_mm
from stssa_mm.apis.onnx_model import ONNXModel
model = ONNXModel({str(file)!r})
boxes = None if model.finds_people else np.array([[.1, .1, .5, .9]], np.float32)
found, scores = model(np.zeros((model.clip_len, 48, 64, 3), np.uint8), boxes)
assert len(found) == len(scores)
assert not any(name.split('.')[0] in ('torch', 'mmengine', 'mmcv') for name in sys.modules)
"""
    result = subprocess.run([sys.executable, '-c', script], capture_output=True, text=True, timeout=HANGS, cwd=REPO)
    assert result.returncode == 0, result.stderr[-2000:]
