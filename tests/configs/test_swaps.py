"""MMAction2's detection configs with our classes in place of theirs: changing ``type`` alone changes no number.

The parts come from the stock configs. To be small and to need no download they are thinner (a quarter of the channels,
clips of 64 pixels), start from random weights and read made files; all else is as MMAction2 ships it.

Exceptions, and why:

- STSSASampleFrames: the annotated frame is the middle one of the clip, in training too. Upstream adds start_index
  twice, which is one frame late where frames count from 1 (AVA), and moves the middle frame in training.
- STSSAVideoInit and STSSAVideoDecode change together: one opens what the other reads.
- STSSAAVADataset: a key frame that the proposal file lacks is an error, or with missing_proposals='empty' nobody is
  there. Upstream takes the whole frame for a person.
- STSSAAVAMetric counts by the official script's rule. Upstream's is rule='mmaction2'.
- STSSARoIHead with with_negatives=False, which is not the default: dropout draws for fewer RoIs, and ACRN's BatchNorm
  sees fewer.
- AVAKineticsDataset and MultiSportsMetric have no stand-in of ours; AVA-Kinetics' configs are here for the model.
- LFB's feature banks are made here, and on the CPU: MMAction2's take a trained network to compute, and its configs load
  them to a GPU. LFB inference reads from petrel, an internal store: here from the disk.
"""
import copy
import pickle
import random
from pathlib import Path

import cv2
import mmaction
import numpy as np
import pytest
import torch
from mmaction.structures import ActionDataSample
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData
from numbered_videos import make_video

from stssa_mm.registry import DATASETS, METRICS, MODELS, TRANSFORMS

STOCK = Path(mmaction.__file__).parent / '.mim' / 'configs' / 'detection'
MODEL = {
    'FastRCNN': 'STSSAFastRCNN',
    'AVARoIHead': 'STSSARoIHead',
    'SingleRoIExtractor3D': 'STSSARoIExtractor',
    'BBoxHeadAVA': 'STSSABBoxHead',
}
DATA = {
    'AVADataset': 'STSSAAVADataset',
    'RawFrameDecode': 'STSSARawFrameDecode',
    'DecordInit': 'STSSAVideoInit',
    'DecordDecode': 'STSSAVideoDecode',
}
SAMPLER = {'SampleAVAFrames': 'STSSASampleFrames'}
METRIC = {'AVAMetric': 'STSSAAVAMetric'}
CONFIGS = sorted(STOCK.rglob('*.py'))
AVA = [path for path in CONFIGS if path.stem.endswith(('ava21-rgb', 'ava22-rgb'))]
MULTISPORTS = [path for path in CONFIGS if 'multisports' in path.stem]
ONE_OF_EACH = [next(path for path in CONFIGS if name in path.stem) for name in (
    'slowonly_kinetics400-pretrained-r50_8xb16-4x16x1-20e', 'context-temporal-max-nl-head', 'slowfast-acrn',
    'slowonly-lfb-nl', 'slowonly_kinetics400-pretrained-r50_8xb16-4x16x1-8e_multisports')]
SIZE, THINNER = 64, 4


def name_of(value):
    return value.stem if isinstance(value, Path) else None


def swapped(cfg, names):
    """A copy with these types changed, and nothing else."""
    if isinstance(cfg, dict):
        new = {key: swapped(value, names) for key, value in cfg.items()}
        if isinstance(new.get('type'), str):
            new['type'] = names.get(new['type'], new['type'])
        return type(cfg)(new)
    return type(cfg)(swapped(value, names) for value in cfg) if isinstance(cfg, (list, tuple)) else copy.deepcopy(cfg)


def test_all_configs_are_here():
    assert len(AVA) == 17 and len(MULTISPORTS) == 2 and len(CONFIGS) == 17 + 2 + 11  # 11 of AVA-Kinetics
    assert {path.parent.name for path in AVA} == {'slowonly', 'slowfast', 'acrn', 'lfb'}


# The model


def narrowed(cfg):
    """Widths of RoI parts, divided."""
    widths = ('in_channels', 'out_channels', 'lfb_channels', 'st_feat_channels', 'lt_feat_channels', 'latent_channels')
    for key, value in cfg.items():
        if isinstance(value, dict):
            narrowed(value)
        elif key in widths:
            cfg[key] = value // THINNER


def stock_model(path, folder):
    cfg = Config.fromfile(path)
    model = cfg.model
    model.init_cfg = None
    if 'videomae' in path.stem:
        model.backbone.update(depth=1, img_size=SIZE)
    else:
        for part, channels in ((model.backbone, 64), (model.backbone.get('slow_pathway'), 64),
                               (model.backbone.get('fast_pathway'), 8)):
            if part is not None and not (part is model.backbone and 'slow_pathway' in part):
                part.base_channels = channels // THINNER
        narrowed(model.roi_head)
    shared_head = model.roi_head.get('shared_head', {})
    if 'lfb_cfg' in shared_head:
        shared_head.lfb_cfg.update(device='cpu', lfb_prefix_path=str(folder))
        torch.manual_seed(5)
        bank = {'v': {902 + second: torch.randn(1 + second % 5, shared_head.lfb_cfg.lfb_channels)
                      for second in range(-3, 4)}}
        for name in ('train', 'val'):
            torch.save(bank, folder / f'lfb_{name}.pkl')
    elif 'lfb_prefix_path' in shared_head:
        shared_head.lfb_prefix_path = str(folder)
    loader = cfg.get('train_dataloader') or cfg.test_dataloader
    sampler, = (step for step in loader.dataset.pipeline if step.type == 'SampleAVAFrames')
    return model, sampler.clip_len


def clips(classes, seed=0):
    """Two clips with two people each; the proposals are near them, and elsewhere: negative RoIs."""
    torch.manual_seed(seed)
    samples = []
    for number in range(2):
        boxes = torch.tensor([[4., 4., 40., 60.], [20., 10., 60., 62.]]) + number
        sample = ActionDataSample(metainfo=dict(img_shape=(SIZE, SIZE), img_key=f'v,090{number}'))
        sample.proposals = InstanceData(bboxes=torch.cat([boxes + .3, torch.tensor([[30., 2., 62., 30.]])]))
        labels = torch.zeros(2, classes)
        labels[0, 1] = labels[1, 2] = 1
        sample.gt_instances = InstanceData(bboxes=boxes, labels=labels)
        samples.append(sample)
    return samples


def outcome(cfg, frames, state=None):
    """The losses of a batch in training, with all that is random, then the detections of one clip."""
    init_default_scope('mmaction')
    torch.manual_seed(0)
    model = MODELS.build(copy.deepcopy(cfg))
    assert model.roi_head.bbox_head.dropout_ratio > 0 or 'mlp_head' in cfg.roi_head.bbox_head
    if state is not None:
        model.load_state_dict(state)
    else:  # before training changes the statistics of BatchNorm
        state = copy.deepcopy(model.state_dict())
    classes = model.roi_head.bbox_head.num_classes
    torch.manual_seed(1)
    video = torch.randn(2, 3, frames, SIZE, SIZE)
    torch.manual_seed(2)
    losses = model.train().loss(video, clips(classes))
    losses['loss_action_cls'].backward()
    torch.manual_seed(3)
    with torch.no_grad():
        found, = model.eval().predict(video[:1], clips(classes)[:1])
    gradient = model.roi_head.bbox_head.parameters().__next__().grad
    values = dict(losses, bboxes=found.pred_instances.bboxes, scores=found.pred_instances.scores, gradient=gradient)
    return {key: value.detach() for key, value in values.items()}, state


def assert_same(actual, expected):
    assert actual.keys() == expected.keys()
    for key, value in expected.items():
        torch.testing.assert_close(actual[key], value, rtol=0, atol=1e-6, msg=lambda text, key=key: f'{key}: {text}')


@pytest.mark.parametrize('path', CONFIGS, ids=name_of)
def test_model(path, tmp_path):
    """The same state dict and seed: the same losses, with dropout and negative RoIs, and the same detections."""
    cfg, frames = stock_model(path, tmp_path)
    expected, state = outcome(cfg, frames)
    assert expected['loss_action_cls'] > 0 and len(expected['scores']) == 3
    ours = swapped(cfg, MODEL)
    assert_same(outcome(ours, frames, state)[0], expected)
    if path in ONE_OF_EACH:
        for name, new in MODEL.items():
            assert_same(outcome(swapped(cfg, {name: new}), frames, state)[0], expected)


@pytest.mark.parametrize('name', ['slowonly_kinetics400-pretrained-r50_8xb16-4x16x1-20e', 'slowfast-acrn'])
def test_model_without_negatives(name, tmp_path):
    """ACRN's BatchNorm takes its statistics over all RoIs; elsewhere dropout is all that differs."""
    path = next(path for path in CONFIGS if name in path.stem)
    cfg, frames = stock_model(path, tmp_path)
    cfg.roi_head.bbox_head.dropout_ratio = 1e-9  # draws, and drops nothing
    expected, state = outcome(cfg, frames)
    ours = swapped(cfg, MODEL)
    ours.roi_head.with_negatives = False
    actual, _ = outcome(ours, frames, state)
    difference = (actual['loss_action_cls'] - expected['loss_action_cls']).abs()
    assert (difference > 1e-4) if 'acrn' in name else (difference < 1e-6)


# The data

PEOPLE = {'-5KQ66BBWC4': (900, [902, 903]), 'sport/v_x_c001.mp4': (1, [40, 41, 90])}
BOXES = [(0.1, 0.2, 0.5, 0.9), (0.45, 0.1, 0.9, 0.95)]


def write_data(folder, video):
    """Annotations, exclusions and proposals of one video in AVA's form, and its frames as pictures or as a video."""
    start, moments = PEOPLE[video]
    (folder / 'gt.csv').write_text(''.join(
        f'{video},{moment:04d},{",".join(map(str, box))},{label},{person}\n'
        for moment in moments for person, box in enumerate(BOXES) for label in (1 + person, 5)))
    (folder / 'excluded.csv').write_text(f'{video},{moments[-1]:04d}\n')
    proposals = {f'{video},{moment:04d}': np.array([[0.1, 0.2, 0.5, 0.9, 0.95], [0.4, 0.1, 0.9, 0.9, 0.86],
                                                    [0, 0, 1, 1, 0.3]]) for moment in moments}
    (folder / 'proposals.pkl').write_bytes(pickle.dumps(proposals))
    (folder / 'labels.pbtxt').write_text(''.join(f'item {{\n  name: "c{i}"\n  id: {i}\n}}\n' for i in range(1, 81)))
    if start == 1:
        (folder / 'sport').mkdir()
        make_video(folder / video, count=150)
    else:
        (folder / video).mkdir()
        for number in range(1, 131):
            image = np.full((20, 30, 3), number, np.uint8)
            cv2.imwrite(str(folder / video / f'img_{number:05}.jpg'), image)
    return folder


@pytest.fixture(scope='module')
def ava(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp('ava'), '-5KQ66BBWC4')


@pytest.fixture(scope='module')
def multisports(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp('multisports'), 'sport/v_x_c001.mp4')


def stock_datasets(path, folder):
    """The configs of the training and test datasets, on made files."""
    cfg = Config.fromfile(path)
    found = []
    for loader in ('train_dataloader', 'test_dataloader'):
        if loader not in cfg:
            continue
        part = cfg[loader].dataset
        for key, name in (('ann_file', 'gt.csv'), ('exclude_file', 'excluded.csv'), ('label_file', 'labels.pbtxt'),
                          ('proposal_file', 'proposals.pkl')):
            if key in part:
                part[key] = str(folder / name)
        part.data_prefix = dict(img=str(folder))
        for step in part.pipeline:
            if step.get('io_backend') == 'petrel':
                step.io_backend = 'disk'
                step.pop('path_mapping')
        found.append(part)
    return found


def samples_of(cfg):
    """All samples of a dataset, with all that is random."""
    init_default_scope('mmaction')
    data = DATASETS.build(copy.deepcopy(cfg))
    found = []
    for index in range(len(data)):
        random.seed(index)
        np.random.seed(index)
        found.append(data[index])
    return found


def assert_same_samples(actual, expected):
    assert len(actual) == len(expected) > 0
    for ours, theirs in zip(actual, expected):
        assert ours.keys() == theirs.keys()
        assert ours['inputs'].dtype == theirs['inputs'].dtype and torch.equal(ours['inputs'], theirs['inputs'])
        ours, theirs = ours['data_samples'], theirs['data_samples']
        assert ours.keys() == theirs.keys()
        for key, value in theirs.metainfo.items():
            np.testing.assert_array_equal(ours.metainfo[key], value)
        for part in ('gt_instances', 'proposals'):
            assert ours.get(part).keys() == theirs.get(part).keys()
            for key, value in theirs.get(part).items():
                assert torch.equal(ours.get(part)[key], value), (part, key)


@pytest.mark.parametrize('path', AVA + MULTISPORTS, ids=name_of)
def test_samples(path, request):
    """Samples of the training and the test dataset: to the bit, but for the choice of frames."""
    folder = request.getfixturevalue('multisports' if path in MULTISPORTS else 'ava')
    for cfg in stock_datasets(path, folder):
        expected = samples_of(cfg)
        assert_same_samples(samples_of(swapped(cfg, DATA)), expected)
        with_ours = samples_of(swapped(cfg, {**DATA, **SAMPLER}))
        for ours, theirs in zip(with_ours, expected):
            assert ours['inputs'].shape == theirs['inputs'].shape
            ours['inputs'] = theirs['inputs']
        assert_same_samples(with_ours, expected)


def test_one_class_of_the_data_alone(ava):
    cfg = stock_datasets(ONE_OF_EACH[0], ava)[0]
    expected = samples_of(cfg)
    for name in ('AVADataset', 'RawFrameDecode'):
        assert_same_samples(samples_of(swapped(cfg, {name: DATA[name]})), expected)


def sampled(name, step, info, seed=0):
    np.random.seed(seed)
    return TRANSFORMS.build(dict(step, type=name)).transform(dict(info))['frame_inds']


@pytest.mark.parametrize('path', AVA + MULTISPORTS, ids=name_of)
def test_the_sampled_frames_differ_as_the_exception_says(path):
    cfg = Config.fromfile(path)
    init_default_scope('mmaction')
    info = dict(fps=1, timestamp=400, timestamp_start=1, total_frames=900, start_index=0)
    late = 0
    if path in AVA:
        info = dict(fps=30, timestamp=950, timestamp_start=900, shot_info=(0, 27000), start_index=1)
        late = 1
    for loader in ('train_dataloader', 'test_dataloader'):
        if loader not in cfg:
            continue
        step, = (step for step in cfg[loader].dataset.pipeline if step.type == 'SampleAVAFrames')
        ours, theirs = sampled('STSSASampleFrames', step, info), sampled('SampleAVAFrames', step, info)
        middle = step.clip_len // 2
        assert ours[middle] == (info['timestamp'] - info['timestamp_start']) * info['fps'] + info['start_index']
        others = np.arange(step.clip_len) != middle
        np.testing.assert_array_equal(ours[others], theirs[others] - late)
        if step.get('test_mode'):
            assert ours[middle] == theirs[middle] - late


def test_a_key_frame_without_proposals_is_an_error_instead_of_a_frame_wide_person(ava, tmp_path):
    cfg = stock_datasets(ONE_OF_EACH[0], ava)[0]
    cfg.update(proposal_file=str(tmp_path / 'p.pkl'), pipeline=[])
    (tmp_path / 'p.pkl').write_bytes(pickle.dumps({'other,0902': np.array([[0, 0, 1, 1, 1.]])}))
    init_default_scope('mmaction')
    assert DATASETS.build(copy.deepcopy(cfg)).get_data_info(0)['proposals'].tolist() == [[0, 0, 1, 1]]
    with pytest.raises(ValueError, match='1 of 1 key frames .* are not in it'):
        DATASETS.build(swapped(cfg, DATA))


# The metric


def test_metric(ava, tmp_path, monkeypatch):
    """The same where both rules agree, and else by upstream's rule: here, boxes of an excluded frame count."""
    monkeypatch.chdir(tmp_path)  # upstream writes files into the working directory
    (tmp_path / 'none.csv').touch()
    cfg = Config.fromfile(ONE_OF_EACH[0]).val_evaluator
    cfg.update(ann_file=str(ava / 'gt.csv'), label_file=str(ava / 'labels.pbtxt'))
    generator = torch.Generator().manual_seed(0)
    scores = (torch.rand(3, 81, generator=generator) * 9999).round() / 9999
    scores[:, 10:] = 0  # both rules keep the 50 best of a frame
    instances = dict(bboxes=torch.tensor([*BOXES, (0.3, 0.3, 0.4, 0.4)]), scores=scores)
    init_default_scope('mmaction')

    def overall(config, exclude_file, moments, **options):
        metric = METRICS.build(dict(config, exclude_file=str(exclude_file), **options))
        metric.process({}, [dict(video_id='-5KQ66BBWC4', timestamp=moment, pred_instances=instances)
                            for moment in moments])
        return metric.evaluate(len(moments))['mAP/overall']

    ours = swapped(cfg, METRIC)
    expected = overall(cfg, 'none.csv', (902, 903))
    assert 0 < expected < 1 and overall(ours, 'none.csv', (902, 903)) == pytest.approx(expected, abs=1e-6)
    expected = overall(cfg, ava / 'excluded.csv', (902, ))
    assert overall(ours, ava / 'excluded.csv', (902, ), rule='mmaction2') == pytest.approx(expected, abs=1e-6)
    assert overall(ours, ava / 'excluded.csv', (902, )) > expected
