"""Every work-around for a fault of the packages below, and nothing else.

Each says why it is there and names the upstream issue. Each asks the installed package whether the fault is there, and
does nothing where it is not: so with a healthy upstream, and so when it is applied twice.
"""
import contextlib
import functools
import importlib.util
import io
import logging
import os
import os.path as osp
import pickle
import re
import struct
import sys
import tempfile
import types
import warnings
import zipfile
import zlib
from http.client import HTTPException
from pathlib import Path
from urllib.parse import urlparse

import torch

from stssa_mm.files import plain_pickle
from stssa_mm.files.checkpoint_pickle import check_pickle, unfolding

DEPRECATED = 'pkg_resources is deprecated'
switched_on = []  # names of the work-arounds that this process needed


def apply() -> list:
    """Switch on the work-arounds that this environment needs.

    Returns:
        list[str]: The names of those switched on by this call.
    """
    names = [work_around.__name__ for work_around in WORK_AROUNDS if work_around()]
    switched_on.extend(names)
    return names


def warnings_of_pkg_resources() -> bool:
    """mmengine imports ``pkg_resources`` again at each question whether a package is installed, and each import warns
    of its deprecation.

    Not reported upstream. This one warning is not shown. Off where mmengine does without.
    """
    spec = importlib.util.find_spec('mmengine')
    questions = spec and spec.origin and Path(spec.origin).parent / 'utils' / 'package_utils.py'
    if not questions or not questions.exists() or 'import pkg_resources' not in questions.read_text():
        return False
    if 'warnings_of_pkg_resources' in switched_on:
        return False
    warnings.filterwarnings('ignore', message=DEPRECATED)
    return True


def missing_drn_localizer() -> bool:
    """mmaction2 1.2.0's wheel leaves out ``mmaction.models.localizers.drn``, so ``import mmaction.models`` raises.

    https://github.com/open-mmlab/mmaction2/issues/2714. Registers an empty stand-in; off where the module is there.
    """
    name = 'mmaction.models.localizers.drn'
    mmaction = importlib.util.find_spec('mmaction')
    if name in sys.modules or not mmaction:
        return False
    if Path(mmaction.origin).parent.joinpath('models', 'localizers', 'drn').exists():
        return False

    class DRN:
        """Stands in for the localizer that is missing from the wheel."""

        def __init__(self, *args, **kwargs):
            raise ImportError('DRN is missing from the installed mmaction2 wheel: install mmaction2 from source')

    for module_name in (name, f'{name}.drn'):
        module = types.ModuleType(module_name, missing_drn_localizer.__doc__)
        module.DRN = DRN
        sys.modules[module_name] = module
    return True


def checkpoints_under_weights_only() -> bool:
    """torch >= 2.6 loads with ``weights_only=True``, which refuses what mmengine writes into its own checkpoints.

    https://github.com/open-mmlab/mmengine/issues/1655. Upstream's answer for 0.11 is ``weights_only=False``, which lets
    a checkpoint run any code. Here the log history with its statistics, OneCycleLR's annealing function and arrays of
    numbers are allowed, and any other class or function is still refused. Off where mmengine loads these by itself, as
    with an older torch.
    """
    from mmengine.logging.history_buffer import HistoryBuffer
    from mmengine.optim.scheduler.param_scheduler import OneCycleParamScheduler
    from mmengine.runner import checkpoint
    with tempfile.TemporaryDirectory() as folder:
        file = osp.join(folder, 'epoch_1.pth')
        torch.save([HistoryBuffer([1.0], [1]), OneCycleParamScheduler._annealing_cos], file)
        with contextlib.suppress(pickle.UnpicklingError):
            checkpoint.load_from_local(file, 'cpu')
            return False

    names = {HistoryBuffer: ('min', 'max', 'current', 'mean'),
             OneCycleParamScheduler: ('_annealing_cos', '_annealing_linear')}

    def function_of(owner, name):
        """Stands for ``getattr``, by which pickle names the functions of a class: gives these six and nothing else."""
        if owner not in names or name not in names[owner]:
            raise pickle.UnpicklingError(f'the checkpoint asks for {name!r} of {owner!r}, which is not allowed')
        return getattr(owner, name)

    allowed = [*names, (function_of, 'builtins.getattr')]
    # numpy's own functions would let a checkpoint run code.
    allowed += [(stand_in, '.'.join(name)) for name, stand_in in plain_pickle.ARRAY_FUNCTIONS.items()]
    allowed += [(plain_pickle.plain_scalar, f'numpy.{core}.multiarray.scalar') for core in ('core', '_core')]
    allowed += [plain_pickle.PlainArray, plain_pickle.PlainDtype]  # whose states are set
    torch.serialization.add_safe_globals(allowed)
    return True


def config_in_a_checkpoint() -> bool:
    """mmengine parses the config that a checkpoint holds, which runs it as Python: so does ``--resume``.

    Not reported upstream. ``Runner.resume`` wants no more than ``gpu_ids`` of it, and mmengine's inferencer takes it
    where no config is given. Both texts are dropped as a checkpoint is loaded: nothing of a file that is data reaches a
    parser of code. Off where mmengine's loader drops them.
    """
    from mmengine.runner.checkpoint import CheckpointLoader
    upstream = CheckpointLoader.load_checkpoint.__func__
    with tempfile.TemporaryDirectory() as folder:
        file = osp.join(folder, 'epoch_1.pth')
        torch.save(dict(meta=dict(config='')), file)
        if 'config' not in upstream(CheckpointLoader, file, 'cpu', 'silent')['meta']:
            return False

    def load_checkpoint(cls, *args, **kwargs):
        """As upstream, without the texts of configs."""
        checkpoint = upstream(cls, *args, **kwargs)
        for *parents, name in (('meta', 'config'), ('meta', 'cfg'), ('message_hub', 'runtime_info', 'cfg')):
            owner = checkpoint
            for parent in parents:
                owner = owner.get(parent) if isinstance(owner, dict) else None
            if isinstance(owner, dict):
                owner.pop(name, None)
        return checkpoint

    CheckpointLoader.load_checkpoint = classmethod(load_checkpoint)
    return True


def paths_in_a_checkpoint() -> bool:
    """mmengine's ``--resume`` removes the file or folder that the checkpoint names as the best before it.

    Not reported upstream. ``CheckpointHook`` with ``save_best`` takes ``best_ckpt`` of the checkpoint, and
    ``keep_ckpt_ids`` for the numbers in its older files' names. What is no ``best_*.pth`` beside the checkpoint, and no
    list of numbers, is dropped as the checkpoint is loaded. Off where mmengine's loader drops them.
    """
    from mmengine.runner.checkpoint import CheckpointLoader
    upstream = CheckpointLoader.load_checkpoint.__func__
    with tempfile.TemporaryDirectory() as folder:
        file = osp.join(folder, 'epoch_1.pth')
        torch.save(dict(message_hub=dict(runtime_info=dict(best_ckpt=osp.join(folder, 'x')))), file)
        if 'best_ckpt' not in upstream(CheckpointLoader, file, 'cpu', 'silent')['message_hub']['runtime_info']:
            return False

    def load_checkpoint(cls, filename, *args, **kwargs):
        """As upstream, without the paths of other files."""
        checkpoint = upstream(cls, filename, *args, **kwargs)
        hub = checkpoint.get('message_hub') if isinstance(checkpoint, dict) else None
        info = hub.get('runtime_info') if isinstance(hub, dict) else None
        for name in list(info) if isinstance(info, dict) else ():
            value = info[name]
            if str(name).startswith('best_ckpt'):
                sound = (isinstance(value, str) and re.fullmatch(r'best_[^/]*\.pth', osp.basename(value))
                         and osp.realpath(osp.dirname(value)) == osp.realpath(osp.dirname(osp.expanduser(filename))))
            else:
                sound = name != 'keep_ckpt_ids' or isinstance(value, list) and all(type(one) is int for one in value)
            if not sound and value is not None:
                del info[name]
        return checkpoint

    CheckpointLoader.load_checkpoint = classmethod(load_checkpoint)
    return True


def crafted_checkpoints() -> bool:
    """torch's unpickler for ``weights_only`` takes memory and time without bound, and a key of nested tuples ends it.

    Not reported upstream. The pickle is gone through first, and so are the sizes of a zip archive: see
    :mod:`stssa_mm.files.checkpoint_pickle`. Of torch's error the line stays that says what it found; its advice is to
    run the file. Off where torch refuses a ``bytearray`` of a size that the file names.
    """
    from mmengine.runner import checkpoint
    from torch import _weights_only_unpickler as torch_unpickler
    if not hasattr(torch_unpickler, 'Unpickler'):
        return False
    try:
        torch_unpickler.Unpickler(io.BytesIO(b'\x80\x02cbuiltins\nbytearray\nK\x01\x85R.')).load()
    except pickle.UnpicklingError:
        return False

    class CheckedUnpickler(torch_unpickler.Unpickler):
        """As upstream; what it would make is looked at first."""

        def __init__(self, file, **kwargs) -> None:
            super().__init__(file, **kwargs)
            self._file = file

        def load(self):
            """As upstream."""
            check_pickle(self._file)
            return super().load()

    upstream = checkpoint.load_from_local

    def load_from_local(filename, map_location):
        """As upstream."""
        path = osp.expanduser(filename)
        fault = unfolding(path) if osp.isfile(path) else None
        if fault:
            raise pickle.UnpicklingError(f'no checkpoint: {fault}')
        try:
            return upstream(filename, map_location)
        except (pickle.UnpicklingError, ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError,
                TypeError, ValueError, struct.error) as error:  # torch lets through what a malformed pickle raises
            reason = str(error).partition('WeightsUnpickler error: ')[2] or str(error)
            reason = (reason.partition(' Please use')[0].strip().splitlines() or [type(error).__name__])[0]
            raise pickle.UnpicklingError(f'no checkpoint, or more than data: {reason.rstrip(".")}') from None

    torch_unpickler.Unpickler = CheckedUnpickler
    checkpoint.load_from_local = load_from_local
    checkpoint.CheckpointLoader.register_scheme('', load_from_local, force=True)
    return True


def half_written_files() -> bool:
    """mmengine writes checkpoints in place: a process killed meanwhile leaves half a file under the final name.

    Not reported upstream. Files are written beside their place and then renamed, which is one step for every reader.
    Off where a write that fails leaves the old file as it was.
    """
    from mmengine.fileio import LocalBackend
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, 'epoch_1.pth')
        file.write_bytes(b'old')
        with contextlib.suppress(TypeError):
            LocalBackend().put('text where bytes are due', file)
        if file.read_bytes() == b'old':
            return False

    def put(self, obj, filepath) -> None:
        """Write bytes to ``filepath`` whole or not at all."""
        path = osp.realpath(filepath)  # the target of a symbolic link, so that it stays one
        os.makedirs(osp.dirname(path), exist_ok=True)
        part = f'{path}.{os.getpid()}.part'
        try:
            with open(part, 'wb') as file:
                file.write(obj)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, path)
        except BaseException:
            Path(part).unlink(missing_ok=True)
            raise

    LocalBackend.put = put
    return True


def lost_last_checkpoint() -> bool:
    """mmengine's ``--resume`` trusts the file ``last_checkpoint``, which a killed process leaves empty or out of date,
    and the checkpoint that it names, which a full disk or a copy that broke off leaves cut or zeroed.

    Not reported upstream. The checkpoint that is named is taken if it is whole, else the newest of the folder that is,
    and none where the folder has none. If all are damaged that is an error: a run would start again in silence.
    Off where upstream's function gives None for an empty ``last_checkpoint``.
    """
    import mmengine.runner
    from mmengine.logging import print_log
    from mmengine.runner import _flexible_runner, checkpoint, runner
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, 'last_checkpoint').touch()
        if checkpoint.find_latest_checkpoint(folder) is None:
            return False

    def find_latest_checkpoint(path: str):
        """Path of the checkpoint to resume from in the folder ``path``, or None."""
        note = Path(path, 'last_checkpoint')
        named = note.read_text(errors='replace').strip() if note.exists() else ''
        numbered = []
        for file in Path(path).glob('*.pth'):
            match = re.fullmatch(r'(?:epoch|iter)_(\d+)', file.stem)
            if match:
                numbered.append((int(match[1]), str(file)))
        newest = [file for _, file in sorted(numbered, reverse=True)]
        if not osp.isfile(named):
            print_log(f'{note} names no checkpoint: ' + (f'taking {newest[0]}' if newest else 'nothing to resume from'),
                      logger='current')
            named = newest[0] if newest else None
        candidates = dict.fromkeys([named, *newest]) if named else []
        for file in candidates:
            damage = damage_of(file)
            if not damage:
                return file
            print_log(f'{file} is damaged ({damage}): going back to the checkpoint before it', logger='current',
                      level=logging.WARNING)
        if candidates:
            raise ValueError(f'{path}: every checkpoint in it is damaged: {", ".join(candidates)}: expected one that '
                             'is whole: copy one here, or train into another --work-dir')
        return None

    for module in (mmengine.runner, checkpoint, runner, _flexible_runner):
        module.find_latest_checkpoint = find_latest_checkpoint
    return True


def damage_of(file: str):
    """What is wrong with a checkpoint, which is a zip archive with a checksum for each part; None if it is whole."""
    try:
        with zipfile.ZipFile(file) as archive:
            if not any(name.endswith('data.pkl') for name in archive.namelist()):
                return 'nothing of a checkpoint is in it'
            broken = archive.testzip()
    except (OSError, EOFError, ValueError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
        return str(error)  # NotImplementedError: a compression or version that damage made up
    return broken and f'{broken} in it has another checksum'


def processes_without_gpu() -> bool:
    """mmengine's ``--launcher pytorch`` calls ``torch.cuda.set_device`` and hands a GPU to DDP, on CPUs too.

    Not reported upstream. Without a GPU no device is set, gloo stands in for nccl, and DDP gets no device. Off where
    there is a GPU, or another accelerator that mmengine knows.
    """
    import mmengine.dist.utils as dist_utils
    from mmengine.device import get_device
    from mmengine.model import MMDistributedDataParallel
    if get_device() != 'cpu' or dist_utils._init_dist_pytorch.__module__ == __name__:
        return False

    def init_dist_pytorch(backend, init_backend='torch', **kwargs):
        """Join the process group that the launcher's environment variables describe."""
        if backend == 'nccl':
            print('No GPU: env_cfg.dist_cfg.backend=gloo stands in for nccl', flush=True)
            backend = 'gloo'
        torch.distributed.init_process_group(backend=backend, **kwargs)

    upstream = MMDistributedDataParallel.__init__

    def init_without_device(self, module, *args, device_ids=None, **kwargs):
        """As upstream, without the device."""
        upstream(self, module, *args, **kwargs)

    dist_utils._init_dist_pytorch = init_dist_pytorch
    MMDistributedDataParallel.__init__ = init_without_device
    return True


def suppression_without_gpu_kernel() -> bool:
    """An mmcv that was compiled for CPUs has no non-maximum suppression for boxes on a GPU, which an RPN needs.

    https://github.com/open-mmlab/mmdetection/issues/6765. The boxes are few: they go to the CPU and their
    indices come back. Off where mmcv has the kernel, or there is no GPU.
    """
    from mmcv.ops import get_compiling_cuda_version
    from mmcv.ops.nms import NMSop
    upstream = NMSop.forward
    if (not torch.cuda.is_available() or get_compiling_cuda_version() != 'not available'
            or upstream.__module__ == __name__):
        return False

    def forward(ctx, bboxes, scores, *args):
        """As upstream, on the CPU."""
        return upstream(ctx, bboxes.cpu(), scores.cpu(), *args).to(bboxes.device)

    NMSop.forward = staticmethod(forward)
    return True


def half_downloaded_checkpoints() -> bool:
    """torch.hub keeps a download that was cut short as if it were whole, and any code in it runs when it is loaded.

    Not reported upstream. A file that cannot be loaded right after its download is removed, and files are loaded as all
    other checkpoints are. Off where mmengine does not take torch.hub's function.
    """
    from mmengine.runner import checkpoint
    if checkpoint.load_url.__module__ != 'torch.hub':
        return False

    def load_url(url, model_dir=None, map_location=None, progress=True):
        """The checkpoint of a url, out of the folder of earlier downloads where it is there."""
        folder = Path(model_dir or osp.join(torch.hub.get_dir(), 'checkpoints'))
        try:
            file = folder / osp.basename(urlparse(url).path)
            if file == folder:
                raise ValueError('it names no file')
            fresh = not file.exists()
            if fresh:
                print(f'Downloading {url} to {file}', flush=True)
                folder.mkdir(parents=True, exist_ok=True)
                torch.hub.download_url_to_file(url, str(file), progress=progress)
        except (OSError, HTTPException, ValueError) as error:  # no network, HTTP status, not a url, no disk space
            reason = _first_line(error).removeprefix('<urlopen error ').removesuffix('>')
            raise ConnectionError(f'{url} cannot be downloaded ({reason})') from None
        try:
            return checkpoint.load_from_local(str(file), map_location)
        except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
            if fresh:
                file.unlink()
                raise ConnectionError(f'{url} is no whole checkpoint ({_first_line(error)})') from None
            raise ConnectionError(f'{url} is no whole checkpoint in {file} ({_first_line(error)}): remove that '
                                  'file') from None

    checkpoint.load_url = load_url
    return True


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].split('. ')[0]


def checkpoints_without_a_key() -> bool:
    """mmengine's errors about checkpoints that are not there name neither the key of the config nor what to do.

    Not reported upstream. They become one line with both. Off where upstream's error for a missing file names a key.
    """
    from mmengine.runner import Runner
    from mmengine.runner.checkpoint import CheckpointLoader
    load_checkpoint = CheckpointLoader.load_checkpoint
    try:
        load_checkpoint('/nowhere/epoch_1.pth', logger='silent')
    except FileNotFoundError as error:
        if 'checkpoint=' in str(error):
            return False

    def load_and_say_which(cls, filename, map_location=None, logger='current'):
        """As upstream; its errors say which checkpoint."""
        try:
            return load_checkpoint(filename, map_location, logger)
        except FileNotFoundError:
            error, reason = FileNotFoundError, _no_checkpoint(filename) or 'no such file'
        except pickle.UnpicklingError as found:
            ours = 'Weights only load failed' not in str(found)
            error = pickle.UnpicklingError
            reason = (f'cannot be loaded ({found})' if ours else
                      f'{_refusal(found)}: it is no checkpoint, or one with code in it')
        except ConnectionError as found:
            error, reason = ConnectionError, str(found).removeprefix(f'{filename} ')
        except (RuntimeError, EOFError, OSError) as found:  # half a file, or one for another device
            if '://' in filename:  # the first process failed, which says why, and this one waited for it
                raise
            error, reason = RuntimeError, f'cannot be loaded ({_first_line(found)})'
        error = error(f'checkpoint={filename!r}: {reason}')
        error.checkpoint, error.reason = filename, reason
        raise error

    def naming_the_key(method, key_of):
        @functools.wraps(method)
        def run(self, *args, **kwargs):
            try:
                return method(self, *args, **kwargs)
            except (OSError, RuntimeError, pickle.UnpicklingError) as error:
                if not hasattr(error, 'checkpoint'):
                    raise
                found = error
            key, options = key_of(self, found.checkpoint)
            remedy = 'Download it where there is a network and give' if isinstance(found, ConnectionError) else 'Give'
            raise type(found)(f'{key}={found.checkpoint!r}: {found.reason}. {remedy} its path{options}')

        return run

    from_cfg = Runner.from_cfg.__func__

    def from_cfg_with_a_checkpoint(cls, cfg):
        """As upstream; a checkpoint that is none is refused before the log begins."""
        reason = _no_checkpoint(cfg.get('load_from') or '')
        if reason:
            raise FileNotFoundError(f'load_from={cfg.load_from!r}: {reason}. {LOAD_FROM}')
        return from_cfg(cls, cfg)

    CheckpointLoader.load_checkpoint = classmethod(load_and_say_which)
    Runner.from_cfg = classmethod(from_cfg_with_a_checkpoint)
    Runner._init_model_weights = naming_the_key(Runner._init_model_weights, _key_of_initial_weights)
    Runner.load_or_resume = naming_the_key(
        Runner.load_or_resume, lambda runner, _: ('load_from', ' (--checkpoint or --resume of the command line)'))
    return True


LOAD_FROM = 'Give its path (--checkpoint or --resume of the command line)'


def _no_checkpoint(filename: str) -> str:
    """Why a file cannot be a checkpoint, by its first bytes; '' if it may be one, or is at an address."""
    if not filename or '://' in filename:
        return ''
    try:
        with open(filename, 'rb') as file:
            start = file.read(16)
    except OSError as error:
        return {FileNotFoundError: 'no such file', IsADirectoryError: 'a folder, not a file'}.get(
            type(error), f'cannot be read ({error.strerror})')
    return '' if start[:1] in (b'P', b'\x80') else f'no checkpoint: the file begins with {start!r}'


def _refusal(error: pickle.UnpicklingError) -> str:
    """The first sentence of torch's refusal and what it is about, without its advice to load what is refused."""
    detail = re.search(r'WeightsUnpickler error: (.+)|Unsupported global: (.+?)(?: was not|$)', str(error),
                       re.MULTILINE)
    return _first_line(error) + (f' ({(detail[1] or detail[2]).strip()[:100]})' if detail else '')


def _key_of_initial_weights(runner, filename: str) -> tuple:
    """The key of the model's config that has this value, and how to give another on the command line."""

    def leaves(part, key):
        if isinstance(part, (dict, list, tuple)):
            for name, value in (part.items() if isinstance(part, dict) else enumerate(part)):
                yield from leaves(value, f'{key}.{name}')
        elif part == filename:
            yield key

    key = next(leaves(runner.cfg.get('model'), 'model'), None)
    if key is None:
        return 'checkpoint', ''
    whole = re.sub(r'(\.\d+)?\.checkpoint$', '', key)  # a Pretrained without its checkpoint is nothing
    return key, f' (--cfg-options {key}=FILE), or train from none (--cfg-options {whole}=None)'


def loaders_without_workers() -> bool:
    """mmengine hands ``persistent_workers`` and ``timeout`` to torch, which refuses both where ``num_workers`` is 0.

    Not reported upstream. Both are left out then, so that one override is enough to load
    without workers. Off where mmengine builds such a loader.
    """
    from mmengine.runner import Runner
    upstream = Runner.build_dataloader
    with contextlib.suppress(ValueError):
        upstream(dict(dataset=[0], sampler=None, batch_size=1, num_workers=0, persistent_workers=True, timeout=1))
        return False

    def build_dataloader(dataloader, *args, **kwargs):
        """As upstream, without what only workers need."""
        if isinstance(dataloader, dict) and not dataloader.get('num_workers'):
            of_workers = ('persistent_workers', 'timeout', 'prefetch_factor')
            dataloader = {key: value for key, value in dataloader.items() if key not in of_workers}
        return upstream(dataloader, *args, **kwargs)

    Runner.build_dataloader = staticmethod(build_dataloader)
    return True


# What is said by torch, or by the system through it, when workers cannot hand over what they loaded.
LOST_WORKERS = re.compile(r'DataLoader timed out|DataLoader worker .*(exited|killed)|Pin memory thread exited|ancdata|'
                          r'Too many open files|shared memory|/torch_\d+_')


def workers_that_are_lost() -> bool:
    """torch's errors about workers that hang, died or cannot hand over their samples do not say what to do.

    https://github.com/pytorch/pytorch/issues/5040. They become one line with the loader's key and the remedy. Off where
    it has been switched on before.
    """
    from mmengine.logging import MessageHub
    from mmengine.runner import Runner
    if Runner.train.__module__ == __name__:
        return False

    def saying_the_remedy(method):
        def run(self, *args, **kwargs):
            try:
                return method(self, *args, **kwargs)
            except (RuntimeError, OSError) as error:
                if not LOST_WORKERS.search(str(error)):
                    raise
                found = next(line for line in str(error).splitlines() if LOST_WORKERS.search(line)).split('. ')[0]
            stage = MessageHub.get_current_instance().get_info('loop_stage') or method.__name__
            raise RuntimeError(
                f'{stage}_dataloader: {found}. Its workers hang, were killed, or had too little memory (free -h), '
                'shared memory (df -h /dev/shm; docker run --shm-size=8g) or open files (ulimit -n 65536). To load '
                f'without workers: --cfg-options {stage}_dataloader.num_workers=0; to wait longer for a batch: '
                f'{stage}_dataloader.timeout=SECONDS')

        run.__name__, run.__doc__ = method.__name__, method.__doc__
        return run

    for method in (Runner.train, Runner.val, Runner.test):
        setattr(Runner, method.__name__, saying_the_remedy(method))
    return True


WORK_AROUNDS = (warnings_of_pkg_resources, missing_drn_localizer, checkpoints_under_weights_only,
                config_in_a_checkpoint, paths_in_a_checkpoint, crafted_checkpoints, half_written_files,
                lost_last_checkpoint, processes_without_gpu, suppression_without_gpu_kernel,
                half_downloaded_checkpoints, checkpoints_without_a_key, loaders_without_workers, workers_that_are_lost)
