"""Weights that cannot be had, losses that are no numbers, and which checkpoints a run keeps."""
import re
import socket

import pytest
from end_to_end.runs import TOY, logged, options


@pytest.fixture
def offline_config(tmp_path):
    """A child of the toy config whose weights are at a url that refuses connections, and that url."""
    with socket.socket() as bound:
        bound.bind(('127.0.0.1', 0))  # not listening
        url = f'http://127.0.0.1:{bound.getsockname()[1]}/kinetics.pth'
        (tmp_path / 'offline.py').write_text(
            f"_base_ = '{TOY}'\nmodel = dict(init_cfg=dict(type='Pretrained', checkpoint='{url}'))\n")
        yield tmp_path / 'offline.py', url


def last_errors(run):
    """The last line of each traceback of a run: that of the training process, then that of mim."""
    return re.findall(r'^(?:\w+\.)*\w*Error: .*', run.stderr, re.MULTILINE)


def test_without_a_network_a_run_says_what_to_do_and_does_it(offline_config, mim, toy, tmp_path):
    """Then it keeps the last three epochs and the best."""
    config, url = offline_config
    env = {'TORCH_HOME': str(tmp_path / 'home'), 'no_proxy': '127.0.0.1'}
    run = mim('train', 'mmaction', config, '--work-dir', tmp_path / 'fails', *options(toy), check=False, env=env)
    assert run.returncode != 0
    error, of_mim = last_errors(run)
    assert error.startswith(f'ConnectionError: model.init_cfg.checkpoint={url!r}: cannot be downloaded (')
    assert error.endswith('or train from none (--cfg-options model.init_cfg=None)')
    assert of_mim.startswith('subprocess.CalledProcessError')
    assert not list(tmp_path.rglob('*.pth*'))

    run = mim('train', 'mmaction', config, '--work-dir', tmp_path / 'run',
              *options(toy, **{'model.init_cfg': None, 'train_cfg.max_epochs': 4}), env=env)
    assert len(logged(tmp_path / 'run', 'loss')) == 8
    names = {file.name for file in (tmp_path / 'run').glob('*.pth')}
    assert {'epoch_2.pth', 'epoch_3.pth', 'epoch_4.pth'} < names and len(names) == 4
    best, = names - {'epoch_2.pth', 'epoch_3.pth', 'epoch_4.pth'}
    assert best.startswith('best_')
    line, = re.findall(r'Parameters: .*', run.stdout + run.stderr)
    assert re.fullmatch(r'Parameters: trunk .*, neck .*, box head \d+ \(.* in all, .* trained\)', line)


def test_a_run_whose_loss_is_no_number_fails_and_leaves_no_checkpoint(mim, toy, tmp_path):
    run = mim('train', 'mmaction', TOY, '--work-dir', tmp_path,
              *options(toy, **{'optim_wrapper.optimizer.lr': 1e30}), check=False)
    assert run.returncode != 0
    assert re.match(r'FloatingPointError: iteration 2: the loss is (?:nan|inf)\. Lower optim_wrapper\.optimizer\.lr, '
                    r'and look at the data with tools/check_dataset\.py$', last_errors(run)[0])
    assert not list(tmp_path.rglob('*.pth'))
