"""tools/data/from_videos.py and tools/data/make_proposals.py on real clips with a real detector."""
import pickle

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import DATASETS, init_default_scope
from PIL import Image

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
    assert '2 classes; a person has one of them (softmax)\n' in printed
    assert 'random scores' in printed and 'Training takes about' in printed and ' 10 epochs of ' in printed
    assert f'Contact sheet, to look at before training: {out}/contact_sheet.png\n' in printed
    assert Image.open(out / 'contact_sheet.png').size[0] > 1000
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


def test_from_videos_without_labels_to_a_dataset(shared_data, tmp_path, load_tool, capsys):
    """People of real videos are found and tracked, an action is chosen for each in the CVAT files and in the csv."""
    videos, labels = shared_data / 'demo_videos', tmp_path / 'labels'
    assert not load_tool('data/pre_annotate.py').run(
        videos, '--out', labels, '--detector', shared_data / 'detectors' / 'yolox_nano.onnx', '--action', 'stand',
        '--action', 'walk', '--every', .5)
    printed = capsys.readouterr().out
    assert ' tracks with ' in printed and f'from_videos.py {labels} --format cvat --videos {videos}' in printed
    for file in labels.glob('*.xml'):
        first, *others = file.read_text().split('</track>')
        file.write_text('</track>'.join([first.replace('__undefined__</attr', 'walk</attr'), *(
            other.replace('__undefined__</attr', 'stand</attr') for other in others)]))
    for number, source in enumerate(([labels, '--format', 'cvat', '--attribute', 'action'], [labels / 'labels.csv'])):
        if number:
            table = source[0].read_text().splitlines()
            source[0].write_text('\n'.join([table[0], *(line.replace(
                ',,', ',walk,' if line.endswith(',0') else ',stand,') for line in table[1:])]) + '\n')
        out = tmp_path / f'set{number}'
        assert not load_tool('data/from_videos.py').run(*source, '--videos', videos, '--out', out, '--val-share', 0)
        assert 'Everything trains' in capsys.readouterr().out
    first, second = ((tmp_path / f'set{number}' / 'annotations' / 'train.csv').read_text().splitlines()
                     for number in (0, 1))
    assert len(first) > 8 and {line.split(',')[6] for line in first} == {'1', '2'}
    for one, other in zip(sorted(first), sorted(second), strict=True):
        one, other = one.split(','), other.split(',')
        assert one[:2] + one[6:] == other[:2] + other[6:]
        np.testing.assert_allclose(np.array(one[2:6], float), np.array(other[2:6], float), atol=2e-4)


@pytest.mark.parametrize(('name', 'args'), [('from_videos', ['--out', 'set']), ('make_proposals', ['videos', 'x.pkl']),
                                            ('pre_annotate', ['--out', 'set'])])
def test_an_error_is_one_line(name, args, tmp_path, load_tool, monkeypatch):
    monkeypatch.chdir(tmp_path)
    error = load_tool(f'data/{name}.py').run('labels', *args, '--detector', 'none.onnx')
    assert error == f'{name}.py: none.onnx: no such file'
