"""Small runs through the real ``mim``, and what they leave behind."""
import json
from pathlib import Path

import torch
from conftest import REPO

TOY = REPO / 'configs' / 'stssa_toy.py'


def options(toy, proposals=True, **extra):
    """--cfg-options for the small toy set and a thin trunk."""
    pairs = {'train_cfg.val_interval': 1, 'train_cfg.max_epochs': 2, 'model.backbone.base_channels': 8,
             'model.roi_head.shared_head.in_channels': 64, 'default_hooks.logger.interval': 1}
    for split in ('train', 'val', 'test'):
        name = 'val' if split == 'test' else split
        dataset = f'{split}_dataloader.dataset'
        pairs |= {f'{dataset}.ann_file': toy / 'annotations' / f'{name}.csv',
                  f'{dataset}.exclude_file': toy / 'annotations' / f'{name}_excluded_timestamps.csv',
                  f'{dataset}.label_file': toy / 'annotations' / 'action_list.pbtxt',
                  f'{dataset}.data_prefix.img': toy / 'videos'}
        if proposals:
            pairs |= {f'{dataset}.proposal_file': toy / 'annotations' / f'{name}_proposals.pkl'}
        if split != 'train':
            pairs |= {f'{split}_evaluator.ann_file': toy / 'annotations' / 'val.csv',
                      f'{split}_evaluator.exclude_file': toy / 'annotations' / 'val_excluded_timestamps.csv',
                      f'{split}_evaluator.label_file': toy / 'annotations' / 'action_list.pbtxt'}
    return ['--cfg-options', *(f'{key}={value}' for key, value in (pairs | extra).items())]


def weights(file):
    import stssa_mm  # noqa: F401  (allows what mmengine writes)
    return torch.load(file, weights_only=True)['state_dict']


def assert_same_weights(a, b):
    assert a.keys() == b.keys()
    for key in a:
        assert torch.equal(a[key], b[key]), key


def logged(work_dir, key):
    """The values of a key over a run's log."""
    file, = Path(work_dir).glob('*/vis_data/scalars.json')
    return [entry[key] for entry in map(json.loads, file.read_text().splitlines()) if key in entry]


def metrics_of(work_dir):
    """The metrics that ``mim test`` wrote."""
    file, = (file for file in Path(work_dir).glob('*/*.json') if file.stem == file.parent.name)
    return json.loads(file.read_text())
