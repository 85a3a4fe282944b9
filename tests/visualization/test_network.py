import pytest
import torch
from conftest import REPO
from matplotlib.backends.backend_agg import FigureCanvasAgg
from mmengine.config import Config
from PIL import Image
from torch.overrides import TorchFunctionMode

from stssa_mm.visualization.network import draw_network, figure_of, network_of

CONFIGS = REPO / 'configs'


def config_of(name, **options):
    config = Config.fromfile(CONFIGS / name)
    config.merge_from_dict({f'model.{key}': value for key, value in options.items()})
    return config


@pytest.fixture(scope='module')
def paper():
    return network_of(config_of('stssa_ava_faster-rcnn.py'))


def test_shapes_of_the_papers_detector(paper):
    assert paper.clip == (3, 32, 256, 256) and paper.features == ((2048, 4, 16, 16), )
    assert (paper.rpn, paper.rpn_time, paper.roi_layer) == ((2048, 16, 16), "key frame's step", 'RoIPool')
    assert paper.roi == paper.refined == (2048, 4, 7, 7)
    assert (paper.layers, paper.norm, paper.pooling) == (2, True, 'GAP')
    assert (paper.scores, paper.activation, paper.deltas) == (81, 'sigmoid', 4)


@pytest.mark.parametrize(('name', 'kernel', 'tokens', 'key_length', 'value_length', 'value_channels'), [
    ('spatial_slow', (3, 1, 1), 49, 256 * 4, 2048 * 4, 2048),
    ('spatial_fast', (1, 1, 1), 49, 256 * 4, 2048 * 4, 2048),
    ('temporal_slow', (3, 1, 1), 256 * 4, 49, 49, 256),
    ('temporal_fast', (1, 1, 1), 256 * 4, 49, 49, 256),
])
def test_inside_a_branch(paper, name, kernel, tokens, key_length, value_length, value_channels):
    branch = paper.branches[name]
    assert (branch.kernel, branch.tokens, branch.key_length, branch.value_length) == (kernel, tokens, key_length,
                                                                                      value_length)
    assert branch.key == (256, 4, 7, 7) and branch.value[0] == value_channels and branch.out == (2048, 4, 7, 7)


class AttentionCalls(TorchFunctionMode):
    """Notes the shapes that scaled_dot_product_attention is called with."""

    def __init__(self):
        super().__init__()
        self.shapes = []

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function is torch.nn.functional.scaled_dot_product_attention:
            self.shapes.append([tuple(x.shape[-2:]) for x in args[:3]])
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize('options', [{}, {'attend': 'time'}, {'temporal_reduction': 1, 'spatial_reduction': 4}],
                         ids=['default', 'time', 'other reductions'])
def test_tokens_are_what_attention_is_called_with(options):
    with AttentionCalls() as calls:
        net = network_of(config_of('stssa_toy.py', **{f'roi_head.shared_head.{k}': v for k, v in options.items()}))
    assert len(calls.shapes) == len(net.branches) == 4
    for branch, (query, key, value) in zip(net.branches.values(), calls.shapes):
        assert branch.tokens == query[0] == key[0] == value[0]
        # Rows are padded to a multiple of four.
        assert (branch.key_length + -branch.key_length % 4, branch.value_length + -branch.value_length % 4) == (
            key[1], value[1])


def test_parts_that_are_off():
    net = network_of(config_of('stssa_toy.py', **{'roi_head.shared_head.branches': ['temporal_fast'],
                                                  'roi_head.shared_head.norm': False}))
    assert net.kinds == ['temporal'] and list(net.branches) == ['temporal_fast']
    assert not net.norm and net.rpn is None and net.deltas == 0
    assert net.roi == (128, 8, 7, 7) and net.refined == (64, 8, 7, 7)
    plain = network_of(config_of('stssa_toy.py', **{'roi_head.shared_head': None, 'roi_head.bbox_head.dims': 128}))
    assert plain.layers == 0 and not plain.branches and plain.refined == plain.roi


def test_size_of_the_clip():
    config = config_of('stssa_jhmdb_faster-rcnn.py')
    assert network_of(config, (112, 144)).features == ((256, 4, 7, 9), )


def texts_of(net):
    """Bounding boxes in pixels of all texts, and the figure's."""
    figure = figure_of(net, 'The network of a_config_with_a_rather_long_name.py')
    renderer = FigureCanvasAgg(figure).get_renderer()
    texts = [text for axes in figure.axes for text in axes.texts if text.get_text()]
    return [(text.get_text(), text.get_window_extent(renderer)) for text in texts], figure.bbox


def test_no_text_covers_another_or_leaves_the_picture(paper):
    pathways = paper._replace(features=((2048, 8, 16, 16), (256, 32, 16, 16)), trunk='ResNet3dSlowFast', dropout=0.5)
    few = paper._replace(branches={'temporal_slow': paper.branches['temporal_slow']}, rpn=None, deltas=0, norm=False)
    for net in (paper, pathways, few, paper._replace(branches={}), paper._replace(branches={}, layers=0, norm=False)):
        texts, page = texts_of(net)
        for i, (text, box) in enumerate(texts):
            assert page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1, text
            for other, second in texts[:i]:
                assert not box.overlaps(second), (text, other)


def test_picture_says_the_shapes(paper):
    words = ' '.join(text for text, _ in texts_of(paper)[0])
    for shape in ('(N, 3, 32, 256, 256)', '(N, 2048, 4, 16, 16)', '(N, 2048, 16, 16)', '(R, 2048, 4, 7, 7)',
                  '(R, 2048)', '(R, 81), sigmoid', '49 tokens of length 1024', '1024 tokens of length 49'):
        assert shape in words


def test_writes_a_picture_twice_githubs_width(tmp_path):
    draw_network(CONFIGS / 'stssa_toy.py', tmp_path / 'network.png')
    assert Image.open(tmp_path / 'network.png').width == 1800


@pytest.mark.parametrize(('lines', 'message'), [
    ("model = dict(type='Recognizer3D')", r'a\.py: model\.roi_head is missing: expected the config of'),
    ("model = dict(roi_head=dict(shared_head=dict(type='ACRNHead')))",
     r"a\.py: model\.roi_head\.shared_head\.type='ACRNHead': only STSSANeck is drawn"),
])
def test_other_models_are_refused(tmp_path, lines, message):
    (tmp_path / 'a.py').write_text(lines)
    with pytest.raises(ValueError, match=message):
        draw_network(tmp_path / 'a.py', tmp_path / 'network.png')
