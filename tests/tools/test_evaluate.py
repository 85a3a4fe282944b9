import json
from pathlib import Path

import pytest
from conftest import REPO

from stssa_mm.files.thresholds import read_thresholds

DATA = REPO / 'tests' / 'evaluation' / 'data'


@pytest.fixture
def run(load_tool):
    """Run the tool on the fixture's ground truth; gives its error, or None."""

    def run(*args):
        return load_tool('evaluate.py').run('--ground-truth', DATA / 'gt.csv', '--label-map', DATA / 'action_list.txt',
                                            *args)

    return run


def test_table_result_and_curves(run, tmp_path, capsys):
    assert not run('--detections', DATA / 'pred.csv', '--out', tmp_path / 'r.json', '--curves', tmp_path / 'c.csv')
    printed = capsys.readouterr().out
    assert 'frame-mAP@0.5: 0.0939 (rule activitynet: 3 of 3 classes count, 3 key frames)' in printed
    assert 'the same boxes with random scores: frame-mAP@0.5 0.' in printed
    assert 'worst: action2 0.0000' in printed and 'best: action1 0.1705' in printed
    assert 'video-mAP' not in printed
    saved = json.loads((tmp_path / 'r.json').read_text())
    assert saved['mAP'] == pytest.approx(0.0938552, abs=5e-8)
    assert 0 < saved['chance'] < saved['upper_bound'] < 1
    first = dict(id=1, name='action1', ap=pytest.approx(0.17045, abs=1e-5), num_gt=4, num_det=12)
    assert saved['per_class'][0] == first
    lines = (tmp_path / 'c.csv').read_text().splitlines()
    assert lines[0] == 'id,name,score,recall,precision' and len(lines) == 31
    assert (tmp_path / 'c.png').stat().st_size > 10_000


def test_thresholds_of_the_best_f1(run, tmp_path, capsys):
    assert not run('--detections', DATA / 'pred.csv', '--thresholds', tmp_path / 't.json')
    rows = json.loads((tmp_path / 't.json').read_text())['thresholds']
    assert [row['name'] for row in rows] == ['action1', 'action2', 'action3']
    thresholds = read_thresholds(tmp_path / 't.json')
    assert thresholds == {row['name']: row['threshold'] for row in rows if row['f1']} and 'action1' in thresholds
    assert 'action2' not in thresholds  # its AP is 0
    assert '1 classes without a right detection have no threshold' in capsys.readouterr().out
    assert run('--detections', DATA / 'pred.csv', '--thresholds', tmp_path / 't.csv') == 2


def test_malformed_row_is_one_line(run, tmp_path):
    path = Path(tmp_path, 'pred.csv')
    path.write_text((DATA / 'pred.csv').read_text() + '5HNXoce1raG,1097,0.130,0.389,0.872,x,2,0.912\n')
    assert run('--detections', path) == f"error: {path}:31: y2='x': expected a number"


@pytest.fixture
def walk(load_tool, tmp_path):
    """One person walking through three key frames, detected a little to the right on the first of them."""

    def walk(*args, step=1, found=3):
        rows = [(f'a,{1 + step * i},0.{i + 1},0.2,0.{i + 5},0.8', f'a,{1 + step * i},0.{i + 1}5,0.2,0.{i + 5}5,0.8')
                for i in range(3)]
        (tmp_path / 'gt.csv').write_text(''.join(f'{box},1,7\n' for box, _ in rows))
        (tmp_path / 'found.csv').write_text(''.join(f'{box},1,0.9\n' for _, box in rows[:found]))
        return load_tool('evaluate.py').run('--ground-truth', tmp_path / 'gt.csv', '--detections',
                                            tmp_path / 'found.csv', '--label-map', DATA / 'action_list.txt', *args)

    return walk


@pytest.mark.parametrize('step', [1, 8])
@pytest.mark.parametrize(('found', 'expected'), [(3, (1, 1, 1, 0.6)), (1, (1, 0, 0, 0))])
def test_tubes_print_and_write_video_map(walk, step, found, expected, tmp_path, capsys):
    """The boxes' IoU is 0.35 / 0.45 = 0.78, and that of tubes 0.26 where two of three frames are missed."""
    assert not walk('--tubes', step, '--out', tmp_path / 'r.json', step=step, found=found)
    names = ('video-mAP@0.2', 'video-mAP@0.5', 'video-mAP@0.75', 'video-mAP@0.5:0.95')
    saved = json.loads((tmp_path / 'r.json').read_text())
    assert [saved[name] for name in names] == pytest.approx(expected)
    assert f'video-mAP@0.5: {expected[1]:.4f}' in capsys.readouterr().out


def test_tubes_need_whole_timestamps_and_person_ids(walk, tmp_path, load_tool):
    walk()
    (tmp_path / 'gt.csv').write_text('a,1.5,0.1,0.2,0.5,0.8,1,7\n')
    options = ['--detections', tmp_path / 'found.csv', '--label-map', DATA / 'action_list.txt', '--tubes', 1]
    tool = load_tool('evaluate.py')
    assert 'timestamp 1.5: tubes need whole numbers' in tool.run('--ground-truth', tmp_path / 'gt.csv', *options)
    (tmp_path / 'gt.csv').write_text('a,1,0.1,0.2,0.5,0.8,1\n')
    assert '7 columns: expected an eighth with person ids' in tool.run('--ground-truth', tmp_path / 'gt.csv', *options)


def test_options_of_tubes(walk, tmp_path, capsys):
    out = tmp_path / 'r.json'
    for args, overlap, settings in (
            ((), 1, dict(min_length=1, nms=None, ap_form='area')),
            (('--tube-min-length', 3), 1, dict(min_length=3, nms=None, ap_form='area')),
            (('--tube-min-length', 4), 0, dict(min_length=4, nms=None, ap_form='area')),
            (('--tube-min-length', 3, '--tube-nms', 0.3, '--tube-ap', 'trapezoid'), 1,
             dict(min_length=3, nms=0.3, ap_form='trapezoid'))):
        assert not walk('--tubes', 1, '--out', out, *args)
        saved = json.loads(out.read_text())
        assert saved['video-mAP@0.5'] == overlap and saved['tubes'] == dict(step=1, **settings)
    assert 'tubes of 3 or more key frames, NMS 0.3, AP trapezoid' in capsys.readouterr().out


def test_options_of_tubes_without_tubes_and_out_of_range(walk, capsys):
    assert walk('--tube-nms', 0.3) == 2 and 'options of --tubes STEP' in capsys.readouterr().err
    assert walk('--tubes', 1, '--tube-nms', 3) == 'error: threshold of the suppression 3: expected 0 to 1'
    assert walk('--tubes', 1, '--tube-min-length', 0) == 'error: min_length 0: expected 1 or more key frames'
    assert walk('--tubes', 1, '--tube-ap', 'voc') == 2


def test_help_has_an_example(load_tool, capsys):
    assert load_tool('evaluate.py').run('--help') == 0
    assert '--tubes 1 --tube-min-length 15 --tube-nms 0.3 --tube-ap trapezoid' in capsys.readouterr().out


@pytest.mark.parametrize('how', ['itself', 'a link', 'another name'])
def test_nothing_that_is_read_is_overwritten(run, tmp_path, how, monkeypatch):
    pred = tmp_path / 'pred.csv'
    pred.write_text((DATA / 'pred.csv').read_text())
    out = pred
    if how == 'a link':
        out = tmp_path / 'c.csv'
        out.symlink_to(pred)
    elif how == 'another name':
        monkeypatch.chdir(tmp_path)
        out = Path('pred.csv')
    message = run('--detections', pred, '--curves', out)
    assert message == f'error: {out}: it is read, and would be overwritten: choose another file to write'
    assert pred.read_text() == (DATA / 'pred.csv').read_text()
