import pytest

from stssa_mm.converters.own_videos.split import GAP, Moment, given_split, lopsided, split_moments, split_videos


def video(*labels, every=0.5):
    """Key frames every half second, numbered from 1, with the labels of each (a text, a class a letter)."""
    return [Moment(number + 1, number * every, set(text)) for number, text in enumerate(labels)]


def stamps(split, name, part):
    return [stamp for stamp, found in split.part[name].items() if found == part]


@pytest.mark.parametrize('share', [.1, .25, .5, .9])
def test_each_class_is_on_both_sides_by_its_share(share):
    labels = {f'{name}{i}': {name} for name, count in (('a', 40), ('b', 20), ('c', 2)) for i in range(count)}
    val = split_videos(labels, share)
    for name, count in (('a', 40), ('b', 20), ('c', 2)):
        assert sum(video.startswith(name) for video in val) == min(max(round(share * count), 1), count - 1)
    assert split_videos(labels, share) == val != split_videos(labels, share, seed=1)


def test_a_video_alone_is_divided_by_time_with_a_gap():
    split = split_moments({'v': video(*'a' * 12)}, .25)
    assert stamps(split, 'v', 'val') == [10, 11, 12]
    assert stamps(split, 'v', '') == [9]  # half a second before
    assert stamps(split, 'v', 'train') == [1, 2, 3, 4, 5, 6, 7, 8]
    warning, = split.warnings
    assert warning.startswith("v is divided by time, as 'a' would else be in one part only: 8 key frames train, 3 val")


def test_two_key_frames_are_enough_for_a_class():
    split = split_moments({'v': video('a', 'a')}, .25)
    assert split.part == {'v': {1: 'train', 2: 'val'}}  # the last of a class is not left out for the gap


def test_one_key_frame_trains_and_is_named():
    moments = {'v': video('a', 'a', 'a', 'a', 'a', 'b')}
    split = split_moments(moments, .25)
    assert split.part['v'][6] == 'train' and 'val' in split.part['v'].values()
    assert "classes in train only, so that nothing validates them: 'b' (1 key frames)" in lopsided(moments, split, .25)


def test_a_video_with_one_key_frame_trains():
    split = split_moments({'v': video('a')}, .25)
    assert split.part == {'v': {1: 'train'}}
    assert split.warnings == ["v: too few key frames to divide it for 'a': all of them train"]


def test_each_class_of_a_single_video_is_in_both_parts():
    moments = {'v': video(*'aaaabbbb', 'ab', 'c', 'c', 'c')}
    split = split_moments(moments, .25)
    for name in 'abc':
        parts = {split.part['v'][moment.timestamp] for moment in moments['v'] if name in moment.labels}
        assert {'train', 'val'} <= parts
    assert len(split.warnings) == 1 and "'a', 'b', 'c'" in split.warnings[0]


def test_gaps_are_at_least_the_length_of_a_clip():
    moments = {'v': video(*'a' * 20, *'b' * 20, every=.3)}
    split = split_moments(moments, .25)
    seconds = {part: [moment.seconds for moment in moments['v'] if split.part['v'][moment.timestamp] == part]
               for part in ('train', 'val')}
    assert min(abs(one - other) for one in seconds['train'] for other in seconds['val']) >= GAP - 1e-6


def test_only_the_one_video_of_a_class_is_divided():
    moments = {name: video(*'aaaaaaaa') for name in ('v', 'w', 'x', 'y')}
    moments['z'] = video(*'bbbbbbbb')
    split = split_moments(moments, .25)
    assert sorted(len(set(split.part[name].values())) for name in 'vwxy') == [1, 1, 1, 1]
    assert sum('val' in split.part[name].values() for name in 'vwxy') == 1
    assert set(split.part['z'].values()) == {'train', '', 'val'}


def test_labels_that_cannot_be_split_by_videos():
    """Whichever way, one of the classes has both of its videos in one part; one video is divided then."""
    moments = {'1': video('ab', 'ab', 'ab'), '2': video('ac', 'ac', 'ac'), '3': video('bc', 'bc', 'bc')}
    split = split_moments(moments, .5)
    assert split.warnings and not any('only, so that' in text for text in lopsided(moments, split, .5))


def test_everything_trains():
    split = split_moments({'v': video('a', 'b')}, 0)
    assert split.part == {'v': {1: 'train', 2: 'train'}} and not split.warnings
    assert not lopsided({'v': video('a', 'b')}, split, 0)


@pytest.mark.parametrize('share', [1, -.1, float('nan')])
def test_shares_that_are_none(share):
    with pytest.raises(ValueError, match=r'val_share=.*: expected 0 \(everything trains\) or more, and less than 1'):
        split_moments({'v': video('a')}, share)


def test_an_own_split():
    moments = {'v': video('a', 'a'), 'w': video('b'), 'x': video('a')}
    split = given_split(moments, dict(v='train', w='val', x='val'))
    assert split.part == {'v': {1: 'train', 2: 'train'}, 'w': {1: 'val'}, 'x': {1: 'val'}}
    assert lopsided(moments, split, .25) == ["classes in val only, so that nothing trains them: 'b' (1 key frames)"]
    with pytest.raises(ValueError, match='1 videos have no part in the split, such as x'):
        given_split(moments, dict(v='train', w='val', x=''))
    with pytest.raises(ValueError, match='no videos with people to train on'):
        given_split(moments, dict(v='val', w='val', x='val'))


def test_a_lopsided_split_is_named():
    moments = {'long': video(*'a' * 40), 'short': video('a', 'a')}
    split = given_split(moments, dict(long='train', short='val'))
    warning, = lopsided(moments, split, .25)
    assert "'a' (2 of 42)" in warning and '--split' in warning
    moments['short'] = video(*'a' * 10)
    assert not lopsided(moments, given_split(moments, dict(long='train', short='val')), .25)
