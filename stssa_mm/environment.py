"""What the installed stack needs before this package can work, and what to do where it does not.

Only the standard library is imported at the top: tools/doctor.py loads this file where nothing else can be imported.
"""
from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import json
import os
import re
import shutil
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

PYTHONS = ((3, 9), (3, 13))  # oldest, and first unsupported: mmdet 3.3 and PyAV run on these
OPENCV = ('opencv-python', 'opencv-contrib-python', 'opencv-python-headless', 'opencv-contrib-python-headless')
ONE_OPENCV = f'pip uninstall -y {" ".join(OPENCV)}; pip install opencv-python-headless==4.11.0.86'
REMAKE_MMCV = ('pip uninstall -y mmcv mmcv-lite mmcv-full; mim install mmcv==2.1.0, or `make setup` in a checkout, '
               'which compiles it')


class Need(NamedTuple):
    """A package, its versions that work (``oldest`` <= version < ``too_new``), how to install it, why not others."""
    package: str
    oldest: str
    too_new: str | None
    remedy: str
    why: str = ''

    def __str__(self) -> str:
        return f'{self.oldest} or newer' + (f', older than {self.too_new}' if self.too_new else '')

    def met_by(self, version: str) -> bool:
        """Whether a version works."""
        found = version_tuple(version)
        return found >= version_tuple(self.oldest) and not (self.too_new and found >= version_tuple(self.too_new))


class Problem(NamedTuple):
    """A fault of the environment: what is wrong, what to do about it, and whether training cannot start."""
    what: str
    remedy: str
    stops: bool = True

    def __str__(self) -> str:
        return f'{self.what}. Remedy: {self.remedy}'


STACK = (
    Need('torch', '2.1', None, 'see https://pytorch.org'),
    Need('mmengine', '0.10', '0.11', 'pip install mmengine==0.10.7', 'its 0.11 breaks `_base_ = "mmaction::..."`'),
    Need('mmcv', '2.1', '2.2', REMAKE_MMCV, 'mmdet 3.3 and mmaction2 1.2 refuse 2.2'),
    Need('mmdet', '3.3', '3.4', 'pip install --no-deps mmdet==3.3.0'),
    Need('mmaction2', '1.2', '1.3', 'pip install --no-deps mmaction2==1.2.0'),
    Need('numpy', '1.22', '2', 'pip install "numpy<2"', 'mmaction2 uses np.NAN, which numpy 2 has not'),
    Need('av', '14', None, 'pip install av'),
    Need('importlib_metadata', '1', None, 'pip install importlib_metadata', 'mmaction2 imports it'),
)
# Needed to train, not to import the package.
TRAINING = (
    Need('openmim', '0.3.9', None, 'pip install --no-deps openmim==0.3.9, then pip install click colorama model-index '
                                   'pandas requests rich tabulate'),
    Need('setuptools', '60', None, 'pip install "setuptools<81"'),
)


def version_tuple(version: str) -> tuple:
    """Leading numbers of a version: '2.13.0+cpu' to (2, 13, 0), '0.11rc1' to (0, 11)."""
    return tuple(int(number) for number in re.findall(r'\d+', re.match(r'[\d.]*', version)[0]))


def installed_version(package: str) -> str | None:
    """Version of an installed distribution, or None."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def version_problems(needs=STACK) -> list[Problem]:
    """Packages that are missing or have a version that does not work. Imports nothing.

    Args:
        needs (Sequence[Need]): What is needed. Defaults to what importing the package needs.
    """
    problems = []
    for need in needs:
        version = installed_version(need.package)
        wanted = f'(needed: {need}' + (f'; {need.why})' if need.why else ')')
        if version is None:
            problems.append(Problem(f'{need.package} is not installed {wanted}', need.remedy))
        elif not need.met_by(version):
            problems.append(Problem(f'{need.package} {version} does not work here {wanted}', need.remedy))
    return problems


def ops_problems() -> list[Problem]:
    """Whether mmcv can be imported with its compiled ops."""
    try:
        importlib.import_module('mmcv._ext')
    except (ImportError, OSError, RuntimeError) as error:
        return [import_problem('mmcv has no compiled ops', error, REMAKE_MMCV)]
    return []


def import_problem(what: str, error: BaseException, remedy: str) -> Problem:
    """Problem of an import that failed: libraries that cv2 misses have their own remedy, whoever imported it."""
    text = ' '.join(str(error).split()) or type(error).__name__
    if re.search(r'libGL|libgthread|libglib|libSM|libXext|libXrender', text):
        return Problem(f'cv2 misses a library of the desktop ({text})', ONE_OPENCV)
    return Problem(f'{what} ({text})', remedy)


def require_stack() -> None:
    """Stop with one line if the stack cannot work.

    Raises:
        ImportError: With the fault and its remedy.
    """
    lite = mmcv_lite()
    problems = ([lite] if lite else []) + version_problems() or ops_problems()
    if problems:
        more = f' ({len(problems) - 1} more: run tools/doctor.py)' if len(problems) > 1 else ''
        raise ImportError(f'stssa_mm cannot work here: {problems[0]}{more}')


# Known troubles. Each function gives a Problem where its trouble is here, else None; its name is shown by the doctor.


def python_version() -> Problem | None:
    if PYTHONS[0] <= sys.version_info[:2] < PYTHONS[1]:
        return None
    return Problem(f'Python {sys.version.split()[0]} does not work here (needed: 3.9 to 3.12)', 'use Python 3.11')


def mmcv_lite() -> Problem | None:
    version = installed_version('mmcv-lite')
    return Problem(f'mmcv-lite {version} is installed, which has no ops', REMAKE_MMCV) if version else None


def two_copies_of_cv2() -> Problem | None:
    copies = [f'{name} {installed_version(name)}' for name in OPENCV if installed_version(name)]
    if len(copies) < 2:
        return None
    return Problem(f'{" and ".join(copies)} write into the same folder cv2', ONE_OPENCV, stops=False)


def pkg_resources_missing() -> Problem | None:
    if importlib.util.find_spec('pkg_resources'):
        return None
    return Problem('pkg_resources is missing, which mim imports', 'pip install "setuptools<81"')


def mmaction2_editable() -> Problem | None:
    """mim looks for mmaction's train script beside its metadata, where an editable installation has none."""
    try:
        distribution = importlib.metadata.distribution('mmaction2')
    except importlib.metadata.PackageNotFoundError:
        return None  # told by version_problems
    if Path(distribution.locate_file('mmaction/.mim/tools/train.py')).is_file():
        return None
    origin = json.loads(distribution.read_text('direct_url.json') or '{}')
    how = 'is installed editable' if origin.get('dir_info', {}).get('editable') else 'has no folder .mim'
    return Problem(f'mmaction2 {how}, so mim finds no train script',
                   'pip install --no-deps --force-reinstall mmaction2==1.2.0')


def mim_not_on_path() -> Problem | None:
    on_path, own = shutil.which('mim'), Path(sys.executable).parent / 'mim'
    if on_path and (Path(on_path) == own or not own.exists()):
        return None
    if not on_path and not installed_version('openmim'):
        return None  # told by version_problems
    what = f'the mim on PATH is that of another Python: {on_path}' if on_path else 'mim is not on PATH'
    if own.exists():
        return Problem(what, f'call {own}, or: source {own.parent}/activate', stops=False)
    return Problem(what, TRAINING[0].remedy)


def no_compiler_for_mmcv() -> Problem | None:
    if shutil.which('g++') or shutil.which('c++') or installed_version('mmcv'):
        return None
    return Problem('there is no C++ compiler, and mmcv may have to be compiled', 'apt install g++', stops=False)


def small_shared_memory(folder='/dev/shm', least=1 << 30) -> Problem | None:
    """Workers of a data loader hand over batches in shared memory and die of a bus error where it is full."""
    if not os.path.isdir(folder) or shutil.disk_usage(folder).free >= least:
        return None
    return Problem(f'{folder} has {shutil.disk_usage(folder).free >> 20} MB free, too little for data loader workers',
                   'docker run --shm-size=8g, or train_dataloader.num_workers=0 with persistent_workers=False', False)


def little_disk(folder='.', least=5 << 30) -> Problem | None:
    free = shutil.disk_usage(folder).free
    if free >= least:
        return None
    return Problem(f'{os.path.abspath(folder)} has {free >> 20} MB free, and each checkpoint takes hundreds',
                   'free some, or give --work-dir a larger disk', stops=False)


KNOWN_TROUBLES = (python_version, mmcv_lite, two_copies_of_cv2, pkg_resources_missing, mmaction2_editable,
                  mim_not_on_path, no_compiler_for_mmcv, small_shared_memory, little_disk)


def known_troubles() -> list[Problem]:
    """The known troubles that are here."""
    return [problem for problem in (trouble() for trouble in KNOWN_TROUBLES) if problem]


# Trials: each does something small for real and compares the result with the known one.


def cv2_resizes() -> str:
    import cv2
    import numpy as np
    assert cv2.resize(np.full((4, 4, 3), 7, np.uint8), (2, 2)).tolist() == [[[7] * 3] * 2] * 2
    return cv2.__version__


def av_decodes() -> str:
    import av
    import cv2
    import numpy as np
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, 'grey.mp4')
        writer = cv2.VideoWriter(file, cv2.VideoWriter_fourcc(*'mp4v'), 8, (64, 48))
        for _ in range(8):
            writer.write(np.full((48, 64, 3), 128, np.uint8))
        writer.release()
        with av.open(file) as container:
            frames = np.stack([frame.to_ndarray(format='rgb24') for frame in container.decode(video=0)])
    assert frames.shape == (8, 48, 64, 3) and abs(frames.mean() - 128) < 8, f'wrong frames: {frames.shape}'
    return f'{av.__version__}, 8 frames of an mp4'


def torch_devices() -> str:
    import torch
    names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return f'{torch.get_num_threads()} threads; CUDA devices: {", ".join(names) or "none"}'


def mmcv_ops_on_cpu() -> str:
    return _mmcv_ops('cpu')


def mmcv_ops_on_cuda() -> str:
    import torch
    return _mmcv_ops('cuda') if torch.cuda.is_available() else 'not tried: no CUDA device'


def _mmcv_ops(device: str) -> str:
    import torch
    from mmcv.ops import RoIAlign, nms
    boxes = torch.tensor([[0.0, 0, 8, 8], [0, 0, 8, 8], [20, 20, 30, 30]], device=device)
    kept = nms(boxes, torch.tensor([0.9, 0.8, 0.7], device=device), 0.5)[1]
    assert kept.tolist() == [0, 2], f'nms kept {kept.tolist()} of boxes of which [0, 2] differ'
    rois = torch.tensor([[0, 2, 2, 10, 10.0]], device=device)
    bins = RoIAlign(2)(torch.full((1, 1, 16, 16), 3.0, device=device), rois)
    assert torch.allclose(bins, torch.full_like(bins, 3)), f'RoIAlign made {bins.tolist()} of a map of threes'
    return 'RoIAlign, nms'


def stssa_mm_imports() -> str:
    from stssa_mm import compat
    return f'work-arounds on: {", ".join(compat.switched_on) or "none"}'


# What is tried, and what to do where it fails.
TRIALS = (
    (cv2_resizes, ONE_OPENCV),
    (av_decodes, 'pip install --force-reinstall --no-deps av'),
    (torch_devices, STACK[0].remedy),
    (mmcv_ops_on_cpu, REMAKE_MMCV),
    (mmcv_ops_on_cuda, 'compile mmcv where CUDA and nvcc are: MMCV_WITH_OPS=1 FORCE_CUDA=1 pip install '
                       '--no-build-isolation --no-binary mmcv --force-reinstall --no-deps mmcv==2.1.0'),
    (stssa_mm_imports, 'correct the faults above; in a checkout: pip install --no-deps --no-build-isolation -e .'),
)


def try_out(trials=TRIALS):
    """Run trials in another process, since a library compiled for another torch may kill the process.

    Args:
        trials (Sequence[tuple[callable, str]]): Each gives a text or raises; what to do where it raises.

    Yields:
        tuple[str, str, Problem | None]: Name, text, and what is wrong, unless the table of versions says so already.
    """
    pool = None
    for trial, remedy in trials:
        pool = pool or ProcessPoolExecutor(1, mp_context=get_context('fork'), initializer=_silence)
        name = trial.__name__.replace('_', ' ')
        try:
            yield name, pool.submit(trial).result(), None
            continue
        except BrokenProcessPool:
            pool = None
            error = RuntimeError('its process died: a library compiled for another version, or no memory left')
        except Exception as caught:  # whatever a broken library raises is the finding
            error = caught
        problem = import_problem(f'{name} fails', error, remedy)
        told = isinstance(error, ImportError) and (str(error).startswith('stssa_mm cannot work here') or error.name in
                                                   [n.package.replace('mmaction2', 'mmaction') for n in STACK
                                                    if not installed_version(n.package)])
        yield name, f'fails: {type(error).__name__}', None if told else problem
    if pool:
        pool.shutdown()


def _silence() -> None:
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
