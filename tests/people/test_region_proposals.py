import os

import numpy as np
import pytest
import torch
from conftest import REPO

from stssa_mm.files.proposals import read_proposals
from stssa_mm.people.proposals import Selection
from stssa_mm.people.region_proposals import ClipPeople, make_region_proposals, proposes_regions

CONFIG = REPO / 'configs' / 'stssa_toy_faster-rcnn.py'
ALL = Selection(score_thr=0, nms_thr=0.7, max_people=5)


@pytest.mark.parametrize('suffix', ['.pkl', '.csv'])
def test_writes_what_the_network_proposes(region_network, toy, key_frames, tmp_path, suffix):
    out = tmp_path / f'proposals{suffix}'
    summary = make_region_proposals(*region_network, key_frames, toy / 'videos', out, ALL, batch_size=2)
    found = read_proposals(str(out))
    assert summary['key_frames'] == 5 and summary['people'] == 25 and summary['empty'] == []
    people = ClipPeople(*region_network, key_frames, toy / 'videos', max_people=5)
    for key_frame, line in zip(people.key_frames, key_frames.read_text().splitlines()):
        assert key_frame.key in found and key_frame.key.startswith(line.split(',')[0])
        boxes, = people([key_frame])
        assert boxes.shape[1] == 5 and ((boxes[:, :4] >= 0) & (boxes[:, :4] <= 1)).all()
        assert (np.diff(boxes[:, 4]) <= 0).all()
    assert not list(tmp_path.glob('*.part'))


def test_as_many_people_as_wanted_whatever_the_config_says(region_network, toy, key_frames):
    people = ClipPeople(*region_network, key_frames, toy / 'videos', max_people=40)  # the config has 32
    assert len(people(people.key_frames[:1])[0]) == 40


def test_goes_on_where_it_was(region_network, toy, key_frames, tmp_path, monkeypatch):
    whole = tmp_path / 'whole.csv'
    make_region_proposals(*region_network, key_frames, toy / 'videos', whole, ALL, batch_size=2)
    out, calls = tmp_path / 'cut.csv', []
    call = ClipPeople.__call__

    def interrupted(self, frames):
        calls.append(len(frames))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return call(self, frames)

    monkeypatch.setattr(ClipPeople, '__call__', interrupted)
    with pytest.raises(KeyboardInterrupt):
        make_region_proposals(*region_network, key_frames, toy / 'videos', out, ALL, batch_size=2)
    calls += [0] * 9
    make_region_proposals(*region_network, key_frames, toy / 'videos', out, ALL, batch_size=2)
    assert sum(calls[11:]) == 5 - calls[0]
    assert out.read_text() == whole.read_text()


def test_tells_its_configs_from_others(region_network):
    assert proposes_regions(region_network[0]) and proposes_regions(CONFIG)
    assert not proposes_regions(REPO / 'configs' / 'stssa_toy.py')


def test_a_checkpoint_of_another_model(region_network, toy, key_frames, tmp_path):
    torch.save(dict(state_dict={'backbone.conv1.conv.weight': torch.zeros(1)}), tmp_path / 'other.pth')
    with pytest.raises(ValueError, match=r'other\.pth: not a checkpoint of .*thin\.py'):
        make_region_proposals(region_network[0], tmp_path / 'other.pth', key_frames, toy / 'videos', tmp_path / 'x.pkl')


def test_an_empty_checkpoint_and_no_checkpoint(region_network, toy, key_frames, tmp_path):
    args = (key_frames, toy / 'videos', tmp_path / 'x.pkl')
    (tmp_path / 'empty.pth').touch()
    with pytest.raises(ValueError, match=r'empty\.pth: not a checkpoint of'):
        make_region_proposals(region_network[0], tmp_path / 'empty.pth', *args)
    with pytest.raises(FileNotFoundError, match=r'none\.pth: no such file'):
        make_region_proposals(region_network[0], tmp_path / 'none.pth', *args)


def test_work_begun_with_another_checkpoint_of_the_same_name_is_not_gone_on_with(region_network, toy, key_frames,
                                                                                 tmp_path, monkeypatch):
    def interrupted(self, frames):
        raise KeyboardInterrupt

    config, checkpoint = region_network
    out = tmp_path / 'x.pkl'
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(ClipPeople, '__call__', interrupted)
        make_region_proposals(config, checkpoint, key_frames, toy / 'videos', out, ALL)
    for other in (tmp_path / checkpoint.name, checkpoint):  # of another run, and written again by this one
        other.write_bytes(checkpoint.read_bytes())
        os.utime(other, (1, 1))
        with pytest.raises(ValueError, match=r'x\.pkl\.part: begun with'):
            make_region_proposals(config, other, key_frames, toy / 'videos', out, ALL)


def test_labels_of_another_dataset_do_not_matter(region_network, toy, tmp_path):
    file = tmp_path / 'other.csv'
    file.write_text('val_0000,0901,0.1,0.1,0.5,0.5,80,1\n')
    summary = make_region_proposals(*region_network, file, toy / 'videos', tmp_path / 'x.pkl', ALL)
    assert summary['key_frames'] == 1 and summary['people'] == 5
