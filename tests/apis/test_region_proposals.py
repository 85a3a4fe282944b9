import numpy as np
import pytest
import torch
from conftest import REPO
from mmengine.config import Config
from mmengine.registry import init_default_scope

from stssa_mm.apis.region_proposals import ClipPeople, make_region_proposals, proposes_regions
from stssa_mm.datasets.proposal_files import read_proposals
from stssa_mm.datasets.proposals import Selection
from stssa_mm.registry import MODELS

CONFIG = REPO / 'configs' / 'stssa_toy_faster-rcnn.py'
ALL = Selection(score_thr=0, nms_thr=0.7, max_people=5)


@pytest.fixture(scope='module')
def network(toy, tmp_path_factory):
    """A thin child config on the small toy set, and a checkpoint of it."""
    folder = tmp_path_factory.mktemp('network')
    config = folder / 'thin.py'
    config.write_text(f"""_base_ = '{CONFIG}'
model = dict(
    backbone=dict(base_channels=4),
    rpn_head=dict(in_channels=32),
    roi_head=dict(shared_head=dict(in_channels=32, dims=16), bbox_head=dict(dims=16)))
test_dataloader = dict(dataset=dict(label_file='{toy}/annotations/action_list.pbtxt'))
""")
    torch.manual_seed(0)
    cfg = Config.fromfile(config)
    init_default_scope('mmaction')
    model = MODELS.build(cfg.model)
    model.init_weights()
    torch.save(dict(state_dict=model.state_dict()), folder / 'weights.pth')
    return config, folder / 'weights.pth'


@pytest.fixture
def key_frames(tmp_path, toy):
    """The first key frames of the validation videos."""
    lines = dict.fromkeys(','.join(line.split(',')[:2]) for line in
                          (toy / 'annotations' / 'val.csv').read_text().splitlines())
    (tmp_path / 'key_frames.csv').write_text('\n'.join(list(lines)[:5]) + '\n')
    return tmp_path / 'key_frames.csv'


@pytest.mark.parametrize('suffix', ['.pkl', '.csv'])
def test_writes_what_the_network_proposes(network, toy, key_frames, tmp_path, suffix):
    out = tmp_path / f'proposals{suffix}'
    summary = make_region_proposals(*network, key_frames, toy / 'videos', out, ALL, batch_size=2)
    found = read_proposals(str(out))
    assert summary['key_frames'] == 5 and summary['people'] == 25 and summary['empty'] == []
    people = ClipPeople(*network, key_frames, toy / 'videos')
    for key_frame, line in zip(people.key_frames, key_frames.read_text().splitlines()):
        assert key_frame.key in found and key_frame.key.startswith(line.split(',')[0])
        boxes, = people([key_frame])
        assert boxes.shape[1] == 5 and ((boxes[:, :4] >= 0) & (boxes[:, :4] <= 1)).all()
        assert (np.diff(boxes[:, 4]) <= 0).all()
    assert not list(tmp_path.glob('*.part'))


def test_goes_on_where_it_was(network, toy, key_frames, tmp_path, monkeypatch):
    whole = tmp_path / 'whole.csv'
    make_region_proposals(*network, key_frames, toy / 'videos', whole, ALL, batch_size=2)
    out, calls = tmp_path / 'cut.csv', []
    call = ClipPeople.__call__

    def interrupted(self, frames):
        calls.append(len(frames))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return call(self, frames)

    monkeypatch.setattr(ClipPeople, '__call__', interrupted)
    with pytest.raises(KeyboardInterrupt):
        make_region_proposals(*network, key_frames, toy / 'videos', out, ALL, batch_size=2)
    calls += [0] * 9
    make_region_proposals(*network, key_frames, toy / 'videos', out, ALL, batch_size=2)
    assert sum(calls[11:]) == 5 - calls[0]
    assert out.read_text() == whole.read_text()


def test_tells_its_configs_from_others(network):
    assert proposes_regions(network[0]) and proposes_regions(CONFIG)
    assert not proposes_regions(REPO / 'configs' / 'stssa_toy.py')


def test_a_checkpoint_of_another_model(network, toy, key_frames, tmp_path):
    torch.save(dict(state_dict={'backbone.conv1.conv.weight': torch.zeros(1)}), tmp_path / 'other.pth')
    with pytest.raises(ValueError, match=r'other\.pth: not a checkpoint of .*thin\.py'):
        make_region_proposals(network[0], tmp_path / 'other.pth', key_frames, toy / 'videos', tmp_path / 'x.pkl')
