import json

import numpy as np
import pytest
from mmengine.config import Config
from PIL import Image

from stssa_mm.visualization import key_frames
from stssa_mm.visualization.boxes import class_colours
from stssa_mm.visualization.key_frames import draw_key_frames


@pytest.fixture
def cfg(repo, toy):
    cfg = Config.fromfile(repo / 'configs' / 'stssa_toy.py')
    return Config(json.loads(json.dumps(cfg.to_dict()).replace('data/toy', str(toy))))


@pytest.fixture
def drawn(monkeypatch):
    """What is drawn, frame by frame."""
    seen = []
    monkeypatch.setattr(key_frames, 'draw_people', lambda image, people, **_: (seen.append(people), image)[1])
    return seen


def rows(toy, video, timestamp):
    lines = [line.split(',') for line in (toy / 'annotations' / 'val.csv').read_text().splitlines()]
    return [line for line in lines if line[:2] == [video, timestamp]]


def test_annotations_of_the_frames_that_are_asked_for(cfg, toy, tmp_path, drawn):
    keys = [','.join(line.split(',')[:2]) for line in (toy / 'annotations' / 'val.csv').read_text().splitlines()]
    first, last = keys[0], keys[-1]
    picture = Image.open(draw_key_frames(cfg, 'val', [last, first], tmp_path / 'x.png', height=120))
    assert picture.size == (2 * 200 + key_frames.GAP, 120) and len(drawn) == 2
    for people, key in zip(drawn, (last, first)):
        expected = rows(toy, *key.split(','))
        assert sum(len(person.texts) for person in people) == len(expected)
        np.testing.assert_allclose(sorted({tuple(person.box) for person in people}),
                                   sorted({tuple(map(float, row[2:6])) for row in expected}), atol=1e-4)


def test_detections_with_scores(cfg, toy, tmp_path, drawn):
    key = ','.join((toy / 'annotations' / 'val.csv').read_text().split(',')[:2])
    detections = tmp_path / 'detections.csv'
    detections.write_text(f'{key},.1,.1,.5,.5,1,.6\n{key},.1,.1,.5,.5,2,.9\n{key},.5,.1,.9,.5,1,.4\n')
    draw_key_frames(cfg, 'val', [key], tmp_path / 'x.jpg', detections)
    (person, ), = drawn
    names = [text.rsplit(' ', 1) for text in person.texts]
    assert [score for _, score in names] == ['0.90', '0.60'] and person.box == (.1, .1, .5, .5)
    assert person.colours == class_colours(8)[1::-1]


@pytest.mark.parametrize(('keys', 'name', 'message'), [
    (['none,0001'], 'x.png', 'none,0001: no key frame of the val data: expected one of'),
    (['none'], 'x.png', "expected 'video,timestamp'"),
    ([], 'x.gif', r'x\.gif: expected a picture'),
])
def test_faults(cfg, tmp_path, keys, name, message):
    with pytest.raises(ValueError, match=message):
        draw_key_frames(cfg, 'val', keys, tmp_path / name)
