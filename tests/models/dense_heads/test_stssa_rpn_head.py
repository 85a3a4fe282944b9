import copy

import pytest
import torch
from mmaction.structures import ActionDataSample
from mmdet.models.dense_heads import RPNHead
from mmengine.config import ConfigDict
from mmengine.structures import InstanceData

from stssa_mm.models.dense_heads import STSSARPNHead

CHANNELS = 8
SIZE = (64, 96)
TEST_CFG = ConfigDict(nms_pre=200, max_per_img=20, nms=dict(type='nms', iou_threshold=0.7), min_bbox_size=0)
CONFIG = dict(
    in_channels=CHANNELS,
    feat_channels=CHANNELS,
    anchor_generator=dict(type='AnchorGenerator', scales=[1, 2], ratios=[1.0, 2.0], strides=[16]),
    train_cfg=ConfigDict(
        assigner=dict(type='MaxIoUAssigner', pos_iou_thr=0.7, neg_iou_thr=0.3, min_pos_iou=0.3),
        sampler=dict(type='RandomSampler', num=64, pos_fraction=0.5, add_gt_as_proposals=False),
        allowed_border=-1,
        pos_weight=-1),
    test_cfg=TEST_CFG)


def heads(**kwargs):
    """Ours and mmdet's with the same weights."""
    torch.manual_seed(0)
    ours, upstream = STSSARPNHead(**copy.deepcopy(CONFIG), **kwargs), RPNHead(**copy.deepcopy(CONFIG))
    for parameter in ours.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    upstream.load_state_dict(ours.state_dict())
    return ours, upstream


def samples(*counts, size=SIZE):
    found = []
    for count in counts:
        corner = torch.rand(count, 2) * 40
        sample = ActionDataSample(metainfo=dict(img_shape=size))
        sample.gt_instances = InstanceData(
            bboxes=torch.cat([corner, corner + 24], 1), labels=torch.ones(count, 5))  # of many classes
        found.append(sample)
    return found


def features(clips=2, steps=4, seed=0):
    return torch.randn(clips, CHANNELS, steps, 4, 6, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(('time', 'seen'), [('centre', lambda x: x[:, :, 2]), ('mean', lambda x: x.mean(2)),
                                            ('max', lambda x: x.amax(2))])
def test_sees_what_the_option_says_of_time(time, seen):
    ours, upstream = heads(time=time)
    for actual, expected in zip(ours(features()), upstream((seen(features()), ))):
        torch.testing.assert_close(actual[0], expected[0])


@pytest.mark.parametrize(('steps', 'centre'), [(1, 0), (2, 1), (3, 1), (8, 4)])
def test_the_centre_step_is_the_one_that_begins_with_the_key_frame(steps, centre):
    """Frame 8 of 16 is the key frame; of 4 steps that cover 4 frames each it is the first of step 2."""
    x = features(steps=steps)
    ours = heads()[0]
    before = ours(x)[0][0]
    for step in range(steps):
        changed = x.clone()
        changed[:, :, step] += 1
        assert torch.equal(ours(changed)[0][0], before) == (step != centre)


def test_pathways_are_joined():
    ours = heads()[0]
    x = features()
    torch.testing.assert_close(ours((x[:, :3], x[:, 3:, :2]))[0][0],
                               ours(torch.cat([x[:, :3, 2:3], x[:, 3:, 1:2]], 1))[0][0])


@pytest.mark.parametrize('counts', [(2, 1), (0, 3), (0, 0), (30, 1)], ids=str)
def test_loss_is_mmdets_on_one_class(counts):
    ours, upstream = heads()
    torch.manual_seed(1)
    batch = samples(*counts)
    plain = copy.deepcopy(batch)
    for sample in plain:
        sample.gt_instances.labels = torch.zeros(len(sample.gt_instances.bboxes), dtype=torch.long)
        sample.set_metainfo(dict(pad_shape=SIZE))
    torch.manual_seed(2)
    expected, boxes = upstream.loss_and_predict((features()[:, :, 2], ), plain, TEST_CFG)
    torch.manual_seed(2)
    actual, proposals = ours.loss_and_predict(features(), batch, TEST_CFG)
    assert actual.keys() == expected.keys() == {'loss_rpn_cls', 'loss_rpn_bbox'}
    for key in actual:
        assert torch.equal(actual[key][0], expected[key][0]) and actual[key][0].isfinite()
    assert all(torch.equal(a.bboxes, b.bboxes) for a, b in zip(proposals, boxes))
    sum(actual['loss_rpn_cls'] + actual['loss_rpn_bbox']).backward()
    assert all(parameter.grad is not None for parameter in ours.parameters())


def test_anchors_in_the_padding_of_a_batch_do_not_count():
    """A clip of half the width, padded: what the head says there changes no loss."""
    ours = heads()[0]
    losses = []
    for noise in (0, 5):
        x = features()
        x[1, :, :, :, 5:] += noise  # one cell beside the edge stays: the convolution sees it
        torch.manual_seed(0)
        batch = samples(2, 1)
        batch[1].set_metainfo(dict(img_shape=(64, 48)))
        losses.append(sum(ours.loss_and_predict(x, batch, TEST_CFG)[0]['loss_rpn_cls']))
    assert torch.equal(*losses)


def test_proposals_stay_inside_the_clip_and_are_best_first():
    proposals = heads()[0].predict(features(), samples(1, 1, size=(50, 70)), rescale=False)
    for found in proposals:
        assert 0 < len(found) <= 20
        assert (found.bboxes >= 0).all() and (found.bboxes <= torch.tensor([70, 50, 70, 50])).all()
        assert (found.scores.diff() <= 0).all()


def test_a_clip_smaller_than_every_anchor():
    losses, proposals = heads()[0].loss_and_predict(features()[..., :1, :1], samples(1, 0, size=(10, 12)), TEST_CFG)
    assert all(value.isfinite() for values in losses.values() for value in values)
    assert all((found.bboxes <= torch.tensor([12, 10, 12, 10])).all() for found in proposals)


@pytest.mark.parametrize('autocast', [False, True])
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_leaves_scores_and_deltas_in_float32(dtype, autocast):
    head = heads()[0]
    expected = head(features())
    head = head if autocast else head.to(dtype)
    with torch.autocast('cpu', dtype, enabled=autocast):
        found = head(features().to(dtype))
    for maps, whole in zip(found, expected):
        assert maps[0].dtype == torch.float32
        torch.testing.assert_close(maps[0], whole[0], rtol=0, atol=0.02 * whole[0].abs().max().item())


def test_an_unknown_option_is_named():
    with pytest.raises(ValueError, match=r"rpn_head\.time='middle': expected one of \('centre', 'mean', 'max'\)"):
        STSSARPNHead(**CONFIG, time='middle')


def test_a_trunk_of_another_width_is_named():
    with pytest.raises(ValueError, match=r'model\.rpn_head\.in_channels=8, but the trunk gives 3 channels'):
        heads()[0](features()[:, :3])
