"""Every config loads, builds and agrees with itself."""
import copy
import re
import textwrap
from pathlib import Path

import mmaction
import pytest
import torch
from conftest import REPO
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import load_checkpoint
from mmengine.structures import InstanceData

import stssa_mm  # noqa: F401  (first: it makes mmaction.models importable)

CONFIGS = sorted(path for path in (REPO / 'configs').rglob('*.py') if path.parent.name != '_base_')
ROOT = REPO / 'configs' / 'stssa_ava.py'
COMPLETE = ('stssa_ava.py', 'stssa_toy.py', 'stssa_jhmdb.py', 'stssa_lite0_jhmdb.py', 'stssa_lite0_own-videos.py')


def load(path):
    return Config.fromfile(path)


def build(cfg):
    init_default_scope('mmaction')
    model_cfg = copy.deepcopy(cfg.model)
    model_cfg.init_cfg = None  # no download
    return MODELS.build(model_cfg)


def clip_samples(num_classes, size, with_gt=True):
    """One clip with two people whose proposals are their boxes."""
    boxes = torch.tensor([[4., 4., 40., 60.], [20., 10., 60., 62.]])
    labels = torch.zeros(2, num_classes)
    labels[0, 1] = labels[1, 2] = 1
    sample = ActionDataSample()
    sample.proposals = InstanceData(bboxes=boxes)
    sample.gt_instances = InstanceData(bboxes=boxes.clone(), labels=labels)
    sample.set_metainfo(dict(img_shape=(size, size)))
    return [sample]


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_loads_and_val_agrees_with_test(path):
    cfg = load(path)
    assert cfg.val_dataloader == cfg.test_dataloader
    assert cfg.val_evaluator == cfg.test_evaluator
    val = cfg.val_dataloader.dataset
    for key in ('ann_file', 'exclude_file', 'label_file'):
        assert val[key] == cfg.val_evaluator[key], key
    assert val.label_file == cfg.train_dataloader.dataset.label_file
    assert cfg.train_dataloader.dataset.ann_file != val.ann_file
    assert val.test_mode and cfg.auto_scale_lr.base_batch_size > 0
    assert cfg.custom_imports.imports == ['stssa_mm']
    classes = cfg.model.roi_head.bbox_head.get('num_classes', 81)
    for part in (val, cfg.train_dataloader.dataset, cfg.val_evaluator):
        assert part.get('num_classes', 81) == classes


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_builds(path):
    cfg = load(path)
    # Shapes without memory; transformers read numbers while they are built.
    with torch.device('cpu' if path.stem.split('_')[1] in ('videomae', 'mvit', 'swin') else 'meta'):
        model = build(cfg)
    neck = cfg.model.roi_head.get('shared_head')
    assert model.roi_head.with_shared_head == (neck is not None)
    proposes = path.stem.endswith('faster-rcnn')
    assert model.with_rpn == proposes
    assert type(model.roi_head).__name__ == ('STSSADetectionRoIHead' if proposes else 'STSSARoIHead')
    assert model.roi_head.with_negatives == proposes  # they teach the background, and else nothing
    width = neck.dims if neck else cfg.model.roi_head.bbox_head.in_channels
    assert model.roi_head.bbox_head.fc_cls.in_features == width


def test_names_are_unique_and_short_children_explain_one_change():
    names = [path.name for path in CONFIGS]
    assert len(set(names)) == len(names)
    for path in CONFIGS:
        if path.name not in COMPLETE:
            limit = 40 if path.stem.endswith('faster-rcnn') else 28 if '_delete_' in path.read_text() else 12
            assert len(path.read_text().splitlines()) <= limit, path


@pytest.mark.parametrize(('name', 'row'), [
    ('row1', (('temporal_slow', 'temporal_fast'), 'GAP', 1, 512, False)),
    ('row2', (('temporal_slow', 'temporal_fast'), 'GMP', 1, 512, False)),
    ('row3', (('spatial_slow', 'spatial_fast'), 'GMP', 1, 512, False)),
    ('row4', (None, 'GAP', 1, 2048, False)),
    ('row5', (None, 'GAP', 2, 2048, False)),
])
def test_rows_of_table_2(name, row):
    path, = (REPO / 'configs' / 'ablation').glob(f'*_{name}_*.py')
    head = load(path).model.roi_head
    neck = head.shared_head
    assert (neck.get('branches'), head.bbox_head.pooling, neck.layers, neck.dims, neck.norm) == row
    assert head.bbox_head.in_channels == neck.dims


def differing_keys(parent, child, prefix=''):
    """The dotted keys whose values differ, down to those of a dict that one side lacks."""
    if isinstance(child, dict):
        parent = parent if isinstance(parent, dict) else {}
        for key in sorted(parent.keys() | child.keys()):
            yield from differing_keys(parent.get(key), child.get(key), f'{prefix}.{key}' if prefix else key)
    elif parent != child:
        yield prefix


def leaves(tree, prefix=''):
    """The dotted keys of all values of nested dicts."""
    for key, value in tree.items():
        name = f'{prefix}.{key}' if prefix else key
        if isinstance(value, dict):
            yield from leaves(value, name)
        else:
            yield name


@pytest.mark.parametrize('path', sorted((REPO / 'configs' / 'trunks').glob('*.py')), ids=lambda path: path.stem)
def test_a_trunk_child_changes_only_what_it_names(path, tmp_path):
    own = {}
    for file in (REPO / 'configs' / '_base_' / 'extension.py', path):
        exec(file.read_text(), own)
    upstream, extension = own['_base_']
    assert extension == '../_base_/extension.py'
    (tmp_path / 'parent.py').write_text(f'_base_ = {upstream!r}')
    own = set(leaves({key: value for key, value in own.items() if not key.startswith('_')}))
    exchanged = tuple(key[:-len('._delete_')] for key in own if key.endswith('._delete_'))

    def whole(keys):
        """The keys, with one for all of a part that is exchanged."""
        return {next((part for part in exchanged if key.startswith(f'{part}.')), key) for key in keys}

    named = whole(own)
    changed = whole(differing_keys(load(tmp_path / 'parent.py').to_dict(), load(path).to_dict()))
    assert changed <= named
    # What it names is a change, but for numbers that MMAction2 happens to set alike.
    assert named - changed <= {'model.roi_head.bbox_head.in_channels'}


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_head_keeps_upstreams_dropout_and_says_its_pooling(path):
    head = load(path).model.roi_head.bbox_head
    assert head.dropout_ratio == 0.5
    assert head.pooling in ('GAP', 'GMP')
    assert 'dims' not in head
    for file in (REPO / 'configs').rglob('*.py'):
        assert 'bbox_head=dict(_delete_' not in file.read_text(), file


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_a_run_keeps_three_checkpoints_and_stops_at_an_invalid_loss(path):
    cfg = load(path)
    assert cfg.default_hooks.checkpoint.max_keep_ckpts == 3
    assert dict(type='STSSAInvalidLossHook', interval=1) in cfg.custom_hooks


@pytest.mark.parametrize('family', ['ablation/stssa_ava', 'stssa_jhmdb', 'stssa_toy', 'stssa_lite0_jhmdb',
                                    'stssa_lite0_own-videos'])
def test_no_attention_is_like_for_like(family):
    """The attention's branches are all that the control lacks; the plain head has no module."""
    full = load(REPO / 'configs' / 'stssa_ava.py' if 'ava' in family else REPO / 'configs' / f'{family}.py')
    control = load(REPO / 'configs' / f'{family}_no-attention.py')
    assert set(differing_keys(full.to_dict(), control.to_dict())) == {'model.roi_head.shared_head.branches'}
    with torch.device('meta'):
        names = [{name for name, _ in build(cfg).named_parameters()} for cfg in (full, control)]
    assert names[1] == {name for name in names[0] if 'ssfa' not in name and 'tsfa' not in name}
    if family == 'stssa_jhmdb':  # neither reduction nor LayerNorm: the control has no module left
        assert not any('shared_head' in name for name in names[1])
    else:
        plain = load(REPO / 'configs' / f'{family}_plain-head.py')
        assert plain.model.roi_head.shared_head is None
        assert all(key.startswith('model.roi_head.') for key in differing_keys(full.to_dict(), plain.to_dict()))


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
@pytest.mark.parametrize('name', ['stssa_toy', 'stssa_toy_faster-rcnn'])
def test_a_model_in_half_precision_gives_the_scores_of_the_whole(name, dtype):
    torch.manual_seed(0)
    cfg = load(REPO / 'configs' / f'{name}.py')
    model = build(cfg).eval()
    for key, parameter in model.named_parameters():
        if 'gammas' in key:
            torch.nn.init.constant_(parameter, 0.5)
    clip = torch.randn(1, 3, 16, 64, 64)
    scores = []
    for half in (False, True):
        model = model.to(dtype) if half else model
        with torch.no_grad():
            sample, = model.predict(clip.to(dtype) if half else clip, clip_samples(9, 64))
        scores.append(sample.pred_instances.scores)
    if 'faster-rcnn' not in name:  # which boxes survive may hang on a digit
        torch.testing.assert_close(scores[1], scores[0], rtol=0, atol=0.03)
    assert scores[1].dtype == torch.float32 and scores[1].isfinite().all()


def test_the_variant_of_the_readme_has_the_parameters_that_it_says(tmp_path):
    section = (REPO / 'README.md').read_text().split('## A new variant in five lines\n')[1].split('\n## ')[0]
    lines = [line for line in section.splitlines() if line.startswith('    ')]
    assert len(lines) == 5
    (tmp_path / 'variant.py').write_text(textwrap.dedent('\n'.join(lines)).replace("'./", f"'{REPO}/configs/"))
    said = re.search(r'neck has ([\d.]+) M parameters, that of its parent ([\d.]+) M', section).groups()
    for path, millions in zip((tmp_path / 'variant.py', ROOT), said):
        with torch.device('meta'):
            head = build(load(path)).roi_head
        assert f'{sum(p.numel() for p in head.shared_head.parameters()) / 1e6:.1f}' == millions
        assert head.bbox_head.in_channels == head.shared_head.blocks[0].norm.normalized_shape[0]
    assert float(said[0]) < 20


def test_row_6_is_the_root():
    head = load(ROOT).model.roi_head
    assert (head.bbox_head.pooling, head.shared_head.layers, head.shared_head.dims, head.shared_head.norm) == (
        'GAP', 2, 2048, True)


@pytest.mark.parametrize('name', ['ava', 'jhmdb', 'toy'])
def test_faster_rcnn_has_the_trunk_module_and_evaluation_of_its_parent(name):
    parent, child = (load(REPO / 'configs' / f'stssa_{name}{suffix}.py') for suffix in ('', '_faster-rcnn'))
    for part in ('backbone', 'data_preprocessor', 'init_cfg'):
        assert child.model.get(part) == parent.model.get(part)
    assert child.model.roi_head.shared_head == parent.model.roi_head.shared_head
    assert child.optim_wrapper == parent.optim_wrapper
    assert child.val_evaluator == parent.val_evaluator
    for loader in (child.train_dataloader, child.val_dataloader):
        assert loader.dataset.proposal_file is None
    assert (child.model.roi_head.bbox_roi_extractor.roi_layer_type == 'RoIPool') == (name == 'ava')


@pytest.mark.parametrize(('name', 'zoo'), [
    ('stssa_ava', 'i3d/i3d_imagenet-pretrained-r50_8xb8-32x2x1-100e_kinetics400-rgb'),
    ('trunks/stssa_mvit_ava', 'mvit/mvit-small-p244_32xb16-16x4x1-200e_kinetics400-rgb'),
    ('trunks/stssa_swin_ava', 'swin/swin-tiny-p244-w877_in1k-pre_8xb8-amp-32x2x1-30e_kinetics400-rgb')])
def test_every_trunk_key_of_the_recogniser_loads(name, zoo, tmp_path):
    """MMAction2's own recogniser has the checkpoint's keys: its whole trunk loads into ours."""
    init_default_scope('mmaction')
    folder = Path(mmaction.__file__).parent / '.mim' / 'configs' / 'recognition'
    recogniser_cfg = Config.fromfile(folder / f'{zoo}.py')
    recogniser_cfg.model.backbone.pretrained = None
    recogniser_cfg.model.data_preprocessor.pop('blending', None)  # has no part in the weights
    recogniser = MODELS.build(recogniser_cfg.model)
    torch.save(dict(state_dict=recogniser.state_dict()), tmp_path / 'recogniser.pth')

    cfg = load(REPO / 'configs' / f'{name}.py')
    assert f'/recognition/{zoo}/{Path(zoo).name}_' in cfg.model.init_cfg.checkpoint
    assert cfg.model.init_cfg.type == 'Pretrained'
    for key in ('mean', 'std'):
        assert cfg.model.data_preprocessor[key] == recogniser_cfg.model.data_preprocessor[key]
    cfg.model.roi_head.shared_head = None
    model = build(cfg)
    theirs = {key: value for key, value in recogniser.state_dict().items() if key.startswith('backbone.')}
    ours = {key: value for key, value in model.state_dict().items() if key.startswith('backbone.')}
    assert {key: value.shape for key, value in theirs.items()} == {key: value.shape for key, value in ours.items()}
    load_checkpoint(model, str(tmp_path / 'recogniser.pth'), map_location='cpu')
    for key, value in model.state_dict().items():
        if key.startswith('backbone.'):
            assert torch.equal(value, theirs[key]), key


@pytest.mark.parametrize(('name', 'frames'), [('stssa_slowonly_ava', 4), ('stssa_slowfast_ava', 32),
                                              ('stssa_videomae_ava', 16), ('stssa_mvit_ava', 16),
                                              ('stssa_swin_ava', 32)])
def test_other_trunks_run_forward_and_backward(name, frames):
    torch.manual_seed(0)
    cfg = load(REPO / 'configs' / 'trunks' / f'{name}.py')
    size = 64
    if 'videomae' in name:  # its position embedding is for 14 x 14 patches
        cfg.model.backbone.update(depth=2, img_size=size)
    model = build(cfg)
    clip = torch.randn(1, 3, frames, size, size)
    losses = model.loss(clip, clip_samples(81, size))
    losses['loss_action_cls'].backward()
    gammas = [p for n, p in model.named_parameters() if 'gammas' in n]
    assert len(gammas) == 8 and all(p.grad is not None and p.grad != 0 for p in gammas)
    assert all(p.grad is not None for p in model.parameters() if p.requires_grad)  # DDP waits for each
    sampler, = (step for step in cfg.val_pipeline if step.type == 'SampleAVAFrames')
    assert sampler.clip_len == frames
    model.eval()
    with torch.no_grad():
        prediction, = model.predict(clip, clip_samples(81, size))
    assert prediction.pred_instances.scores.shape == (2, 81)


@pytest.mark.parametrize('path', [path for path in CONFIGS if '_ava' in path.stem], ids=lambda path: path.stem)
@pytest.mark.parametrize('by', ['option', 'child config'])
def test_mmaction2s_demos_find_the_clips_length(path, by, tmp_path):
    """As they look for it, with the option or the child config that README names; trunks need neither."""
    cfg = demo = load(path)
    sampler = dict(cfg.val_pipeline[0])
    if path.parent.name != 'trunks' and by == 'option':
        demo = copy.deepcopy(cfg)
        demo.merge_from_dict({'val_pipeline.0.type': 'SampleAVAFrames'})
    elif path.parent.name != 'trunks':
        line, = re.findall(r'`(val_pipeline = .*?)`', (REPO / 'README.md').read_text())
        if 'lite0' in path.stem:
            line = line.replace('clip_len=32, frame_interval=2', 'clip_len=8, frame_interval=8')
        (tmp_path / 'child.py').write_text(f'_base_ = {str(path)!r}\n{line}\n')
        demo = load(tmp_path / 'child.py')
    found, *_ = [step for step in demo.val_pipeline if step['type'] == 'SampleAVAFrames']
    assert (found['clip_len'], found['frame_interval']) == (sampler['clip_len'], sampler['frame_interval'])
