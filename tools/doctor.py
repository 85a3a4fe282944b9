"""Say on one screen what of the environment works and what to do about the rest.

Exit status 0 if training can start, else 1. Runs on the standard library alone, whatever is missing or broken.
"""
import argparse
import importlib.util
import os
import platform
import shutil
import sys
import textwrap
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]


def load_environment():
    """Module ``stssa_mm/environment.py``, without importing the package, which may be impossible here."""
    spec = importlib.util.spec_from_file_location('stssa_mm_environment', REPO / 'stssa_mm' / 'environment.py')
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def free(folder) -> str:
    return f'{shutil.disk_usage(folder).free / 2**30:.1f} GB' if os.path.isdir(folder) else 'none'


def main() -> int:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    environment = load_environment()
    needs = environment.STACK + environment.TRAINING
    problems = environment.version_problems(needs) + environment.known_troubles()

    row = '{:20}{:14}{:34}{}'.format
    print(row('package', 'found', 'needed', ''))
    print(row('Python', platform.python_version(), '3.9 to 3.12', 'NOT OK' if environment.python_version() else 'ok'))
    for need in needs:
        version = environment.installed_version(need.package)
        ok = version and need.met_by(version)
        print(row(need.package, version or 'none', str(need), 'ok' if ok else 'NOT OK'))

    print('\ntried')
    for name, text, problem in environment.try_out():
        print(f'{name:20}{text}')
        problems += [problem] if problem else []

    print(f'\nmachine: {platform.machine()}, {os.cpu_count()} cores; free disk here: {free(".")}; free shared memory: '
          f'{free("/dev/shm")}\ncompiler: {shutil.which("g++") or shutil.which("c++") or "none"}; '
          f'mim: {shutil.which("mim") or "not on PATH"}')
    troubles = ', '.join(trouble.__name__.replace('_', ' ') for trouble in environment.KNOWN_TROUBLES)
    print(textwrap.fill(f'looked for: {troubles}', 120))

    print()
    for problem in problems:
        print('fault:' if problem.stops else 'note: ', problem)
    faults = sum(problem.stops for problem in problems)
    print(f'Training cannot start: {faults} fault{"s" * (faults > 1)} above.' if faults else 'Training can start.')
    return int(faults > 0)


if __name__ == '__main__':
    sys.exit(main())
