import shutil

import cv2
import numpy as np
import pytest
from mmengine.config import Config

from stssa_mm.apis import STSSAInferencer, find_events
from stssa_mm.apis.inferencer import key_moments
from stssa_mm.apis.sources import Source, find_sources, open_source
from stssa_mm.files.proposals import write_proposals
from stssa_mm.video.reader import Video, open_video
from stssa_mm.video.writer import write_video

START = 900  # of the toy set's timestamps
PEOPLE = np.array([[.1, .2, .3, .9, .8], [.5, .1, .7, .9, .7]])


class Detector:
    """Finds the same two people everywhere, and notes what it was asked."""
    name = 'a detector'

    def __init__(self):
        self.seen = []

    def __call__(self, frames):
        self.seen += [frame.copy() for frame in frames]
        return [PEOPLE.copy() for _ in frames]


@pytest.fixture
def video(toy):
    return sorted((toy / 'videos').glob('*.mp4'))[0]


@pytest.fixture
def inferencer(small_network):
    return STSSAInferencer(*small_network, Detector(), device='cpu')


def cropped(config):
    """The same network on crops around the people, timestamps that are frame numbers."""
    cfg = Config.fromfile(config)
    dataset = cfg.test_dataloader.dataset
    dataset.pipeline[3:] = [
        dict(type='STSSAPersonCrop', size=64), dict(type='FormatShape', input_format='NCTHW', collapse=True),
        dict(type='PackActionInputs', meta_keys=('img_shape', 'video_id', 'timestamp', 'crop_quadruple'))]
    return cfg


@pytest.mark.parametrize('pipeline', ['whole frames', 'crops'])
@pytest.mark.parametrize('batch_size', [1, 4])
def test_the_scores_of_mim_test_on_the_same_key_frames_and_boxes(pipeline, batch_size, small_network, toy, mim_test,
                                                                 scores_of):
    cfg = Config.fromfile(small_network[0]) if pipeline == 'whole frames' else cropped(small_network[0])
    _, expected, dataset = mim_test(cfg, small_network[1], 2)
    boxes = {}
    for sample in map(dataset.get_data_info, range(len(dataset))):
        boxes.setdefault(sample['video_id'], {})[sample['timestamp'] - START] = sample['proposals']
    inferencer = STSSAInferencer(cfg, small_network[1], batch_size=batch_size, device='cpu')
    found = scores_of(inferencer([toy / 'videos' / f'{name}.mp4' for name in boxes], boxes=boxes), START)
    assert found.keys() == expected.keys() and len(found) > 50
    np.testing.assert_allclose([found[key] for key in expected], list(expected.values()), atol=1e-6)
    assert np.ptp(list(expected.values())) > 0.1


def test_the_detections_of_mim_test_by_its_own_region_proposals(region_network, toy, mim_test, scores_of):
    cfg = Config.fromfile(region_network[0])
    files = dict(ann_file=str(toy / 'annotations' / 'val.csv'), exclude_file=None,
                 label_file=str(toy / 'annotations' / 'action_list.pbtxt'))
    cfg.merge_from_dict(dict(test_evaluator=files, test_dataloader=dict(
        num_workers=0, persistent_workers=False, dataset=dict(data_prefix=dict(img=str(toy / 'videos')), **files))))
    _, expected, _ = mim_test(cfg, region_network[1])
    inferencer = STSSAInferencer(cfg, region_network[1], thresholds=0, device='cpu')
    videos = sorted({key[0] for key in expected})
    key_frames = inferencer([toy / 'videos' / f'{name}.mp4' for name in videos], every=2)  # 0 s and 2 s of 4
    found = scores_of(key_frames, START)
    shared = expected.keys() & found.keys()  # the key frames of the set are at 1 s and 3 s
    assert not shared
    found = scores_of((frame for frame in inferencer([toy / 'videos' / f'{name}.mp4' for name in videos], every=1)
                       if frame.time % 2 == 1), START)
    assert found.keys() == expected.keys() and len(found) > 50
    np.testing.assert_allclose([found[key] for key in expected], list(expected.values()), atol=1e-6)


def test_people_have_names_scores_and_numbers(inferencer, video):
    key_frames = list(inferencer(video, every=1))
    assert [(frame.frame, frame.time) for frame in key_frames] == [(0, 0), (10, 1), (20, 2), (30, 3)]
    for frame in key_frames:
        assert (frame.video, frame.size) == (video.stem, (160, 96))
        assert [person.id for person in frame.people] == [0, 1]
        np.testing.assert_allclose([person.box for person in frame.people], PEOPLE[:, :4], atol=1e-6)
        assert [person.detection_score for person in frame.people] == [.8, .7]
        for person in frame.people:
            assert list(frame.classes.values())[:2] == ['stand', 'crouch'] and len(person.scores) == 8
            assert [action.score for action in person.actions] == sorted(
                (score for score in person.scores.tolist() if score >= 0.4), reverse=True)
            assert all(person.scores[list(frame.classes).index(action.id)] == action.score
                       and frame.classes[action.id] == action.name for action in person.actions)


def test_each_frame_is_decoded_once(inferencer, video, monkeypatch):
    taken, take = [], Video._take
    monkeypatch.setattr(Video, '_take', lambda self: taken.append(self._next) or take(self))
    assert len(list(inferencer(video, every=.3, detect_every=.5))) == 14
    assert sorted(set(taken)) == taken and len(taken) == 40


def test_results_come_while_the_video_is_read(inferencer, video, monkeypatch):
    taken, take = [], Video._take
    monkeypatch.setattr(Video, '_take', lambda self: taken.append(self._next) or take(self))
    inferencer.batch_size = 1
    next(iter(inferencer(video, every=.1, patience=.2)))
    assert max(taken) < 20


@pytest.mark.parametrize('people', [PEOPLE, np.zeros((0, 5))], ids=['people', 'nobody'])
def test_what_is_held_does_not_grow_with_the_length(inferencer, people, monkeypatch):
    """The frames of the clips at work, not of the video."""
    spans, hold = [], Source.hold
    monkeypatch.setattr(Source, 'hold', lambda self, first, end: spans.append(end - first) or hold(self, first, end))
    inferencer.detector = lambda frames: [people.copy() for _ in frames]
    frames = [np.full((48, 64, 3), number % 251, np.uint8) for number in range(300)]
    assert len(list(inferencer(frames, every=.5, fps=10))) == 60
    assert 0 < max(spans) <= 8 + 10 + 4 * 5 + 9  # half a clip, patience, four steps, half a clip


@pytest.mark.parametrize('given', [False, True])
def test_key_frames_far_apart_hold_their_clips_alone(inferencer, given, monkeypatch):
    spans, hold = [], Source.hold
    monkeypatch.setattr(Source, 'hold', lambda self, first, end: spans.append(end - first) or hold(self, first, end))
    monkeypatch.setattr('stssa_mm.apis.inferencer.WINDOW_BYTES', 48 * 64 * 3 * 40)
    frames = [np.full((48, 64, 3), number % 251, np.uint8) for number in range(500)]
    options = dict(boxes=dict.fromkeys((0, 20, 40), PEOPLE)) if given else dict(every=20)
    found = list(inferencer(frames, fps=10, **options))
    assert [frame.frame for frame in found] == [0, 200, 400] and max(spans) <= 40
    expected = inferencer(frames, fps=10, boxes=dict.fromkeys((0, 20, 40), PEOPLE))
    for frame, other in zip(found, expected):
        for person, again in zip(frame.people, other.people):
            np.testing.assert_allclose(person.scores, again.scores, atol=1e-6)


def test_large_frames_wait_for_fewer_others(inferencer, monkeypatch):
    batches = []
    monkeypatch.setattr(inferencer, '_score', lambda *args: batches.append(args[-1]))

    def holds(width, height, fps=30):
        source = Source('a', None, np.arange(300) / fps, (width, height))
        inferencer.predict(source)
        return inferencer.holds(source, .5)

    assert [holds(640, 360), holds(1920, 1080), holds(3840, 2160), holds(1920, 1080, 120)] == [True, True, False, False]
    assert batches == [4, 4, 1, 1]


def test_the_detector_looks_at_its_own_interval(inferencer, video):
    key_frames = list(inferencer(video, every=.5, detect_every=2))
    shown = open_video(video).read([0, 20])
    assert len(inferencer.detector.seen) == 2
    np.testing.assert_array_equal(inferencer.detector.seen, shown)
    assert [len(frame.people) for frame in key_frames] == [2] * 5 + [0] * 3  # nobody knows who is there behind 2 s


def test_arrays_and_folders_give_what_the_video_gives(inferencer, video, tmp_path):
    frames = open_video(video).read(range(40))
    expected = [person.scores for frame in inferencer(video) for person in frame.people]
    for number, frame in enumerate(frames):
        cv2.imwrite(str(tmp_path / f'{number:03d}.png'), frame[..., ::-1])
    for inputs in (frames, np.array(frames), tmp_path):
        found = [person.scores for frame in inferencer(inputs, fps=10) for person in frame.people]
        np.testing.assert_array_equal(found, expected)
    assert all((frame == again).all() for frame, again in zip(frames, open_video(video).read(range(40))))


def test_boxes_of_a_file_and_people_who_are_not_there(inferencer, video, tmp_path):
    write_proposals(tmp_path / 'p.csv', {f'{video.stem},0001': PEOPLE, f'{video.stem},1.55': np.zeros((0, 5)),
                                         'another,0000': PEOPLE})
    first, second = inferencer(video, boxes=tmp_path / 'p.csv')
    assert (first.time, first.frame, len(first.people)) == (1, 10, 2)
    assert (second.time, second.frame, second.people) == (1.55, 16, [])
    assert not inferencer.detector.seen
    first, = inferencer(video, boxes={1: PEOPLE[:, :4]})
    assert [person.detection_score for person in first.people] == [None, None]


def test_thresholds_by_class(small_network, video, tmp_path):
    inferencer = STSSAInferencer(*small_network, Detector(), thresholds={'stand': 0, 'crouch': 1}, device='cpu')
    names = [[action.name for action in person.actions] for frame in inferencer(video) for person in frame.people]
    assert names and all('stand' in row and 'crouch' not in row for row in names)
    with pytest.raises(ValueError, match="'jog': no such class in the model, which has stand, crouch"):
        STSSAInferencer(*small_network, thresholds={'jog': .5}, device='cpu')


@pytest.mark.parametrize(('options', 'expected'), [
    (dict(every=0), 'every=0: expected more than 0 seconds'),
    (dict(detect_every=-1), 'detect_every=-1: expected more'),
    (dict(patience=-1), 'patience=-1: expected 0'),
    (dict(boxes={9.: PEOPLE}), 'boxes at 9 s: expected seconds after the first frame, and the video has 4.00'),
    (dict(boxes={0: PEOPLE * 100}), r'boxes at 0 s: \[10.0, .*divide pixels by width and height'),
    (dict(boxes={0: PEOPLE[:, :3]}), r'float64 \(2, 3\): expected numbers \(n, 4\)'),
    (dict(boxes={'another': {0: PEOPLE}}), 'no boxes for .*; found another'),
])
def test_arguments_that_cannot_be(inferencer, video, options, expected):
    with pytest.raises(ValueError, match=expected):
        list(inferencer(video, **options))


def test_somebody_has_to_say_who_is_there(small_network, video):
    inferencer = STSSAInferencer(*small_network, device='cpu')
    with pytest.raises(ValueError, match='who is in a frame. Give a detector'):
        inferencer(video)
    with pytest.raises(ValueError, match='batch_size=0'):
        STSSAInferencer(*small_network, batch_size=0)


@pytest.mark.parametrize('count', [1, 2, 3])
def test_videos_of_a_few_frames(inferencer, count):
    frames = np.zeros((count, 96, 160, 3), np.uint8)
    assert [frame.frame for frame in inferencer(frames, every=.1, fps=10)] == list(range(count))


def test_events_of_an_inferencer(inferencer, video):
    low = dict.fromkeys(inferencer.classes, 0.0)
    events = find_events(inferencer(video, every=1), low, 1, duration=4)
    assert {(event.person, event.start, event.end) for event in events} == {(0, 0, 3.5), (1, 0, 3.5)}
    assert len(events) == 2 * 8


def test_key_moments_of_odd_times(video):
    source = open_source(find_sources(video)[0])
    assert [moment.frame for moment in key_moments(source, 1.25)] == [0, 13, 25, 38]
    assert [moment.frame for moment in key_moments(source, .01)] == list(range(40))
    assert [moment.frame for moment in key_moments(source, 100)] == [0]


def test_batches_give_the_map_of_clips_one_by_one(small_network, toy, mim_test, tmp_path):
    """Also where the clips of a batch differ in size."""
    shutil.copytree(toy / 'videos', tmp_path / 'videos')
    large = sorted((tmp_path / 'videos').glob('val_*.mp4'))[1]
    write_video(large, [cv2.resize(frame, (208, 120)) for frame in open_video(large).read(range(40))], 10)
    cfg = Config.fromfile(small_network[0])
    cfg.test_dataloader.dataset.data_prefix.img = str(tmp_path / 'videos')
    one, scores, _ = mim_test(cfg, small_network[1], 1)
    eight, scores_of_eight, _ = mim_test(cfg, small_network[1], 8)
    assert eight == pytest.approx(one, abs=1e-4) and 0 < one < 1
    np.testing.assert_allclose(list(scores_of_eight.values()), [scores[key] for key in scores_of_eight], atol=1e-5)
