import math
import random
import re

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.structures import InstanceData

from stssa_mm.models.dense_heads import STSSARPNHead
from stssa_mm.models.features import check_features, stride_of
from stssa_mm.models.roi_heads import STSSADetectionRoIHead, STSSARoIHead

from mmaction.structures import ActionDataSample  # isort: skip

KEY = 'model.roi_head.bbox_roi_extractor.featmap_stride'


def metas(*sizes, **kwargs):
    return [dict(img_shape=size, **kwargs) for size in sizes]


def features(cells, clips=1):
    return torch.zeros(clips, 3, 2, *cells)


def refusal(x, given, stride=16):
    with pytest.raises(ValueError) as error:
        check_features(x, given, KEY, stride)
    assert '\n' not in str(error.value)
    return str(error.value)


def test_a_stride_of_half_the_trunks_is_refused_with_the_right_number():
    assert refusal(features((7, 7)), metas((224, 224))) == (
        f'{KEY}=16, but for 1 clip of 224 x 224 pixels the trunk returned 7 x 7 cells: set it to 32')


@pytest.mark.parametrize('true', [4, 8, 14, 16, 32])
@pytest.mark.parametrize('given', [4, 8, 14, 16, 32, 64])
@pytest.mark.parametrize('rounding', [math.floor, math.ceil])
def test_every_size_from_two_cells_on(true, given, rounding):
    """The true stride always passes; one that is at least twice or half of it never does where the map is large enough
    to tell, and the error names the true one, or for 14 one that passes."""
    for height in range(2 * true, 400, 3):
        for width in (height, height * 4 // 3):
            size = (height, width)
            x = features(tuple(rounding(pixels / true) for pixels in size))
            if given == true:
                check_features(x, metas(size), KEY, given)
            elif max(given / true, true / given) >= 2 and height >= 3 * max(given, true, 32):
                right = int(re.search(r'to (\d+)$', refusal(x, metas(size), given))[1])
                check_features(x, metas(size), KEY, right)
                assert right == true or true == 14


@pytest.mark.parametrize('seed', range(20))
def test_layers_that_round_up_or_down_in_any_order(seed):
    choice = random.Random(seed)
    for pixels in range(17, 400):
        cells, stride = pixels, 1
        for factor in choice.choice([(2, 2, 2, 2), (4, 2, 2), (2, 2, 2, 2, 2), (16, )]):
            cells, stride = choice.choice([math.floor, math.ceil])(cells / factor), stride * factor
        if cells:
            check_features(features((cells, cells)), metas((pixels, pixels)), KEY, stride)


def test_layers_without_padding_pass_on_large_maps():
    check_features(features((13, 15)), metas((224, 256)), KEY, 16)  # ceil would be 14 and 16
    assert refusal(features((16, 16)), metas((224, 224))).endswith('set it to 14')  # a ViT of 14-pixel patches


def test_tiny_maps_that_several_strides_make():
    for stride in (16, 32, 64):
        check_features(features((1, 1)), metas((20, 24)), KEY, stride)
    assert 'set it to 32' in refusal(features((1, 2)), metas((32, 64)))


def test_a_batch_has_the_size_of_its_largest_clips_or_what_the_preprocessor_says():
    sizes = metas((64, 160), (128, 96), (80, 80))
    check_features(features((8, 10), 3), sizes, KEY, 16)
    assert 'for 3 clips of 128 x 160 pixels the trunk returned 4 x 5 cells: set it to 32' in refusal(
        features((4, 5), 3), sizes)
    check_features(features((10, 10), 2), metas((130, 130), (64, 64)), KEY, 16)  # padded to 160, a multiple of 32
    refusal(features((12, 12), 2), metas((128, 128), (64, 64)))
    check_features(features((12, 12), 2), metas((128, 128), (64, 64), batch_input_shape=(192, 192)), KEY, 16)


def test_pathways():
    check_features((features((4, 6)), features((4, 6))[:, :1]), metas((64, 96)), KEY, 16)
    assert 'set it to 32' in refusal((features((2, 3)), features((4, 6))), metas((64, 96)))  # the first one counts


def test_what_cannot_be_known_is_not_checked():
    check_features(features((7, 7)), [dict()], KEY, 16)
    check_features(features((7, 7)), metas((224, 224)), KEY, None)


@pytest.mark.parametrize(('x', 'found'), [
    ([torch.zeros(1, 3, 2, 4, 4)], 'a list of [a tensor (1, 3, 2, 4, 4)]'),
    (dict(feat=torch.zeros(1, 3)), "a dict of {'feat': a tensor (1, 3)}"),
    (torch.zeros(1, 768), 'a tensor (1, 768)'),
    (torch.zeros(1, 197, 768), 'a tensor (1, 197, 768)'),
    (torch.zeros(2, 768, 4, 4), 'a tensor (2, 768, 4, 4)'),
    (([torch.zeros(1, 8, 2, 4, 4), torch.zeros(1, 8)], ),
     'a tuple of [a list of [a tensor (1, 8, 2, 4, 4), a tensor (1, 8)]]'),
    ((), 'a tuple of []'),
    (None, 'an object of the type NoneType'),
])
def test_what_is_no_feature_map(x, found):
    assert refusal(x, metas((64, 64))) == (
        'model.backbone: expected a tensor (N, C, T, H, W), or a tuple of these, one for each pathway, but it returned '
        f'{found}: see "Your own trunk" in configs/README.md')


@pytest.mark.parametrize('shape', [(1, 8, 4, 4, 768), (1, 4, 4, 768, 8), (8, 768, 1, 4, 4), (1, 768, 8, 0, 0)], ids=str)
def test_axes_in_another_order(shape):
    assert f'but for 1 clip of 64 x 64 pixels it returned a tensor {shape}' in refusal(
        torch.zeros(shape), metas((64, 64)))


def test_stride_of():
    assert stride_of((7, 10), [(224, 224), (320, 320)]) == 32
    assert stride_of((7, 70), [(224, 224), (320, 320)]) is None


def heads():
    """Each head whose numbers hang on the stride, as a function of features and samples."""
    roi = dict(
        bbox_roi_extractor=dict(type='STSSARoIExtractor', output_size=3),
        train_cfg=ConfigDict(
            assigner=dict(type='MaxIoUAssignerAVA', pos_iou_thr=0.9, neg_iou_thr=0.9, min_pos_iou=0.9),
            sampler=dict(type='RandomSampler', num=8, pos_fraction=1, add_gt_as_proposals=True)))
    for head, bbox_head in ((STSSARoIHead, 'STSSABBoxHead'), (STSSADetectionRoIHead, 'STSSADetectionBBoxHead')):
        head = head(bbox_head=dict(type=bbox_head, in_channels=3, num_classes=6), **roi)
        for run in (head.loss, head.predict):
            yield lambda x, samples, run=run: run(x, [sample.proposals for sample in samples], samples)
    rpn = STSSARPNHead(
        in_channels=3, feat_channels=3,
        anchor_generator=dict(type='AnchorGenerator', scales=[1], ratios=[1.0], strides=[16]))
    yield rpn.loss_and_predict
    yield rpn.predict


def test_each_head_checks_before_it_computes():
    sample = ActionDataSample(metainfo=dict(img_shape=(64, 96)))
    sample.proposals = InstanceData(bboxes=torch.tensor([[2., 2., 40., 50.]]))
    sample.gt_instances = InstanceData(bboxes=torch.tensor([[2., 2., 40., 50.]]), labels=torch.eye(6)[[2]])
    runs = list(heads())
    assert len(runs) == 6
    for run in runs:
        with pytest.raises(ValueError, match=rf'{KEY}.* to 32$') as error:
            run(features((2, 3)), [sample])
        assert str(error.value).startswith(('model.roi_head.bbox_roi_extractor.featmap_stride=16',
                                            'model.rpn_head.anchor_generator.strides[0]=16'))
        with pytest.raises(ValueError, match=r'^model\.backbone: expected .* returned a list of'):
            run([features((4, 6))], [sample])
