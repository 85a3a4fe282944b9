import json


def test_draws_both_pictures_and_says_the_rule(load_tool, tmp_path, capsys):
    (tmp_path / '1' / 'vis_data').mkdir(parents=True)
    (tmp_path / '1' / 'vis_data' / 'scalars.json').write_text(json.dumps(dict(loss=3.0, epoch=1, step=1)) + '\n')
    (tmp_path / 'test' / '2' / 'vis_data').mkdir(parents=True)
    (tmp_path / 'test' / '2' / '2.json').write_text(json.dumps({'mAP/overall': 0.25, 'mAP/kick': 0.25}))
    (tmp_path / 'test' / '2' / 'vis_data' / 'config.py').write_text(
        "test_evaluator = dict(type='STSSAAVAMetric', ann_file='val.csv')")
    assert not load_tool('plot_run.py').run(tmp_path)
    assert 'frame-mAP@0.5  0.2500 (val.csv, test, rule activitynet)' in capsys.readouterr().out
    assert {file.name for file in tmp_path.glob('*.png')} == {'loss_curve.png', 'per_class_ap.png'}


def test_a_folder_without_a_run_is_one_line(load_tool, tmp_path):
    assert load_tool('plot_run.py').run(tmp_path).startswith(f'plot_run.py: {tmp_path}: no test result below')
