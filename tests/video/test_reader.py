"""Frame i shows number i, whatever the container and the order of access."""
import copy
import gc
import multiprocessing
import os
import pickle
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
from conftest import HANGS
from hard_videos import KINDS
from numbered_videos import H264, HEIGHT, OPEN_GROUPS, WIDTH, make_video, number_of, numbered_frames, zeroed

from stssa_mm.video import reader
from stssa_mm.video.probe import BrokenVideoError
from stssa_mm.video.reader import VideoPool, open_video
from stssa_mm.video.writer import write_video

FRAME_BYTES = HEIGHT * WIDTH * 3
READ = [name for name, kind in KINDS.items() if not kind.refused]


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    """A video as OpenCV writes it: MPEG-4, a key frame every 12 frames."""
    return make_video(tmp_path_factory.mktemp('videos') / 'made.mp4')


@pytest.fixture(params=['made', 'B-frames', 'open groups'])
def path(request, made):
    return {'made': made, 'B-frames': H264, 'open groups': OPEN_GROUPS}[request.param]


@pytest.fixture
def decoded(monkeypatch):
    """A list with an item for each frame that is decoded and taken."""
    frames, take = [], reader.Video._take
    monkeypatch.setattr(reader.Video, '_take', lambda video: (frames.append(1), take(video))[1])
    return frames


def clips(count, rng):
    """Numbers of clips in order, at random, and backwards."""
    yield from (np.clip(np.arange(middle - 16, middle + 16, 2), 0, count - 1) for middle in range(0, count + 10, 9))
    for _ in range(8):
        start, step = rng.integers(-20, count), rng.integers(1, 4)
        yield np.clip(start + step * np.arange(8), 0, count - 1)
    yield rng.permutation(count)[:10]
    yield np.arange(count)[::-max(count // 12, 1)]


def in_child(pool, path, numbers, queue):
    queue.put([frame.tobytes() for frame in pool.open(path).read(numbers)])


@pytest.mark.parametrize('kind', READ)
def test_frame_i_shows_number_i_in_order_at_random_backwards_and_in_a_fork(kind, hard_video):
    path, expected = hard_video(kind), KINDS[kind].numbers
    rng, pool, without = np.random.default_rng(0), VideoPool(), VideoPool(cache_bytes=0)
    for numbers in clips(len(expected), rng):
        for which in (pool, without):
            frames = which.open(path).read(numbers.tolist())
            assert [KINDS[kind].number_of(frame) for frame in frames] == [expected[number] for number in numbers]
    for number in np.arange(len(expected))[::-7]:  # alone, from the last to the first
        assert KINDS[kind].number_of(without.open(path).read([number])[0]) == expected[number]
    numbers = rng.permutation(len(expected))[:6].tolist()
    context = multiprocessing.get_context('fork')
    queue = context.Queue()
    child = context.Process(target=in_child, args=(without, path, numbers, queue), daemon=True)
    child.start()
    assert queue.get(timeout=HANGS) == [frame.tobytes() for frame in without.open(path).read(numbers)]
    child.join(HANGS)
    assert child.exitcode == 0


def test_hard_inputs(shared_data):
    """Their numbers are ten blocks, the highest bit first."""
    def number(frame):
        height, width = frame.shape[:2]
        blocks = frame[2:height // 6 - 2].reshape(height // 6 - 4, 10, width // 10, 3)[:, :, width // 40:-width // 40]
        return int(''.join(str(int(block > 128)) for block in blocks.mean((0, 2, 3))), 2)

    for name, first, count in (
            ('long_x264_default.ts', 0, 1000), ('vp8_arf.webm', 0, 150), ('x264_bf0_g25.avi', 0, 100),
            ('x265_open.mp4', 0, 75), ('editlist.mp4', 30, 120), ('nokey.mp4', 50, 100), ('av1.mp4', 0, 75)):
        video = open_video(shared_data / 'hard_inputs' / 'videos' / name)
        for index in np.random.default_rng(0).permutation(count)[:12].tolist():
            assert number(video.read([index])[0]) == first + index, name


@pytest.mark.parametrize('cached_frames', [0, 20, 1000])
def test_the_cache_changes_nothing_and_stays_in_its_bounds(path, cached_frames):
    expected = open_video(path).read(range(150))
    pool = VideoPool(cache_bytes=cached_frames * FRAME_BYTES)
    for numbers in clips(150, np.random.default_rng(1)):
        np.testing.assert_array_equal(pool.open(path).read(numbers.tolist()), [expected[i] for i in numbers])
        assert pool._cache.bytes <= pool.cache_bytes


@pytest.mark.parametrize('fps', [30, 25])
def test_a_pass_over_all_seconds_decodes_a_frame_once(tmp_path, decoded, fps):
    path, pool = make_video(tmp_path / 'video.mp4', 250), VideoPool()
    for second in range(250 // fps + 1):
        pool.open(path).read(np.clip(second * fps + np.arange(-32, 32, 2), 0, 249).tolist())
    assert 249 <= len(decoded) <= 250


def test_a_clip_alone_decodes_no_more_than_it_needs(made, decoded):
    VideoPool().open(made).read(range(60, 92, 2))  # 60 is a key frame
    assert len(decoded) == 31


def test_frames_may_be_changed_by_the_caller(made):
    pool = VideoPool()
    first, again, same = pool.open(made).read([5, 6, 5])
    first[:] = 0
    again[:] = 0
    assert number_of(same) == 5
    assert [number_of(frame) for frame in pool.open(made).read([5, 6])] == [5, 6]


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


@pytest.fixture
def no_gc():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def open_files(folder):
    """The descriptors of this process that are files in the folder."""
    links = [os.path.realpath(f'/proc/self/fd/{number}') for number in os.listdir('/proc/self/fd')]
    return sum(link.startswith(str(folder)) for link in links)


@pytest.mark.skipif(not os.path.isdir('/proc/self/fd'), reason='no /proc')
def test_files_are_closed_without_the_garbage_collector(tmp_path, made, no_gc):
    pool = VideoPool(max_open=2)
    for name in range(12):
        shutil.copy(made, tmp_path / f'{name}.mp4')
        video = pool.open(tmp_path / f'{name}.mp4')
        assert number_of(video.read([3])[0]) == 3
        assert open_files(tmp_path) == min(name + 1, 2)
    for video in list(pool._videos.values()):
        video.close()
        video.close()
    assert open_files(tmp_path) == 0


def test_a_closed_video_opens_anew_when_it_is_read(path):
    video = open_video(path)
    expected = video.read([20, 21])
    video.close()
    again = open_video(path)
    np.testing.assert_array_equal(video.read([20, 21]), expected)
    next(video._decode([40, 41, 42], 40))
    video.close()
    np.testing.assert_array_equal(video.read([41, 90]), again.read([41, 90]))


@pytest.fixture
def probed(monkeypatch):
    """The paths that are probed."""
    paths, probe = [], reader.probe
    monkeypatch.setattr(reader, 'probe', lambda source, path: (paths.append(path), probe(source, path))[1])
    return paths


@pytest.mark.parametrize('load', [None, lambda path: Path(path).read_bytes()])
def test_a_file_is_probed_once_however_often_it_is_opened(tmp_path, made, probed, load):
    paths = [str(shutil.copy(made, tmp_path / f'{name}.mp4')) for name in range(3)]
    pool = VideoPool(max_open=1)
    for path in paths * 3:
        assert number_of(pool.open(path, load).read([50])[0]) == 50
    assert probed == paths


@pytest.mark.parametrize('max_open', [1, 2])
def test_a_file_that_has_changed_is_probed_anew(tmp_path, made, probed, max_open):
    """Whether it was closed meanwhile or not; no frame of what was there before is given."""
    path, pool = tmp_path / 'v.mp4', VideoPool(max_open=max_open)
    shutil.copy(made, path)
    assert number_of(pool.open(path).read([3])[0]) == 3
    pool.open(made)
    make_video(path, 40)
    assert len(pool.open(path)) == 40 and number_of(pool.open(path).read([3])[0]) == 3
    pool.open(made)
    frames = [frame[::-1] for frame in numbered_frames(40)]
    write_video(path, frames, 30)
    os.utime(path, ns=(1, 1))
    np.testing.assert_allclose(pool.open(path).read([3])[0], frames[3], atol=60)
    assert probed.count(str(path)) == 3
    path.unlink()
    with pytest.raises(BrokenVideoError, match='no such file'):
        pool.open(path)


def test_what_is_remembered_of_files_is_bounded(tmp_path, made, probed, monkeypatch):
    found = reader.probe(str(made), 'x')
    monkeypatch.setattr(reader, 'PROBE_BYTES', 2 * reader._bytes(found))
    assert 150 * 40 < reader._bytes(found) < 150 * 60
    paths = [str(shutil.copy(made, tmp_path / f'{name}.mp4')) for name in range(3)]
    pool = VideoPool(max_open=1)
    for path in paths + paths[1:] + paths[:1]:
        pool.open(path)
    assert probed == ['x', *paths, paths[0]] and pool._probes.bytes <= 2 * reader._bytes(found)


@pytest.mark.parametrize('clone', [copy.deepcopy, lambda pool: pickle.loads(pickle.dumps(pool))])
def test_a_copy_has_the_settings_and_opens_for_itself(made, clone):
    pool = VideoPool(max_open=2, cache_bytes=10**6, num_threads=2)
    video = pool.open(made)
    other = clone(pool)
    assert (other.max_open, other.cache_bytes, other.num_threads) == (2, 10**6, 2)
    assert other.open(made) is not video
    assert number_of(other.open(made).read([100])[0]) == 100


@pytest.mark.parametrize('num_threads', [1, 2])
def test_a_forked_process_reads_and_ends_without_waiting_for_its_parents_threads(num_threads):
    pool = VideoPool(num_threads=num_threads)
    pool.open(H264).read([40])
    child = os.fork()
    if not child:
        signal.alarm(HANGS)
        os._exit(number_of(pool.open(H264).read([90])[0]))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 90
    assert number_of(pool.open(H264).read([41])[0]) == 41


@pytest.mark.parametrize(('make', 'message'), [
    (lambda file: None, 'no such file'), (lambda file: file.touch(), 'the file is empty'),
    (lambda file: file.mkdir(), 'it is a folder, not a video file'),
    (os.mkfifo, 'it is a device, not a video file'),
    (lambda file: file.symlink_to(file), r'it cannot be opened \('),
    (lambda file: file.symlink_to('/dev/null/x'), 'no such file')])
def test_a_file_that_is_not_there_or_empty(tmp_path, make, message):
    make(tmp_path / 'x.mp4')
    with pytest.raises(BrokenVideoError, match=rf'^{tmp_path}/x\.mp4: [^\n]*{message}[^\n]*$'):
        open_video(tmp_path / 'x.mp4')


@pytest.mark.parametrize('lost', [(0, 1), (5, 6), (60, 90), (100, 101), (145, 150)], ids=str)
def test_lost_frames_raise_and_never_give_other_frames(tmp_path, path, lost):
    expected = open_video(path).read(range(150))
    damaged = zeroed(path, tmp_path / 'video.mp4', *lost)
    pool, raised = VideoPool(), 0
    for start in [*range(0, 150, 10), *range(140, -1, -10)]:
        try:
            frames = pool.open(damaged).read(range(start, start + 10))
        except BrokenVideoError as error:
            assert str(error).startswith(f'{damaged}: ') and '\n' not in str(error)
            raised += 1
        else:
            np.testing.assert_array_equal(frames, expected[start:start + 10])
    assert raised
    with pytest.raises(BrokenVideoError):
        pool.open(damaged).check()


@pytest.mark.parametrize('kind', ['ts h264', 'ts mpeg2', 'raw h264 named mp4', 'avi xvid'])
def test_bytes_that_are_lost_move_no_number_and_no_time(kind, hard_video, tmp_path):
    data = bytearray(hard_video(kind).read_bytes())
    del data[len(data) // 2:len(data) // 2 + 900]
    (tmp_path / 'x').write_bytes(data)
    seconds = KINDS[kind].seconds()
    try:
        video = open_video(tmp_path / 'x')
    except BrokenVideoError:
        return
    raised = 0
    for number, time in enumerate(video.times):
        try:
            frame, = video.read([number])
        except BrokenVideoError:
            raised += 1
        else:
            assert number_of(frame) == np.abs(seconds - time).argmin()
    assert raised


def test_bytes_from_elsewhere(made):
    video = VideoPool().open('s3://bucket/made.mp4', load=lambda path: made.read_bytes())
    assert number_of(video.read([77])[0]) == 77 and len(video) == 150


def test_an_hour_takes_bounded_memory(tmp_path, made):
    """No more is kept than the cache, and of what is in the file some numbers a frame."""
    pool = VideoPool(cache_bytes=50 * FRAME_BYTES)
    video = pool.open(made)
    for second in range(5):
        video.read(range(second * 30, second * 30 + 30))
        assert pool._cache.bytes <= pool.cache_bytes
    assert sum(array.nbytes for array in video.probe.packets) / len(video) < 40


def test_numbers_survive_compression():
    assert [number_of(frame) for frame in numbered_frames(150)] == list(range(150))


def test_what_is_held_is_decoded_once_whatever_it_takes(path, decoded):
    video = open_video(path)
    video._cache.max_bytes = 2 * FRAME_BYTES
    for first in range(0, 120, 10):
        video.hold(first - 15, first + 20)
        for number in (first + 19, max(first - 15, 0), first):
            assert number_of(video.read([number])[0]) == number
    assert len(decoded) == 130
    assert video._cache.bytes <= video._cache.max_bytes == 35 * FRAME_BYTES


def test_holding_what_is_not_there_is_holding_what_is(path, decoded):
    video = open_video(path)
    video.hold(148, 999)
    assert [number_of(frame) for frame in video.read([149, 148])] == [149, 148]
    video.hold(200, 300)
    video.hold(5, 5)
