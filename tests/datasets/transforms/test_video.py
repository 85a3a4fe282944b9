import copy
import logging
import pickle
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmaction.datasets.transforms import DecordDecode, DecordInit
from mmengine.dataset import BaseDataset, ConcatDataset, RepeatDataset
from numbered_videos import cut_off, make_video, number_of, zeroed

from stssa_mm.datasets.transforms import STSSASampleFrames, STSSAVideoDecode, STSSAVideoInit, broken_videos
from stssa_mm.engine import STSSASkippedVideosHook
from stssa_mm.registry import HOOKS, TRANSFORMS
from stssa_mm.video.probe import BrokenVideoError


@pytest.fixture(scope='module')
def path(tmp_path_factory):
    return make_video(tmp_path_factory.mktemp('videos') / 'video.mp4')


class Videos(BaseDataset):
    """Clips of 8 frames, a second of each of the files."""

    def __init__(self, files, init=None, **kwargs):
        self.files = files
        pipeline = [init or STSSAVideoInit(), STSSASampleFrames(8, 2, test_mode=True), STSSAVideoDecode()]
        super().__init__(pipeline=pipeline, **kwargs)

    def load_data_list(self):
        return [dict(filename=str(file), timestamp=second, timestamp_start=0, fps=30, ann=number)
                for number, file in enumerate(self.files) for second in range(5)]


def test_are_found_by_their_bare_names():
    for name in ('STSSAVideoInit', 'STSSAVideoDecode', 'STSSASampleFrames'):
        assert TRANSFORMS.get(name).__name__ == name
    assert HOOKS.get('STSSASkippedVideosHook') is STSSASkippedVideosHook


def test_results_are_those_of_mmaction(path):
    boxes = dict(gt_bboxes=np.array([[0, 0, 0.5, 1]]), proposals=np.array([[0.25, 0, 0.5, 0.5]]))
    indices = np.array([[0, 7, 7, 149, 20]])
    ours, theirs = dict(filename=str(path), **boxes), dict(filename=str(path), **boxes)
    ours, theirs = STSSAVideoInit()(ours), DecordInit()(theirs)
    np.testing.assert_allclose(ours.pop('frame_times'), np.arange(150) / 30, atol=1e-5)
    ours['frame_inds'] = theirs['frame_inds'] = indices
    ours, theirs = STSSAVideoDecode()(ours), DecordDecode()(theirs)
    assert ours.keys() == theirs.keys() and ours['video_reader'] is None
    for key, value in theirs.items():
        np.testing.assert_array_equal(ours[key], value)


def test_the_annotated_frame_is_in_the_middle_of_the_clip(path):
    results = Videos([path])[2]
    assert [number_of(frame) for frame in results['imgs']] == list(range(52, 68, 2))


@pytest.mark.parametrize('clone', [copy.deepcopy, lambda data: pickle.loads(pickle.dumps(data))])
def test_a_dataset_in_use_can_be_copied_and_pickled(path, clone):
    data = Videos([path])
    data[1]
    np.testing.assert_array_equal(clone(data)[3]['imgs'], data[3]['imgs'])


def test_workers_read_after_the_parent_did(path):
    data = Videos([path])
    expected = [data[index]['imgs'] for index in range(5)]
    loader = torch.utils.data.DataLoader(data, batch_size=None, num_workers=2, collate_fn=lambda item: item['imgs'])
    for _ in range(2):
        np.testing.assert_array_equal(list(loader), expected)


def test_files_elsewhere_are_read_through_their_backend(path):
    init = STSSAVideoInit(io_backend='petrel')
    init.file_client = SimpleNamespace(get={'s3://bucket/video.mp4': path.read_bytes()}.get)
    assert init(dict(filename='s3://bucket/video.mp4'))['total_frames'] == 150


def test_settings():
    init = STSSAVideoInit(max_open=2, cache_mb=1.5, timeout=9, num_threads=3)
    assert (init.pool.max_open, init.pool.cache_bytes, init.pool.num_threads) == (2, 1572864, 3)
    assert repr(init) == "STSSAVideoInit(max_open=2, cache_mb=1.5, on_broken='stop', io_backend='disk', num_threads=3)"
    with pytest.raises(ValueError, match="on_broken='ignore': expected 'stop' or 'skip'"):
        STSSAVideoInit(on_broken='ignore')


@pytest.fixture
def broken(path, tmp_path):
    """A video that opens and is damaged inside, and one that does not open."""
    return zeroed(path, tmp_path / 'damaged.mp4', 80, 100), cut_off(path, tmp_path / 'cut.mp4', 0.5)


def test_by_default_a_broken_video_stops(path, broken):
    damaged, cut = broken
    for test_mode in (False, True):
        data = Videos([damaged, cut], test_mode=test_mode)
        with pytest.raises(BrokenVideoError, match=rf'^{damaged}: frames \d+ to \d+ cannot be decoded [^\n]*$'):
            data[3]
        with pytest.raises(BrokenVideoError, match=rf'^{cut}: it announces [^\n]*, so it is cut off\. [^\n]*$'):
            data[5]


@pytest.mark.parametrize('workers', [0, 2])
@pytest.mark.parametrize('wrap', [lambda data: data, lambda data: RepeatDataset(data, 1),
                                  lambda data: ConcatDataset([data])], ids=['plain', 'repeated', 'joined'])
def test_skipped_samples_are_replaced_counted_and_reported(path, broken, caplog, workers, wrap):
    damaged, cut = broken
    init = STSSAVideoInit(on_broken='skip')
    data = Videos([path, path, path, damaged, cut], init, max_refetch=100)
    loader = torch.utils.data.DataLoader(wrap(data), batch_size=None, num_workers=workers,
                                         collate_fn=lambda item: (item['filename'], item['imgs']))
    clips = list(loader)
    assert len(clips) == 25 and str(cut) not in {name for name, _ in clips}
    runner = SimpleNamespace(train_loop=SimpleNamespace(dataloader=loader), epoch=3,
                             logger=logging.getLogger('skipped'))
    STSSASkippedVideosHook().after_train_epoch(runner)
    message, = (record.getMessage() for record in caplog.records if record.name == 'skipped')
    number = int(message.split()[2])
    assert number >= 6 and message.startswith('epoch 3: ') and 'samples left out' in message
    STSSASkippedVideosHook().after_train_epoch(runner)  # nothing new
    assert sum(record.name == 'skipped' for record in caplog.records) == 1


def test_a_skipped_video_is_named_once(broken, monkeypatch):
    _, cut = broken
    messages = []
    monkeypatch.setattr(broken_videos, 'print_log', lambda message, **kwargs: messages.append(message))
    init = STSSAVideoInit(on_broken='skip')
    for _ in range(3):
        assert init(dict(filename=str(cut))) is None
    message, = messages
    assert message.startswith(f'sample left out: {cut}: it announces ') and '\n' not in message
    assert init.take_skipped() == 3 and init.take_skipped() == 0


def test_skipping_does_not_pass_a_test(broken):
    data = Videos(broken, STSSAVideoInit(on_broken='skip'), test_mode=True)
    with pytest.raises(Exception, match='Test time pipline should not get `None`'):
        data[5]
