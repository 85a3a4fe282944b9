import itertools

import numpy as np
import pytest
from mmengine.config import Config

from stssa_mm.checks import check_config
from stssa_mm.checks.scenes import ALIKE, alike, difference_hash, video_hashes
from stssa_mm.converters.own_videos import convert_own_videos
from stssa_mm.video.writer import write_video


def scene(seed):
    """A picture of made blocks, 96 x 128."""
    blocks = np.random.default_rng(seed).integers(0, 256, (6, 8, 1))
    return np.repeat(np.kron(blocks, np.ones((16, 16, 1))), 3, 2).astype(np.uint8)


def test_a_hash_forgives_light_and_a_person_but_not_another_scene():
    image = scene(0)
    bits = difference_hash(image)
    assert bits.shape == (256, )
    darker = (image * .6 + 5).astype(np.uint8)
    visited = image.copy()
    visited[30:80, 50:70] = 128
    noisy = (image.astype(int) + np.random.default_rng(1).integers(-8, 9, image.shape)).clip(0, 255).astype(np.uint8)
    for other in (darker, visited, noisy):
        assert (difference_hash(other) != bits).mean() < ALIKE
    for seed in range(1, 20):
        assert (difference_hash(scene(seed)) != bits).mean() > ALIKE + .05


def test_pictures_that_say_nothing_have_no_hash():
    silhouette = np.zeros((96, 128, 3), np.uint8)
    silhouette[30:80, 50:70] = 255
    assert difference_hash(silhouette) is None and difference_hash(np.full((9, 9, 3), 90, np.uint8)) is None


def test_the_likest_video_of_training_is_named_and_the_likest_first():
    bits = np.random.default_rng(0).random((3, 256)) > .5
    near, nearer = bits[:1].copy(), bits[:1].copy()
    near[0, :30] ^= True
    nearer[0, :10] ^= True
    pairs = alike({'a': near, 'b': nearer, 'c': bits[2:], 'none': bits[:0]}, {'x': bits[1:2], 'y': bits[:1]})
    assert [(pair.video, pair.train) for pair in pairs] == [('b', 'y'), ('a', 'y')]
    assert [round(pair.distance * 256) for pair in pairs] == [10, 30]
    assert alike({'a': near}, {}) == [] == alike({}, {'x': bits})


@pytest.mark.parametrize('same', [True, False])
def test_one_scene_in_training_and_validation_is_a_warning_with_the_pair(tmp_path, repo, same):
    for name, seed in (('a', 0), ('b', 0 if same else 1), ('c', 2)):
        images = [scene(seed) for _ in range(10)]
        for number, image in enumerate(images):
            image[40:70, 10 + 5 * number:25 + 5 * number] = 255 if name == 'a' else 0
        write_video(tmp_path / f'{name}.mp4', images, 10)
    (tmp_path / 'labels.csv').write_text('video,start,end,label,split,x1,y1,x2,y2\n' + ''.join(
        f'{name}.mp4,0,1,sit,{"val" if name == "b" else "train"},0.1,0.1,0.5,0.5\n' for name in 'abc'))
    summary = convert_own_videos(tmp_path / 'labels.csv', tmp_path / 'set', repo / 'configs/_base_/person_crops.py')
    found = [finding for finding in check_config(Config.fromfile(summary['config'])).findings
             if finding.name == 'same scene']
    assert len(found) == same
    if same:
        assert found[0].level == 'warning' and found[0].where == 'val'
        assert '1 of 1 videos looked at show nearly the picture of one in training: b.mp4 and a.mp4:' in found[0].text


def test_real_scenes_of_surveillance_cameras(shared_data):
    """fi046 and nofi024 are one camera in the two folders of the fight clips; the others are cameras of their own."""
    clips = shared_data / 'fight_clips'
    same = ('fight/fi046.mp4', 'fight/fi049.mp4', 'noFight/nofi024.mp4')
    others = ('fight/fi017.mp4', 'noFight/nofi121.mp4', 'noFight/nofi038.mp4')
    hashes = {name: video_hashes(clips / name, False) for name in (*same, *others)}
    for one, other in itertools.combinations(hashes, 2):
        pairs = alike({one: hashes[one]}, {other: hashes[other]})
        assert bool(pairs) == (one in same and other in same), (one, other)
