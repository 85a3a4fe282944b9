"""What the installed stack needs before this package can work, and what to do where it does not."""
import importlib
import importlib.metadata
from typing import List, NamedTuple

# Package, oldest and first unsupported version, how to install.
STACK = [
    ('torch', '2.0', None, 'see https://pytorch.org'),
    ('mmengine', '0.10', '0.11', 'pip install mmengine==0.10.7'),
    ('mmcv', '2.1', '2.2', 'mim install mmcv==2.1.0, or `make setup` in a checkout, which compiles it'),
    ('mmdet', '3.3', '3.4', 'pip install mmdet==3.3.0'),
    ('mmaction2', '1.2', '1.3', 'pip install mmaction2==1.2.0'),
    ('numpy', '1.22', '2', 'pip install "numpy<2"'),
    ('decord', '0.6', None, 'pip install decord==0.6.0'),
]


class Problem(NamedTuple):
    """A fault of the environment: what is wrong and what to do about it."""
    what: str
    remedy: str

    def __str__(self) -> str:
        return f'{self.what}. Remedy: {self.remedy}'


def version_tuple(version: str) -> tuple:
    """Leading numbers of a version: '2.13.0+cpu' to (2, 13, 0)."""
    numbers = []
    for part in version.split('+')[0].split('.'):
        if not part.isdigit():
            break
        numbers.append(int(part))
    return tuple(numbers)


def installed_version(package: str):
    """Version of an installed distribution, or None."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def version_problems() -> List[Problem]:
    """Packages of the stack that are missing or have a version that does not work. Imports nothing."""
    problems = []
    for package, oldest, too_new, remedy in STACK:
        version = installed_version(package)
        wanted = f'{oldest} or newer' + (f', older than {too_new}' if too_new else '')
        if version is None:
            problems.append(Problem(f'{package} is not installed (needed: {wanted})', remedy))
        elif version_tuple(version) < version_tuple(oldest) or (too_new and
                                                                version_tuple(version) >= version_tuple(too_new)):
            problems.append(Problem(f'{package} {version} does not work here (needed: {wanted})', remedy))
    return problems


def ops_problems() -> List[Problem]:
    """Whether mmcv has its compiled ops."""
    try:
        importlib.import_module('mmcv._ext')
    except ImportError as error:
        lite = installed_version('mmcv-lite')
        what = 'mmcv-lite is installed, which has no ops' if lite else f'mmcv has no compiled ops ({error})'
        return [Problem(what, 'pip uninstall mmcv-lite mmcv, then ' + STACK[2][3])]
    return []


def require_stack() -> None:
    """Stop with one line if the stack cannot work.

    Raises:
        ImportError: With the fault and its remedy.
    """
    problems = version_problems() or ops_problems()
    if problems:
        more = f' ({len(problems) - 1} more: run tools/doctor.py)' if len(problems) > 1 else ''
        raise ImportError(f'stssa_mm cannot work here: {problems[0]}{more}')
