import copy

import pytest
import torch
import torch.nn as nn
from mmaction.models.roi_heads import AVARoIHead
from mmaction.structures import ActionDataSample
from mmengine.config import ConfigDict
from mmengine.registry import MODELS
from mmengine.structures import InstanceData

from stssa_mm.models.roi_heads import STSSARoIHead

CHANNELS, DIMS, CLASSES = 16, 8, 6
SIZE = (96, 128)  # of the frames, in pixels
NECK = dict(type='STSSANeck', in_channels=CHANNELS, dims=DIMS, layers=2)


def make_heads(neck=True, num=32, add_gt=True, dropout=0, **kwargs):
    """Our head and upstream's, made of upstream's own extractor and box head, with the same random weights."""
    dims = DIMS if neck else CHANNELS
    common = dict(
        shared_head=NECK if neck else None,
        train_cfg=ConfigDict(
            assigner=dict(type='MaxIoUAssignerAVA', pos_iou_thr=0.9, neg_iou_thr=0.9, min_pos_iou=0.9),
            sampler=dict(type='RandomSampler', num=num, pos_fraction=1, neg_pos_ub=-1, add_gt_as_proposals=add_gt),
            pos_weight=1.0))
    ours = STSSARoIHead(
        bbox_roi_extractor=dict(type='STSSARoIExtractor', output_size=3, with_temporal_pool=False),
        bbox_head=dict(type='STSSABBoxHead', in_channels=dims, num_classes=CLASSES, dropout_ratio=dropout),
        **copy.deepcopy(common),
        **kwargs)
    upstream = AVARoIHead(
        bbox_roi_extractor=dict(type='SingleRoIExtractor3D', output_size=3, with_temporal_pool=False),
        bbox_head=dict(
            type='BBoxHeadAVA', background_class=True, in_channels=dims, num_classes=CLASSES, dropout_ratio=dropout),
        **copy.deepcopy(common))
    torch.manual_seed(0)
    for parameter in ours.parameters():  # gammas too: a fresh neck's branches do nothing
        nn.init.normal_(parameter, std=0.3)
    upstream.load_state_dict(ours.state_dict())
    return ours, upstream


def random_boxes(count):
    corner = torch.rand(count, 2) * torch.tensor([SIZE[1], SIZE[0]]) * 0.6
    return torch.cat([corner, corner + 15 + torch.rand(count, 2) * 30], 1)


def clip(people, others, near=2):
    """A clip with ``people`` boxes; its proposals are ``near`` close ones for each person and ``others`` elsewhere."""
    boxes = random_boxes(people)
    close = (boxes.repeat(near, 1) + torch.rand(near * people, 4) * 0.4)
    labels = (torch.rand(people, CLASSES) < 0.4).float()
    labels[:, 0] = 0
    labels[torch.arange(people), torch.randint(1, CLASSES, (people, ))] = 1
    sample = ActionDataSample(metainfo=dict(img_shape=SIZE))
    sample.gt_instances = InstanceData(bboxes=boxes, labels=labels)
    sample.proposals = InstanceData(bboxes=torch.cat([close, random_boxes(others)]))
    return sample


def features(clips):
    return torch.randn(clips, CHANNELS, 2, 6, 8)


def run_loss(head, x, samples, seed=0):
    """The losses; the seed decides which RoIs the sampler draws."""
    torch.manual_seed(seed)
    return head.loss(x, [sample.proposals for sample in samples], samples)


def run_predict(head, x, samples):
    with torch.no_grad():
        return head.eval().predict(x, [sample.proposals for sample in samples], samples)


def spy_rows(head):
    """Numbers of rows that reach the neck and the box head, as a list that grows."""
    rows = []
    for module in (head.shared_head, head.bbox_head):
        module.register_forward_pre_hook(lambda _, args: rows.append(len(args[0])))
    return rows


def assert_gradients_are_zero(head, x):
    assert torch.equal(x.grad, torch.zeros_like(x))
    for name, parameter in head.named_parameters():
        assert parameter.grad is not None, f'{name}: no gradient, which DDP waits for'
        assert not parameter.grad.any(), name


class TestLossAgainstUpstream:

    @pytest.mark.parametrize('neck', [True, False], ids=['neck', 'no neck'])
    @pytest.mark.parametrize('seed', range(3))
    @pytest.mark.parametrize('num', [3, 32])
    @pytest.mark.parametrize('options', [dict(), dict(dropout=0.5), dict(with_negatives=False)], ids=str)
    def test_same_to_the_bit(self, neck, seed, num, options):
        """3 RoIs a clip are fewer than it has positive ones, so that the sampler draws."""
        ours, upstream = make_heads(neck, num, **options)
        torch.manual_seed(seed)
        samples, x = [clip(2, 3), clip(1, 5), clip(3, 0)], features(3)
        expected = run_loss(upstream, x, copy.deepcopy(samples), seed)
        actual = run_loss(ours, x, samples, seed)
        assert expected['loss_action_cls'] > 0
        assert actual.keys() == expected.keys()
        for name, value in expected.items():
            assert torch.equal(actual[name], value), name

    @pytest.mark.parametrize('with_negatives', [True, False])
    def test_gradients(self, with_negatives):
        ours, upstream = make_heads(with_negatives=with_negatives)
        torch.manual_seed(1)
        samples, inputs = [clip(2, 3), clip(1, 5)], features(2)
        for head in (upstream, ours):
            head.x = inputs.clone().requires_grad_()
            run_loss(head, head.x, copy.deepcopy(samples))['loss_action_cls'].backward()
        torch.testing.assert_close(ours.x.grad, upstream.x.grad)
        for (name, actual), expected in zip(ours.named_parameters(), upstream.parameters()):
            torch.testing.assert_close(actual.grad, expected.grad, msg=lambda m, name=name: f'{name}: {m}')


class TestRowsThatEnterTheModule:

    @pytest.mark.parametrize('with_negatives', [True, False])
    def test_positive_ones_alone_or_all(self, with_negatives):
        ours, upstream = make_heads(with_negatives=with_negatives)
        torch.manual_seed(0)
        samples, x = [clip(2, 5), clip(1, 7)], features(2)
        rows, upstream_rows = spy_rows(ours), spy_rows(upstream)
        run_loss(upstream, x, copy.deepcopy(samples))
        run_loss(ours, x, samples)
        assert upstream_rows == [21, 21]  # 3 people, each with 2 proposals close by, and 12 elsewhere
        assert rows == ([21, 21] if with_negatives else [9, 9])

    def test_a_drawn_number_of_them(self):
        ours, _ = make_heads(num=4, with_negatives=False)
        torch.manual_seed(0)
        samples = [clip(3, 5), clip(1, 7)]
        rows = spy_rows(ours)
        run_loss(ours, features(2), samples)
        assert rows == [4 + 3, 4 + 3]


class TestWithoutPositiveRoI:

    def test_where_upstream_gives_nan(self):
        """Proposals elsewhere, and ground truth that is not added to them."""
        ours, upstream = make_heads(add_gt=False)
        torch.manual_seed(0)
        samples, x = [clip(1, 4, near=0), clip(2, 3, near=0)], features(2).requires_grad_()
        expected = run_loss(upstream, x, copy.deepcopy(samples))
        assert expected['loss_action_cls'].isnan()
        actual = run_loss(ours, x, samples)
        assert actual.keys() == expected.keys()
        assert all(value == 0 for value in actual.values())
        actual['loss_action_cls'].backward()
        assert_gradients_are_zero(ours, x)

    @pytest.mark.parametrize('neck', [True, False], ids=['neck', 'no neck'])
    @pytest.mark.parametrize('others', [(0, 0), (3, 0), (2, 4)], ids=['no proposals', 'some', 'proposals'])
    def test_nobody_in_any_clip(self, neck, others):
        ours, _ = make_heads(neck)
        torch.manual_seed(0)
        samples, x = [clip(0, count) for count in others], features(2).requires_grad_()
        actual = run_loss(ours, x, samples)
        assert all(value == 0 for value in actual.values())
        actual['loss_action_cls'].backward()
        assert_gradients_are_zero(ours, x)

    @pytest.mark.parametrize('others', [0, 4])
    def test_nobody_in_one_clip_changes_nothing_for_the_others(self, others):
        ours, _ = make_heads()
        torch.manual_seed(0)
        empty, full, x = clip(0, others), clip(2, 3), features(2)
        alone = run_loss(ours, x[1:], [full])
        for samples, order in (([empty, full], [0, 1]), ([full, empty], [1, 0])):
            both = run_loss(ours, x[order], samples)
            for name, value in alone.items():
                torch.testing.assert_close(both[name], value)
        both['loss_action_cls'].backward()
        assert all(parameter.grad is not None for parameter in ours.parameters())

    def test_people_without_proposals_train_on_their_own_boxes(self):
        ours, _ = make_heads()
        torch.manual_seed(0)
        samples, rows = [clip(2, 0, near=0)], spy_rows(ours)
        assert run_loss(ours, features(1), samples)['loss_action_cls'] > 0
        assert rows == [2, 2]


def test_loss_leaves_its_inputs_alone():
    ours, upstream = make_heads(num=4)
    torch.manual_seed(0)
    samples, x = [clip(3, 4), clip(0, 2), clip(1, 0)], features(3)
    kept, kept_x = copy.deepcopy(samples), x.clone()
    first, second = run_loss(ours, x, samples), run_loss(ours, x, samples)
    for name, value in first.items():
        assert torch.equal(second[name], value), name
    assert torch.equal(x, kept_x)
    for sample, before in zip(samples, kept):
        assert sample.keys() == before.keys()
        assert sample.proposals.keys() == ['bboxes'] and sample.gt_instances.keys() == before.gt_instances.keys()
        assert torch.equal(sample.proposals.bboxes, before.proposals.bboxes)
        for key, value in before.gt_instances.items():
            assert torch.equal(sample.gt_instances[key], value)
    run_loss(upstream, x[:1], kept[:1])
    assert 'bboxes' not in kept[0].proposals  # the reason for our own


class TestPredict:

    def test_one_clip_is_upstreams(self):
        ours, upstream = make_heads()
        torch.manual_seed(0)
        samples, x = [clip(2, 3)], features(1)
        expected, actual = run_predict(upstream, x, copy.deepcopy(samples))[0], run_predict(ours, x, samples)[0]
        assert torch.equal(actual.bboxes, expected.bboxes)
        torch.testing.assert_close(actual.scores, expected.scores)

    @pytest.mark.parametrize('counts', [(3, 3), (4, 0, 1), (0, 5), (5, 1, 0, 2)], ids=str)
    def test_a_batch_gives_what_each_clip_gives_alone(self, counts):
        ours, _ = make_heads()
        torch.manual_seed(0)
        samples, x = [clip(0, count) for count in counts], features(len(counts))
        together = run_predict(ours, x, samples)
        assert [len(result.bboxes) for result in together] == list(counts)
        for index, result in enumerate(together):
            alone = run_predict(ours, x[index:index + 1], samples[index:index + 1])[0]
            torch.testing.assert_close(result.bboxes, alone.bboxes)
            torch.testing.assert_close(result.scores, alone.scores)
            scale = torch.tensor([SIZE[1], SIZE[0]] * 2)
            torch.testing.assert_close(result.bboxes * scale, samples[index].proposals.bboxes)

    @pytest.mark.parametrize('neck', [True, False], ids=['neck', 'no neck'])
    @pytest.mark.parametrize('clips', [1, 2])
    def test_nobody_gives_no_detections(self, neck, clips):
        ours, _ = make_heads(neck)
        for result in run_predict(ours, features(clips), [clip(0, 0) for _ in range(clips)]):
            assert result.bboxes.shape == (0, 4) and result.scores.shape == (0, CLASSES)

    def test_leaves_its_inputs_alone(self):
        ours, _ = make_heads()
        torch.manual_seed(0)
        samples, x = [clip(2, 3), clip(0, 1)], features(2)
        kept, kept_x = copy.deepcopy(samples), x.clone()
        first, second = run_predict(ours, x, samples), run_predict(ours, x, samples)
        assert torch.equal(x, kept_x)
        for one, two, sample, before in zip(first, second, samples, kept):
            assert torch.equal(one.bboxes, two.bboxes) and torch.equal(one.scores, two.scores)
            assert torch.equal(sample.proposals.bboxes, before.proposals.bboxes)

    def test_scores_are_float32_under_autocast(self):
        ours, _ = make_heads()
        torch.manual_seed(0)
        samples, x = [clip(2, 3)], features(1)
        plain = run_predict(ours, x, samples)[0].scores
        with torch.autocast('cpu', torch.bfloat16):
            scores = run_predict(ours, x.bfloat16(), samples)[0].scores
            losses = run_loss(ours, x.bfloat16(), samples)
        assert scores.dtype == losses['loss_action_cls'].dtype == torch.float32
        torch.testing.assert_close(scores, plain, rtol=0, atol=0.05)


IN_HALF = pytest.mark.parametrize(('dtype', 'autocast'), [(torch.float16, False), (torch.bfloat16, False),
                                                          (torch.float16, True), (torch.bfloat16, True)])


@pytest.mark.parametrize('layer', ['RoIAlign', 'RoIPool'])
@pytest.mark.parametrize('neck', [True, False], ids=['neck', 'no neck'])
@IN_HALF
class TestHalfPrecision:
    """The head alone in half precision, or as ``--amp`` runs it, on features of a half-precision trunk."""

    @pytest.fixture
    def run(self, neck, layer, dtype, autocast):
        """The head, and a function that runs it in half precision."""
        ours, _ = make_heads(neck)
        ours.bbox_roi_extractor = MODELS.build(
            dict(type='STSSARoIExtractor', output_size=3, roi_layer_type=layer, with_temporal_pool=False))
        for parameter in ours.parameters():
            nn.init.normal_(parameter, std=0.1)

        def run(function, x, samples):
            if not autocast:
                ours.to(dtype)
            with torch.autocast('cpu', dtype, enabled=autocast):
                return function(ours, x.to(dtype), samples)

        return ours, run

    @pytest.mark.parametrize('people', [2, 0])
    def test_scores_are_those_of_the_whole(self, run, people, dtype):
        head, in_half = run
        torch.manual_seed(0)
        x, samples = features(1), [clip(people, people)]
        expected = run_predict(head, x, samples)[0]
        result = in_half(run_predict, x, samples)[0]
        assert result.scores.dtype == result.bboxes.dtype == torch.float32 and len(result.scores) == 3 * people
        assert torch.equal(result.bboxes, expected.bboxes)
        torch.testing.assert_close(result.scores, expected.scores, rtol=0,
                                   atol=0.002 if dtype == torch.float16 else 0.02)

    @pytest.mark.parametrize('people', [2, 0])
    def test_trains(self, run, people):
        head, in_half = run
        torch.manual_seed(0)
        loss = in_half(run_loss, features(1), [clip(people, 1)])['loss_action_cls']
        loss.backward()
        assert loss.dtype == torch.float32 and loss.isfinite() and bool(loss) == (people > 0)
        for name, parameter in head.named_parameters():
            assert parameter.grad.isfinite().all(), name
            if 'gammas' in name:
                assert bool(parameter.grad) == (people > 0), name


def test_the_frame_beside_the_person_leaves_out_the_padding():
    """Two clips of different size in a batch: the mean over each one's own cells, for each of its RoIs."""
    from types import SimpleNamespace
    head = SimpleNamespace(bbox_roi_extractor=SimpleNamespace(featmap_stride=8))
    maps = torch.zeros(2, 3, 2, 4, 5)
    maps[0] = torch.arange(3.)[:, None, None, None] + torch.arange(2.)[:, None, None]
    maps[1, :, :, :2, :3] = 7
    features = torch.rand(3, 3, 2, 2, 2)
    rois = torch.tensor([[1, 0, 0, 8, 8], [0, 0, 0, 8, 8], [1, 0, 0, 4, 4]], dtype=torch.float)
    metas = [dict(img_shape=(32, 40)), dict(img_shape=(16, 24))]
    out = STSSARoIHead._with_frame(head, features, maps, rois, metas)
    assert out.shape == (3, 6, 2, 2, 2) and torch.equal(out[:, :3], features)
    assert (out[[0, 2], 3:] == 7).all()
    torch.testing.assert_close(out[1, 3:, :, 0, 0], torch.tensor([[0., 1], [1, 2], [2, 3]]))


def test_difference_compares_neighbouring_steps():
    """What the box head sees: features, frame, and the step from the frame before of both."""
    from types import SimpleNamespace
    features, maps = torch.rand(2, 3, 4, 2, 2), torch.rand(1, 3, 4, 4, 5)
    seen = []
    head = SimpleNamespace(with_frame=True, difference=True, with_shared_head=False,
                           bbox_head=lambda x: seen.append(x) or x.mean((2, 3, 4)))
    head.bbox_roi_extractor = lambda x, rois: (features, maps)
    head.bbox_roi_extractor.featmap_stride = 8
    head._with_frame = lambda *args: STSSARoIHead._with_frame(head, *args)
    STSSARoIHead._bbox_forward(head, None, torch.zeros(2, 5), [dict(img_shape=(32, 40))])
    x, = seen
    assert x.shape == (2, 12, 4, 2, 2) and torch.equal(x[:, :3], features)
    torch.testing.assert_close(x[:, 3:6], maps.mean((3, 4))[..., None, None].expand(2, -1, -1, 2, 2))
    assert not x[:, 6:, 0].any()
    torch.testing.assert_close(x[:, 6:, 1:], (x[:, :6, 1:] - x[:, :6, :-1]).abs())
