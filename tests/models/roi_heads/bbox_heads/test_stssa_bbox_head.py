import pytest
import torch
from mmaction.models.roi_heads.bbox_heads import BBoxHeadAVA
from mmdet.models.task_modules.assigners import AssignResult
from mmdet.models.task_modules.samplers import SamplingResult
from mmengine.config import ConfigDict

from stssa_mm.models.roi_heads.bbox_heads import STSSABBoxHead

DIMS, CLASSES = 16, 7
TRAIN_CFG = ConfigDict(pos_weight=1.0)


def head(**kwargs):
    return STSSABBoxHead(**{'in_channels': DIMS, 'num_classes': CLASSES, **kwargs})


def rois(count=4, channels=DIMS, seed=0):
    return torch.randn(count, channels, 3, 5, 4, generator=torch.Generator().manual_seed(seed))


def sampled(labels, negatives=0):
    """One clip's sampling result: positive RoIs with these label rows, then negatives."""
    positives = len(labels)
    boxes = torch.rand(positives + negatives, 4)
    assigned = torch.cat([torch.arange(1, positives + 1), torch.zeros(negatives, dtype=torch.long)])
    padded = torch.cat([labels, labels.new_zeros(negatives, labels.shape[1])])
    return SamplingResult(
        pos_inds=torch.arange(positives),
        neg_inds=torch.arange(positives, positives + negatives),
        priors=boxes,
        gt_bboxes=boxes[:positives],
        assign_result=AssignResult(positives, assigned, torch.ones(len(boxes)), padded),
        gt_flags=torch.zeros(len(boxes), dtype=torch.uint8))


def label_rows(count, seed=0, classes=CLASSES):
    """Each row one action at least, never the background."""
    generator = torch.Generator().manual_seed(seed)
    labels = (torch.rand(count, classes, generator=generator) > 0.6).float()
    labels[:, 0] = 0
    labels[torch.arange(count), 1 + torch.arange(count) % (classes - 1)] = 1
    return labels


@pytest.mark.parametrize('pooling', ['GAP', 'GMP'])
def test_scores_are_a_linear_map_of_the_pooled_features(pooling):
    module, x = head(pooling=pooling), rois()
    pooled = x.mean((2, 3, 4)) if pooling == 'GAP' else x.amax((2, 3, 4))
    expected = pooled @ module.fc_cls.weight.T + module.fc_cls.bias
    torch.testing.assert_close(module(x), expected)


def test_defaults_are_upstreams():
    ours, upstream = STSSABBoxHead(), BBoxHeadAVA(background_class=True)
    for name, value in vars(upstream).items():
        if not name.startswith('_'):
            assert getattr(ours, name) == value, name
    assert ours.fc_cls.weight.shape == (81, 2048)


@pytest.mark.parametrize(('temporal', 'spatial'), [('avg', 'max'), ('max', 'max'), ('avg', 'avg'), ('max', 'avg')])
def test_upstreams_arguments_give_upstreams_scores(temporal, spatial):
    options = dict(temporal_pool_type=temporal, spatial_pool_type=spatial, mlp_head=True, dropout_ratio=0.5,
                   dropout_before_pool=False)
    ours = head(**options)
    upstream = BBoxHeadAVA(background_class=True, in_channels=DIMS, num_classes=CLASSES, **options)
    upstream.load_state_dict(ours.state_dict())
    scores = []
    for module in (ours, upstream):
        torch.manual_seed(0)
        scores.append(module(rois()))
    assert torch.equal(*scores)


def test_short_names():
    assert head(dims=5).in_channels == 5  # of older configs, whose parents now set in_channels
    for pooling, kind in (('GAP', 'avg'), ('GMP', 'max')):
        module = head(pooling=pooling, temporal_pool_type='max', spatial_pool_type='avg')
        assert module.temporal_pool_type == module.spatial_pool_type == kind


@pytest.mark.parametrize('options', [
    dict(),
    dict(focal_gamma=2.0, focal_alpha=0.5),
    dict(topk=None),
    dict(multilabel=False),
    dict(background_class=False),
    dict(multilabel=False, background_class=False),
], ids=str)
@pytest.mark.parametrize('seed', range(3))
def test_loss_is_upstreams(options, seed):
    ours = head(**options)
    upstream = BBoxHeadAVA(**{
        'background_class': True,
        'in_channels': DIMS,
        'num_classes': CLASSES,
        **options
    })
    upstream.load_state_dict(ours.state_dict())
    samples = [sampled(label_rows(2, seed), negatives=3), sampled(label_rows(1, seed + 9))]
    x = rois(6, seed=seed)
    expected = upstream.loss_and_target(upstream(x), None, samples, TRAIN_CFG)['loss_bbox']
    actual = ours.loss_and_target(ours(x), None, samples, TRAIN_CFG)['loss_bbox']
    assert actual.keys() == expected.keys()
    for key in expected:
        assert torch.equal(actual[key], expected[key]), key


def test_loss_by_hand():
    scores = torch.tensor([[9.0, 0, 0, 0, 0, 0, 0]])  # the background's score of 9 does not count
    labels = torch.tensor([[0.0, 1, 0, 0, 0, 0, 0]])
    loss = head().loss_and_target(scores, None, [sampled(labels)], TRAIN_CFG)['loss_bbox']
    torch.testing.assert_close(loss['loss_action_cls'], torch.tensor(2.0).log())


@pytest.mark.parametrize('case', ['no RoI', 'negatives alone', 'positives without an action', 'background alone'])
def test_nothing_to_learn_from_gives_zeros_where_upstream_gives_nan(case):
    samples, count = {
        'no RoI': ([sampled(label_rows(0)), sampled(label_rows(0))], 0),
        'negatives alone': ([sampled(label_rows(0), negatives=2)], 2),
        'positives without an action': ([sampled(torch.zeros(2, CLASSES))], 2),
        'background alone': ([sampled(torch.eye(CLASSES)[:1])], 1),
    }[case]
    module = head()
    upstream = BBoxHeadAVA.loss_and_target(module, module(rois(count)), None, samples, TRAIN_CFG)['loss_bbox']
    assert upstream['loss_action_cls'].isnan()
    usual = module.loss_and_target(module(rois(1)), None, [sampled(label_rows(1))], TRAIN_CFG)['loss_bbox']

    losses = module.loss_and_target(module(rois(count)), None, samples, TRAIN_CFG)['loss_bbox']
    assert losses.keys() == usual.keys()  # mmengine reduces the log over all processes: the same keys everywhere
    assert {key: value.item() for key, value in losses.items()} == dict.fromkeys(usual, 0.0)
    losses['loss_action_cls'].backward()
    for parameter in module.parameters():
        assert torch.equal(parameter.grad, torch.zeros_like(parameter))


def test_nothing_to_learn_from_gives_zero_also_where_scores_overflow():
    scores = torch.full((1, CLASSES), float('inf'), requires_grad=True)
    loss = head().loss_and_target(scores, None, [sampled(torch.zeros(1, CLASSES))], TRAIN_CFG)['loss_bbox']
    assert loss['loss_action_cls'] == 0


def test_one_clip_without_a_positive_beside_one_with():
    scores = torch.randn(4, CLASSES)
    samples = [sampled(label_rows(0), negatives=1), sampled(label_rows(2), negatives=1)]
    expected = head().loss_and_target(scores[1:3], None, [sampled(label_rows(2))], TRAIN_CFG)['loss_bbox']
    actual = head().loss_and_target(scores, None, samples, TRAIN_CFG)['loss_bbox']
    assert torch.equal(actual['loss_action_cls'], expected['loss_action_cls'])


@pytest.mark.parametrize('pooling', ['GAP', 'GMP'])
def test_no_roi_has_no_scores(pooling):
    module = head(pooling=pooling)
    scores = module(rois(0))
    assert scores.shape == (0, CLASSES)
    scores.sum().backward()
    assert torch.equal(module.fc_cls.weight.grad, torch.zeros_like(module.fc_cls.weight))


@pytest.mark.parametrize('autocast', [False, True])
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
@pytest.mark.parametrize('options', [dict(pooling='GAP'), dict(pooling='GMP'), dict(mlp_head=True)], ids=str)
@pytest.mark.parametrize('count', [0, 4])
def test_half_precision_gives_the_scores_of_the_whole(options, count, dtype, autocast):
    torch.manual_seed(0)
    module = head(**options).eval()
    expected = module(rois(count))
    module = module if autocast else module.to(dtype)
    with torch.autocast('cpu', dtype, enabled=autocast):
        scores = module(rois(count).to(dtype))
    assert scores.dtype == dtype and scores.shape == (count, CLASSES)
    torch.testing.assert_close(scores.float(), expected, rtol=0, atol=0.002 if dtype == torch.float16 else 0.02)


@pytest.mark.parametrize('multilabel', [True, False])
@pytest.mark.parametrize('people', [0, 4])
def test_loss_of_half_precision_scores_trains(people, multilabel):
    """As :class:`STSSARoIHead` gives them: scores of a half-precision head, in float32."""
    torch.manual_seed(0)
    module = head(multilabel=multilabel).bfloat16()
    samples = [sampled(label_rows(people))]
    losses = module.loss_and_target(module(rois(people).bfloat16()).float(), None, samples, TRAIN_CFG)['loss_bbox']
    losses['loss_action_cls'].backward()
    assert losses['loss_action_cls'].dtype == torch.float32 and losses['loss_action_cls'].isfinite()
    assert all(p.grad.dtype == torch.bfloat16 and p.grad.isfinite().all() for p in module.parameters())
    assert bool(module.fc_cls.weight.grad.any()) == (people > 0)


def test_prediction_is_the_scaled_box_and_leaves_its_inputs_alone():
    boxes = torch.tensor([[0.0, 16, 8, 64, 48], [0, 0, 0, 128, 96]])
    scores = torch.randn(2, CLASSES)
    meta = dict(img_shape=(96, 128))
    given = boxes.clone(), scores.clone()
    result, = head().predict_by_feat((given[0], ), (given[1], ), [meta])
    torch.testing.assert_close(result.bboxes, torch.tensor([[1 / 8, 1 / 12, 1 / 2, 1 / 2], [0, 0, 1, 1]]))
    torch.testing.assert_close(result.scores, scores.sigmoid())
    assert torch.equal(given[0], boxes) and torch.equal(given[1], scores)


def test_boxes_of_which_a_crop_leaves_nothing_are_no_detections():
    boxes = torch.tensor([[0.0, 0, 8, 0, 48], [0, 16, 8, 64, 48], [0, 30, 96, 40, 96]])
    scores = torch.randn(3, CLASSES)
    result, = head().predict_by_feat((boxes, ), (scores, ), [dict(img_shape=(96, 128))])
    torch.testing.assert_close(result.bboxes, torch.tensor([[1 / 8, 1 / 12, 1 / 2, 1 / 2]]))
    torch.testing.assert_close(result.scores, scores[1:2].sigmoid())


def test_upstream_scales_the_callers_boxes():
    """Should this fail, our copy of the boxes is no longer needed."""
    boxes = torch.tensor([[0.0, 16, 8, 64, 48]])
    BBoxHeadAVA(True, num_classes=CLASSES).predict_by_feat((boxes, ), (torch.randn(1, CLASSES), ),
                                                           [dict(img_shape=(96, 128))])
    assert boxes.max() <= 1


def predicted(module, logits):
    boxes = torch.tensor([[0.0, 16, 8, 64, 48]]).expand(len(logits), 5).clone()
    return module.predict_by_feat((boxes, ), (logits, ), [dict(img_shape=(96, 128))])[0]


def test_single_label_scores_leave_the_background_out():
    logits = torch.randn(3, CLASSES, generator=torch.Generator().manual_seed(0))
    logits[:, 0] = 50  # never trained: it could be anything
    kept = logits.clone()
    scores = predicted(head(multilabel=False), logits).scores
    assert torch.equal(scores[:, 0], torch.zeros(3))
    torch.testing.assert_close(scores.sum(1), torch.ones(3))
    torch.testing.assert_close(scores[:, 1:], logits[:, 1:].softmax(1))
    assert torch.equal(logits, kept)


def test_single_label_scores_without_a_background_are_the_softmax_of_all():
    logits = torch.randn(3, CLASSES, generator=torch.Generator().manual_seed(0))
    scores = predicted(head(multilabel=False, background_class=False), logits).scores
    torch.testing.assert_close(scores, logits.softmax(1))


@pytest.mark.parametrize('multilabel', [True, False])
def test_no_roi_has_no_detections(multilabel):
    result = predicted(head(multilabel=multilabel), torch.zeros(0, CLASSES))
    assert result.bboxes.shape == (0, 4) and result.scores.shape == (0, CLASSES)


@pytest.mark.parametrize('key, build', [
    ("pooling='mean'", lambda: head(pooling='mean')),
    ('in_channels=16', lambda: head()(rois(channels=8))),
    ('num_classes=7',
     lambda: head().loss_and_target(torch.randn(1, 7), None, [sampled(label_rows(1, classes=5))], TRAIN_CFG)),
    ('num_classes=7',  # also of a clip without people
     lambda: head().loss_and_target(torch.randn(0, 7), None, [sampled(label_rows(0, classes=5))], TRAIN_CFG)),
])
def test_errors_name_the_key_on_one_line(key, build):
    with pytest.raises(ValueError, match=rf'^model\.roi_head\.bbox_head\.{key}') as error:
        build()
    assert '\n' not in str(error.value)


def test_num_classes_error_tells_what_the_dataset_has():
    with pytest.raises(ValueError, match='dataset has num_classes=5'):
        head().loss_and_target(torch.randn(1, 7), None, [sampled(label_rows(1, classes=5))], TRAIN_CFG)
