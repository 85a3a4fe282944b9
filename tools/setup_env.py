"""Make the environment that `make train` and `make test` run in.

Needs Python's standard library and, to compile mmcv, a C++ compiler. Every wheel, the compiled mmcv included, is kept
in the user's cache folder, so that the next checkout is set up in seconds. Nothing is done when the environment already
agrees with `requirements/`.
"""
import argparse
import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import time
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
REQUIREMENTS = REPO / 'requirements'
CONSTRAINTS = REQUIREMENTS / 'constraints.txt'
WITH_DEPENDENCIES = ['build.txt', 'runtime.txt', 'dev.txt']
STAMP = 'stssa_mm.stamp'
PYTHONS = ((3, 9), (3, 13))  # mmdet 3.3 and PyAV run on these


def say(message):
    print(f'[setup] {message}', flush=True)


def run(command, log, on_line=None, **kwargs):
    """Run a command with its output in ``log``; on failure show the log's end and stop.

    Args:
        command (list): The command.
        log (Path): File that the output is appended to.
        on_line (callable, optional): Called with each line of output.
        **kwargs: For :class:`subprocess.Popen`.
    """
    command = [str(part) for part in command]
    with open(log, 'a') as file:
        file.write(f'$ {" ".join(command)}\n')
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **kwargs)
        for line in process.stdout:
            file.write(line)
            if on_line:
                on_line(line)
    if process.wait():
        tail = ''.join(Path(log).read_text(errors='replace').splitlines(keepends=True)[-25:])
        sys.exit(f'{tail}\n[setup] This failed: {" ".join(command)}\n[setup] The whole output is in {log}')


def requirements_hash():
    """str: Changes with whatever decides what is installed."""
    digest = hashlib.sha256(f'{sys.version} {sysconfig.get_platform()} {REPO}'.encode())
    files = [*sorted(REQUIREMENTS.glob('*.txt')), REPO / 'setup.cfg', REPO / 'pyproject.toml', Path(__file__)]
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def pinned(package):
    """str: The version of ``package`` in the constraints file."""
    return re.search(rf'^{package}==(\S+)$', CONSTRAINTS.read_text(), re.M)[1]


@contextlib.contextmanager
def locked(folder):
    """Let one set-up at a time write to the cache folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / '.lock', 'w') as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f'another set-up is writing to {folder}: waiting for it')
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def download_wheels(python, wheels, log):
    """Bring every pinned wheel but mmcv's into the folder ``wheels`` (Path), once per state of ``requirements/``."""
    key = hashlib.sha256(b''.join(f.read_bytes() for f in sorted(REQUIREMENTS.glob('*.txt')))).hexdigest()
    marker = wheels / f'.complete-{key[:16]}'
    if marker.exists():
        return
    say('downloading the wheels (about 400 MB; several GB where torch brings CUDA)')
    download = [python, '-m', 'pip', 'download', '--disable-pip-version-check', '--only-binary', ':all:', '-d', wheels,
                '-c', CONSTRAINTS]
    run([*download, *(arg for name in WITH_DEPENDENCIES for arg in ('-r', REQUIREMENTS / name))], log)
    names = [line for line in (REQUIREMENTS / 'openmmlab.txt').read_text().split('\n')
             if line and line != 'mmcv' and not line.startswith('#')]
    run([*download, '--no-deps', *names], log)
    marker.touch()


def precompiled_header(python, csrc, folder):
    """Compile mmcv's common header once, with exactly the flags of its extension.

    Parsing torch's headers is nearly all of mmcv's compile time. gcc ignores a header whose flags differ.

    Args:
        python (Path): Interpreter that has torch.
        csrc (Path): mmcv's ``mmcv/ops/csrc/common``.
        folder (Path): Where to put the header.

    Returns:
        list[str]: Flags that make a compiler use the header, for ``CFLAGS``.
    """
    header = folder / 'mmcv_pch.hpp'
    header.write_text('#include "pytorch_cpp_helper.hpp"\n')
    code = 'from torch.utils.cpp_extension import include_paths as i; print(*i("cpu"), sep="\\n")'
    torch_includes = subprocess.run([python, '-c', code], check=True, capture_output=True, text=True).stdout.split()
    includes = [f'-I{path}' for path in [csrc, *torch_includes, sysconfig.get_path('include')]]
    defines = ['-DTORCH_API_INCLUDE_EXTENSION_H', '-DTORCH_EXTENSION_NAME=_ext']
    subprocess.run(['g++', '-x', 'c++-header', '-O2', '-g0', '-w', '-fPIC', '-std=c++17', *defines, *includes,
                    str(header), '-o', f'{header}.gch'], check=True)
    return [f'-I{folder}', '-include', header.name]


def torch_version(python):
    """str: The installed torch version, with its build: ``2.13.0+cpu``."""
    code = 'import importlib.metadata as m; print(m.version("torch"))'
    return subprocess.run([python, '-c', code], check=True, capture_output=True, text=True).stdout.strip()


def build_mmcv(python, folder, log):
    """Compile mmcv with its ops into a wheel in ``folder`` (Path), unless it is there."""
    version = pinned('mmcv')
    if any(folder.glob(f'mmcv-{version}-*.whl')):
        return
    if not shutil.which('g++') and not shutil.which('c++'):
        sys.exit('[setup] No C++ compiler found, and mmcv has to be compiled: install gcc (Debian: apt install g++)')
    start = time.time()
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        source = [python, '-m', 'pip', 'download', '--disable-pip-version-check', '--no-deps', '--no-build-isolation']
        run([*source, '--no-binary', 'mmcv', '-d', scratch, f'mmcv=={version}'], log)
        with tarfile.open(next(scratch.glob('mmcv-*.tar.gz'))) as archive:
            archive.extractall(scratch)
        tree = scratch / f'mmcv-{version}'
        flags = ['-O2', '-g0', '-w']
        if sys.platform == 'linux' and shutil.which('g++') and '+cpu' in torch_version(python):
            say('compiling mmcv: its headers')
            flags += precompiled_header(python, tree / 'mmcv/ops/csrc/common', scratch)

        def progress(line):
            step = re.match(r'\s*\[(\d+)/(\d+)\]', line)
            if step and (int(step[1]) % 10 == 0 or step[1] == step[2]):
                say(f'compiling mmcv: file {step[1]} of {step[2]}, {time.time() - start:.0f} s')

        env = dict(os.environ, MMCV_WITH_OPS='1', CFLAGS=' '.join(flags), MAX_JOBS=str(os.cpu_count()),
                   PATH=f'{Path(python).parent}{os.pathsep}{os.environ["PATH"]}')
        run([python, '-m', 'pip', 'wheel', '-v', '--disable-pip-version-check', '--no-deps', '--no-build-isolation',
             '-w', scratch / 'wheel', tree], log, on_line=progress, env=env)
        folder.mkdir(parents=True, exist_ok=True)
        wheel = next((scratch / 'wheel').glob('mmcv-*.whl'))
        shutil.copy(wheel, folder / f'{wheel.name}.part')
        os.replace(folder / f'{wheel.name}.part', folder / wheel.name)
    say(f'compiled mmcv in {time.time() - start:.0f} s; its wheel is kept in {folder}')


def set_up(venv, cache):
    """Make ``venv`` (Path) agree with ``requirements/``, with wheels from ``cache`` (Path)."""
    stamp = venv / STAMP
    wanted = requirements_hash()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    if not PYTHONS[0] <= sys.version_info[:2] < PYTHONS[1]:
        sys.exit(f'[setup] This is Python {sys.version.split()[0]}; needed is 3.9 to 3.12, tested is 3.11. '
                 'Name one with: make PYTHON=/path/to/python3.11')
    start = time.time()
    python = venv / 'bin' / 'python'
    tag = f'cp{sys.version_info.major}{sys.version_info.minor}-{sysconfig.get_platform()}'
    wheels = cache / 'wheels' / tag
    log = cache / 'setup.log'
    with locked(cache):
        log.write_text('')
        say(f'making {venv} with Python {sys.version.split()[0]}')
        run([sys.executable, '-m', 'venv', '--clear', venv], log)
        wheels.mkdir(parents=True, exist_ok=True)
        download_wheels(python, wheels, log)
        run([python, '-m', 'pip', 'install', '--disable-pip-version-check', '--no-index', '-f', wheels, '-c',
             CONSTRAINTS, 'uv'], log)
        install = [venv / 'bin' / 'uv', 'pip', 'install', '--python', python]
        offline = [*install, '--no-index', '--find-links', wheels, '-c', CONSTRAINTS]
        say('installing')
        run([*offline, *(arg for name in WITH_DEPENDENCIES for arg in ('-r', REQUIREMENTS / name))], log)
        mmcv_wheels = cache / 'mmcv' / f'{tag}-torch-{torch_version(python)}'
        build_mmcv(python, mmcv_wheels, log)
        run([*offline, '--find-links', mmcv_wheels, '--no-deps', '-r', REQUIREMENTS / 'openmmlab.txt'], log)
        run([*install, '--no-deps', '--no-build-isolation', '-e', REPO], log)
    stamp.write_text(wanted)
    say(f'ready in {time.time() - start:.0f} s')


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--venv', type=Path, default=REPO / '.venv', help='the environment (default: .venv)')
    cache = Path(os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache') / 'stssa_mm'
    parser.add_argument('--cache', type=Path, default=cache, help=f'where wheels are kept (default: {cache})')
    args = parser.parse_args()
    set_up(args.venv.absolute(), args.cache.absolute())


if __name__ == '__main__':
    main()
