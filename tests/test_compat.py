import ast
import contextlib
import copy
import functools
import http.server
import importlib
import inspect
import os
import pickle
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import types
import zipfile
from pathlib import Path

import mmcv.ops
import mmengine.fileio
import mmengine.runner
import numpy as np
import pytest
import torch
from mmcv.ops.nms import NMSop
from mmengine.config import Config
from mmengine.fileio import LocalBackend
from mmengine.fileio.backends import local_backend
from mmengine.logging.history_buffer import HistoryBuffer
from mmengine.model import BaseModel, BaseModule
from mmengine.optim.scheduler.param_scheduler import OneCycleParamScheduler
from mmengine.runner import Runner, checkpoint, runner

import stssa_mm
from stssa_mm import compat


def upstream(module, name):
    """A function or class as the package's own source defines it, whatever has been put in its place."""
    source = Path(module.__file__).read_text()
    node = next(node for node in ast.parse(source).body if getattr(node, 'name', None) == name)
    namespace = dict(vars(module))
    exec(compile(ast.Module([node], []), module.__file__, 'exec'), namespace)
    return namespace[name]


def test_every_work_around_of_this_stack_is_on_and_says_why():
    for_cpu, for_gpu = compat.processes_without_gpu, compat.suppression_without_gpu_kernel
    elsewhere = for_cpu if torch.cuda.is_available() else for_gpu
    assert compat.switched_on == [work.__name__ for work in compat.WORK_AROUNDS if work is not elsewhere]
    for work_around in compat.WORK_AROUNDS:
        text = inspect.getdoc(work_around)
        assert 'https://github.com/' in text or 'Not reported upstream.' in text
        assert 'off where' in text.lower()


def test_applying_or_importing_twice_changes_nothing():
    def state():
        return (LocalBackend.put, runner.find_latest_checkpoint, sys.modules['mmaction.models.localizers.drn'],
                list(compat.switched_on), set(torch.serialization.get_safe_globals()))
    before = state()
    assert compat.apply() == []
    importlib.reload(stssa_mm)
    assert state() == before


# warnings_of_pkg_resources


def warned(*lines):
    code = '; '.join(['import warnings', "warnings.simplefilter('always')", *lines,
                      'from mmengine.utils import is_installed', "is_installed('torch')"])
    result = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, cwd=Path(__file__).parents[1])
    assert result.returncode == 0, result.stderr
    return 'pkg_resources is deprecated' in result.stderr


def test_mmengines_questions_for_packages_do_not_warn():
    assert warned() and not warned('import stssa_mm')


def test_warnings_are_left_alone_where_mmengine_does_without(tmp_path, monkeypatch):
    (tmp_path / 'utils').mkdir()
    (tmp_path / 'utils' / 'package_utils.py').write_text('import importlib.metadata')
    monkeypatch.setattr(compat, 'switched_on', [])
    monkeypatch.setattr(compat.importlib.util, 'find_spec',
                        lambda name: types.SimpleNamespace(origin=str(tmp_path / '__init__.py')))
    assert compat.warnings_of_pkg_resources() is False


# missing_drn_localizer


@pytest.fixture
def mmaction(tmp_path, monkeypatch):
    """A package mmaction in a folder of its own, as if not imported yet."""
    for name in [name for name in sys.modules if name == 'mmaction' or name.startswith('mmaction.models.localizers')]:
        monkeypatch.delitem(sys.modules, name)
    folder = tmp_path / 'mmaction' / 'models' / 'localizers'
    folder.mkdir(parents=True)
    (tmp_path / 'mmaction' / '__init__.py').touch()
    monkeypatch.syspath_prepend(tmp_path)
    yield folder
    for name in ('mmaction.models.localizers.drn', 'mmaction.models.localizers.drn.drn'):
        sys.modules.pop(name, None)


def test_installed_mmaction_models_can_be_imported():
    import mmaction.models.localizers as localizers
    with pytest.raises(ImportError, match='install mmaction2 from source'):
        localizers.DRN()


def test_drn_stand_in_where_the_wheel_lacks_it(mmaction):
    assert compat.missing_drn_localizer() is True
    assert 'mmaction.models.localizers.drn.drn' in sys.modules
    assert compat.missing_drn_localizer() is False


def test_no_drn_stand_in_where_mmaction_has_it(mmaction):
    (mmaction / 'drn').mkdir()
    assert compat.missing_drn_localizer() is False
    assert 'mmaction.models.localizers.drn' not in sys.modules


def test_no_drn_stand_in_without_mmaction(mmaction, monkeypatch):
    monkeypatch.setattr(compat.importlib.util, 'find_spec', lambda name: None)
    assert compat.missing_drn_localizer() is False


# checkpoints_under_weights_only


@pytest.fixture
def no_safe_globals():
    """torch's list of allowed classes as it is before any work-around."""
    kept = torch.serialization.get_safe_globals()
    torch.serialization.clear_safe_globals()
    yield
    torch.serialization.clear_safe_globals()
    torch.serialization.add_safe_globals(kept)


def log_history():
    history = HistoryBuffer([0.5, 1.5], [1, 1])
    history.update(4.0, 2)
    return history


def test_checkpoint_with_log_history_fails_without_and_loads_with_the_work_around(tmp_path, no_safe_globals):
    torch.save({'state_dict': {}, 'message_hub': {'log_scalars': {'train/loss': log_history()}}}, tmp_path / 'a.pth')
    load = functools.partial(checkpoint._load_checkpoint, str(tmp_path / 'a.pth'))
    with pytest.raises(pickle.UnpicklingError, match='HistoryBuffer'):
        load()
    assert compat.checkpoints_under_weights_only() is True
    history = load()['message_hub']['log_scalars']['train/loss']
    assert [values.tolist() for values in history.data] == [[0.5, 1.5, 4.0], [1, 1, 2]]
    assert (history.statistics('mean'), history.statistics('min'), history.statistics('max')) == (1.5, 0.5, 4.0)
    assert history.statistics('current') == 4.0


def test_nothing_is_allowed_where_mmengine_loads_by_itself(monkeypatch, no_safe_globals):
    monkeypatch.setattr(checkpoint, 'load_from_local', lambda file, where: torch.load(file, where, weights_only=False))
    assert compat.checkpoints_under_weights_only() is False
    assert torch.serialization.get_safe_globals() == []


@pytest.mark.parametrize('function', [OneCycleParamScheduler._annealing_cos, OneCycleParamScheduler._annealing_linear])
def test_annealing_functions_load_as_themselves(tmp_path, function):
    torch.save({'anneal_func': function}, tmp_path / 'a.pth')
    assert torch.load(tmp_path / 'a.pth', weights_only=True)['anneal_func'] is function


class Reduced:
    """Is pickled as the call ``function(*args)``."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize('function, code', [
    (os.system, 'touch {}'), (eval, 'open({!r}, "w")'), (exec, 'open({!r}, "w")')])
def test_hostile_checkpoint_is_refused_and_runs_nothing(tmp_path, function, code):
    marker, file = tmp_path / 'marker', tmp_path / 'a.pth'
    torch.save({'state_dict': {}, 'meta': Reduced(function, code.format(str(marker)))}, file)
    with pytest.raises(pickle.UnpicklingError):
        checkpoint.load_checkpoint(torch.nn.Linear(1, 1), str(file))
    assert not marker.exists()
    torch.load(file, weights_only=False)
    assert marker.exists()  # so the code in the file is really one that would have run


@pytest.mark.parametrize('owner, name', [
    (HistoryBuffer, '__subclasses__'), (HistoryBuffer, '__init__'), (HistoryBuffer, 'register_statistics'),
    (OneCycleParamScheduler, 'build_iter_from_epoch'), (OneCycleParamScheduler, 'min'), (torch.Size, '__class__')])
def test_stand_in_for_getattr_gives_nothing_else(tmp_path, owner, name):
    torch.save(Reduced(getattr, owner, name), tmp_path / 'a.pth')
    with pytest.raises(pickle.UnpicklingError, match='which is not allowed'):
        torch.load(tmp_path / 'a.pth', weights_only=True)


class Tiny(BaseModel):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)
        torch.nn.init.ones_(self.layer.weight)

    def forward(self, inputs, mode='loss'):
        return {'loss': (self.layer(torch.stack(inputs)) - 3).square().mean()}


def train(folder, epochs, resume=False):
    """A run with the optimizer and the schedule of configs/stssa_jhmdb.py."""
    made = Runner(
        Tiny(), str(folder), resume=resume, log_level='ERROR', experiment_name=f'{folder.name}-{epochs}-{resume}',
        train_dataloader={'dataset': [{'inputs': torch.tensor([float(i)])} for i in range(4)], 'batch_size': 2,
                          'sampler': {'type': 'DefaultSampler', 'shuffle': False}},
        train_cfg={'by_epoch': True, 'max_epochs': epochs},
        optim_wrapper={'optimizer': {'type': 'AdamW', 'lr': 2e-3, 'weight_decay': 0.05}},
        param_scheduler=[{'type': 'OneCycleLR', 'eta_max': 2e-3, 'total_steps': 4, 'pct_start': 0.2, 'by_epoch': True,
                          'convert_to_iter_based': True}],
        default_hooks={'checkpoint': {'type': 'CheckpointHook', 'interval': 1}})
    made.train()
    return made


def test_resumed_adamw_and_onecycle_go_on_as_if_never_stopped(tmp_path):
    whole = train(tmp_path / 'whole', 4)
    part = tmp_path / 'part'
    part.mkdir()
    shutil.copy(tmp_path / 'whole' / 'epoch_2.pth', part)
    (part / 'last_checkpoint').touch()  # as a process leaves it that is killed between opening and writing it
    resumed = train(part, 4, resume=True)
    assert resumed.message_hub.get_scalar('train/loss').data[0].size == 8  # with the 4 steps from before the stop
    assert resumed.optim_wrapper.get_lr() == whole.optim_wrapper.get_lr()
    for key, value in whole.model.state_dict().items():
        assert torch.equal(resumed.model.state_dict()[key], value), key
    losses = [run.message_hub.get_scalar('train/loss').data[0].tolist() for run in (resumed, whole)]
    assert losses[0] == losses[1]


def test_arrays_of_a_log_history_are_saved_again_as_ordinary_ones(tmp_path):
    torch.save(log_history(), tmp_path / 'a.pth')
    torch.save(torch.load(tmp_path / 'a.pth', weights_only=True), tmp_path / 'b.pth')
    assert b'stssa_mm' not in zipfile.ZipFile(tmp_path / 'b.pth').read('b/data.pkl')
    history = torch.load(tmp_path / 'b.pth', weights_only=False)
    assert [type(values) for values in history.data] == [np.ndarray] * 2


@pytest.mark.parametrize('value', [np.float64(0.5), np.float32(2), np.int64(3), np.bool_(True)])
def test_numbers_of_numpy_load_as_themselves(tmp_path, value):
    torch.save({'best_score': value}, tmp_path / 'a.pth')
    found = torch.load(tmp_path / 'a.pth', weights_only=True)['best_score']
    assert found == value and type(found) is type(value)


LOAD = ('import sys, torch\nif len(sys.argv) > 2:\n    import numpy as np\n    core = np.core.multiarray\n'
        '    torch.serialization.add_safe_globals([np.ndarray, np.dtype, core._reconstruct, core.scalar, '
        'type(np.dtype("O"))])\n'
        'else:\n    import stssa_mm\n'
        'print(repr(torch.load(sys.argv[1], weights_only=True)))\n')


@pytest.mark.parametrize('hostile', ['scalar', 'array'])
def test_a_dtype_of_objects_does_no_harm(tmp_path, hostile):
    """numpy's own functions in torch's list end the process; the stand-ins refuse."""
    pointer = b'U\x08' + b'A' * 8  # a bytes object for torch's unpickler
    dtype = (b'cnumpy\ndtype\n(X\x02\x00\x00\x00O8\x89\x88tR(J\x03\x00\x00\x00X\x01\x00\x00\x00|NNN'
             b'J\xff\xff\xff\xffJ\xff\xff\xff\xffJ\x00\x00\x00\x00tb')
    made = {'scalar': b'cnumpy.core.multiarray\nscalar\n(' + dtype + pointer + b'tR',
            'array': b'cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR(K\x01(K\x01t' + dtype
            + b'\x89' + pointer + b'tb'}[hostile]
    torch.save({}, tmp_path / 'a.pth')
    with zipfile.ZipFile(tmp_path / 'a.pth') as old, zipfile.ZipFile(tmp_path / 'b.pth', 'w') as new:
        for name in old.namelist():
            new.writestr(name, b'\x80\x02' + made + b'.' if name.endswith('data.pkl') else old.read(name))

    def load(*args):
        return subprocess.run([sys.executable, '-c', LOAD, tmp_path / 'b.pth', *args], capture_output=True, text=True,
                              env=dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)))

    refused = load()
    assert refused.returncode == 1 and 'not of plain numbers' in refused.stderr
    if hostile == 'scalar':
        assert load('as numpy has them').returncode < 0


# config_in_a_checkpoint


@pytest.mark.parametrize('place', [('meta', 'config'), ('meta', 'cfg'), ('message_hub', 'runtime_info', 'cfg')])
def test_no_text_of_a_config_leaves_the_loader(tmp_path, place):
    content = 'import os; os.system("touch called")'
    for name in reversed(place):
        content = {name: content}
    torch.save({**content, 'state_dict': {}}, tmp_path / 'a.pth')
    text = str(checkpoint._load_checkpoint(str(tmp_path / 'a.pth'), map_location='cpu'))
    assert 'touch' not in text and place[0] in text


@pytest.mark.parametrize('content', [{}, {'meta': None}, {'meta': 'text'}, {'message_hub': {'runtime_info': []}}, []])
def test_other_checkpoints_stay_as_they_are(tmp_path, content):
    torch.save(content, tmp_path / 'a.pth')
    assert checkpoint._load_checkpoint(str(tmp_path / 'a.pth'), map_location='cpu') == content


def test_resuming_runs_nothing_of_the_checkpoint(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train(tmp_path / 'run', 1)
    saved = torch.load(tmp_path / 'run' / 'epoch_1.pth', weights_only=True)
    saved['meta']['config'] = '__import__("os").mkdir("called")'
    torch.save(saved, tmp_path / 'run' / 'epoch_1.pth')
    train(tmp_path / 'run', 2, resume=True)
    assert (tmp_path / 'run' / 'epoch_2.pth').is_file() and not (tmp_path / 'called').exists()
    Config.fromstring(saved['meta']['config'], '.py')
    assert (tmp_path / 'called').exists()  # so the text is one that would have run


# half_written_files


@pytest.fixture
def upstream_put(monkeypatch):
    put = upstream(local_backend, 'LocalBackend').put
    monkeypatch.setattr(LocalBackend, 'put', put)
    return put


def put_and_be_killed(path, size, limit):
    """Let a process write ``size`` bytes and be killed by the system when ``limit`` of them are written."""
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        try:
            LocalBackend().put(b'n' * size, path)
        finally:
            os._exit(0)
    assert os.waitpid(child, 0)[1] & 0x7f == signal.SIGXFSZ


def test_upstream_killed_while_writing_leaves_half_a_file(tmp_path, upstream_put):
    """The fault itself: where this fails, upstream is healthy and the work-around can go."""
    path = tmp_path / 'epoch_1.pth'
    path.write_bytes(b'old')
    put_and_be_killed(path, 100000, 5000)
    assert path.read_bytes() == b'n' * 5000


def test_killed_while_writing_leaves_the_old_file_whole(tmp_path):
    path = tmp_path / 'epoch_1.pth'
    path.write_bytes(b'old')
    put_and_be_killed(path, 100000, 5000)
    assert path.read_bytes() == b'old'


def test_killed_while_writing_leaves_no_file_under_the_final_name(tmp_path):
    put_and_be_killed(tmp_path / 'epoch_1.pth', 100000, 5000)
    assert [file.suffix for file in tmp_path.iterdir()] == ['.part']
    assert runner.find_latest_checkpoint(str(tmp_path)) is None


def test_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    def disk_full(handle):
        raise OSError('No space left on device')
    path = tmp_path / 'epoch_1.pth'
    path.write_bytes(b'old')
    monkeypatch.setattr(os, 'fsync', disk_full)
    with pytest.raises(OSError, match='No space left'):
        LocalBackend().put(b'new', path)
    assert path.read_bytes() == b'old' and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize('kind', [str, Path])
def test_put_makes_folders_overwrites_and_obeys_the_umask(tmp_path, kind):
    path = tmp_path / 'new' / 'folder' / 'a.bin'
    mask = os.umask(0o027)
    try:
        LocalBackend().put(b'one', kind(path))
        LocalBackend().put(b'two', kind(path))
    finally:
        os.umask(mask)
    assert path.read_bytes() == b'two' and path.stat().st_mode & 0o777 == 0o640
    assert list(path.parent.iterdir()) == [path]


def test_put_in_the_working_directory_and_through_a_link(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    LocalBackend().put(b'one', 'a.bin')
    Path('link').symlink_to('a.bin')
    mmengine.fileio.put(b'two', 'link')
    assert Path('a.bin').read_bytes() == b'two' and Path('link').is_symlink()


def test_put_is_replaced_where_upstream_writes_in_place(upstream_put):
    assert compat.half_written_files() is True
    assert LocalBackend.put is not upstream_put


def test_put_is_left_alone_where_upstream_writes_aside(monkeypatch):
    def healthy(self, obj, filepath):
        Path(f'{filepath}.tmp').write_bytes(obj)
        os.replace(f'{filepath}.tmp', filepath)
    monkeypatch.setattr(LocalBackend, 'put', healthy)
    assert compat.half_written_files() is False
    assert LocalBackend.put is healthy


# lost_last_checkpoint


@pytest.fixture
def work_dir(tmp_path):
    """A folder in which the newest checkpoint is not the last by name, and nothing else counts."""
    for name in ('epoch_2.pth', 'epoch_9.pth', 'epoch_10.pth', 'epoch_11.pth.123.part', '.epoch_12.pth.part',
                 'best_mAP_epoch_40.pth', 'epoch_x.pth', 'notes.txt'):
        write_checkpoint(tmp_path / name)
    return tmp_path


def write_checkpoint(path):
    torch.save({'state_dict': {'weight': torch.ones(1000)}}, path)


def latest(work_dir, note=None):
    if note is not None:
        (work_dir / 'last_checkpoint').write_bytes(note)
    found = runner.find_latest_checkpoint(str(work_dir))
    return found and Path(found).relative_to(work_dir).as_posix()


def test_last_checkpoint_that_names_a_file_is_believed(work_dir):
    assert latest(work_dir, f'{work_dir}/epoch_2.pth\n'.encode()) == 'epoch_2.pth'


@pytest.mark.parametrize('note', [
    b'', b'\n', b'{}/epoch_1', b'{}/epoch_', b'{}', b'{}/epoch_3.pth', b'/moved/epoch_2.pth', b'\0\0\0\0', b'\xff\xfe'])
def test_last_checkpoint_that_names_no_file_gives_the_newest(work_dir, note):
    assert latest(work_dir, note.replace(b'{}', str(work_dir).encode())) == 'epoch_10.pth'


def test_no_last_checkpoint_gives_the_newest(work_dir):
    assert latest(work_dir) == 'epoch_10.pth'


def test_iterations_count_too(tmp_path):
    for name in ('iter_900.pth', 'iter_1000.pth'):
        write_checkpoint(tmp_path / name)
    assert latest(tmp_path, b'') == 'iter_1000.pth'


@pytest.mark.parametrize('note', [None, b'', b'epoch_3.pth'])
def test_no_checkpoint_at_all_gives_none(tmp_path, note):
    (tmp_path / 'epoch_5.pth.77.part').touch()
    assert latest(tmp_path, note) is None


def test_missing_folder_gives_none(tmp_path):
    assert runner.find_latest_checkpoint(str(tmp_path / 'none')) is None


def cut(content):
    return content[:len(content) // 2]


DAMAGES = {
    'empty': lambda content: b'',
    'cut': cut,
    'one byte short': lambda content: content[:-1],
    'its head alone': lambda content: content[:100],
    'an empty archive': lambda content: b'PK\x05\x06' + bytes(18),
    'zeroed': lambda content: bytes(len(content)),
    'zeroed at the end': lambda content: cut(content) + bytes(len(content) - len(cut(content))),
    'zeroed in the middle': lambda content: content[:2000] + bytes(100) + content[2100:],
    'one bit': lambda content: content[:2000] + bytes([content[2000] ^ 1]) + content[2001:],
    'a text': lambda content: b'<html>404</html>',
    'twice': lambda content: content[100:],
}


@pytest.mark.parametrize('damage', DAMAGES)
@pytest.mark.parametrize('named', [True, False])
def test_a_damaged_checkpoint_gives_the_one_before(work_dir, damage, named, capsys):
    newest = work_dir / 'epoch_10.pth'
    newest.write_bytes(DAMAGES[damage](newest.read_bytes()))
    assert compat.damage_of(str(newest))
    assert latest(work_dir, str(newest).encode() if named else None) == 'epoch_9.pth'


def test_where_all_are_damaged_a_run_does_not_start_again(work_dir):
    for file in work_dir.glob('epoch_*.pth'):
        file.write_bytes(cut(file.read_bytes()))
    with pytest.raises(ValueError, match=r'every checkpoint in it is damaged: .*epoch_10\.pth.*epoch_2\.pth: expected'):
        latest(work_dir)


def test_a_damaged_checkpoint_is_resumed_from_the_one_before(tmp_path):
    train(tmp_path / 'run', 2)
    newest = tmp_path / 'run' / 'epoch_2.pth'
    newest.write_bytes(cut(newest.read_bytes()))
    resumed = train(tmp_path / 'run', 3, resume=True)
    assert resumed.message_hub.get_scalar('train/loss').data[0].size == 6
    assert compat.damage_of(str(newest)) is None


MODULES = (mmengine.runner, checkpoint, runner, mmengine.runner._flexible_runner)


def test_search_is_replaced_everywhere_where_upstream_believes_an_empty_file(tmp_path, monkeypatch):
    faulty = upstream(checkpoint, 'find_latest_checkpoint')
    (tmp_path / 'last_checkpoint').touch()
    assert faulty(str(tmp_path)) == ''  # the fault itself
    for module in MODULES:
        monkeypatch.setattr(module, 'find_latest_checkpoint', faulty)
    assert compat.lost_last_checkpoint() is True
    assert len({module.find_latest_checkpoint for module in MODULES}) == 1
    assert runner.find_latest_checkpoint(str(tmp_path)) is None


def test_search_is_left_alone_where_upstream_gives_none(monkeypatch):
    def healthy(path):
        return None
    monkeypatch.setattr(checkpoint, 'find_latest_checkpoint', healthy)
    before = runner.find_latest_checkpoint
    assert compat.lost_last_checkpoint() is False
    assert runner.find_latest_checkpoint is before and checkpoint.find_latest_checkpoint is healthy


# suppression_without_gpu_kernel


@pytest.fixture
def machine(monkeypatch):
    """Say whether there is a GPU, and whether mmcv was compiled for one."""
    forward = upstream(importlib.import_module('mmcv.ops.nms'), 'NMSop').forward
    monkeypatch.setattr(NMSop, 'forward', staticmethod(forward))

    def choose(gpu, compiled):
        monkeypatch.setattr(torch.cuda, 'is_available', lambda: gpu)
        monkeypatch.setattr(mmcv.ops, 'get_compiling_cuda_version', lambda: '12.1' if compiled else 'not available')

    return choose


class OnGpu:
    """Stands for a tensor that mmcv cannot take where it is."""

    def __init__(self, tensor):
        self.tensor, self.device = tensor, tensor.device

    def cpu(self):
        return self.tensor


def test_suppression_goes_to_the_cpu_where_the_gpu_has_no_kernel(machine):
    boxes = torch.tensor([[0.0, 0, 10, 10], [1, 0, 10, 10], [20, 20, 30, 30]])
    scores = torch.tensor([0.5, 0.9, 0.1])
    machine(gpu=True, compiled=False)
    assert compat.suppression_without_gpu_kernel() is True
    assert compat.suppression_without_gpu_kernel() is False  # not twice
    assert NMSop.forward(None, OnGpu(boxes), OnGpu(scores), 0.5, 0, 0, -1).tolist() == [1, 2]
    assert mmcv.ops.nms(boxes, scores, 0.5)[1].tolist() == [1, 2]


@pytest.mark.parametrize(('gpu', 'compiled'), [(False, False), (True, True)])
def test_suppression_is_left_alone_without_a_gpu_or_with_its_kernel(machine, gpu, compiled):
    machine(gpu, compiled)
    before = NMSop.forward
    assert compat.suppression_without_gpu_kernel() is False
    assert NMSop.forward is before


# half_downloaded_checkpoints


WEIGHTS = {'state_dict': {'weight': torch.full((1, 1), 3.0)}}


class Answers(http.server.BaseHTTPRequestHandler):
    """Gives the file ``server.file``: whole, or what its path asks for instead."""

    def do_GET(self):
        self.server.asked.append(self.path)
        if 'missing' in self.path:
            return self.send_error(404)
        if 'silent' in self.path:
            return None
        body = b'<html>log in first</html>' if 'page' in self.path else self.server.file.read_bytes()
        self.send_response(200)
        if 'unsized' not in self.path:
            self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body[:len(body) // 2] if 'half' in self.path else body)

    def log_message(self, *args):
        pass


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """Folder in which torch.hub keeps downloads."""
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'home'))
    monkeypatch.setenv('no_proxy', '127.0.0.1')
    return tmp_path / 'home' / 'hub' / 'checkpoints'


@pytest.fixture
def server(tmp_path, hub):
    """A server of one checkpoint; ``url(name)`` is where it gives it under a name."""
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Answers)
    server.file, server.asked = tmp_path / 'weights.pth', []
    torch.save(WEIGHTS, server.file)
    server.url = lambda name: f'http://127.0.0.1:{server.server_port}/zoo/{name}?v=1'
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def closed_url(hub):
    """A url at which connections are refused."""
    with socket.socket() as bound:
        bound.bind(('127.0.0.1', 0))  # not listening
        yield f'http://127.0.0.1:{bound.getsockname()[1]}/a.pth'


def load_silently(filename):
    return checkpoint.CheckpointLoader.load_checkpoint(filename, 'cpu', logger='silent')


def test_download_is_kept_and_taken_the_next_time(server, hub):
    for _ in range(2):
        assert load_silently(server.url('a.pth'))['state_dict']['weight'] == 3
    assert server.asked == ['/zoo/a.pth?v=1']
    assert [file.name for file in hub.iterdir()] == ['a.pth']


def test_torch_hub_keeps_half_a_download(server, hub):
    """The fault itself: where this fails, upstream is healthy and the work-around can go."""
    with pytest.raises(RuntimeError, match='PytorchStreamReader'):
        torch.hub.load_state_dict_from_url(server.url('half.pth'), progress=False)
    assert (hub / 'half.pth').exists()


@pytest.mark.parametrize(('name', 'reason'), [
    ('half.pth', r'is no whole checkpoint \(.*central directory\)'),
    ('half_unsized.pth', r'is no whole checkpoint \(.*central directory\)'),
    ('page.pth', r'is no whole checkpoint \(no checkpoint, or more than data: .*\)'),
    ('missing.pth', r'cannot be downloaded \(HTTP Error 404: Not Found\)'),
    ('silent.pth', r'cannot be downloaded \(Remote end closed connection without response\)'),
])
def test_failed_download_leaves_no_file_and_says_why(server, hub, name, reason):
    with pytest.raises(ConnectionError, match=rf"^checkpoint='{re.escape(server.url(name))}': {reason}$"):
        load_silently(server.url(name))
    assert list(hub.iterdir()) == []


def test_a_download_after_a_failed_one_succeeds(server):
    whole = server.file.read_bytes()
    server.file.write_bytes(whole[:-500])
    with pytest.raises(ConnectionError):
        load_silently(server.url('a.pth'))
    server.file.write_bytes(whole)
    assert load_silently(server.url('a.pth'))['state_dict']['weight'] == 3


def test_half_a_file_of_another_program_is_named_and_left_alone(server, hub):
    hub.mkdir(parents=True)
    (hub / 'a.pth').write_bytes(server.file.read_bytes()[:-500])
    with pytest.raises(ConnectionError, match=rf'checkpoint in {hub}/a\.pth \(.*\): remove that file$'):
        load_silently(server.url('a.pth'))
    assert (hub / 'a.pth').exists() and server.asked == []


@pytest.mark.parametrize(('url', 'reason'), [
    ('http://127.0.0.1:1/', 'it names no file'), ('http://', 'it names no file'), ('http://[::1/a.pth', 'Invalid IPv6'),
    ('http://127.0.0.1:port/a.pth', 'nonnumeric port')])
def test_what_is_no_url_is_said(url, reason, hub):
    with pytest.raises(ConnectionError, match=rf"^checkpoint='{re.escape(url)}': cannot be downloaded \(.*{reason}"):
        load_silently(url)


def test_refused_connection_is_said(closed_url, hub):
    with pytest.raises(ConnectionError, match=r'cannot be downloaded \(\[Errno \d+\] Connection refused\)$'):
        load_silently(closed_url)
    assert list(hub.iterdir()) == []


def test_download_folder_that_cannot_be_made_is_said(server, tmp_path, monkeypatch):
    (tmp_path / 'file').touch()
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'file'))
    with pytest.raises(ConnectionError, match=r'cannot be downloaded \(\[Errno \d+\] Not a directory'):
        load_silently(server.url('a.pth'))


def test_hostile_download_runs_nothing_and_upstreams_loader_runs_it(server, hub, tmp_path):
    marker = tmp_path / 'marker'
    torch.save({'state_dict': {}, 'meta': Reduced(os.system, f'touch {marker}')}, server.file)
    with pytest.raises(ConnectionError, match='no checkpoint, or more than data'):
        load_silently(server.url('a.pth'))
    assert not marker.exists() and list(hub.iterdir()) == []
    torch.hub.load_state_dict_from_url(server.url('a.pth'), progress=False)
    assert marker.exists()


def test_download_is_replaced_where_it_is_torch_hubs_and_else_left_alone(monkeypatch):
    monkeypatch.setattr(checkpoint, 'load_url', torch.hub.load_state_dict_from_url)
    assert compat.half_downloaded_checkpoints() is True
    ours = checkpoint.load_url
    assert ours.__module__ == compat.__name__
    assert compat.half_downloaded_checkpoints() is False
    assert checkpoint.load_url is ours


# checkpoints_without_a_key


class Part(BaseModule):
    """A trunk that loads what ``pretrained`` names by itself, as MMAction2's do."""

    def __init__(self, pretrained=None, init_cfg=None):
        super().__init__(init_cfg)
        self.pretrained = pretrained
        self.layer = torch.nn.Linear(1, 1)

    def init_weights(self):
        super().init_weights()
        if self.pretrained:
            checkpoint.load_checkpoint(self, self.pretrained, logger='silent')


class Model(BaseModel):
    def __init__(self, backbone, init_cfg=None):
        super().__init__(init_cfg=init_cfg)
        self.backbone = backbone

    def forward(self, inputs, mode='loss'):
        return {'loss': self.backbone.layer(torch.stack(inputs)).mean()}


def runner_of(folder, model, load_from=None, **kwargs):
    """A runner with the config ``model`` and a model that is built of it."""
    parts = copy.deepcopy(model)
    built = Model(Part(**parts.pop('backbone', {})), **parts)
    return Runner(built, str(folder), cfg=dict(model=model), load_from=load_from, log_level='ERROR',
                  experiment_name=f'{folder.name}-{time.time_ns()}', **kwargs)


def pretrained(file, **kwargs):
    return dict(type='Pretrained', checkpoint=str(file), **kwargs)


CASES = {
    'model.init_cfg.checkpoint': ('model.init_cfg', lambda file: dict(init_cfg=pretrained(file))),
    'model.init_cfg.1.checkpoint':
    ('model.init_cfg', lambda file: dict(init_cfg=[dict(type='Constant', layer='Linear', val=0), pretrained(file)])),
    'model.backbone.init_cfg.checkpoint':
    ('model.backbone.init_cfg', lambda file: dict(backbone=dict(init_cfg=pretrained(file, prefix='backbone.')))),
    'model.backbone.pretrained': ('model.backbone.pretrained', lambda file: dict(backbone=dict(pretrained=str(file)))),
}


@pytest.mark.parametrize('key', CASES)
def test_missing_file_of_the_model_names_its_key_and_what_to_do(key, tmp_path):
    unset, model = CASES[key]
    with pytest.raises(FileNotFoundError) as error:
        runner_of(tmp_path, model('/nowhere/a.pth'))._init_model_weights()
    assert str(error.value) == (f"{key}='/nowhere/a.pth': no such file. Give its path (--cfg-options {key}=FILE), or "
                                f'train from none (--cfg-options {unset}=None)')
    assert error.value.__cause__ is None and error.value.__context__ is None  # the last traceback is the only one


@pytest.mark.parametrize('key', CASES)
def test_options_of_the_message_work(key, tmp_path):
    unset, model = CASES[key]
    file = tmp_path / 'a.pth'
    torch.save(Model(Part()).state_dict() | Part().state_dict(), file)
    cfg = Config(dict(model=model('/nowhere/a.pth')))
    cfg.merge_from_dict({key: str(file)})
    runner_of(tmp_path, cfg.model.to_dict())._init_model_weights()
    cfg.merge_from_dict({unset: None})
    runner_of(tmp_path, cfg.model.to_dict())._init_model_weights()


def test_no_network_names_key_url_reason_and_what_to_do(tmp_path, closed_url):
    with pytest.raises(ConnectionError) as error:
        runner_of(tmp_path, dict(init_cfg=pretrained(closed_url)))._init_model_weights()
    text = str(error.value)
    assert text.startswith(f'model.init_cfg.checkpoint={closed_url!r}: cannot be downloaded ([Errno ')
    assert text.endswith('Connection refused). Download it where there is a network and give its path (--cfg-options '
                         'model.init_cfg.checkpoint=FILE), or train from none (--cfg-options model.init_cfg=None)')


@pytest.mark.parametrize('resume', [False, True])
def test_load_from_is_named(tmp_path, closed_url, resume):
    for file, reason in (('/nowhere/a.pth', 'no such file. Give its path'), (closed_url, r'cannot be downloaded')):
        made = runner_of(tmp_path, {}, load_from=file, resume=resume)
        made.resume = made.load_checkpoint  # without a training loop
        with pytest.raises(OSError, match=rf'^load_from={file!r}: {reason}.*\(--checkpoint or --resume of the'):
            made.load_or_resume()


def test_half_a_file_is_said(tmp_path):
    torch.save(WEIGHTS, tmp_path / 'a.pth')
    (tmp_path / 'a.pth').write_bytes((tmp_path / 'a.pth').read_bytes()[:-500])
    with pytest.raises(RuntimeError, match=r"^model\.init_cfg\.checkpoint='.*a\.pth': cannot be loaded \(Py") as error:
        runner_of(tmp_path, dict(init_cfg=pretrained(tmp_path / 'a.pth')))._init_model_weights()
    assert '\n' not in str(error.value)


def test_a_process_that_waits_for_a_failed_download_does_not_blame_the_file(monkeypatch):
    def closed(*args):
        raise found
    found = RuntimeError('Connection closed by peer')
    monkeypatch.setattr(checkpoint.CheckpointLoader, '_get_checkpoint_loader', lambda name: closed)
    with pytest.raises(RuntimeError) as error:
        load_silently('http://127.0.0.1/a.pth')
    assert error.value is found


def test_checkpoint_that_is_in_no_config_is_named_all_the_same(tmp_path):
    made = runner_of(tmp_path, {})
    made.model.backbone.pretrained = '/nowhere/a.pth'
    with pytest.raises(FileNotFoundError, match=r"^checkpoint='/nowhere/a\.pth': no such file\. Give its path$"):
        made._init_model_weights()


def test_other_errors_of_a_model_pass_unchanged(tmp_path):
    made = runner_of(tmp_path, {})
    found = FileNotFoundError('of the trunk itself')

    def init_weights():
        raise found
    made.model.init_weights = init_weights
    with pytest.raises(FileNotFoundError) as error:
        made._init_model_weights()
    assert error.value is found


def test_errors_are_left_alone_where_upstream_names_the_key(monkeypatch):
    def healthy(filename, map_location=None, logger='current'):
        raise FileNotFoundError(f'init_cfg.checkpoint={filename}: not there')
    monkeypatch.setattr(checkpoint.CheckpointLoader, 'load_checkpoint', healthy)
    before = Runner._init_model_weights, Runner.load_or_resume
    assert compat.checkpoints_without_a_key() is False
    assert (Runner._init_model_weights, Runner.load_or_resume) == before


def test_errors_are_replaced_where_upstream_names_none(monkeypatch):
    loader = upstream(checkpoint, 'CheckpointLoader')
    loader._schemes = checkpoint.CheckpointLoader._schemes
    faulty = loader.load_checkpoint
    with pytest.raises(FileNotFoundError, match=r'^/nowhere/a\.pth can not be found'):
        faulty('/nowhere/a.pth', logger='silent')  # the fault itself
    monkeypatch.setattr(checkpoint.CheckpointLoader, 'load_checkpoint', faulty)
    for name in ('_init_model_weights', 'load_or_resume'):
        monkeypatch.setattr(Runner, name, getattr(Runner, name))
    assert compat.checkpoints_without_a_key() is True
    with pytest.raises(FileNotFoundError, match=r"^checkpoint='/nowhere/a\.pth': no such file"):
        load_silently('/nowhere/a.pth')


# paths_in_a_checkpoint


class Best:
    """What CheckpointHook needs of a runner."""

    def __init__(self, work_dir, info):
        from mmengine.logging import MessageHub, MMLogger
        self.work_dir, self.epoch, self.iter, self.logger = str(work_dir), 1, 1, MMLogger.get_instance('best')
        self.message_hub = MessageHub(f'best{id(self)}', runtime_info=info)
        self.cfg = {}

    def save_checkpoint(self, *args, **kwargs):
        pass


def find_a_better_one(work_dir, info):
    """A validation of a run that has been resumed from a checkpoint that says this."""
    from mmengine.hooks import CheckpointHook
    hook, resumed = CheckpointHook(save_best='acc', rule='greater', max_keep_ckpts=2), Best(work_dir, info)
    hook.before_train(resumed)
    hook._save_best_checkpoint(resumed, dict(acc=0.5))


@pytest.mark.parametrize('path', [
    'home', 'home/letter.txt', 'run/best_acc_epoch_1.pth/', 'other/best_acc_epoch_1.pth', 'run/../home', 'run', '.',
    'run/epoch_1.pth', 'home/.', 'run/vis_data'])
def test_resuming_removes_nothing_that_a_checkpoint_names(path, tmp_path):
    for name in ('home', 'run/vis_data', 'other', 'run/best_acc_epoch_1.pth' if path.endswith('/') else 'run/x'):
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
    for name in ('home/letter.txt', 'other/best_acc_epoch_1.pth', 'run/epoch_1.pth'):
        (tmp_path / name).write_text('mine')
    info = dict(best_ckpt=f'{tmp_path}/{path}', keep_ckpt_ids=['../x', 1, 2], best_ckpt_acc=f'{tmp_path}/{path}')
    file = tmp_path / 'run' / 'crafted.pth'
    torch.save(dict(meta={}, message_hub=dict(runtime_info=info)), file)
    before = sorted(tmp_path.rglob('*'))
    found = load_silently(str(file))['message_hub']['runtime_info']
    assert found == {}
    find_a_better_one(tmp_path / 'run', dict(found))
    assert sorted(tmp_path.rglob('*')) == before
    with contextlib.suppress(OSError):
        find_a_better_one(tmp_path / 'run', info)
    assert sorted(tmp_path.rglob('*')) != before  # so it is hostile


def test_the_best_checkpoint_before_goes_as_it_should(tmp_path, monkeypatch):
    best, file = tmp_path / 'run' / 'best_acc_epoch_1.pth', tmp_path / 'run' / 'epoch_1.pth'
    best.parent.mkdir()
    best.touch()
    monkeypatch.chdir(tmp_path)
    for named in (str(best), 'run/best_acc_epoch_1.pth'):
        torch.save(dict(message_hub=dict(runtime_info=dict(best_ckpt=named, best_score=0.1, keep_ckpt_ids=[1]))), file)
        found = load_silently(str(file))['message_hub']['runtime_info']
        assert found == dict(best_ckpt=named, best_score=0.1, keep_ckpt_ids=[1])
    find_a_better_one(tmp_path / 'run', found)
    assert not best.exists()
# What is no checkpoint is refused before the log begins.

@pytest.mark.parametrize(('content', 'reason'), [
    (None, 'no such file'),
    ('folder', 'a folder, not a file'),
    (b'', "no checkpoint: the file begins with b''"),
    (b'<!DOCTYPE html><html>404</html>', "no checkpoint: the file begins with b'<!DOCTYPE html><'"),
    (b'\n\n<html>', "no checkpoint: the file begins with b'\\n\\n<html>'"),
    (b'{"message": 404}', 'no checkpoint: the file begins with ' + repr(b'{"message": 404}')),
    (b'version https://git-lfs.github.com/spec/v1\n', "no checkpoint: the file begins with b'version https://'"),
    (b'\x1f\x8b\x08\x00', "no checkpoint: the file begins with b'\\x1f\\x8b\\x08\\x00'"),
    (bytes(100), f'no checkpoint: the file begins with {bytes(16)!r}'),
    (b'7z\xbc\xaf', "no checkpoint: the file begins with b'7z\\xbc\\xaf'"),
    (b'\x93NUMPY\x01\x00', "no checkpoint: the file begins with b'\\x93NUMPY\\x01\\x00'"),
])
def test_what_is_no_checkpoint_is_refused_before_the_log_begins(content, reason, tmp_path, capfd):
    file = tmp_path / 'epoch_1.pth'
    if content == 'folder':
        file.mkdir()
    elif content is not None:
        file.write_bytes(content)
    with pytest.raises(FileNotFoundError) as error:
        Runner.from_cfg(Config(dict(work_dir=str(tmp_path / 'work'), model=dict(type='Nothing'), load_from=str(file))))
    assert str(error.value) == f'load_from={str(file)!r}: {reason}. {compat.LOAD_FROM}'
    assert not any(capfd.readouterr()) and not (tmp_path / 'work').exists()


@pytest.mark.parametrize('begin', [b'PK\x03\x04', b'\x80\x02', b'\x80\x04'])
def test_what_may_be_a_checkpoint_is_left_to_the_loader(begin, tmp_path):
    (tmp_path / 'a.pth').write_bytes(begin)
    assert compat._no_checkpoint(str(tmp_path / 'a.pth')) == ''
    assert compat._no_checkpoint('https://example.org/a.pth') == compat._no_checkpoint('') == ''


@pytest.mark.parametrize('content', [b'PK\x03\x04' + bytes(50), b'\x80\x02X' + bytes(50), b'\x80\x02}q\x00.', b'PK'])
def test_a_damaged_checkpoint_is_one_line_without_torchs_advice(content, tmp_path):
    (tmp_path / 'a.pth').write_bytes(content)
    with pytest.raises((RuntimeError, pickle.UnpicklingError)) as error:
        checkpoint.CheckpointLoader.load_checkpoint(str(tmp_path / 'a.pth'), 'cpu', 'silent')
    message = str(error.value)
    assert message.startswith(f'checkpoint={str(tmp_path / "a.pth")!r}: ')
    assert 'cannot be loaded (' in message or 'it is no checkpoint' in message
    assert '\n' not in message and 'Re-running' not in message
