import json

import pytest
from datasets.video_files import SIZE, write_squares

from stssa_mm.converters.own_videos import convert_own_videos
from stssa_mm.converters.own_videos.via import read_via


@pytest.fixture
def project(tmp_path):
    """A project of VIA 3 with two videos of 2 seconds, a box on each and two stretches, as VIA 3 saves it."""
    for name in ('a', 'b'):
        write_squares(tmp_path / f'{name}.mp4', [4])
    attribute = {'1': dict(aname='ACTION', anchor_id='FILE1_Z1_XY1', type=4, desc='', options={'0': 'wave', '1': 'sit'},
                           default_option_id=''),
                 '2': dict(aname='SEGMENT', anchor_id='FILE1_Z2_XY0', type=1, desc='', options={},
                           default_option_id='')}
    file = {number: dict(fid=number, fname=f'{name}.mp4', type=4, loc=1, src=f'{name}.mp4')
            for number, name in (('1', 'a'), ('2', 'b'))}
    metadata = {'1_box': dict(vid='1', flg=0, z=[.5], xy=[2, 9, 24, 16, 16], av={'1': '0'}),
                '2_box': dict(vid='2', flg=0, z=[1.5], xy=[2, 19, 24, 16, 16], av={'1': '1'}),
                '2_none': dict(vid='2', flg=0, z=[1.8], xy=[2, 19, 24, 16, 16], av={}),
                '1_part': dict(vid='1', flg=0, z=[0, 1], xy=[], av={'2': 'talk'})}
    return dict(project={}, config={}, attribute=attribute, file=file, metadata=metadata,
                view={'1': dict(fid_list=['1']), '2': dict(fid_list=['2'])}), tmp_path / 'via.json'


def write(project):
    data, file = project
    file.write_text(json.dumps(data))
    return file


def test_boxes(project, repo, tmp_path):
    file = write(project)
    notes = []
    first, second = read_via(file, tmp_path, notes=notes)
    mark, = first.marks
    assert (mark.first, mark.last, mark.label) == (5, 5, 'wave')
    assert mark.box == pytest.approx([9 / SIZE, 24 / SIZE, 25 / SIZE, 40 / SIZE], abs=1e-4)
    assert [mark.label for mark in second.marks] == ['sit'] and second.unlabelled == 1
    assert notes == ['1 stretches without a box are left out, as boxes have labels']
    summary = convert_own_videos(file, tmp_path / 'set', repo / 'configs/_base_/person_crops.py')
    assert summary['classes'] == ['sit', 'wave'] and summary['unlabelled'] == 1


def test_stretches(project, tmp_path):
    data, _ = project
    data['metadata'] = {key: entry for key, entry in data['metadata'].items() if not entry['xy']}
    video, = read_via(write(project), tmp_path)
    mark, = video.marks
    assert (mark.first, mark.last, mark.label, mark.box) == (0, 9, 'talk', None)


@pytest.mark.parametrize(('change', 'message'), [
    (lambda data: data.update(metadata={}), 'a project of VIA 3 whose "metadata" is empty'),
    (lambda data: data['metadata']['1_box'].update(xy=[3, 9, 24, 16]), "metadata '1_box': shape 3 .* a rectangle"),
    (lambda data: data['metadata']['1_box'].update(z=[7]), "metadata '1_box': 7 seconds, but a.mp4 lasts 2.000"),
    (lambda data: data['metadata']['1_box'].update(xy=[2, 60, 24, 16, 16]), "metadata '1_box': box 60,24,76,40: expec"),
    (lambda data: data['metadata']['1_box'].update(z=[]), "metadata '1_box': .* at 0 moments"),
    (lambda data: data['metadata']['1_box'].update(vid='9'), "an entry is not as VIA 3 writes it: KeyError\\('9'"),
    (lambda data: data['file']['1'].update(fname='c.mp4'), r"metadata '1_box': .*c\.mp4: no such video"),
])
def test_faults(project, tmp_path, change, message):
    change(project[0])
    with pytest.raises((ValueError, FileNotFoundError), match=rf'via\.json: {message}'):
        read_via(write(project), tmp_path)


def test_an_attribute_that_is_not_there(project, tmp_path):
    with pytest.raises(ValueError, match="no attribute 'verb': expected one of ACTION, SEGMENT"):
        read_via(write(project), tmp_path, ['verb'])


def test_the_empty_project_of_another_user(shared_data, tmp_path, repo):
    with pytest.raises(ValueError, match=r'via\.json: a project of VIA 3 whose "metadata" is empty'):
        convert_own_videos(shared_data / 'hard_inputs' / 'labels' / 'via.json', tmp_path / 'set', repo)
