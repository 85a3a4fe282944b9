import numpy as np
import pytest
from datasets.video_files import Squares, write_squares
from mmengine.config import Config
from mmengine.registry import DATASETS, init_default_scope
from PIL import Image

from stssa_mm.converters.own_videos import convert_own_videos
from stssa_mm.visualization import contact_sheet
from stssa_mm.visualization.boxes import class_colours
from stssa_mm.visualization.contact_sheet import write_contact_sheet

LABELS = 'video,start,end,label,x1,y1,x2,y2\n'
NAMES = {1: 'sit', 2: 'wave'}


@pytest.fixture
def datasets(tmp_path, repo):
    """a.mp4 and b.mp4 with two squares; given boxes around the first of them, and a detector's around both."""
    for name in 'ab':
        write_squares(tmp_path / f'{name}.mp4', [0, 30], frames=8)
    (tmp_path / 'labels.csv').write_text(LABELS + ''.join(
        f'{name}.mp4,0,.8,{label},0.0625,0.375,0.375,0.625\n' for name, label in (('a', 'sit'), ('b', 'wave'))))
    split = tmp_path / 'split.csv'
    split.write_text('a,train\nb,val\n')
    summary = convert_own_videos(tmp_path / 'labels.csv', tmp_path / 'set', repo / 'configs/_base_/person_crops.py',
                                 detector=Squares(), split=split)
    init_default_scope('mmaction')
    cfg = Config.fromfile(summary['config'])
    return {part: DATASETS.build({**cfg[f'{part}_dataloader'].dataset, 'test_mode': True}) for part in ('train', 'val')}


def test_classes_have_their_colours_in_the_sections_and_the_legend(datasets, tmp_path):
    sheet = np.asarray(Image.open(write_contact_sheet(datasets, NAMES, tmp_path / 'sheet.png')))
    rows = [np.flatnonzero((sheet == colour).all(-1).sum(1) > 5) for colour in class_colours(2)]
    legend = 40
    assert (rows[0] < legend).any() and (rows[1] < legend).any()
    below = [of[of > legend] for of in rows]
    assert len(below[0]) and len(below[1]) and below[0].max() < below[1].min()  # training stands above validation


def test_a_proposal_is_told_from_an_annotation(datasets, tmp_path, monkeypatch):
    """Dashed are the proposals that are no annotated box."""
    drawn = []
    monkeypatch.setattr(contact_sheet, 'draw_people', lambda image, people, proposals: (
        drawn.append((people, proposals)), image)[1])
    dataset = datasets['train']
    of = dataset.get_data_info
    given = of(0)['gt_bboxes'][0]
    other = np.array([.5, .4, .8, .6], np.float32)
    dataset.get_data_info = lambda index: {**of(index), 'proposals': np.stack([given, other, given + [0, 0, .1, 0]])}
    write_contact_sheet({'train': dataset}, NAMES, tmp_path / 'sheet.png')
    (people, proposals), *_ = drawn
    assert [person.texts for person in people] == [['sit']]
    np.testing.assert_allclose(proposals, [other, given + [0, 0, .1, 0]], rtol=1e-6)


def test_captions_are_whole(datasets, tmp_path):
    """A long name takes more lines."""
    heights = []
    for name in ('a', 'folder_' * 20 + 'a'):
        dataset = datasets['train']
        of = dataset.get_data_info
        dataset.get_data_info = lambda index, of=of, name=name: {**of(index), 'img_key': name}
        write_contact_sheet({'train': dataset}, NAMES, tmp_path / 'sheet.png')
        heights.append(Image.open(tmp_path / 'sheet.png').size[1])
    assert heights[1] > heights[0] + 30


def test_nothing_to_draw(tmp_path):
    with pytest.raises(ValueError, match=r'sheet\.png: no dataset could be read'):
        write_contact_sheet({}, NAMES, tmp_path / 'sheet.png')
    with pytest.raises(ValueError, match=r'sheet\.gif: expected a picture'):
        write_contact_sheet({}, NAMES, tmp_path / 'sheet.gif')
