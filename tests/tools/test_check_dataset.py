import json

import cv2
from mmengine.config import Config


def test_says_the_verdict_and_draws(toy, load_tool, repo, tmp_path, capsys):
    cfg = Config.fromfile(repo / 'configs' / 'stssa_toy.py')
    cfg = Config(json.loads(json.dumps(cfg.to_dict()).replace('data/toy', str(toy))))
    cfg.dump(tmp_path / 'config.py')
    tool = load_tool('check_dataset.py')
    assert not tool.run(tmp_path / 'config.py', '--contact-sheet', tmp_path / 'sheet.png')
    out = capsys.readouterr().out
    assert out.splitlines()[-1].startswith('verdict: no error found') and 'wave slowly' in out
    picture = cv2.imread(str(tmp_path / 'sheet.png'))
    assert picture.shape[1] == 4 * 400 and picture.std() > 10
    assert tool.run(tmp_path / 'config.py', '--cfg-options', 'model.roi_head.bbox_head.num_classes=81')
    out = capsys.readouterr().out.splitlines()
    assert out[-1] == 'verdict: training cannot work or mAP will be wrong: 1 error, 0 warnings'
    assert any(line.startswith('error: model.roi_head.bbox_head: num_classes: 81: expected 9') for line in out)
    assert tool.run(tmp_path / 'none.py') == 2


def test_the_sheet_shows_the_frames_that_the_pipeline_finds(toy, load_tool, repo, tmp_path):
    """By the videos' own rate, whatever fps says."""
    cfg = Config.fromfile(repo / 'configs' / 'stssa_toy.py')
    cfg = Config(json.loads(json.dumps(cfg.to_dict()).replace('data/toy', str(toy))))
    pictures = []
    for fps in (30, 60):
        cfg.merge_from_dict({f'{split}_dataloader.dataset.fps': fps for split in ('train', 'val', 'test')})
        cfg.dump(tmp_path / 'config.py')
        assert not load_tool('check_dataset.py').run(tmp_path / 'config.py', '--contact-sheet', tmp_path / 'sheet.png')
        pictures.append(cv2.imread(str(tmp_path / 'sheet.png')))
    assert (pictures[0] == pictures[1]).all()
