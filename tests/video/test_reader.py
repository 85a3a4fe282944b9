import copy
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import decord
import numpy as np
import pytest
from numbered_videos import (
    H264,
    HEIGHT,
    OPEN_GROUPS,
    WIDTH,
    cut_off,
    make_video,
    number_of,
    numbered_frames,
    starts_of_frames,
    with_field,
    zeroed,
)

from stssa_mm.datasets import video_reader
from stssa_mm.video.probe import BrokenVideoError
from stssa_mm.video.reader import VideoPool
from stssa_mm.video.writer import write_video

FRAME_BYTES = HEIGHT * WIDTH * 3


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    """A video as OpenCV writes it: MPEG-4, a key frame every 12 frames."""
    return make_video(tmp_path_factory.mktemp('videos') / 'made.mp4')


@pytest.fixture(params=['made', 'B-frames', 'open groups'])
def path(request, made):
    return str({'made': made, 'B-frames': H264, 'open groups': OPEN_GROUPS}[request.param])


def in_order(path):
    """All frames of a video, read from its start by decord itself."""
    reader = decord.VideoReader(path, num_threads=1)
    return [reader.next().asnumpy() for _ in range(len(reader))]


@pytest.fixture
def decoded(monkeypatch):
    """A list with an item for each frame that decord decodes for us."""
    frames, next_frame = [], decord.VideoReader.next
    monkeypatch.setattr(decord.VideoReader, 'next', lambda reader: (frames.append(1), next_frame(reader))[1])
    return frames


def clips_at_random(count):
    rng = np.random.default_rng(0)
    for _ in range(25):
        start, step = rng.integers(-30, count), rng.integers(1, 4)
        yield np.clip(start + step * np.arange(16), 0, count - 1).tolist()
    yield rng.permutation(count)[:10].tolist()
    yield [count - 1] * 4 + [0]


@pytest.mark.parametrize('cached_frames', [0, 20, 1000])
def test_frames_are_those_a_player_shows_in_any_order(path, cached_frames):
    expected = in_order(path)
    assert [number_of(frame) for frame in expected] == list(range(150))
    pool = VideoPool(cache_bytes=cached_frames * FRAME_BYTES)
    passes = [np.clip(np.arange(second - 32, second + 32, 2), 0, 149).tolist() for second in range(0, 170, 15)]
    for indices in [*clips_at_random(150), *passes, *clips_at_random(150)]:
        frames = pool.open(path).read(indices)
        for index, frame in zip(indices, frames):
            np.testing.assert_array_equal(frame, expected[index])
        assert pool._cache.bytes <= pool.cache_bytes


@pytest.mark.parametrize('path', ['made', 'B-frames'], indirect=True)
def test_frames_equal_decords_random_access_in_closed_groups(path):
    pool = VideoPool()
    for indices in clips_at_random(150):
        fresh = decord.VideoReader(path, num_threads=1).get_batch(indices).asnumpy()
        np.testing.assert_array_equal(pool.open(path).read(indices), fresh)


def test_decord_itself_is_off_in_open_groups():
    """Why reading does not start shortly after a key frame."""
    reader = decord.VideoReader(str(OPEN_GROUPS), num_threads=1)
    assert number_of(reader.get_batch([52]).asnumpy()[0]) != 52


@pytest.mark.parametrize('fps', [30, 25])
def test_a_pass_over_all_seconds_decodes_a_frame_once_or_little_more(tmp_path, decoded, fps):
    path, pool = str(make_video(tmp_path / 'video.mp4', 250)), VideoPool()
    for second in range(250 // fps + 1):
        pool.open(path).read(np.clip(second * fps + np.arange(-32, 32, 2), 0, 249).tolist())
    assert 250 <= len(decoded) + 1 <= 250 * 1.2


def test_a_clip_alone_decodes_no_more_than_it_needs(made, decoded):
    VideoPool().open(str(made)).read(range(60, 92, 2))  # 60 is a key frame: reading starts at 59
    assert len(decoded) == 32


def test_decord_does_not_decode_ahead_between_clips(tmp_path):
    """It would fill the memory with the rest of the video."""
    path = tmp_path / 'video.mp4'
    write_video(path, (np.full((480, 640, 3), number % 250, np.uint8) for number in range(900)), 30)
    video = VideoPool().open(str(path))
    video.read(range(40))
    seconds = time.process_time()
    time.sleep(0.5)
    assert time.process_time() - seconds < 0.1


def test_frames_may_be_changed_by_the_caller(made):
    pool = VideoPool()
    first, again, same = pool.open(str(made)).read([5, 6, 5])
    first[:] = 0
    again[:] = 0
    assert number_of(same) == 5
    assert [number_of(frame) for frame in pool.open(str(made)).read([5, 6])] == [5, 6]


def test_only_so_many_videos_stay_open(tmp_path, made):
    paths = [str(tmp_path / f'{name}.mp4') for name in range(5)]
    for path in paths:
        with open(path, 'wb') as file:
            file.write(made.read_bytes())
    pool = VideoPool(max_open=2)
    for path in paths:
        pool.open(path)
    assert list(pool._videos) == paths[-2:]
    video = pool.open(paths[3])
    pool.open(paths[0])
    assert list(pool._videos) == [paths[3], paths[0]] and pool.open(paths[3]) is video
    with pytest.raises(ValueError, match='max_open=0: expected 1 or more'):
        VideoPool(max_open=0)


@pytest.mark.parametrize('clone', [copy.deepcopy, lambda pool: pickle.loads(pickle.dumps(pool))])
def test_a_copy_has_the_settings_and_opens_for_itself(made, clone):
    pool = VideoPool(max_open=2, cache_bytes=10**6, num_threads=2, timeout=7)
    video = pool.open(str(made))
    other = clone(pool)
    assert (other.max_open, other.cache_bytes, other.num_threads, other.timeout) == (2, 10**6, 2, 7)
    assert other.open(str(made)) is not video
    assert number_of(other.open(str(made)).read([100])[0]) == 100


def read_in_child(pool, path, queue):
    before = len(pool._videos)
    queue.put((before, [number_of(frame) for frame in pool.open(path).read([3, 90])]))


def test_a_forked_process_opens_for_itself(made):
    pool = VideoPool()
    pool.open(str(made)).read([40])
    context = multiprocessing.get_context('fork')
    queue = context.Queue()
    child = context.Process(target=read_in_child, args=(pool, str(made), queue), daemon=True)
    child.start()
    assert queue.get(timeout=60) == (0, [3, 90])
    child.join(60)
    assert child.exitcode == 0
    assert [number_of(frame) for frame in pool.open(str(made)).read([41, 42])] == [41, 42]


def run(code, path):
    """Run code with a ``pool`` and a ``path`` in a process that knows the module alone: the package loads slowly."""
    code = f'import os, sys, time, video_reader; path = sys.argv[1]; pool = video_reader.VideoPool(timeout=2)\n{code}'
    return subprocess.run([sys.executable, '-c', code, str(path)], capture_output=True, text=True, timeout=100,
                          env=dict(os.environ, PYTHONPATH=str(Path(video_reader.__file__).parent)))


def test_a_forked_process_ends_without_waiting_for_its_parents_decoder(made):
    """Freeing the parent's reader would join a thread that is not there."""
    result = run(
        'pool.open(path).read([40]); child = os.fork();'
        'sys.exit(3) if not child else print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))', made)
    assert result.stdout.strip() == '3', result.stderr


BROKEN = {
    'missing': (lambda out: out, 'no such file'),
    'empty': (lambda out: out.touch() or out, 'the file is empty'),
    'text': (lambda out: out.write_text('not a video\n' * 99) and out, 'it cannot be opened'),
    'index cut off': (lambda out: cut_off(OPEN_GROUPS, out, 0.05), 'it cannot be opened'),
    'cut off at 20 %': (lambda out: cut_off(H264, out, 0.25), None),
    'cut off at 60 %': (lambda out: cut_off(H264, out, 0.6), None),
    'cut off at 95 %': (lambda out: cut_off(H264, out, 0.95), None),
    'no frames': (lambda out: with_field(H264, out, b'stsz', 8, 0), 'it cannot be opened'),
    'hidden frames': (lambda out: with_field(H264, out, b'elst', 12, 15 * 512 + 1024), 'edit list hides the first 15'),
}


@pytest.mark.parametrize('damage', BROKEN)
def test_a_video_that_cannot_be_opened_is_named_in_one_line(tmp_path, damage):
    make, found = BROKEN[damage]
    path = str(make(tmp_path / 'video.mp4'))
    for _ in range(2):
        with pytest.raises(BrokenVideoError) as error:
            VideoPool().open(path)
        message = str(error.value)
        assert message.startswith(f'{path}: ') and '\n' not in message
        assert 're-encode it' in message and "on_broken='skip'" in message
        assert (found or '') in message


def test_an_mp4_that_lost_whole_frames_at_its_end_is_seen(tmp_path):
    """The data ends where a frame does: everything that is there can be decoded."""
    path = tmp_path / 'video.mp4'
    path.write_bytes(H264.read_bytes()[:starts_of_frames(H264)[100]])
    with pytest.raises(BrokenVideoError, match=r'announces 150 frames and holds \d+, so it is cut off'):
        VideoPool().open(str(path))


@pytest.mark.parametrize('lost', [(5, 6), (60, 90), (100, 101), (145, 150)], ids=str)
def test_lost_frames_raise_and_never_give_other_frames(tmp_path, path, lost):
    expected = in_order(path)
    damaged = str(zeroed(Path(path), tmp_path / 'video.mp4', *lost))
    pool, raised = VideoPool(), 0
    for start in [*range(0, 150, 10), *range(140, -1, -10)]:
        try:
            frames = pool.open(damaged).read(range(start, start + 10))
        except BrokenVideoError as error:
            assert str(error).startswith(f'{damaged}: frames ') and '\n' not in str(error)
            raised += 1
        else:
            np.testing.assert_array_equal(frames, expected[start:start + 10])
    assert raised


def test_a_file_that_decord_never_returns_from_is_left_after_the_timeout(tmp_path, made):
    """All frames have one time stamp: decord 0.6 goes round for ever. The process ends nevertheless."""
    path = with_field(made, tmp_path / 'video.mp4', b'stts', 12, 0)
    result = run("""
for attempt in range(2):
    start = time.monotonic()
    try:
        pool.open(path).read([140])
    except video_reader.BrokenVideoError:
        print(time.monotonic() - start)
        if attempt:
            raise""", path)
    assert result.returncode == 1
    first, again = map(float, result.stdout.split())
    assert first >= 2 and again < 1
    message = result.stderr.strip().splitlines()[-1]
    assert f'{path}: frames 140 to 140 cannot be decoded: decord did not return within 2 s. ' in message


def test_bytes_from_elsewhere(made):
    video = VideoPool().open('s3://bucket/made.mp4', load=lambda path: made.read_bytes())
    assert number_of(video.read([77])[0]) == 77 and len(video) == 150


def test_times_of_frames(made):
    np.testing.assert_allclose(VideoPool().open(str(made)).frame_times, np.arange(150) / 30, atol=1e-5)


def test_numbers_survive_compression():
    assert [number_of(frame) for frame in numbered_frames(150)] == list(range(150))


def test_a_process_that_was_stopped_does_not_take_the_pause_for_a_hang():
    """0.6 s of work with a timeout of 2 s, stopped for 2.5 s in its middle."""
    code = '''import time, video_reader
def work():
    print('begun', flush=True)
    while time.thread_time() < 0.6:
        pass
    return 'done'
print(video_reader.within(2, work), flush=True)'''
    process = subprocess.Popen([sys.executable, '-c', code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               env=dict(os.environ, PYTHONPATH=str(Path(video_reader.__file__).parent)))
    assert process.stdout.readline() == 'begun\n'
    process.send_signal(signal.SIGSTOP)
    time.sleep(2.5)
    process.send_signal(signal.SIGCONT)
    printed, error = process.communicate(timeout=60)
    assert printed == 'done\n', error
