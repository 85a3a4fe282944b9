"""tools/cache_features.py: what it says, and its errors."""
import pytest
import torch
from apis.cached_toy import write_config
from conftest import REPO

pytest.importorskip('efficientnet_lite_pytorch')


def test_it_says_what_comes_next(load_tool, toy, tmp_path, capsys):
    config = write_config(tmp_path, toy)
    assert not load_tool('cache_features.py').run(config, '--out', tmp_path / 'maps', '--jobs', 1)
    said = capsys.readouterr().out
    assert f'mim train mmaction {tmp_path}/maps/small_cached.py' in said
    assert '9 of 9 videos are missing' in said and ' GB in ' in said


def test_errors_are_one_line(load_tool, toy, tmp_path):
    run = load_tool('cache_features.py').run
    config = write_config(tmp_path, toy)
    torch.save(dict(state_dict={'backbone.network.x': torch.zeros(1)}), tmp_path / 'other.pth')
    for text, options in (('model.backbone: expected an STSSAFrameTrunk', (REPO / 'configs' / 'stssa_toy.py', )),
                          ('none.py', (tmp_path / 'none.py', )), ('none.pth', (config, '--checkpoint', 'none.pth')),
                          ('not a checkpoint of', (config, '--checkpoint', tmp_path / 'other.pth')),
                          ('cuda:99', (config, '--device', 'cuda:99'))):
        error = run(*options, '--out', tmp_path / 'maps')
        assert error.startswith('cache_features.py: ') and text in error and '\n' not in error, error
        assert not (tmp_path / 'maps').exists()
