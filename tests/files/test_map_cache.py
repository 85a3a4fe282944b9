"""Kept maps: what is written is read, and what does not fit is refused in one line."""
import json

import numpy as np
import pytest

from stssa_mm.files.map_cache import KeptVideo, MapCache, video_digest

INDEX = dict(trunk='abc', pictures=dict(resize=[dict(type='Resize', scale=(-1, 32))]))


@pytest.fixture
def video(tmp_path):
    (tmp_path / 'clip.mp4').write_bytes(bytes(range(256)) * 1000)
    return tmp_path / 'clip.mp4'


def keep(cache, video, frames, mirrored=()):
    """Maps that hold their frame's number, and its negative where they are mirrored."""
    for numbers, sign, flag in ((frames, 1, False), (mirrored, -1, True)):
        if numbers:
            place = cache.place('a/clip.mp4', flag, (len(numbers), 2, 3, 4), 'source')
            place.write(np.array(numbers, np.float16)[:, None, None, None] * sign * np.ones((1, 2, 3, 4), np.float16))
            place.close()
    cache.keep('a/clip.mp4', KeptVideo(list(frames), list(mirrored), 100, [0.0] * 100, [64, 64], [32, 32],
                                       video_digest(video)))


def test_frames_are_found_by_their_numbers(tmp_path, video):
    cache = MapCache(tmp_path / 'maps', INDEX)
    keep(cache, video, [3, 5, 6, 50], [5, 6])
    again = MapCache(tmp_path / 'maps')
    assert again.read('a/clip.mp4', video, [50, 3, 3, 6])[:, 0, 0, 0].tolist() == [50, 3, 3, 6]
    assert again.read('a/clip.mp4', video, [6, 5], mirrored=True)[:, 1, 2, 3].tolist() == [-6, -5]
    assert again.has('a/clip.mp4', video, [3, 50], [5]) and not again.has('a/clip.mp4', video, [3], [50])


@pytest.mark.parametrize(('frames', 'mirrored', 'text'), [
    ([3, 4], False, 'the frame 4 of a/clip.mp4 is not kept: run tools/cache_features.py'),
    ([99], False, 'the frame 99 of'), ([2], False, 'the frame 2 of'), ([3], True, 'mirrored frame 3 .* with --mirror')])
def test_frames_that_are_not_kept(tmp_path, video, frames, mirrored, text):
    cache = MapCache(tmp_path / 'maps', INDEX)
    keep(cache, video, [3, 5, 6, 50], [5, 6])
    with pytest.raises(ValueError, match=text) as error:
        cache.read('a/clip.mp4', video, frames, mirrored)
    assert '\n' not in str(error.value)


def test_other_trunks_pictures_and_videos(tmp_path, video):
    with pytest.raises(FileNotFoundError, match='no kept maps are here: run tools/cache_features.py'):
        MapCache(tmp_path / 'maps')
    cache = MapCache(tmp_path / 'maps', INDEX)
    keep(cache, video, [3])
    with pytest.raises(ValueError, match='another network, layer or weights'):
        cache.check_trunk('abd')
    with pytest.raises(ValueError, match='another network, layer or weights'):
        MapCache(tmp_path / 'maps', dict(INDEX, trunk='abd'))
    with pytest.raises(ValueError, match='the config makes them by'):
        cache.check_pictures(dict(resize=[dict(type='Resize', scale=(-1, 64))]))
    cache.check_pictures(dict(resize=[dict(type='Resize', scale=[-1, 32])]))  # as JSON has it
    with pytest.raises(ValueError, match=r'no maps of b\.mp4 are kept'):
        cache.get('b.mp4', video)


@pytest.mark.parametrize('change', [
    lambda data: data[:-1], lambda data: data[:-1] + b'x', lambda data: b'x' + data[1:]])
def test_a_video_that_was_exchanged(tmp_path, video, change):
    cache = MapCache(tmp_path / 'maps', INDEX)
    keep(cache, video, [3])
    video.write_bytes(change(video.read_bytes()))
    with pytest.raises(ValueError, match='are of another file than'):
        MapCache(tmp_path / 'maps').read('a/clip.mp4', video, [3])


def test_a_folder_of_pictures_has_a_digest(tmp_path):
    (tmp_path / '1.png').write_bytes(b'one')
    before = video_digest(tmp_path)
    (tmp_path / '2.png').write_bytes(b'two')
    assert video_digest(tmp_path) != before


def maps_of(first, count):
    return np.arange(first, first + count, dtype=np.float16)[:, None, None, None] * np.ones((1, 2, 3, 4), np.float16)


def test_writing_goes_on_where_it_was_cut_off(tmp_path):
    cache = MapCache(tmp_path / 'maps', INDEX)
    place = cache.place('clip', False, (5, 2, 3, 4), 'source')
    place.write(maps_of(0, 3))
    del place  # as a killed process leaves it
    place = cache.place('clip', False, (5, 2, 3, 4), 'source')
    assert place.done == 3
    place.write(maps_of(3, 2))
    place.close()
    assert np.load(tmp_path / 'maps' / 'maps' / 'clip.npy')[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4]
    assert sorted(file.name for file in (tmp_path / 'maps' / 'maps').iterdir()) == ['clip.npy']


@pytest.mark.parametrize(('shape', 'source'), [((5, 2, 3, 5), 'source'), ((5, 2, 3, 4), 'another')])
def test_what_was_cut_off_of_other_frames_begins_anew(tmp_path, shape, source):
    cache = MapCache(tmp_path / 'maps', INDEX)
    cache.place('clip', False, (5, 2, 3, 4), 'source').write(maps_of(0, 3))
    assert cache.place('clip', False, shape, source).done == 0


@pytest.mark.parametrize('damage', ['part', 'note'])
def test_damaged_remains_begin_anew(tmp_path, damage):
    cache = MapCache(tmp_path / 'maps', INDEX)
    place = cache.place('clip', False, (5, 2, 3, 4), 'source')
    place.write(maps_of(0, 3))
    getattr(place, damage).write_bytes(b'')
    place = cache.place('clip', False, (5, 2, 3, 4), 'source')
    assert place.done == 0
    place.write(maps_of(0, 5))
    place.close()


def test_the_index_is_plain_json(tmp_path):
    MapCache(tmp_path / 'maps', INDEX)
    assert json.loads((tmp_path / 'maps' / 'index.json').read_text())['trunk'] == 'abc'
