import csv
import pickle
from collections import defaultdict

import cv2
import numpy as np
import pytest
from mmaction.datasets import AVADataset
from mmaction.evaluation.functional.ava_utils import read_csv, read_exclusions, read_labelmap

from stssa_mm.converters import toy
from stssa_mm.converters.toy import CLASSES, FPS, FRAMES, HEIGHT, WIDTH, Action, Person, make_toy
from stssa_mm.video.reader import open_video

PERSON = Person(80., 90., 60., [(255, 255, 255)] * 4)
VIDEOS = {'train': 8, 'val': 5}


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    out = tmp_path_factory.mktemp('toy')
    return out, make_toy(out, 3, *VIDEOS.values())


def annotated(out, split):
    """{(video, timestamp, person): (box, class names)}"""
    people = {}
    with open(out / 'annotations' / f'{split}.csv') as file:
        for row in csv.reader(file):
            assert len(row) == 8
            _, names = people.setdefault((row[0], int(row[1]), int(row[7])), ([float(v) for v in row[2:6]], set()))
            names.add(CLASSES[int(row[6]) - 1])
    return people


def frames(out, video):
    return open_video(out / 'videos' / f'{video}.mp4')


def dataset(out, split, pipeline=(), exclude=True):
    folder = out / 'annotations'
    return AVADataset(
        ann_file=str(folder / f'{split}.csv'),
        exclude_file=str(folder / f'{split}_excluded_timestamps.csv') if exclude else None,
        label_file=str(folder / 'action_list.pbtxt'),
        proposal_file=str(folder / f'{split}_proposals.pkl'),
        data_prefix={'img': str(out / 'videos')},
        pipeline=list(pipeline),
        num_classes=len(CLASSES) + 1,
        use_frames=False,
        start_index=0,
        fps=FPS,
        timestamp_start=toy.TIMESTAMP_START)


def iou(a, b):
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    inner = sides.clip(0).prod()
    return inner / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - inner)


def action(posture='stand', gesture='wave fast', side=1, tempo=2., phase=0., jump=None):
    return Action(posture, gesture, side, tempo, phase, jump)


def drawn(act, time, person=PERSON):
    canvas = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    toy.draw_person(canvas, person, act, time)
    return canvas.max(2)


# Files

def test_same_seed_same_files_and_another_seed_others(tmp_path):
    for name, seed in (('a', 0), ('b', 0), ('c', 1)):
        make_toy(tmp_path / name, seed, 2, 1)
    files = sorted(path.relative_to(tmp_path / 'a') for path in (tmp_path / 'a').rglob('*.*'))
    assert [str(path) for path in files] == [
        'annotations/action_list.pbtxt', 'annotations/train.csv', 'annotations/train_excluded_timestamps.csv',
        'annotations/train_proposals.pkl', 'annotations/val.csv', 'annotations/val_excluded_timestamps.csv',
        'annotations/val_proposals.pkl', 'videos/train_0000.mp4', 'videos/train_0001.mp4', 'videos/val_0000.mp4',
        'written_by_make_toy.jsonl'
    ]
    for path in files:
        if path.suffix == '.mp4':
            a, b, c = (np.stack(open_video(tmp_path / name / path).read(range(FRAMES))) for name in 'abc')
            assert (a == b).all()
            assert (a != c).any()
        else:
            a, b, c = ((tmp_path / name / path).read_bytes() for name in 'abc')
            assert a == b
            # With so few key frames the same ones may be excluded by chance.
            assert a != c or path.name in ('action_list.pbtxt', f'{path.name[:-24]}_excluded_timestamps.csv')


def test_train_and_val_differ(data):
    out, _ = data
    boxes = [{tuple(box) for box, _ in annotated(out, split).values()} for split in VIDEOS]
    assert not boxes[0] & boxes[1]


@pytest.mark.parametrize('split', VIDEOS)
def test_videos_are_as_long_and_fast_as_promised(data, split):
    out, summary = data
    names = {video for video, _, _ in annotated(out, split)}
    assert names == {f'{split}_{number:04d}' for number in range(VIDEOS[split])}
    assert summary[f'{split}_videos'] == len(names)
    for name in names:
        video = frames(out, name)
        assert len(video) == FRAMES == 40
        assert video.get_avg_fps() == pytest.approx(FPS)
        assert video.read([0])[0].shape == (HEIGHT, WIDTH, 3)


@pytest.mark.parametrize('split', VIDEOS)
def test_people_and_labels(data, split):
    out, summary = data
    people = annotated(out, split)
    assert summary[f'{split}_people'] == len(people)
    scenes = defaultdict(int)
    for (video, timestamp, _), (box, names) in people.items():
        scenes[video, timestamp] += 1
        x1, y1, x2, y2 = box
        assert 0 <= x1 < x2 <= 1
        assert 0 <= y1 < y2 <= 1
        assert (y2 - y1) * HEIGHT >= 38
        assert len(names & {'stand', 'crouch'}) == 1
        assert len(names - {'stand', 'crouch', 'jump'}) == 1
    assert set(scenes.values()) == {2, 3}
    assert {timestamp for _, timestamp in scenes} == {901, 903}
    assert summary[f'{split}_key_frames'] == len(scenes) == 2 * VIDEOS[split]
    assert set.union(*(names for _, names in people.values())) == set(CLASSES)


@pytest.mark.parametrize('split', VIDEOS)
def test_read_by_mmaction(data, split):
    out, summary = data
    folder = out / 'annotations'
    with open(folder / 'action_list.pbtxt') as file:
        labels, numbers = read_labelmap(file)
    assert [label['name'] for label in labels] == list(CLASSES)
    assert numbers == set(range(1, len(CLASSES) + 1))
    with open(folder / f'{split}_excluded_timestamps.csv') as file:
        excluded = read_exclusions(file)
    with open(folder / f'{split}.csv') as file:
        truth, _, _ = read_csv(file)
    assert 1 <= len(excluded) == summary[f'{split}_excluded'] < len(truth)
    assert excluded < set(truth)
    everything = {sample['img_key'] for sample in dataset(out, split, exclude=False)}
    assert everything == set(truth)
    samples = {sample['img_key']: sample for sample in dataset(out, split)}
    assert set(samples) == everything - excluded
    people = annotated(out, split)
    for key, sample in samples.items():
        for index, person in enumerate(sample['entity_ids']):
            box, labels = sample['gt_bboxes'][index], sample['gt_labels'][index]
            expected_box, names = people[sample['video_id'], sample['timestamp'], person]
            assert box.tolist() == expected_box
            assert {CLASSES[number - 1] for number in np.nonzero(labels)[0]} == names
        # The threshold leaves the people's proposals, not the background's.
        assert len(sample['proposals']) == len(sample['gt_bboxes']), key


def test_a_clip_is_the_act_around_the_key_frame(data):
    from stssa_mm.datasets.transforms import STSSASampleFrames, STSSAVideoInit
    out, _ = data
    for sample in dataset(out, 'val'):
        sample['filename'] += '.mp4'
        indices = STSSASampleFrames(16, 1)(STSSAVideoInit()(sample))['frame_inds']
        act = 0 if sample['timestamp'] == 901 else 1
        assert (indices // 20 == act).all()
        middle = 10 + 20 * act
        assert (indices.min(), indices.max()) == (middle - 8, middle + 7)


@pytest.mark.parametrize('split', VIDEOS)
def test_proposals(data, split):
    out, _ = data
    with open(out / 'annotations' / f'{split}_proposals.pkl', 'rb') as file:
        proposals = pickle.load(file)
    truth = defaultdict(list)
    for (video, timestamp, _), (box, _) in annotated(out, split).items():
        truth[f'{video},{timestamp:04d}'].append(box)
    assert proposals.keys() == truth.keys()
    for key, boxes in truth.items():
        boxes, found = np.array(boxes), proposals[key]
        assert found.shape == (len(boxes) + 1, 5)
        assert ((found[:, :4] >= 0) & (found[:, :4] <= 1)).all()
        assert (found[:, :2] < found[:, 2:4]).all()
        overlaps = np.array([[iou(box, other[:4]) for other in found] for box in boxes])
        assert (overlaps.argmax(1) == np.arange(len(boxes))).all()
        assert (overlaps.max(1) >= 0.9).all()
        assert (overlaps.max(1) < 1).any()
        assert (overlaps[:, -1] < 0.2).all()
        assert (found[:-1, 4] >= 0.9).all()
        assert (found[:-1, 4] <= 1).all()
        assert 0 < found[-1, 4] < 0.9


def test_all_classes_from_five_videos_on_without_excluded_key_frames(monkeypatch, tmp_path):
    monkeypatch.setattr(toy, 'write_video', lambda path, *_: path.touch())
    for seed in range(20):
        make_toy(tmp_path, seed, 5, 5)
        for split in VIDEOS:
            excluded = (tmp_path / 'annotations' / f'{split}_excluded_timestamps.csv').read_text().split()
            seen = set()
            for (video, timestamp, _), (_, names) in annotated(tmp_path, split).items():
                seen |= names if f'{video},{timestamp:04d}' not in excluded else set()
            assert seen == set(CLASSES), (seed, split)


def test_classes_are_balanced_and_independent_of_place(monkeypatch, tmp_path):
    monkeypatch.setattr(toy, 'write_video', lambda path, *_: path.touch())
    make_toy(tmp_path, 0, 200, 1)
    people = list(annotated(tmp_path, 'train').values())
    counts = {name: sum(name in names for _, names in people) / len(people) for name in CLASSES}
    expected = {name: 0.5 if name in ('stand', 'crouch', 'jump') else 0.2 for name in CLASSES}
    assert counts == pytest.approx(expected, abs=0.02)
    for gesture in toy.GESTURES:
        jumps = ['jump' in names for _, names in people if gesture in names]
        assert np.mean(jumps) == pytest.approx(0.5, abs=0.06)
        centres = [(box[0] + box[2]) / 2 for box, names in people if gesture in names]
        assert np.mean(centres) == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize('arguments,message', [
    ({'seed': -1}, 'seed=-1: expected 0 or more'),
    ({'train_videos': 0}, 'train_videos=0: expected 1 to 9999'),
    ({'val_videos': 10000}, 'val_videos=10000: expected 1 to 9999'),
])  # yapf: disable
def test_bad_arguments(tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        make_toy(tmp_path / 'out', **arguments)
    assert not (tmp_path / 'out').exists()


def test_one_video_of_each(tmp_path):
    summary = make_toy(tmp_path, 0, 1, 1)
    assert summary['train_key_frames'] == summary['val_key_frames'] == 2
    assert summary['train_excluded'] == summary['val_excluded'] == 1
    assert len(dataset(tmp_path, 'train')) == 1


# Drawing

@pytest.mark.parametrize('posture', toy.POSTURES)
@pytest.mark.parametrize('gesture', toy.GESTURES)
@pytest.mark.parametrize('jump', [None, 0.])
@pytest.mark.parametrize('side', [-1, 1])
def test_box_is_around_the_drawn_pixels(posture, gesture, jump, side):
    for phase in np.linspace(0, 6, 5):
        act = action(posture, gesture, side, phase=phase, jump=jump)
        x, y, width, height = cv2.boundingRect((drawn(act, 0) > 100).astype(np.uint8))
        box = np.array(toy.person_box(PERSON, act, 0)) * (WIDTH, HEIGHT, WIDTH, HEIGHT)
        np.testing.assert_allclose(box, [x, y, x + width, y + height], atol=1.2)


def test_box_moves_with_the_shift_and_is_cut_at_the_edges():
    act = action()
    box = np.array(toy.person_box(PERSON, act, 0))
    moved = np.array(toy.person_box(PERSON, act, 0, shift=(16, -2)))
    np.testing.assert_allclose(moved - box, [16 / WIDTH, -2 / HEIGHT, 16 / WIDTH, -2 / HEIGHT])
    corner = toy.person_box(PERSON._replace(x=2., ground=HEIGHT + 5.), act, 0)
    assert corner[0] == 0
    assert corner[3] == 1


def test_boxes_are_where_the_video_shows_people(data):
    out, _ = data
    # People are brighter than any background, noise included.
    for video in {video for video, _, _ in annotated(out, 'val')}:
        reader = frames(out, video)
        for timestamp in (901, 903):
            bright = reader.read([(timestamp - toy.TIMESTAMP_START) * FPS])[0].max(2) > 200
            union = np.zeros_like(bright)
            for (name, when, _), (box, _) in annotated(out, 'val').items():
                if (name, when) == (video, timestamp):
                    x1, y1, x2, y2 = np.round(np.array(box) * (WIDTH, HEIGHT, WIDTH, HEIGHT)).astype(int)
                    union[y1:y2, x1:x2] = True
                    inside = bright[y1:y2, x1:x2]
                    assert inside.mean() > 0.2
                    # The figure touches all sides, up to compression.
                    for side in (inside[:3], inside[-3:], inside[:, :3], inside[:, -3:]):
                        assert side.any()
            assert bright[~union].mean() < 0.01


def frequency(gesture, tempo):
    """The strongest frequency (Hz) of the pixels' changes over 10 s."""
    video = np.stack([drawn(action(gesture=gesture, tempo=tempo, phase=1.), time)[::4, ::4] / 255
                      for time in np.arange(100) / FPS])
    spectrum = np.abs(np.fft.rfft(video - video.mean(0), axis=0)).sum((1, 2))
    return np.fft.rfftfreq(100, 1 / FPS)[spectrum.argmax()]


@pytest.mark.parametrize('gesture', ['wave slowly', 'wave fast', 'kick'])
@pytest.mark.parametrize('tempo', [0.6, 2.])
def test_drawn_tempo(gesture, tempo):
    assert frequency(gesture, tempo) == pytest.approx(tempo, abs=0.01)


def test_gestures_move_their_limb_only():
    def moving_rows(gesture):
        video = np.stack([drawn(action(gesture=gesture), time) for time in np.arange(10) / FPS]).astype(float)
        return video.std(0).sum(1)
    shoulder_of_person, hip = 90 - int(0.78 * 60), 90 - int(0.46 * 60)
    wave, kick = moving_rows('wave fast'), moving_rows('kick')
    assert wave[:shoulder_of_person].sum() > 5 * kick[:shoulder_of_person].sum()
    assert kick[hip + 5:].sum() > 5 * wave[hip + 5:].sum()


@pytest.mark.parametrize('jump', [-0.2, 0., 0.2])
def test_a_jump_is_short(jump):
    def lowest(time, **kwargs):
        return np.nonzero(drawn(action(gesture='reach to a person', **kwargs), time).any(1))[0][-1]
    ground = lowest(0.)
    for time in np.arange(-10, 10) / 10:
        height = ground - lowest(time, jump=jump)
        if abs(time - jump) > toy.JUMP_SECONDS / 2 - 1e-6:
            assert height == 0
        else:
            assert height >= 6
    assert ground - lowest(jump, jump=jump) == pytest.approx(0.2 * PERSON.height, abs=1)


def test_scenes_agree_with_their_labels():
    rng, deck = np.random.default_rng(5), []
    for _ in range(50):
        scene = toy.make_scene(rng, deck)
        rows = defaultdict(set)
        for row in toy.scene_rows(scene, 'v'):
            rows[row.timestamp, row.person].add(CLASSES[row.label - 1])
        for (timestamp, person), names in rows.items():
            me, act, time = scene.pose((timestamp - toy.TIMESTAMP_START) * FPS, person)
            assert time == 0
            # To which side there is more to see than a trunk's width.
            columns = np.nonzero(drawn(act, 0, me._replace(x=80.)).any(0))[0]
            reach = np.sign(columns[-1] + columns[0] - 160)
            others = [other for other in scene.people if np.sign(other.x - me.x) == reach]
            if 'reach to a person' in names:
                assert others
            if 'reach away from people' in names:
                assert not others
            hip = toy.limbs(me, act._replace(jump=None), 0)[2][0]
            assert ('crouch' in names) == (me.ground - hip[1] < 0.3 * me.height)


def test_videos_show_the_tempo_and_jumps_of_their_labels(data):
    out, _ = data
    fast, rise = defaultdict(list), defaultdict(list)
    for split in VIDEOS:
        for (video, timestamp, _), (box, names) in annotated(out, split).items():
            middle = (timestamp - toy.TIMESTAMP_START) * FPS
            x1, y1, x2, y2 = (np.array(box) * (WIDTH, HEIGHT, WIDTH, HEIGHT)).astype(int)
            clip = np.stack(frames(out, video).read(range(middle - 8, middle + 8))).max(3)[:, :, x1:x2] > 180
            for name in names & set(toy.WAVES) if 'jump' not in names else ():
                # The path of the bright pixels' centre, of head and arms, has the arm's frequency.
                upper = clip[:, :(y1 + y2) // 2]
                path = (upper * np.arange(x2 - x1)).sum((1, 2)) / upper.sum((1, 2))
                strongest = np.abs(np.fft.rfft(path - path.mean())).argmax() * FPS / 16
                fast[name].append(strongest > 1.25)
            # How much higher than in most frames the lowest bright row is.
            feet = np.array([np.nonzero(frame.sum(1) > 3)[0][-1] for frame in clip])
            rise['jump' in names].append(np.median(feet) - feet.min())
    assert len(fast['wave slowly']) > 3
    assert len(fast['wave fast']) > 3
    assert np.mean(fast['wave slowly']) <= 0.2
    assert np.mean(fast['wave fast']) >= 0.8
    assert np.median(rise[True]) > 2 * max(1, np.median(rise[False]))
