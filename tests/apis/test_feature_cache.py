"""Kept maps are those of the frames that clips would have shown."""
import numpy as np
import pytest
import torch
from apis.cached_toy import write_config
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DATASETS, MODELS, init_default_scope

from stssa_mm.apis import feature_cache
from stssa_mm.apis.feature_cache import cache_features
from stssa_mm.datasets.ava_dataset import numpy_and_python_seed

pytest.importorskip('efficientnet_lite_pytorch')


@pytest.fixture(scope='module')
def kept(tmp_path_factory, toy):
    """A config, and the config of its kept maps, mirror images included."""
    folder = tmp_path_factory.mktemp('kept')
    config = write_config(folder, toy)
    said = []
    cached = cache_features(config, folder / 'maps', mirror=True, say=said.append)
    return config, cached, said


def model_and_samples(config, loader, seeds=range(4)):
    cfg = Config.fromfile(config)
    init_default_scope('mmaction')
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    model.init_weights()
    data = DATASETS.build(cfg[loader].dataset)
    samples = []
    for seed in seeds:
        for index in range(0, len(data), 3):
            with numpy_and_python_seed(seed):
                samples.append(data[index])
    return model, samples


def test_the_size_is_said_before(kept):
    _, _, said = kept
    assert len(said) == 1 and 'of 9 videos are missing' in said[0]
    assert 'maps of 40 x 6 x 10' in said[0] and 'GB' in said[0]


@pytest.mark.parametrize('loader', ['train_dataloader', 'val_dataloader'])
def test_samples_and_features_are_those_of_the_config(kept, loader):
    """Boxes, mirroring and frames to the digit; the trunk's output to the precision of float16."""
    found = []
    for config in kept[:2]:
        model, samples = model_and_samples(config, loader)
        features = []
        for sample in samples:
            data = model.data_preprocessor(pseudo_collate([sample]), False)
            with torch.no_grad():
                features.append(model.eval().backbone(data['inputs']))
        found.append((samples, features))
    (frames, expected), (maps, actual) = found
    assert len(frames) == len(maps) > 4
    mirrored = 0
    for ours, theirs, feature, reference in zip(maps, frames, actual, expected):
        ours, theirs = ours['data_samples'], theirs['data_samples']
        for part in ('proposals', 'gt_instances'):
            assert torch.equal(ours.get(part).bboxes, theirs.get(part).bboxes)
        assert tuple(ours.img_shape) == tuple(theirs.img_shape) and ours.img_key == theirs.img_key
        assert feature.shape == reference.shape
        scale = reference.abs().max()
        assert (feature - reference).abs().max() < 2e-3 * scale
        mirrored += bool((feature.flip(-1) - reference).abs().max() > 0.1 * scale)
    assert mirrored  # the pictures have a left and a right


def test_both_networks_have_the_same_weights(kept):
    models = [model_and_samples(config, 'val_dataloader', ())[0] for config in kept[:2]]
    assert models[0].state_dict().keys() == models[1].state_dict().keys()


def test_called_again_it_computes_nothing(kept, monkeypatch):
    config, cached, _ = kept
    monkeypatch.setattr(feature_cache, 'keep_video', None)
    said = []
    assert cache_features(config, cached.parent, mirror=True, say=said.append) == cached
    assert said == [f'The maps of all 9 videos are in {cached.parent}']


def test_it_goes_on_where_it_was_cut_off(kept, tmp_path, toy, monkeypatch):
    """Killed within a video: the maps are those of an undisturbed call."""
    config, reference, _ = kept
    maps_of, calls = feature_cache.FrameMaps.maps, []

    def killed(self, pictures):
        calls.append(pictures.shape[1])
        if len(calls) == 10:
            raise KeyboardInterrupt
        return maps_of(self, pictures)

    monkeypatch.setattr(feature_cache, 'FRAMES', 4)
    monkeypatch.setattr(feature_cache.FrameMaps, 'maps', killed)
    with pytest.raises(KeyboardInterrupt):
        cache_features(config, tmp_path / 'maps', say=lambda text: None)
    assert list((tmp_path / 'maps').rglob('*.part'))
    done = sum(calls[:-1])
    calls.extend([0] * 10)
    first = len(calls)
    cached = cache_features(config, tmp_path / 'maps', say=lambda text: None)
    assert not list((tmp_path / 'maps').rglob('*.part')) + list((tmp_path / 'maps').rglob('*.done'))
    files = sorted(file.relative_to(cached.parent) for file in cached.parent.rglob('*.npy'))
    assert len(files) == 9
    total = sum(len(np.load(cached.parent / file)) for file in files)
    assert sum(calls[first:]) < total - done + 12  # one frame a file tells the size of its maps
    for file in files:
        np.testing.assert_array_equal(np.load(cached.parent / file), np.load(reference.parent / file))


def test_two_processes_keep_what_one_keeps(kept, tmp_path):
    config, reference, _ = kept
    cached = cache_features(config, tmp_path / 'maps', mirror=True, jobs=2, say=lambda text: None)
    for file in reference.parent.rglob('*.npy'):
        np.testing.assert_array_equal(np.load(cached.parent / file.relative_to(reference.parent)), np.load(file))


def test_without_mirror_images_training_does_not_flip(kept, tmp_path):
    cached = cache_features(kept[0], tmp_path / 'maps', say=lambda text: None)
    steps = Config.fromfile(cached).train_dataloader.dataset.pipeline[0]['steps']
    assert 'Flip' not in [step['type'] for step in steps]
    assert not list((tmp_path / 'maps').rglob('*.mirror.npy'))
    model_and_samples(cached, 'train_dataloader')


@pytest.mark.parametrize(('change', 'text'), [
    (("out='_blocks.4'", "out='_blocks.3'"), 'another network, layer or weights'),
    (('scale=(-1, 48)', 'scale=(-1, 64)'), 'are of pictures made by'),
    (("backbone=dict(", "data_preprocessor=dict(mean=[0, 0, 0]), backbone=dict("), 'are of pictures made by')])
def test_a_config_that_changed_is_refused(kept, toy, change, text):
    """By the tool, and by the config of the maps."""
    config, cached, _ = kept
    before = config.read_text()
    write_config(config.parent, toy, change=change)
    try:
        with pytest.raises(ValueError, match=text) as error:
            cache_features(config, cached.parent, say=lambda text: None)
        assert '\n' not in str(error.value)
        with pytest.raises(ValueError, match=text):
            model, samples = model_and_samples(cached, 'val_dataloader', [0])
            model.backbone(torch.from_numpy(samples[0]['inputs'].numpy())[None].float())
    finally:
        config.write_text(before)


def test_weights_that_changed_are_refused(kept):
    model, samples = model_and_samples(kept[1], 'val_dataloader', [0])
    maps = samples[0]['inputs'][None].float()
    model.backbone(maps)
    state = model.state_dict()
    state['backbone.network._bn0.bias'] = state['backbone.network._bn0.bias'] + 0.1
    model.load_state_dict(state)
    with pytest.raises(ValueError, match='another network, layer or weights'):
        model.backbone(maps)


@pytest.mark.parametrize(('change', 'text'), [
    (("out='_blocks.4'", "frozen_stages=2, out='_blocks.4'"), 'frozen_stages=2: expected 3 or more'),
    (("dict(sample, test_mode=True), dict(type='STSSAVideoDecode'), resize",
      "dict(sample, test_mode=True), dict(type='STSSAVideoDecode'), dict(type='STSSAPersonCrop', size=48)"),
     'val_dataloader.dataset.pipeline: STSSAPersonCrop in it: maps of frames can be kept where all clips see'),
    (("dict(sample, test_mode=True), dict(type='STSSAVideoDecode'), resize",
      "dict(sample, test_mode=True), dict(type='STSSAVideoDecode'), dict(type='Resize', scale=(-1, 64))"),
     'training and testing resize frames in other ways')])
def test_configs_whose_maps_cannot_be_kept(tmp_path, toy, change, text):
    config = write_config(tmp_path, toy, change=change)
    with pytest.raises(ValueError, match=text) as error:
        cache_features(config, tmp_path / 'maps', say=lambda text: None)
    assert '\n' not in str(error.value)
    assert not (tmp_path / 'maps').exists()


def test_another_trunk_is_refused(tmp_path, repo):
    with pytest.raises(ValueError, match='expected an STSSAFrameTrunk that runs its network, found mmaction.ResNet3d'):
        cache_features(repo / 'configs' / 'stssa_toy.py', tmp_path)
