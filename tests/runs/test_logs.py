import pytest
from runs.work_dirs import write_log

from stssa_mm.runs.logs import read_scalars


def test_a_resumed_run_replaces_what_it_repeats(tmp_path):
    write_log(tmp_path / '20260101_000000', [dict(loss=3.0, epoch=1, step=1), dict(loss=2.0, epoch=2, step=2)])
    write_log(tmp_path / '20260101_010000', [dict(loss=1.5, epoch=2, step=2), {'mAP/overall': 0.5, 'step': 2}])
    lines = read_scalars(tmp_path)
    assert [line['loss'] for line in lines if 'loss' in line] == [3.0, 1.5]
    assert [line['mAP/overall'] for line in lines if 'mAP/overall' in line] == [0.5]


def test_an_empty_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=str(tmp_path)):
        read_scalars(tmp_path)


def test_a_line_that_a_killed_run_left_half_is_not_counted(tmp_path):
    write_log(tmp_path / '20260101_000000', [dict(loss=3.0, epoch=1, step=1)])
    log = tmp_path / '20260101_000000' / 'vis_data' / 'scalars.json'
    log.write_text(log.read_text() + '{"loss": 2.0, "epo')
    assert [line['loss'] for line in read_scalars(tmp_path)] == [3.0]
    log.write_text('loss 3\n')
    with pytest.raises(ValueError, match=r"scalars\.json:1: no json \("):
        read_scalars(tmp_path)
