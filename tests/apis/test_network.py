import os

import pytest
import torch
from mmengine.config import Config

from stssa_mm.apis.network import class_names, load_network

NAMES = ('stand', '', 'fall')


@pytest.fixture
def changed(small_network, tmp_path):
    """A function that writes a changed checkpoint, and gives the error of loading it."""

    def load(change):
        checkpoint = torch.load(small_network[1], weights_only=True)
        checkpoint = change(checkpoint) or checkpoint
        torch.save(checkpoint, tmp_path / 'changed.pth')
        with pytest.raises(ValueError) as error:
            load_network(Config.fromfile(small_network[0]), tmp_path / 'changed.pth', 'cpu', 'thin.py')
        assert '\n' not in str(error.value)
        return str(error.value).replace(f'{tmp_path}/', '')

    return load


def test_a_checkpoint_of_the_config(small_network):
    model, meta = load_network(Config.fromfile(small_network[0]), small_network[1], 'cpu', 'thin.py')
    assert not model.training and len(meta['dataset_meta']['classes']) == 8
    expected = torch.load(small_network[1], weights_only=True)['state_dict']
    assert all(torch.equal(weight, expected[name]) for name, weight in model.state_dict().items())


def test_layers_that_differ_are_named(changed):
    def another(checkpoint):
        weights = checkpoint['state_dict']
        weights['roi_head.bbox_head.fc_cls.weight'] = torch.zeros(5, 16)
        weights['roi_head.extra'] = torch.zeros(1)
        del weights['backbone.conv1.conv.weight']

    assert changed(another) == (
        'changed.pth: not a checkpoint of thin.py: weights 1 of another size (roi_head.bbox_head.fc_cls.weight is '
        '(5, 16), expected (9, 16)); 1 missing (backbone.conv1.conv.weight); 1 unknown to the model (roi_head.extra)')


def test_long_lists_are_cut(changed):
    error = changed(lambda checkpoint: dict(state_dict={'another.weight': torch.zeros(1)}))
    assert ', ...); 1 unknown to the model (another.weight)' in error and len(error) < 400


@pytest.mark.parametrize('what', [dict(state_dict={}), dict(a=1), [1], dict(state_dict=dict(a='b'))])
def test_files_without_weights(changed, what):
    assert changed(lambda checkpoint: what) == ('changed.pth: no weights in it: expected a checkpoint of MMEngine')


def test_weights_of_a_distributed_run(small_network, tmp_path):
    checkpoint = torch.load(small_network[1], weights_only=True)
    checkpoint['state_dict'] = {f'module.{name}': weight for name, weight in checkpoint['state_dict'].items()}
    torch.save(checkpoint, tmp_path / 'module.pth')
    load_network(Config.fromfile(small_network[0]), tmp_path / 'module.pth', 'cpu', 'thin.py')


def test_files_that_are_no_checkpoints(small_network, tmp_path):
    cfg = Config.fromfile(small_network[0])
    (tmp_path / 'text.pth').write_text('no checkpoint')
    with pytest.raises(ValueError, match=r'text\.pth: cannot be loaded as weights'):
        load_network(cfg, tmp_path / 'text.pth', 'cpu', '')
    with pytest.raises(FileNotFoundError, match=r'none\.pth.*no such file'):
        load_network(cfg, tmp_path / 'none.pth', 'cpu', '')
    with pytest.raises(ValueError, match="device='tpu9'"):
        load_network(cfg, small_network[1], 'tpu9', '')


def test_a_checkpoint_that_carries_code_is_refused_and_runs_nothing(small_network, tmp_path):
    class Hostile:
        def __reduce__(self):
            return os.system, (f'touch {tmp_path / "ran"}', )

    torch.save(dict(state_dict={}, meta=Hostile()), tmp_path / 'hostile.pth')
    with pytest.raises(ValueError, match='cannot be loaded as weights'):
        load_network(Config.fromfile(small_network[0]), tmp_path / 'hostile.pth', 'cpu', '')
    assert not (tmp_path / 'ran').exists()


@pytest.mark.parametrize(('cfg', 'missing'), [
    ({}, 'model.roi_head'), (dict(model=dict(type='Recognizer3D')), 'model.roi_head'),
    (dict(model=dict(roi_head=dict())), 'test_dataloader.dataset'),
    (dict(model=dict(roi_head=dict()), test_dataloader=None), 'test_dataloader.dataset'),
])
def test_configs_of_something_else(cfg, missing, small_network):
    with pytest.raises(ValueError, match=f'a.py: no {missing} in it: expected the config of a'):
        load_network(Config(cfg), small_network[1], 'cpu', 'a.py')


def config(label_file, **dataset):
    return Config(dict(test_dataloader=dict(dataset=dict(pipeline=[], label_file=label_file, **dataset))))


@pytest.fixture
def label_map(tmp_path):
    path = tmp_path / 'labels.pbtxt'
    path.write_text(''.join(f'item {{ name: "{name}" id: {label} }}\n' for label, name in ((1, 'run'), (3, 'fall'))))
    return path


def test_names_of_the_checkpoint_come_first(label_map):
    meta = dict(classes=NAMES, class_ids=(1, 2, 7))
    assert class_names(config(str(label_map)), meta, 4) == {1: (1, 'stand'), 3: (7, 'fall')}
    assert class_names(config(str(label_map)), dict(classes=NAMES), 4) == {1: (1, 'stand'), 3: (3, 'fall')}
    assert class_names(config(None), meta, 4, label_map) == {1: (1, 'run'), 3: (3, 'fall')}


def test_names_of_the_label_map(label_map):
    assert class_names(config(str(label_map)), {}, 4) == {1: (1, 'run'), 3: (3, 'fall')}
    assert class_names(config(str(label_map), custom_classes=[3]), {}, 2) == {1: (3, 'fall')}
    wrapped = Config(dict(test_dataloader=dict(dataset=dict(type='Repeat', dataset=dict(
        pipeline=[], label_file=str(label_map))))))
    assert class_names(wrapped, {}, 4) == {1: (1, 'run'), 3: (3, 'fall')}


def test_names_that_two_classes_have(label_map):
    assert class_names(config(None), dict(classes=('run', 'run')), 3) == {1: (1, 'run (1)'), 2: (2, 'run (2)')}


@pytest.mark.parametrize('scores', [3, 5])
def test_a_label_map_of_another_size(label_map, scores):
    with pytest.raises(ValueError, match=f'labels.pbtxt: ids up to 3, and the network has {scores - 1} classes'):
        class_names(config(str(label_map)), {}, scores)
    with pytest.raises(ValueError, match="dataset_meta names 3 classes, and the network has"):
        class_names(config(None), dict(classes=NAMES), scores)


def test_nobody_names_the_classes(label_map):
    with pytest.raises(ValueError, match='neither the checkpoint nor the config'):
        class_names(config(None), {}, 4)
    with pytest.raises(FileNotFoundError, match='/nowhere: no such file: the label map that the config names'):
        class_names(config('/nowhere'), {}, 4)
    with pytest.raises(ValueError, match=r'custom_classes=\[2\], and the network has 1'):
        class_names(config(str(label_map), custom_classes=[2]), {}, 2)
