"""Every work-around for a fault of the packages below, and nothing else.

Each says why it is there, names the upstream issue, and does nothing where upstream is healthy.
"""
import importlib.util
import os
import os.path as osp
import re
import sys
import tempfile
import types
from pathlib import Path

import numpy as np
import torch


def apply() -> list:
    """Switch on the work-arounds that this environment needs.

    Returns:
        list[str]: The names of those switched on.
    """
    return [work_around.__name__ for work_around in WORK_AROUNDS if work_around()]


def missing_drn_localizer() -> bool:
    """mmaction2 1.2.0's wheel leaves out ``mmaction.models.localizers.drn``, so ``import mmaction.models`` raises.

    https://github.com/open-mmlab/mmaction2/issues/2714. Registers an empty stand-in; off where the module is there.
    """
    name = 'mmaction.models.localizers.drn'
    if name in sys.modules or not importlib.util.find_spec('mmaction'):
        return False
    package = Path(importlib.util.find_spec('mmaction').origin).parent
    if (package / 'models' / 'localizers' / 'drn').exists():
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
    """torch >= 2.6 loads with ``weights_only=True``, which refuses mmengine's own checkpoints: their log history.

    https://github.com/open-mmlab/mmengine/issues/1641. Allows the few harmless classes that they hold; any other class
    in a checkpoint is still refused. Off with a torch that has no such list.
    """
    if not hasattr(torch.serialization, 'add_safe_globals'):
        return False
    from mmengine.logging.history_buffer import HistoryBuffer
    multiarray = np.core.multiarray
    allowed = [HistoryBuffer, np.ndarray, np.dtype, multiarray._reconstruct, multiarray.scalar]
    allowed += [type(np.dtype(kind)) for kind in ('f4', 'f8', 'i4', 'i8', 'b1')]
    torch.serialization.add_safe_globals(allowed)
    return True


def half_written_files() -> bool:
    """mmengine writes checkpoints in place: a process killed meanwhile leaves half a file under the final name.

    Not reported upstream. Files are written beside their place and then renamed, which is one step for every reader.
    Off where ``LocalBackend.put`` renames by itself.
    """
    import inspect

    from mmengine.fileio import LocalBackend
    if 'replace' in inspect.getsource(LocalBackend.put):
        return False

    def put(self, obj, filepath) -> None:
        """Write bytes to ``filepath`` whole or not at all."""
        folder = osp.dirname(osp.abspath(filepath))
        os.makedirs(folder, exist_ok=True)
        handle, part = tempfile.mkstemp(prefix=f'.{osp.basename(filepath)}.', suffix='.part', dir=folder)
        try:
            with os.fdopen(handle, 'wb') as file:
                file.write(obj)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(part, 0o666 & ~_umask())
            os.replace(part, filepath)
        except BaseException:
            os.unlink(part)
            raise

    LocalBackend.put = put
    return True


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def lost_last_checkpoint() -> bool:
    """mmengine's ``--resume`` trusts the file ``last_checkpoint``, which a killed process leaves empty or out of date.

    Not reported upstream. Where it names no file, the newest checkpoint of the folder is taken, and none if there is
    none. Off where upstream's function already gives None for such a file.
    """
    from mmengine.runner import checkpoint, runner
    upstream = checkpoint.find_latest_checkpoint
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, 'last_checkpoint').touch()
        if upstream(folder) is None or upstream.__module__ == __name__:
            return False

    def find_latest_checkpoint(path: str):
        """Path of the checkpoint to resume from in the folder ``path``, or None."""
        named = Path(path, 'last_checkpoint')
        if named.exists() and osp.isfile(named.read_text().strip()):
            return named.read_text().strip()
        numbered = []
        for file in Path(path).glob('*.pth'):
            match = re.fullmatch(r'(?:epoch|iter)_(\d+)', file.stem)
            if match:
                numbered.append((int(match[1]), str(file)))
        return max(numbered)[1] if numbered else None

    checkpoint.find_latest_checkpoint = find_latest_checkpoint
    runner.find_latest_checkpoint = find_latest_checkpoint
    return True


WORK_AROUNDS = (missing_drn_localizer, checkpoints_under_weights_only, half_written_files, lost_last_checkpoint)
