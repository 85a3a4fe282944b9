"""Checkpoints that take memory or time without bound, or end the process, are refused; torch's own loader shows it."""
import faulthandler
import io
import os
import pickle
import resource
import signal
import traceback
from collections import Counter, OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from files.crafted_checkpoints import BODIES, write, write_bomb, write_legacy
from mmengine.logging.history_buffer import HistoryBuffer
from mmengine.runner.checkpoint import CheckpointLoader
from torch import _weights_only_unpickler

import stssa_mm  # noqa: F401  (the work-arounds)
from stssa_mm.files.checkpoint_pickle import check_pickle

HARM = ('SIGSEGV', 'SIGXCPU', 'SIGKILL', 'SIGBUS', 'out of memory')
UPSTREAM = _weights_only_unpickler.Unpickler.__mro__[1]
ENOUGH = 1 << 30  # bytes of memory on top; each of the files has less than 8 MB


def in_child(work, seconds=3):
    """Do something in a process of its own with bounded memory and time: 'done', 'refused', or what ended it."""
    pid = os.fork()
    if pid == 0:
        status = 3
        try:
            faulthandler.disable()
            pages = int(Path('/proc/self/statm').read_text().split()[0])
            resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + ENOUGH, ) * 2)
            resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            work()
            status = 0
        except pickle.UnpicklingError:
            status = 1
        except (MemoryError, RuntimeError):
            status = 2
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return signal.Signals(os.WTERMSIG(status)).name
    return ('done', 'refused', 'out of memory', 'another error')[os.WEXITSTATUS(status)]


def load_by_torch_alone(file):
    _weights_only_unpickler.Unpickler = UPSTREAM
    torch.load(file, map_location='cpu', weights_only=True)


@pytest.mark.parametrize('fault', BODIES)
def test_a_crafted_checkpoint_is_refused_in_one_line(fault, tmp_path):
    file = write(tmp_path / 'a.pth', BODIES[fault])
    assert in_child(lambda: load_by_torch_alone(file), 1) in HARM

    def work():
        with pytest.raises(pickle.UnpicklingError) as error:
            CheckpointLoader.load_checkpoint(str(file), 'cpu', 'silent')
        said = str(error.value)
        assert said.startswith(f"checkpoint='{file}': cannot be loaded (no checkpoint, or more than data: it ")
        assert '\n' not in said and 'weights_only' not in said

    assert in_child(work) == 'done'


@pytest.mark.parametrize('fault', ['a key of tuples in tuples', 'a bytearray of 2 GB', 'a key that unfolds'])
def test_so_is_one_of_the_old_format(fault, tmp_path):
    file = write_legacy(tmp_path / 'a.pth', BODIES[fault])
    assert in_child(lambda: load_by_torch_alone(file), 1) in HARM
    with pytest.raises(pickle.UnpicklingError, match='cannot be loaded'):
        CheckpointLoader.load_checkpoint(str(file), 'cpu', 'silent')


def test_an_archive_that_unpacks_to_much_more_is_refused(tmp_path):
    file = write_bomb(tmp_path / 'a.pth')
    assert torch.load(file)['weight'].nbytes > 500 * file.stat().st_size
    with pytest.raises(pickle.UnpicklingError, match=r'its \d+ bytes unpack to 100\d+'):
        CheckpointLoader.load_checkpoint(str(file), 'cpu', 'silent')


@pytest.mark.parametrize('body', [
    b'', b'R', b'u', b'\x85', b't', b'j\0\0\0\0', b's', b'})R', b'}cno\nsuch\n)R', b'K\x01K\x02s', b'(', b'N.N', b'}}b',
    b'ctorch\nFloatStorage\n)R', b'}](e', b'X\xff\xff\xff\x7f', b'\xff', b'cnewline', b'c\xff\n\xff\n'])
def test_a_malformed_pickle_is_refused_in_one_line(body, tmp_path):
    file = write(tmp_path / 'a.pth', body)
    try:
        CheckpointLoader.load_checkpoint(str(file), 'cpu', 'silent')
    except pickle.UnpicklingError as error:
        assert str(error).startswith(f"checkpoint='{file}': cannot be loaded (") and '\n' not in str(error)
    else:
        assert body in (b'N.N', b'}](e')  # which end early with nothing in them


def test_damage_anywhere_ends_no_process(tmp_path):
    """Bytes of a sound pickle changed at random, 200 times."""
    whole = io.BytesIO()
    torch.save(sound(), whole, _use_new_zipfile_serialization=False)
    whole, rng = whole.getvalue(), np.random.default_rng(0)

    def work():
        for _ in range(200):
            changed = bytearray(whole)
            for place in rng.integers(0, len(whole), 4):
                changed[place] = rng.integers(256)
            (tmp_path / 'a.pth').write_bytes(changed)
            try:
                CheckpointLoader.load_checkpoint(str(tmp_path / 'a.pth'), 'cpu', 'silent')
            except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
                assert '\n' not in str(error)

    assert in_child(work) == 'done'


def sound():
    """What checkpoints hold, and what they might."""
    history = HistoryBuffer([float(step) for step in range(5000)], [1] * 5000)
    network = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.BatchNorm1d(4))
    optimizer = torch.optim.AdamW(network.parameters())
    network(torch.ones(2, 4)).sum().backward()
    optimizer.step()
    return dict(state_dict=network.state_dict(), optimizer=optimizer.state_dict(), message_hub=dict(loss=history),
                meta=dict(classes=tuple(f'class {number}' for number in range(2000)), seed=0, text='x' * 10000),
                others=[OrderedDict(a=(1, (2, (3, )))), Counter('abc'), {(1, 2): 3}, torch.Size([2, 3]), {1, 2},
                        bytearray(b'abc'), torch.zeros(1).expand(1000, 1000), torch.zeros(3, 0), torch.nn.Parameter(
                            torch.ones(3)), 2**100, complex(1, 2), np.arange(3.), [[[[[]]]]] * 3, b'bytes' * 1000])


@pytest.mark.parametrize('zipped', [True, False])
def test_a_sound_checkpoint_is_read(zipped, tmp_path):
    torch.save(sound(), tmp_path / 'a.pth', _use_new_zipfile_serialization=zipped)
    found = CheckpointLoader.load_checkpoint(str(tmp_path / 'a.pth'), 'cpu', 'silent')
    assert found['message_hub']['loss'].data[0].tolist() == list(range(5000))
    assert found['others'][-1] == b'bytes' * 1000 and found['others'][6].shape == (1000, 1000)
    assert torch.equal(found['optimizer']['state'][0]['exp_avg'], sound()['optimizer']['state'][0]['exp_avg']) \
        or found['optimizer']['state'][0]['exp_avg'].shape == (4, 4)


def test_the_place_in_the_file_stays(tmp_path):
    file = io.BytesIO(b'before' + pickle.dumps(dict(a=1), protocol=2) + b'after')
    file.seek(6)
    check_pickle(file)
    assert file.tell() == 6
