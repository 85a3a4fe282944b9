import os
import pickle

import numpy as np
import pytest
from datasets.video_files import SIZE, write_squares

from stssa_mm.converters.own_videos import convert_own_videos
from stssa_mm.converters.own_videos.tubes import read_tubes


@pytest.fixture
def data(tmp_path):
    """Two videos in the folder of their class, as UCF101-24's pickle has them, with a box on each frame."""
    for name in ('a', 'b'):
        write_squares(tmp_path / 'videos' / 'Fencing' / f'v_{name}.avi', [4])
    frames = np.arange(20)
    tube = np.column_stack([frames + 1, frames + 4, frames * 0 + 24, frames + 20, frames * 0 + 40]).astype(np.float32)
    return dict(
        labels=['Basketball', 'Fencing'], gttubes={f'Fencing/v_{name}': {1: [tube, tube]} for name in 'ab'},
        nframes={f'Fencing/v_{name}': 20 for name in 'ab'}, train_videos=[['Fencing/v_a']],
        test_videos=[['Fencing/v_b']], resolution={f'Fencing/v_{name}': (SIZE, SIZE) for name in 'ab'})


def write(data, tmp_path, protocol=2):
    (tmp_path / 'gt.pkl').write_bytes(pickle.dumps(data, protocol))
    return tmp_path / 'gt.pkl'


@pytest.mark.parametrize('protocol', [0, 2, 4])
def test_tubes_with_the_split_of_the_file(data, tmp_path, repo, protocol):
    summary = convert_own_videos(write(data, tmp_path, protocol), tmp_path / 'set',
                                 repo / 'configs/_base_/person_crops.py', videos=tmp_path / 'videos')
    assert summary['classes'] == ['Fencing'] and summary['people'] == dict(train=8, val=8)
    table = [line.split(',') for line in (tmp_path / 'set/annotations/val.csv').read_text().splitlines()]
    assert {row[0] for row in table} == {'Fencing/v_b.avi'}
    assert [(int(row[1]), row[7]) for row in table] == [(stamp, person) for stamp in (1, 6, 11, 16) for person in '01']
    for row in table:
        assert float(row[2]) * SIZE == pytest.approx(int(row[1]) - 1 + 4, abs=.01)


def test_videos_that_are_missing_are_counted(data, tmp_path):
    (tmp_path / 'videos' / 'Fencing' / 'v_a.avi').unlink()
    notes = []
    assert len(read_tubes(write(data, tmp_path), tmp_path / 'videos', .5, notes=notes)) == 1
    assert notes[0].startswith('1 of 2 videos of gt.pkl are not in ')
    with pytest.raises(FileNotFoundError, match='none of its 2 videos is in .*--videos names the folder'):
        read_tubes(write(data, tmp_path), tmp_path, .5)


@pytest.mark.parametrize(('change', 'message'), [
    (lambda data: data.pop('gttubes'), r'found labels, nframes, .*: expected a dict of labels, gttubes'),
    (lambda data: data['resolution'].update({'Fencing/v_a': (48, 64)}), 'made for 64 x 48 pixels, but .* 64 x 64'),
    (lambda data: data['gttubes'].update({'Fencing/v_a': {1: [np.zeros((3, 4))]}}), 'tube 0: .*expected numbers'),
    (lambda data: data['gttubes'].update({'Fencing/v_a': {1: [np.array([[30., 1, 1, 9, 9]])]}}), 'frame 30, but .* 20'),
    (lambda data: data.update(train_videos=['a']), 'train_videos: expected a list with a list'),
])
def test_faults(data, tmp_path, change, message):
    change(data)
    with pytest.raises(ValueError, match=rf'gt\.pkl: .*{message}|gt\.pkl: {message}'):
        read_tubes(write(data, tmp_path), tmp_path / 'videos', .5)


class Hostile:

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command, )


def test_a_pickle_that_would_run_code_is_refused(tmp_path):
    file = write(dict(labels=Hostile(f'touch {tmp_path}/ran')), tmp_path)
    with pytest.raises(ValueError, match=r'gt\.pkl: cannot be read as a pickle of plain data'):
        read_tubes(file, tmp_path, .5)
    assert not (tmp_path / 'ran').exists()
