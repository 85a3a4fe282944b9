import copy
import json
import pickle
import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stssa_mm.datasets import STSSAAVADataset, ava_dataset
from stssa_mm.registry import DATASETS

from mmaction.datasets import AVADataset  # isort: skip


def dataset(toy, **kwargs):
    annotations = toy / 'annotations'
    options = dict(
        ann_file=str(annotations / 'train.csv'),
        exclude_file=str(annotations / 'train_excluded_timestamps.csv'),
        label_file=str(annotations / 'action_list.pbtxt'),
        proposal_file=str(annotations / 'train_proposals.pkl'),
        data_prefix=dict(img=str(toy / 'videos')),
        num_classes=9, use_frames=False, start_index=0, fps=10, timestamp_start=900, pipeline=[])
    return STSSAAVADataset(**{**options, **kwargs})


class Draw:
    """A transform that gives random numbers."""

    def __call__(self, results):
        return np.random.rand()


def test_is_found_by_its_bare_name():
    assert DATASETS.get('STSSAAVADataset') is STSSAAVADataset


def test_metainfo_names_the_classes_of_the_scores(toy, tmp_path):
    assert dataset(toy).metainfo == dict(
        classes=('stand', 'crouch', 'wave slowly', 'wave fast', 'kick', 'reach to a person', 'reach away from people',
                 'jump'), class_ids=(1, 2, 3, 4, 5, 6, 7, 8))
    some = dataset(toy, custom_classes=[8, 2], num_classes=3).metainfo
    assert some == dict(classes=('jump', 'crouch'), class_ids=(8, 2))
    (tmp_path / 'labels.pbtxt').write_text('item { name: "jump" id: 8 }\n')
    assert dataset(toy, label_file=str(tmp_path / 'labels.pbtxt')).metainfo['classes'] == ('', ) * 7 + ('jump', )
    assert dataset(toy, label_file=None).metainfo == {}


def test_videos_are_found_by_id_and_suffix(toy):
    from pathlib import Path
    files = {sample['filename'] for sample in map(dataset(toy).get_data_info, range(5))}
    assert files and all(Path(file).is_file() for file in files)


@pytest.mark.parametrize('key', ['ann_file', 'exclude_file', 'label_file', 'proposal_file', 'video_info'])
def test_a_missing_file_is_named_with_its_key(toy, key):
    message = rf"^dataset\.{key}='/nowhere/x': no such file[^\n]*data/README\.md[^\n]*$"
    with pytest.raises(FileNotFoundError, match=message):
        dataset(toy, **{key: '/nowhere/x'})


def test_a_samples_random_numbers_depend_on_seed_epoch_and_index_alone(toy):
    first, second = dataset(toy, pipeline=[Draw()]), dataset(toy, pipeline=[Draw()])
    for data in (first, second):
        data.seed_samples(seed=1, epoch=2)
    forwards = [first[i] for i in range(5)]
    assert forwards == [second[i] for i in reversed(range(5))][::-1]
    assert len(set(forwards)) == 5
    for seed, epoch in ((1, 3), (2, 2)):
        first.seed_samples(seed, epoch)
        assert first[0] != forwards[0]


def test_the_callers_random_state_is_left_alone(toy):
    data = dataset(toy, pipeline=[Draw()])
    data.seed_samples(0, 0)
    np.random.seed(5)
    expected = np.random.rand()
    np.random.seed(5)
    data[0]
    assert np.random.rand() == expected


def test_without_a_seed_samples_are_random(toy):
    data = dataset(toy, pipeline=[Draw()])
    assert data[0] != data[0]


@pytest.mark.parametrize('persistent', [False, True])
def test_workers_see_a_new_epoch(toy, persistent):
    data = dataset(toy, pipeline=[Draw()])
    loader = torch.utils.data.DataLoader(data, batch_size=2, num_workers=2, persistent_workers=persistent)
    epochs = []
    for epoch in range(2):
        data.seed_samples(0, epoch)
        epochs.append(torch.cat(list(loader)))
        expected = torch.tensor([data[i] for i in range(len(data))], dtype=torch.float64)
        assert torch.equal(epochs[-1], expected)
    assert not torch.equal(*epochs)


BOX = '0.1,0.2,0.3,0.4'
LABELS = ''.join(f'item {{\n  name: "c{number}"\n  id: {number}\n}}\n' for number in range(1, 6))


def write(folder, annotations=f'v,0902,{BOX},1,0\n', proposals=None, exclude=None, videos=None):
    """Files of a small dataset; gives the arguments that name them."""
    arguments = dict(ann_file='a.csv', label_file='labels.pbtxt')
    (folder / 'a.csv').write_text(annotations)
    (folder / 'labels.pbtxt').write_text(LABELS)
    if proposals is not None:
        arguments['proposal_file'] = 'p.pkl'
        (folder / 'p.pkl').write_bytes(pickle.dumps(proposals))
    if exclude is not None:
        arguments['exclude_file'] = 'e.csv'
        (folder / 'e.csv').write_text(exclude)
    if videos is not None:
        arguments['video_info'] = 'v.json'
        (folder / 'v.json').write_text(json.dumps(videos))
    return {key: str(folder / name) for key, name in arguments.items()}


def small(folder, *files, num_classes=6, pipeline=(), data_prefix=None, **kwargs):
    names = ('annotations', 'proposals', 'exclude', 'videos')
    given_files = {name: kwargs.pop(name) for name in names if name in kwargs}
    arguments = {**write(folder, *files, **given_files), **kwargs}
    return STSSAAVADataset(pipeline=pipeline, num_classes=num_classes, data_prefix=data_prefix or dict(img='frames'),
                           **arguments)


def people(*boxes):
    return np.array(boxes, float).reshape(-1, 5)


@st.composite
def ava_files(draw):
    """Annotations whose rows are in any order, proposals of all key frames, and exclusions. A box is one person."""
    number = st.integers(0, 999).map(lambda value: value / 1000)
    interval = st.tuples(number, number).filter(lambda pair: pair[0] != pair[1]).map(sorted)
    row = st.tuples(st.sampled_from('vw'), st.integers(902, 905), interval, interval, st.integers(1, 5))
    rows = draw(st.lists(row, min_size=1, max_size=25))
    boxes = {box: number for number, box in enumerate({(*x, *y) for _, _, x, y, _ in rows})}
    text = ''.join(f'{video},{timestamp:04d},{x[0]},{y[0]},{x[1]},{y[1]},{label},{boxes[(*x, *y)]}\n'
                   for video, timestamp, x, y, label in rows)
    proposal = st.tuples(number, number, st.sampled_from([0.1, 0.5, 0.9, 0.95])).map(
        lambda values: [values[0] / 2, values[1] / 2, 0.5 + values[0] / 2, 0.5 + values[1] / 2, values[2]])
    columns = draw(st.sampled_from([4, 5]))
    proposals = {f'{video},{timestamp:04d}': np.array(draw(st.lists(proposal, min_size=1, max_size=4)))[:, :columns]
                 for video, timestamp in sorted({row[:2] for row in rows})}
    exclude = ''.join(f'{video},{timestamp:04d}\n' for video, timestamp in draw(st.sets(st.tuples(
        st.sampled_from('vwx'), st.integers(902, 905)), max_size=2)))
    return text, proposals, exclude


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ava_files(), st.sampled_from([None, [2, 5], [5, 1, 3]]), st.booleans())
def test_samples_are_mmaction2s(tmp_path, files, custom_classes, use_frames):
    arguments = dict(
        write(tmp_path, *files), pipeline=[], custom_classes=custom_classes, use_frames=use_frames,
        num_classes=len(custom_classes or range(5)) + 1, person_det_score_thr=0.6, num_max_proposals=2,
        data_prefix=dict(img='media'))
    theirs = AVADataset(**arguments) if _remains(files, custom_classes) else ()
    if not len(theirs):
        with pytest.raises(ValueError, match='no key frame remains'):
            STSSAAVADataset(**arguments)
        return
    ours = STSSAAVADataset(video_suffix='', **arguments)
    assert len(ours) == len(theirs)
    for index in range(len(ours)):
        sample, expected = ours.get_data_info(index), theirs.get_data_info(index)
        assert sample.keys() == expected.keys()
        for key, value in expected.items():
            np.testing.assert_array_equal(sample[key], value, err_msg=key)
            if isinstance(value, np.ndarray):
                assert sample[key].dtype == value.dtype, key
            else:
                assert type(sample[key]) is type(value), key


def _remains(files, custom_classes):
    """Whether a row is left; MMAction2's dataset cannot be empty."""
    annotations, _, exclude = files
    excluded = exclude.split('\n')
    return any(','.join(row.split(',')[:2]) not in excluded and int(row.split(',')[6]) in (custom_classes or range(6))
               for row in annotations.splitlines())


def test_people_with_one_box_stay_two_and_keep_their_labels(tmp_path):
    data = small(tmp_path, f'v,902,{BOX},1,7\nv,902,{BOX},2,8\nv,902,{BOX},3,7\n')
    sample = data.get_data_info(0)
    assert sample['entity_ids'].tolist() == [7, 8] and len(sample['gt_bboxes']) == 2
    assert [np.flatnonzero(labels).tolist() for labels in sample['gt_labels']] == [[1, 3], [2]]


def test_without_ids_a_person_is_a_box(tmp_path):
    data = small(tmp_path, f'v,902,{BOX},1\nv,902,0,0,1,1,2\nv,902,{BOX},3\nw,902,{BOX},1\n')
    assert data.get_data_info(0)['entity_ids'].tolist() == [0, 1] and data.get_data_info(1)['entity_ids'] == [0]
    assert [np.flatnonzero(labels).tolist() for labels in data.get_data_info(0)['gt_labels']] == [[1, 3], [2]]


def test_key_frames_with_nobody(tmp_path):
    text = f'v,0902\nv,0903,{BOX},1,0\n'
    assert [info['timestamp'] for info in map(small(tmp_path, text).get_data_info, range(1))] == [903]
    for data in (small(tmp_path, text, test_mode=True), small(tmp_path, text, keep_empty=True)):
        sample = data.get_data_info(1)
        assert len(data) == 2 and sample['img_key'] == 'v,0902'
        assert sample['gt_bboxes'].shape == (0, 4) and sample['gt_labels'].shape == (0, 6)


def test_custom_classes_that_leave_nobody(tmp_path):
    text = f'v,0902,{BOX},1,0\nv,0903,{BOX},2,0\n'
    arguments = dict(custom_classes=[2], num_classes=2)
    assert len(small(tmp_path, text, **arguments)) == 1
    assert len(small(tmp_path, text, **arguments, test_mode=True)) == 2


def test_timestamps_that_are_not_whole(tmp_path):
    data = small(tmp_path, f'v,902.5,{BOX},1,0\nv,0903.0,{BOX},1,0\n', proposals={
        'v,902.50': people([0, 0, 1, 1, 1]), 'v,0903': people([0, 0, .5, 1, 1])})
    assert [data.get_data_info(index)['img_key'] for index in range(2)] == ['v,902.5', 'v,0903']
    timestamps = [data.get_data_info(index)['timestamp'] for index in range(2)]
    assert timestamps == [902.5, 903] and isinstance(timestamps[1], int)
    assert [data.get_data_info(index)['proposals'][0, 2] for index in range(2)] == [1, 0.5]


def test_each_video_has_its_own_times(tmp_path):
    data = small(tmp_path, f'v,2,{BOX},1,0\nw,902,{BOX},1,0\n', fps=30, use_frames=False,
                 videos={'v': dict(start=0, frames=100, fps=25), 'w': {}})
    first, second = map(data.get_data_info, range(2))
    assert {key: first[key] for key in ('fps', 'timestamp_start', 'timestamp_end', 'shot_info')} == dict(
        fps=25, timestamp_start=0, timestamp_end=4, shot_info=(0, 100))
    assert (second['fps'], second['timestamp_start'], second['shot_info']) == (30, 900, None)


def test_a_video_without_times_is_named(tmp_path):
    with pytest.raises(ValueError, match=r'dataset\.video_info=.*1 of 1 videos of .*a\.csv are not in it, such as v'):
        small(tmp_path, videos={'w': {}})


def test_videos_of_any_extension(tmp_path):
    for name in ('v.avi', 'w.x.MKV', 'v.csv'):
        (tmp_path / name).touch()
    data = small(tmp_path, f'v,902,{BOX},1,0\nw.x,902,{BOX},1,0\n', use_frames=False, video_suffix=None,
                 data_prefix=dict(img=str(tmp_path)))
    assert [data.get_data_info(index)['filename'] for index in range(2)] == [
        str(tmp_path / 'v.avi'), str(tmp_path / 'w.x.MKV')]


def test_an_id_that_is_its_files_name_gets_no_suffix(tmp_path):
    """MultiSports' ids carry their extension."""
    names = ['sport/v.mp4', 'sport/w.MP4', 'x.avi', 'x.y', 'z']
    for name in ('x.avi', 'x.y.mp4'):
        (tmp_path / name).touch()
    data = small(tmp_path, ''.join(f'{name},1,{BOX},1,0\n' for name in names), use_frames=False,
                 data_prefix=dict(img=str(tmp_path)))
    assert [data.get_data_info(index)['filename'] for index in range(5)] == [
        f'{tmp_path}/{name}' for name in ('sport/v.mp4', 'sport/w.MP4', 'x.avi', 'x.y.mp4', 'z.mp4')]


def test_proposals_that_are_missing(tmp_path):
    files = f'v,902,{BOX},1,0\nw,902,{BOX},1,0\n', {'v,0902': people([0, 0, 1, 1, 1])}
    with pytest.raises(ValueError, match=r"1 of 2 key frames of .*a\.csv are not in it, such as w,0902: add them"):
        small(tmp_path, *files)
    with pytest.raises(ValueError, match="missing_proposals='some': expected 'error' or 'empty'"):
        small(tmp_path, *files, missing_proposals='some')
    assert len(small(tmp_path, *files, missing_proposals='empty')) == 1
    data = small(tmp_path, *files, missing_proposals='empty', test_mode=True)
    assert [len(data.get_data_info(index)['proposals']) for index in range(2)] == [1, 0]
    with pytest.raises(ValueError, match=r'2 of 2 key frames of .*a\.csv are not in it.*: is it the file of this'):
        small(tmp_path, files[0], {'x,0902': people([0, 0, 1, 1, 1])}, missing_proposals='empty', test_mode=True)
    assert len(small(tmp_path, *files, exclude='w,0902\n')) == 1  # an excluded key frame needs none
    kept = small(tmp_path, files[0], {'x,0902': people([0, 0, 1, 1, 1])}, missing_proposals='keep', test_mode=True)
    assert len(kept) == 2 and kept.missing.all()


@pytest.mark.parametrize('test_mode', [False, True])
def test_missing_proposals_are_counted_in_the_log(tmp_path, monkeypatch, test_mode):
    lines = []
    monkeypatch.setattr(ava_dataset.MMLogger, 'get_current_instance', lambda: SimpleNamespace(info=lines.append))
    small(tmp_path, f'v,902,{BOX},1,0\nw,902,{BOX},1,0\n', {'v,0902': people([0, 0, 1, 1, 1])},
          missing_proposals='empty', test_mode=test_mode)
    assert re.search(r'1 of 2 key frames of .*a.csv are not in it, such as w,0902: nobody is there', '\n'.join(lines))


def test_proposals_without_area_are_dropped_and_counted_in_the_log(tmp_path, monkeypatch):
    lines = []
    monkeypatch.setattr(ava_dataset.MMLogger, 'get_current_instance', lambda: SimpleNamespace(info=lines.append))
    data = small(tmp_path, f'v,902,{BOX},1,0\nw,902,{BOX},1,0\n',
                 {'v,0902': people([0, 0, 1, 1, 1], [0.5, 0, 0.5, 1, 1]), 'w,0902': people([0, 0, 1, 0, 1])})
    assert len(data) == 1 and data.get_data_info(0)['proposals'].tolist() == [[0, 0, 1, 1]]
    assert re.search(r'p\.pkl: 2 proposals have no area: dropped', '\n'.join(lines))
    assert re.search('left out: 1 without proposals', '\n'.join(lines))


def test_a_detector_that_finds_nobody_is_no_fault(tmp_path):
    files = f'v,902,{BOX},1,0\nw,902,{BOX},1,0\n', {'v,0902': people([0, 0, 1, 1, 1]), 'w,0902': people()}
    assert len(small(tmp_path, *files)) == 1
    assert small(tmp_path, *files, test_mode=True).get_data_info(1)['proposals'].shape == (0, 4)


@pytest.mark.parametrize('listed', [False, True])
def test_without_ground_truth(tmp_path, listed):
    files = 'w,0902\nv,0902\n', {'w,0902': people([0, 0, 1, 1, 1]), 'v,0902': people([0, 0, .5, 1, 1])}
    data = small(tmp_path, *files, test_mode=True, **({} if listed else dict(ann_file=None)))
    assert [data.get_data_info(index)['img_key'] for index in range(2)] == ['w,0902', 'v,0902']
    sample = data.get_data_info(0)
    assert sample['proposals'].shape == (1, 4) and sample['gt_bboxes'].shape == (0, 4)
    with pytest.raises(ValueError, match='no key frame remains of 2; left out: 2 with nobody' if listed else
                       r'ann_file=None: expected a file, or with test_mode=True a proposal_file'):
        small(tmp_path, *files, **({} if listed else dict(ann_file=None)))


def test_key_frames_that_are_given(tmp_path):
    data = small(tmp_path, ann_file=None, key_frames=['w,0902', 'a b,902.5', 'v,0001'], test_mode=True)
    assert [data.get_data_info(index)['img_key'] for index in range(3)] == ['w,0902', 'a b,902.5', 'v,0001']
    assert data.get_data_info(1)['video_id'] == 'a b' and data.get_data_info(1)['gt_bboxes'].shape == (0, 4)
    with pytest.raises(ValueError, match=r"key_frames: expected None beside ann_file='.*a\.csv'"):
        small(tmp_path, key_frames=['w,0902'], test_mode=True)
    with pytest.raises(ValueError, match='no key frame remains of 0'):
        small(tmp_path, ann_file=None, key_frames=[], test_mode=True)


@pytest.mark.parametrize('proposals, message', [
    (people([0, 0, 20, 30, 1]), r"p\.pkl: key 'v,0902': box \[0.*30.*\]: expected a box relative .* divide pixels"),
    (people([-.1, 0, 1, 1, 1]), r"p\.pkl: key 'v,0902': box \[-0\.1.*expected a box relative"),
    (people([0, 0, np.nan, 1, 1]), r"p\.pkl: key 'v,0902': .*expected finite numbers"),
    (np.zeros(5), r"p\.pkl: key 'v,0902': found float64 \(5,\): expected an array of numbers, \(n, 4\) or \(n, 5\)"),
])
def test_proposals_that_cannot_be_right_are_named(tmp_path, proposals, message):
    with pytest.raises(ValueError, match=message):
        small(tmp_path, proposals={'v,0902': proposals})


@pytest.mark.parametrize('arguments, message', [
    (dict(num_classes=3), r'a\.csv: key frame v,0902: class id 4, but dataset\.num_classes=3: expected the highest id'),
    (dict(custom_classes=[1, 9], num_classes=3), r'custom_classes=\[1, 9\]: .*which does not have \[9\]'),
    (dict(custom_classes=[1, 2], num_classes=2), r'num_classes=2: expected 3'),
    (dict(multilabel=False), r'key frame v,0902: the person 0 has several labels'),
])
def test_classes_that_do_not_fit_are_named(tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        small(tmp_path, f'v,902,{BOX},1,0\nv,902,{BOX},4,0\n', **arguments)


def test_single_labels_are_mmaction2s(tmp_path):
    arguments = dict(write(tmp_path, f'v,902,{BOX},4,0\nv,902,0,0,1,1,2,1\n'), pipeline=[], multilabel=False)
    expected = AVADataset(**arguments).get_data_info(0)['gt_labels']
    found = STSSAAVADataset(**arguments).get_data_info(0)['gt_labels']
    assert found.tolist() == expected.tolist() == [[4], [2]] and found.dtype == expected.dtype


def test_mmengines_ways_to_a_part_work(toy):
    whole = dataset(toy)
    keys = [whole.get_data_info(index)['img_key'] for index in range(len(whole))]

    def keys_of(data):
        return [data.get_data_info(index)['img_key'] for index in range(len(data))]

    assert keys_of(dataset(toy, indices=3)) == keys[:3] and keys_of(dataset(toy, indices=[4, 0])) == [keys[4], keys[0]]
    part = whole.get_subset([2, 1])
    assert keys_of(part) == [keys[2], keys[1]] and keys_of(part.get_subset(-1)) == keys[1:2]
    assert part.key_frames.box is whole.key_frames.box  # shared, not copied
    assert keys_of(copy.deepcopy(whole)) == keys_of(pickle.loads(pickle.dumps(whole))) == keys
    lazy = dataset(toy, lazy_init=True)
    assert not lazy._fully_initialized and len(lazy) == len(keys) and lazy.get_data_info(-1)['img_key'] == keys[-1]
    assert whole.get_data_info(-1)['sample_idx'] == len(keys) - 1


def test_a_sample_belongs_to_its_caller(toy):
    data = dataset(toy)
    before, sample = data.get_data_info(0), data.get_data_info(0)
    for key in ('gt_bboxes', 'gt_labels', 'entity_ids', 'proposals', 'scores'):
        sample[key] *= 0
        assert np.array_equal(data.get_data_info(0)[key], before[key])


@pytest.mark.parametrize('config', ['stssa_toy', 'stssa_jhmdb'])
def test_an_unlabelled_video_passes_the_test_pipeline(toy, repo, config):
    from mmengine.config import Config
    from mmengine.registry import init_default_scope
    init_default_scope('mmaction')
    pipeline = Config.fromfile(repo / 'configs' / f'{config}.py').val_pipeline
    pipeline.insert(3, dict(type='Resize', scale=(-1, 48)))
    file = toy / 'annotations' / 'val_proposals.pkl'
    data = dataset(toy, ann_file=None, exclude_file=None, proposal_file=str(file), test_mode=True,
                   pipeline=pipeline, person_det_score_thr=0)
    expected = pickle.loads(file.read_bytes())
    assert len(data) == len(expected)
    sample = data[0]['data_samples']
    assert len(sample.proposals.bboxes) == len(expected[sample.img_key]) and not len(sample.gt_instances.bboxes)
    assert sample.gt_instances.labels.shape == (0, 9)
    if config == 'stssa_toy':  # moved along with the frames, which are 96 pixels high
        height = torch.tensor(expected[sample.img_key][:, 3] * 48, dtype=torch.float32)
        torch.testing.assert_close(sample.proposals.bboxes[:, 3], height)


def test_a_crop_without_people_is_the_frame(toy):
    from stssa_mm.datasets.transforms import STSSAPersonCrop
    none = np.zeros((0, 4), np.float32)
    results = STSSAPersonCrop(size=8, context=1)(dict(
        imgs=[np.full((4, 8, 3), 9, np.uint8)], img_shape=(4, 8), proposals=none, gt_bboxes=none,
        crop_quadruple=np.array([0, 0, 1, 1])))
    assert results['imgs'][0].shape == (8, 8, 3) and results['proposals'].shape == (0, 4)
    np.testing.assert_allclose(results['crop_quadruple'], [0, -.5, 1, 2])
