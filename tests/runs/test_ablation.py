import csv
import json

import pytest
from conftest import REPO
from mmengine.config import Config

from stssa_mm.models.complexity import Complexity
from stssa_mm.runs import ablation
from stssa_mm.runs.ablation import ablation_table, clip_of, knobs, read_run, to_csv, to_markdown
from stssa_mm.runs.test_metrics import note_on_tests

TOY = REPO / 'configs' / 'stssa_toy.py'


@pytest.fixture(autouse=True)
def cost(monkeypatch):
    """Nothing is counted here: tests/models/test_complexity.py does."""
    counted = []
    monkeypatch.setattr(ablation, 'model_complexity',
                        lambda *args: counted.append(args) or Complexity(1_800_000, 370_000_000, 56_000_000_000))
    return counted


def write_run(folder, seed=0, test=None, validations=(), name='stssa_toy', test_data=None, log_seed=None, layers=2):
    """What mim train and mim test leave; the configs are children, which take less time than dumps."""
    config = (f'_base_ = {str(TOY)!r}\nrandomness = dict(seed={seed})\n'
              f'model = dict(roi_head=dict(shared_head=dict(layers={layers})))\n')
    train = folder / '20260101_000000'
    (train / 'vis_data').mkdir(parents=True)
    (folder / f'{name}.py').write_text(config)
    (train / 'vis_data' / 'scalars.json').write_text(''.join(
        json.dumps({'mAP/overall': value, 'step': step}) + '\n' for step, value in enumerate(validations, 1)))
    (train / f'{train.name}.log').write_text(f'Runtime environment:\n    seed: {log_seed}\n    deterministic: False\n')
    if test is not None:
        done = folder / 'test' / '20260102_000000'
        (done / 'vis_data').mkdir(parents=True)
        (done / f'{done.name}.json').write_text(json.dumps({'mAP/overall': test, 'mAP/kick': 0.1}))
        data = f'test_evaluator = dict(ann_file={test_data!r})\n' if test_data else ''
        (done / 'vis_data' / 'config.py').write_text(config + data)
    return folder


def test_mean_and_deviation_over_seeds(tmp_path):
    folders = [write_run(tmp_path / str(seed), seed, test) for seed, test in ((0, 0.9), (1, 0.8), (2, 0.7))]
    row, = ablation_table(folders)
    assert (row['config'], row['mAP'], row['std'], row['seeds']) == ('stssa_toy', '80.0', '10.0', '0 1 2')
    assert row['data'] == 'data/toy/annotations/val.csv, test, rule activitynet' and row['paper, AVA v2.1'] == ''
    assert (row['parameters (M)'], row['GMAC a RoI'], row['trunk GMAC a clip']) == (
        '1.8', '0.37', '56.0 (16 x 256 x 256)')


def test_last_validation_where_there_is_no_test(tmp_path):
    row, = ablation_table([write_run(tmp_path / 'run', validations=(0.3, 0.5))])
    assert (row['mAP'], row['std']) == ('50.0', '')
    assert row['data'] == 'data/toy/annotations/val.csv, validation, rule activitynet'


def test_rule_of_other_metrics_is_mmaction2s(tmp_path):
    folder = write_run(tmp_path / 'run', validations=(0.3, ))
    config = folder / 'stssa_toy.py'
    config.write_text(config.read_text() + "val_evaluator = dict(type='AVAMetric')\n")
    assert read_run(folder).data == 'data/toy/annotations/val.csv, validation, rule mmaction2'


def test_data_is_that_of_the_test(tmp_path):
    run = read_run(write_run(tmp_path / 'run', test=0.4, test_data='other.csv'))
    assert run.data == 'other.csv, test, rule activitynet'


def test_seed_of_the_log_where_the_config_has_none(tmp_path):
    assert read_run(write_run(tmp_path / 'run', seed=None, log_seed=1234)).seed == 1234
    assert read_run(write_run(tmp_path / 'zero', seed=0, log_seed=1234)).seed == 0


def add_test(folder, time, value):
    """What ``mim test --work-dir`` leaves: it has a seed of its own, and no ``scalars.json``."""
    done = folder / time
    (done / 'vis_data').mkdir(parents=True)
    (done / f'{time}.json').write_text(json.dumps({'mAP/overall': value}))
    (done / 'result.json').write_text('{}')
    (done / f'{time}.log').write_text('    seed: 99\n')
    (done / 'vis_data' / 'config.py').write_text((folder / 'stssa_toy.py').read_text())


def test_tests_in_the_work_folder_itself(tmp_path):
    """The test's config lies over that of the training, without a seed; the seed is that of the training's log."""
    folders = [write_run(tmp_path / str(seed), seed=None, log_seed=seed) for seed in (3, 4)]
    for folder, value in zip(folders, (0.4, 0.6)):
        add_test(folder, '20260103_000000', value)
    row, = ablation_table(folders)
    assert (row['mAP'], row['std'], row['seeds']) == ('50.0', '14.1', '3 4')
    assert note_on_tests(folders[0]) == ''
    add_test(folders[0], '20260104_000000', 0.8)
    assert ablation_table(folders)[0]['mAP'] == '70.0'
    assert note_on_tests(folders[0]) == f'{folders[0]}: 2 tests, the newest is taken: 20260104_000000'


def test_folder_with_a_test_alone_does_not_know_the_seed(tmp_path):
    folders = []
    for name, value in (('a', 0.4), ('b', 0.6)):
        folders.append(tmp_path / name)
        folders[-1].mkdir()
        (folders[-1] / 'stssa_toy.py').write_text(f'_base_ = {str(TOY)!r}\n')
        add_test(folders[-1], '20260103_000000', value)
    row, = ablation_table(folders)
    assert (row['mAP'], row['std'], row['seeds']) == ('50.0', '14.1', '? ?')


def test_a_test_that_was_killed_is_named(tmp_path):
    folder = write_run(tmp_path / 'run', test=0.5)
    (folder / '20260104_000000').mkdir()
    (folder / '20260104_000000' / '20260104_000000.json').write_text('{"mAP/ov')
    with pytest.raises(ValueError, match=r'20260104_000000/20260104_000000.json: not json .*: delete what a killed'):
        ablation_table([folder])


def test_run_without_a_figure_and_config_without_a_run(tmp_path):
    rows = ablation_table([write_run(tmp_path / 'run')], [REPO / 'configs' / 'stssa_jhmdb.py'])
    assert [(row['config'], row['mAP'], row['data']) for row in rows] == [
        ('stssa_jhmdb', 'N/A', ''), ('stssa_toy', 'N/A', '')]


def test_rows_of_the_paper_and_no_others_have_its_column(cost):
    configs = [*sorted((REPO / 'configs' / 'ablation').glob('*.py')), REPO / 'configs' / 'stssa_ava.py',
               REPO / 'configs' / 'stssa_ava22.py']
    rows = {row['config']: row for row in ablation_table([], configs)}
    paper = [row['paper, AVA v2.1'] for row in rows.values() if row['paper, AVA v2.1']]
    assert paper == ['18.5', '19.2', '20.8', '21.3', '21.7', '23.0'] and len(rows) == len(configs)
    assert {row['mAP'] for row in rows.values()} == {'N/A'}
    ends = ('no-attention', 'plain-head', 'row3_ssfa-gmp-1x512', 'slow-only')
    shown = [(row['SSFA'], row['TSFA'], row['pooling'], row['layers'], row['dims'], row['LayerNorm'])
             for name, row in rows.items() if name.endswith(ends)]
    assert shown == [('-', '-', 'GAP', '2', '2048', 'yes'), ('-', '-', 'GAP', '-', '-', '-'),
                     ('yes', '-', 'GMP', '1', '512', '-'), ('slow', 'slow', 'GAP', '2', '2048', 'yes')]
    assert len(cost) < len(rows)  # equal models are counted once


def test_a_changed_row_is_no_row_of_the_paper():
    cfg = Config.fromfile(REPO / 'configs' / 'stssa_ava.py')
    assert knobs(cfg.model) == ablation.PAPER['stssa_ava'][0]
    cfg.model.roi_head.shared_head.layers = 3
    assert knobs(cfg.model) != ablation.PAPER['stssa_ava'][0]


@pytest.mark.parametrize(('name', 'clip'), [('stssa_ava', (32, 256, 256)), ('stssa_toy', (16, 256, 256)),
                                            ('stssa_jhmdb', (16, 112, 112))])
def test_clip(name, clip):
    assert clip_of(Config.fromfile(REPO / 'configs' / f'{name}.py')) == clip


@pytest.mark.parametrize(('second', 'message'), [
    (dict(seed=0, test=0.5), 'with seed 0: a deviation over seeds needs different ones'),
    (dict(seed=1, test=0.5, layers=1), 'their model differs: give the variant'),
    (dict(seed=1, test=0.5, test_data='other.csv'), r'their data differs \(data/.*, test, rule activitynet; other'),
    (dict(seed=1, validations=(0.5, )), 'val.csv, test, rule activitynet; data/toy/annotations/val.csv, validation'),
])
def test_runs_that_are_not_one_config_with_other_seeds(tmp_path, second, message):
    folders = write_run(tmp_path / 'a', 0, 0.5), write_run(tmp_path / 'b', **second)
    with pytest.raises(ValueError, match=f'{tmp_path}/a and {tmp_path}/b: both are runs of stssa_toy.*{message}'):
        ablation_table(folders)


def test_folders_that_are_no_run(tmp_path):
    with pytest.raises(FileNotFoundError, match=f'{tmp_path}: no config in it'):
        read_run(tmp_path)
    (tmp_path / 'a.py').touch()
    (tmp_path / 'b.py').touch()
    with pytest.raises(ValueError, match=r'configs of several runs \(a.py, b.py\)'):
        read_run(tmp_path)


def test_markdown_and_csv_hold_the_same(tmp_path):
    rows = ablation_table([write_run(tmp_path / 'run', test=0.5)], [REPO / 'configs' / 'stssa_jhmdb.py'])
    assert list(csv.DictReader(to_csv(rows).splitlines())) == rows
    head, rule, *lines = to_markdown(rows).splitlines()
    cells = [[cell.strip() for cell in line.strip('|').split('|')] for line in (head, *lines)]
    assert [dict(zip(cells[0], line)) for line in cells[1:]] == rows and set(rule) == set('|- ')
