"""What all tests share."""
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch

REPO = Path(__file__).resolve().parents[1]
SHARED = REPO.parent / 'shared' / 'data'
HANGS = 1800  # seconds after which something hangs, on however slow a machine

warnings.filterwarnings('ignore', message='pkg_resources is deprecated')
torch.set_num_threads(1)  # `make test` runs two processes


@pytest.fixture(autouse=True, scope='module')
def no_default_scope_is_left():
    """What a file of tests, or its fixtures, set as MMEngine's default scope ends with it."""
    from mmengine.registry import DefaultScope
    before = set(DefaultScope._instance_dict)
    yield
    for name in set(DefaultScope._instance_dict) - before:
        del DefaultScope._instance_dict[name]


@pytest.fixture(scope='session')
def repo():
    """Path of the checkout."""
    return REPO


@pytest.fixture(scope='session')
def shared_data():
    """Folder of real data beside the checkout; the test is skipped, and says so, where it is not there."""
    if not SHARED.is_dir():
        pytest.skip(f'needs real data in {SHARED}, which is not here')
    return SHARED


@pytest.fixture(scope='session')
def toy(tmp_path_factory):
    """Folder with a small toy set."""
    from stssa_mm.converters.toy import make_toy
    folder = tmp_path_factory.mktemp('data') / 'toy'
    make_toy(folder, train_videos=6, val_videos=3)
    return folder


@pytest.fixture(scope='session')
def hard_video(tmp_path_factory):
    """A function that gives the file of a kind in ``hard_videos.KINDS``, made when it is first asked for."""
    from hard_videos import KINDS
    files = {}

    def make(kind):
        if kind not in files:
            files[kind] = KINDS[kind].make(tmp_path_factory.mktemp('video'))
        return files[kind]

    return make


@pytest.fixture(scope='session')
def region_network(tmp_path_factory):
    """A thin child of the toy set's Faster R-CNN config, and a checkpoint of it with random weights."""
    from mmengine.config import Config
    from mmengine.registry import MODELS, DefaultScope

    import stssa_mm  # noqa: F401  (registers the model)
    folder = tmp_path_factory.mktemp('network')
    (folder / 'thin.py').write_text(f"""_base_ = '{REPO}/configs/stssa_toy_faster-rcnn.py'
model = dict(
    backbone=dict(base_channels=4),
    rpn_head=dict(in_channels=32),
    roi_head=dict(shared_head=dict(in_channels=32, dims=16), bbox_head=dict(in_channels=16)))
test_dataloader = dict(dataset=dict(label_file='/nowhere/labels.pbtxt'))
""")
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmaction'):
        model = MODELS.build(Config.fromfile(folder / 'thin.py').model)
    model.init_weights()
    torch.save(dict(state_dict=model.state_dict()), folder / 'weights.pth')
    return folder / 'thin.py', folder / 'weights.pth'


@pytest.fixture(scope='session')
def small_network(tmp_path_factory, toy):
    """A thin child of the toy set's config that reads the small toy set, and a checkpoint of it with random weights,
    as training writes it."""
    from mmengine.config import Config
    from mmengine.registry import MODELS, DefaultScope

    import stssa_mm  # noqa: F401  (registers the model)
    folder, annotations = tmp_path_factory.mktemp('network'), toy / 'annotations'
    (folder / 'thin.py').write_text(f"""_base_ = '{REPO}/configs/stssa_toy.py'
model = dict(
    backbone=dict(base_channels=4),
    roi_head=dict(shared_head=dict(in_channels=32, dims=16), bbox_head=dict(in_channels=16)))
files = dict(
    ann_file='{annotations}/val.csv', exclude_file=None, label_file='{annotations}/action_list.pbtxt')
val_dataloader = dict(num_workers=0, persistent_workers=False, dataset=dict(
    proposal_file='{annotations}/val_proposals.pkl', data_prefix=dict(img='{toy}/videos'), **files))
test_dataloader = val_dataloader
val_evaluator = files
test_evaluator = val_evaluator
""")
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmaction'):
        model = MODELS.build(Config.fromfile(folder / 'thin.py').model)
    model.init_weights()
    torch.nn.init.normal_(model.roi_head.bbox_head.fc_cls.weight, std=2)  # scores that differ between people
    names = [line.split('"')[1] for line in (annotations / 'action_list.pbtxt').read_text().splitlines() if '"' in line]
    torch.save(dict(state_dict=model.state_dict(), meta=dict(dataset_meta=dict(
        classes=tuple(names), class_ids=tuple(range(1, len(names) + 1))))), folder / 'weights.pth')
    return folder / 'thin.py', folder / 'weights.pth'


@pytest.fixture
def key_frames(tmp_path, toy):
    """A list of the first five key frames of the toy set's validation videos."""
    rows = (toy / 'annotations' / 'val.csv').read_text().splitlines()
    lines = list(dict.fromkeys(','.join(row.split(',')[:2]) for row in rows))
    (tmp_path / 'key_frames.csv').write_text('\n'.join(lines[:5]) + '\n')
    return tmp_path / 'key_frames.csv'


@pytest.fixture(scope='session')
def mim():
    """Run ``mim`` in a process of its own: ``mim('train', 'mmaction', config, ...)``."""

    def run(*args, check=True, **kwargs):
        command = [str(Path(sys.executable).with_name('mim')), *map(str, args)]
        env = dict(os.environ, OMP_NUM_THREADS='1', PYTHONWARNINGS='ignore', **kwargs.pop('env', {}))
        result = subprocess.run(command, capture_output=True, text=True, env=env, cwd=REPO, timeout=HANGS, **kwargs)
        if check:
            assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
        return result

    return run


@pytest.fixture(autouse=True)
def no_default_scope():
    """A test that sets MMEngine's default scope leaves none to the next."""
    from mmengine.registry import DefaultScope
    before = DefaultScope._instance_dict.copy()
    yield
    DefaultScope._instance_dict.clear()
    DefaultScope._instance_dict.update(before)
