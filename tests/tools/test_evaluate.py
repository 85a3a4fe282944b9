import json
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import REPO

DATA = REPO / 'tests' / 'evaluation' / 'data'


def run(*args):
    command = [sys.executable, REPO / 'tools' / 'evaluate.py', '--ground-truth', DATA / 'gt.csv', '--label-map',
               DATA / 'action_list.txt', *args]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True)


def test_table_result_and_curves(tmp_path):
    result = run('--detections', DATA / 'pred.csv', '--out', tmp_path / 'r.json', '--curves', tmp_path / 'c.csv')
    assert result.returncode == 0, result.stderr
    assert 'frame-mAP@0.5: 0.0939 (rule activitynet: 3 of 3 classes count, 3 key frames)' in result.stdout
    assert 'worst: action2 0.0000' in result.stdout and 'best: action1 0.1705' in result.stdout
    saved = json.loads((tmp_path / 'r.json').read_text())
    assert saved['mAP'] == pytest.approx(0.0938552, abs=5e-8)
    first = dict(id=1, name='action1', ap=pytest.approx(0.17045, abs=1e-5), num_gt=4, num_det=12)
    assert saved['per_class'][0] == first
    lines = (tmp_path / 'c.csv').read_text().splitlines()
    assert lines[0] == 'id,name,score,recall,precision' and len(lines) == 31
    assert (tmp_path / 'c.png').stat().st_size > 10_000


def test_malformed_row_is_one_line(tmp_path):
    path = Path(tmp_path, 'pred.csv')
    path.write_text((DATA / 'pred.csv').read_text() + '5HNXoce1raG,1097,0.130,0.389,0.872,x,2,0.912\n')
    result = run('--detections', path)
    assert result.returncode != 0
    assert result.stderr.strip().splitlines()[-1] == f"error: {path}:31: y2='x': expected a number"
    assert 'Traceback' not in result.stderr
