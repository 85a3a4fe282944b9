"""tools/data/from_videos.py and tools/data/make_proposals.py on real clips with a real detector."""
import pickle

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import DATASETS, init_default_scope

import stssa_mm  # noqa: F401  (registers the dataset)

CLIPS = ('fight/fi001', 'fight/fi002', 'fight/fi003', 'noFight/nofi001', 'noFight/nofi042', 'noFight/nofi121')


@pytest.fixture
def clips(shared_data, tmp_path):
    """Six clips of surveillance cameras; on nofi042 the detector finds nobody, on nofi121 one person."""
    for clip in CLIPS:
        file = tmp_path / 'clips' / f'{clip}.mp4'
        file.parent.mkdir(parents=True, exist_ok=True)
        file.symlink_to(shared_data / 'fight_clips' / f'{clip}.mp4')
    return tmp_path / 'clips'


def test_from_clips_to_samples_and_the_same_proposals_again(clips, shared_data, tmp_path, load_tool, capsys):
    detector, out = shared_data / 'detectors' / 'yolox_nano.onnx', tmp_path / 'set'
    assert not load_tool('data/from_videos.py').run(clips, '--out', out, '--detector', detector, '--every', 1)
    printed = capsys.readouterr().out
    assert '1 videos without anybody are left out: noFight/nofi042.mp4\n' in printed
    assert f'mim train mmaction {out}/stssa_set.py' in printed
    annotations = out / 'annotations'
    table = [line.split(',') for split in ('train', 'val')
             for line in (annotations / f'{split}.csv').read_text().splitlines()]
    assert {row[0] for row in table} == {f'{clip}.mp4' for clip in CLIPS if '042' not in clip}
    found = np.array([row[2:6] for row in table if row[0] == 'noFight/nofi121.mp4'], float)
    np.testing.assert_allclose(found, [[.35, .31, .47, .89]] * 2, atol=.03)

    init_default_scope('mmaction')
    cfg = Config.fromfile(out / 'stssa_set.py')
    for split in ('train', 'val'):
        sample = DATASETS.build(cfg[f'{split}_dataloader'].dataset)[0]
        assert sample['inputs'].shape == (3, 16, 112, 112) and len(sample['data_samples'].proposals.bboxes)

    assert not load_tool('data/make_proposals.py').run(annotations / 'val.csv', out / 'videos', tmp_path / 'again.pkl',
                                                       '--detector', detector, '--timestamps', 'frames')
    first, again = (pickle.loads(file.read_bytes())
                    for file in (annotations / 'val_proposals.pkl', tmp_path / 'again.pkl'))
    assert sorted(first) == sorted(again)
    for key, boxes in first.items():
        np.testing.assert_array_equal(boxes, again[key])


@pytest.mark.parametrize(('name', 'args'), [('from_videos', ['--out', 'set']), ('make_proposals', ['videos', 'x.pkl'])])
def test_an_error_is_one_line(name, args, tmp_path, load_tool, monkeypatch):
    monkeypatch.chdir(tmp_path)
    error = load_tool(f'data/{name}.py').run('labels', *args, '--detector', 'none.onnx')
    assert error == f'{name}.py: none.onnx: no such file'
