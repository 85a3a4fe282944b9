import cv2
import numpy as np
import pytest
import torch
from conftest import REPO
from mmengine.config import Config
from mmengine.registry import DATASETS, DefaultScope

from stssa_mm.apis.clips import ClipMaker
from stssa_mm.apis.network import dataset_config
from stssa_mm.apis.sources import find_sources, open_source
from stssa_mm.files.proposals import write_proposals

CONFIGS = [str(path.relative_to(REPO / 'configs')) for path in sorted((REPO / 'configs').rglob('*.py'))
           if '_base_' not in path.parts]
BOXES = np.array([[.1, .2, .5, .9, 1], [.4, .1, .8, .7, 1]])
FPS, START, COUNT = 30, 900, 150


@pytest.fixture(scope='module')
def frames():
    y, x = np.mgrid[:48, :64]
    return [np.stack([x * 4 - x, y * 3, np.full_like(x, 100)], -1).astype(np.uint8) // 2 + number
            for number in range(COUNT)]


@pytest.fixture(scope='module')
def folder(frames, tmp_path_factory):
    """AVA-form data of one video, as pictures from img_00001, with key frames at its ends and in between."""
    folder = tmp_path_factory.mktemp('ava')
    (folder / 'rawframes' / 'a').mkdir(parents=True)
    for number, frame in enumerate(frames, 1):
        cv2.imwrite(str(folder / 'rawframes' / 'a' / f'img_{number:05d}.png'), frame[..., ::-1])
    (folder / 'val.csv').write_text(''.join(f'a,{START + second:04d},.1,.2,.5,.9,1,0\n' for second in (0, 2, 4)))
    write_proposals(folder / 'proposals.pkl', {f'a,{START + second:04d}': BOXES for second in (0, 2, 4)})
    return folder


@pytest.mark.parametrize('name', ['stssa_ava.py', 'stssa_ava_faster-rcnn.py', 'trunks/stssa_slowfast_ava.py',
                                  'trunks/stssa_mvit_ava.py'])
def test_clips_are_those_of_the_datasets_samples_to_the_byte(name, folder, frames):
    """Also where MMAction2's own sampling takes the clip late."""
    cfg = Config.fromfile(REPO / 'configs' / name)
    part = dict(dataset_config(cfg))
    part.update(ann_file=str(folder / 'val.csv'), exclude_file=None, label_file=None, data_prefix=dict(
        img=str(folder / 'rawframes')), filename_tmpl='img_{:05}.png', test_mode=True)
    if part.get('proposal_file'):
        part['proposal_file'] = str(folder / 'proposals.pkl')
    with DefaultScope.overwrite_default_scope('mmaction'):
        dataset = DATASETS.build(part)
    make = ClipMaker(cfg)
    source = open_source(find_sources(frames)[0], FPS)
    touched, read = [], source.read
    source.read = lambda numbers: touched.extend(numbers) or read(numbers)
    # MMAction2 reads on behind the end of a short video.
    seconds = (0, 2) if name.startswith('trunks') else (0, 2, 4)
    for index, second in enumerate(seconds):
        sample = dataset[index]
        boxes = BOXES[:, :4] if part.get('proposal_file') else None
        touched.clear()
        clip = make(source, second * FPS, second, boxes)
        assert torch.equal(clip['inputs'], sample['inputs']), second
        if boxes is not None and 'mvit' not in name:  # whose dataset has other keys in its proposal file
            assert torch.equal(torch.as_tensor(clip['data_samples'].proposals.bboxes),
                               torch.as_tensor(sample['data_samples'].proposals.bboxes))
        first, end = make.window(second * FPS)
        assert min(touched) >= max(first, 0) and max(touched) < end


@pytest.mark.parametrize('name', CONFIGS)
def test_every_config_makes_clips(name, frames):
    cfg = Config.fromfile(REPO / 'configs' / name)
    own = cfg.model.type.endswith('FasterRCNN')
    source = open_source(find_sources(frames)[0], FPS)
    clip = ClipMaker(cfg)(source, 70, 70 / FPS, None if own else BOXES[:, :4])
    assert clip['inputs'].shape[0] == 3 and clip['inputs'].ndim == 4
    assert ('proposals' in clip['data_samples']) is not own


def test_a_pipeline_without_key_frames_is_refused():
    cfg = Config(dict(test_dataloader=dict(dataset=dict(pipeline=[dict(type='DecordDecode')]))))
    with pytest.raises(ValueError, match=r'test_dataloader\.dataset\.pipeline: expected a SampleAVAFrames'):
        ClipMaker(cfg)
