import csv
import json
import os
import resource
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from conftest import HANGS, REPO
from numbered_videos import OPEN_GROUPS, make_video, zeroed

from stssa_mm.apis import predict as predict_module
from stssa_mm.files.annotations import read_detections
from stssa_mm.files.proposals import write_proposals
from stssa_mm.files.thresholds import write_thresholds
from stssa_mm.video.reader import Video, open_video

PEOPLE = np.array([[.1, .2, .3, .9, .8], [.5, .1, .7, .9, .7]])


@pytest.fixture
def videos(toy):
    return sorted((toy / 'videos').glob('*.mp4'))[:2]


@pytest.fixture
def run(load_tool, small_network, videos, tmp_path, capsys):
    """Run the tool on videos with given boxes; gives its error, or None, and what it printed."""
    boxes = tmp_path / 'boxes.csv'
    write_proposals(boxes, {f'{video.stem},{time:04d}': PEOPLE for video in videos for time in range(4)})

    def run(*args, inputs=videos[:1], network=small_network, given=('--boxes', boxes)):
        error = load_tool('predict.py').run(*inputs, *network, '--out', tmp_path / 'out', '--device', 'cpu', *given,
                                            *args)
        return error, ''.join(capsys.readouterr())

    return run


def rows(path):
    return list(csv.DictReader(path.read_text().splitlines()))


def test_writes_detections_events_and_a_video(run, videos, tmp_path):
    error, printed = run('--score-thr', .1)
    assert not error and f'{videos[0].stem}: 2 people on 4 key frames, ' in printed
    out = tmp_path / 'out'
    assert {file.name for file in out.iterdir()} == {'detections.csv', 'events.csv', 'video.mp4'}
    detections = rows(out / 'detections.csv')
    assert {row['person'] for row in detections} == {'0', '1'} and {row['time'] for row in detections} == {
        '0.0', '1.0', '2.0', '3.0'}
    assert all(float(row['score']) >= .1 for row in detections)
    events = rows(out / 'events.csv')
    assert events and {row['action'] for row in events} <= {row['action'] for row in detections}
    assert all(float(row['end']) - float(row['start']) >= 1 for row in events)
    video = open_video(out / 'video.mp4')
    assert (len(video), video.size) == (40, (640, 384)) and video.get_avg_fps() == pytest.approx(10)


def test_several_videos_forms_and_no_video(run, videos, tmp_path):
    error, _ = run('--no-video', '--forms', 'csv', 'ava', 'jsonl', '--score-thr', .1, inputs=videos)
    assert not error
    assert {folder.name for folder in (tmp_path / 'out').iterdir()} == {video.stem for video in videos}
    for video in videos:
        out = tmp_path / 'out' / video.stem
        assert {file.name for file in out.iterdir()} == {
            'detections.csv', 'detections_ava.csv', 'detections.jsonl', 'events.csv', 'events.json'}
        lines = [json.loads(line) for line in (out / 'detections.jsonl').read_text().splitlines()]
        assert [line['time'] for line in lines] == [0, 1, 2, 3]
        assert len(json.loads((out / 'events.json').read_text())) == len(rows(out / 'events.csv'))
        ava = read_detections(out / 'detections_ava.csv')
        assert set(ava.timestamp) == {0, 1, 2, 3} and set(ava.videos) == {video.stem}


def test_its_detections_evaluate_as_those_of_mim_test(run, load_tool, small_network, toy, tmp_path):
    from mmengine.config import Config
    from mmengine.runner import Runner
    cfg = Config.fromfile(small_network[0])
    cfg.update(work_dir=str(tmp_path / 'work'), load_from=str(small_network[1]), launcher='none')
    expected = Runner.from_cfg(cfg).test()['mAP/overall']
    annotations = toy / 'annotations'
    error, _ = run('--no-video', '--forms', 'ava', '--det-score-thr', .9, '--timestamp-start', 900,
                   inputs=[f'{toy}/videos/val_*.mp4'], given=('--boxes', annotations / 'val_proposals.pkl'))
    assert not error
    detections = tmp_path / 'all.csv'
    detections.write_text(''.join(file.read_text() for file in sorted(tmp_path.glob('out/*/detections_ava.csv'))))
    assert not load_tool('evaluate.py').run(
        '--ground-truth', annotations / 'val.csv', '--detections', detections, '--label-map',
        annotations / 'action_list.pbtxt', '--out', tmp_path / 'r.json')
    assert json.loads((tmp_path / 'r.json').read_text())['mAP'] == pytest.approx(expected, abs=1e-6)
    assert 0 < expected < 1


def test_thresholds_of_the_evaluation(run, tmp_path):
    write_thresholds(tmp_path / 't.json', [dict(id=1, name='stand', threshold=0.), dict(
        id=2, name='crouch', threshold=1.), dict(id=8, name='jump', threshold=None)])
    error, _ = run('--thresholds', tmp_path / 't.json', '--no-video')
    found = {row['action'] for row in rows(tmp_path / 'out' / 'detections.csv')}
    assert not error and 'stand' in found and 'crouch' not in found


def test_own_region_proposals(load_tool, region_network, toy, videos, tmp_path):
    labels = toy / 'annotations' / 'action_list.pbtxt'
    assert not load_tool('predict.py').run(videos[0], *region_network, '--out', tmp_path / 'out', '--device', 'cpu',
                                           '--label-map', labels, '--score-thr', .1, '--every', 1, '--no-video')
    assert len({row['person'] for row in rows(tmp_path / 'out' / 'detections.csv')}) > 1


def test_a_detector_on_real_people(load_tool, small_network, shared_data, tmp_path):
    folder = tmp_path / 'frames'
    folder.mkdir()
    import cv2
    frames = open_video(shared_data / 'demo_videos' / 'cam01.mp4').read(range(0, 60, 6))
    for number, frame in enumerate(frames):
        cv2.imwrite(str(folder / f'{number:04d}.jpg'), cv2.resize(frame[..., ::-1], (272, 480)))
    assert not load_tool('predict.py').run(
        folder, *small_network, '--detector', shared_data / 'detectors' / 'yolox_nano.onnx', '--fps', 10, '--out',
        tmp_path / 'out', '--device', 'cpu', '--score-thr', .1, '--ids')
    people = {row['person'] for row in rows(tmp_path / 'out' / 'detections.csv')}
    assert {'0', '1'} <= people and len(people) <= 4
    assert open_video(tmp_path / 'out' / 'video.mp4').size == (544, 960)


@pytest.fixture
def wrong(tmp_path, small_network):
    """Files that are not what they should be."""
    (tmp_path / 'text.mp4').write_text('no video')
    checkpoint = torch.load(small_network[1], weights_only=True)
    del checkpoint['state_dict']['backbone.conv1.conv.weight']
    torch.save(checkpoint, tmp_path / 'wrong.pth')
    (tmp_path / 'labels.pbtxt').write_text('item { name: "run" id: 1 }\n')
    return tmp_path


@pytest.mark.parametrize(('change', 'expected'), [
    (dict(inputs=['{}/none.mp4']), 'none.mp4: no such file'),
    (dict(network=['{}/none.py', '{}/wrong.pth']), 'none.py: no such file'),
    (dict(network=['{config}', '{}/wrong.pth']), 'weights 1 missing (backbone.conv1.conv.weight)'),
    (dict(network=['{config}', '{}/none.pth']), 'none.pth'),
    (dict(args=['--label-map', '{}/labels.pbtxt']), 'labels.pbtxt: ids up to 1, and the network has 8 classes'),
    (dict(args=['--score-thr', '2']), 'threshold 2.0'),
    (dict(args=['--every', '0']), 'step=0.0: expected more than 0 seconds'),
    (dict(args=['--low', '2']), 'low=2.0'),
    (dict(args=['--thresholds', '{}/none.json']), 'none.json'),
    (dict(given=[]), 'who is in a frame? Give a detector'),
    (dict(given=['--detector', '{}/none.onnx']), 'none.onnx: no such file'),
    (dict(given=['--boxes', '{}/none.csv']), 'none.csv'),
])
def test_what_cannot_be_is_one_line(run, wrong, small_network, change, expected):
    def filled(values):
        return [str(value).format(wrong, config=small_network[0]) for value in values]

    error, _ = run(*filled(change.pop('args', ())), **{key: filled(values) for key, values in change.items()})
    assert error.startswith('predict.py: ') and expected in error and '\n' not in error
    assert not (wrong / 'out' / 'video.mp4').exists()


def test_one_broken_video_does_not_stop_the_others(run, videos, wrong, tmp_path):
    write_proposals(tmp_path / 'p.csv', {f'{name},0001': PEOPLE for name in ('text', videos[0].stem)})
    error, printed = run('--no-video', inputs=[wrong / 'text.mp4', videos[0]], given=('--boxes', tmp_path / 'p.csv'))
    assert error == 'predict.py: 1 of the videos could not be read to their ends'
    assert f'{wrong}/text.mp4: ' in printed and (tmp_path / 'out' / videos[0].stem / 'detections.csv').exists()


def test_a_video_that_is_damaged_later_leaves_what_came_before(run, tmp_path):
    zeroed(OPEN_GROUPS, tmp_path / 'damaged.mp4', 100, 120)
    write_proposals(tmp_path / 'p.csv', {f'damaged,{time / 2}': PEOPLE for time in range(8)})
    error, printed = run(inputs=[tmp_path / 'damaged.mp4'], given=('--boxes', tmp_path / 'p.csv'))
    assert error == 'predict.py: 1 of the videos could not be read to their ends' and 'damaged.mp4' in printed
    assert 10 < len(open_video(tmp_path / 'out' / 'video.mp4')) < 110
    assert rows(tmp_path / 'out' / 'detections.csv')


def test_a_full_disk_is_one_line(run, videos, tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
        error, _ = run('--score-thr', .9)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert error.startswith('predict.py: ') and 'video.mp4' in error and '\n' not in error
    assert {file.name for file in (tmp_path / 'out').iterdir()} == {'detections.csv'}


@pytest.mark.parametrize(('room', 'passes'), [(2**30, 1), (96 * 160 * 3 * 8, 2)], ids=['small', 'large'])
def test_frames_are_decoded_once_or_to_be_drawn_again(run, videos, tmp_path, monkeypatch, room, passes):
    """Also with a detector that looks ahead."""
    taken, take = [], Video._take
    monkeypatch.setattr(Video, '_take', lambda self: taken.append(self._next) or take(self))
    monkeypatch.setattr('stssa_mm.apis.inferencer.WINDOW_BYTES', room)
    monkeypatch.setattr('stssa_mm.apis.inferencer.open_person_detector',
                        lambda *_: lambda frames: [PEOPLE] * len(frames))
    assert not run(given=('--detector', 'any.onnx'))[0]
    assert sorted(taken) == sorted([*range(40)] * passes)
    frames = open_video(tmp_path / 'out' / 'video.mp4').read(range(0, 40, 13))
    for frame, own in zip(frames, open_video(videos[0]).read(range(0, 40, 13))):
        assert np.abs(frame[380, 500:].astype(int) - own[95, 125:].repeat(4, 0).astype(int)).mean() < 15


def test_key_frames_far_apart_are_drawn_with_all_between(run, tmp_path):
    make_video(tmp_path / 'long.mp4', 400, 10)
    write_proposals(tmp_path / 'p.csv', {'long,0001': PEOPLE, 'long,0036': PEOPLE})
    assert not run(inputs=[tmp_path / 'long.mp4'], given=('--boxes', tmp_path / 'p.csv'))[0]
    assert len(open_video(tmp_path / 'out' / 'video.mp4')) == 400


def test_ctrl_c_leaves_a_playable_video_and_the_rows_so_far(run, videos, tmp_path, monkeypatch):
    seen, before = [], signal.getsignal(signal.SIGINT)
    add = predict_module.ActionFile.add

    def interrupted(self, key_frame):
        add(self, key_frame)
        seen.append(key_frame.time)
        if len(seen) == 2:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(predict_module.ActionFile, 'add', interrupted)
    error, _ = run('--score-thr', .1, inputs=videos)
    assert error == 'predict.py: stopped; what was written is whole up to there' and seen == [0, 1]
    out = tmp_path / 'out'
    assert [folder.name for folder in out.iterdir()] == [videos[0].stem]
    assert len(open_video(out / videos[0].stem / 'video.mp4')) == 11
    assert {row['time'] for row in rows(out / videos[0].stem / 'detections.csv')} == {'0.0', '1.0'}
    assert rows(out / videos[0].stem / 'events.csv')
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_in_a_process_of_its_own(small_network, videos, tmp_path):
    """A long video, interrupted while the network works."""
    boxes = tmp_path / 'boxes.csv'
    write_proposals(boxes, {f'{videos[0].stem},{number / 20}': PEOPLE for number in range(80)})
    command = [sys.executable, '-W', 'ignore', str(REPO / 'tools' / 'predict.py'), str(videos[0]),
               *map(str, small_network), '--boxes', str(boxes), '--out', str(tmp_path / 'out'), '--device', 'cpu',
               '--score-thr', '0.01', '--batch-size', '1']
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=REPO,
                               env=dict(os.environ, OMP_NUM_THREADS='1', PYTHONPATH=str(REPO)))
    table, end = tmp_path / 'out' / 'detections.csv', time.time() + HANGS
    while not table.exists() or len(table.read_text().splitlines()) < 2:
        assert process.poll() is None and time.time() < end, process.stderr.read()
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    assert process.wait(HANGS) == 1 and 'predict.py: stopped; ' in process.stderr.read()
    assert len(open_video(tmp_path / 'out' / 'video.mp4')) >= 1 and rows(table)


def test_the_help_has_an_example(load_tool, capsys):
    assert load_tool('predict.py').run('--help') == 0
    assert '--detector yolox_nano.onnx --out seen' in capsys.readouterr().out
