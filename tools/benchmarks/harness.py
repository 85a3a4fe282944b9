"""What the benchmarks beside this file share: turns, processes of their own, memory, the machine and the last line."""
import argparse
import contextlib
import json
import multiprocessing
import os
import platform
import statistics
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from pathlib import Path

import psutil


def machine(*packages):
    """Text: the processor, how busy it is, and the versions of Python and some packages."""
    info = Path('/proc/cpuinfo')
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(':', 1)[1].strip() for line in lines if line.startswith('model name')]
    cpu = names[0] if names else platform.processor() or platform.machine()
    versions = ', '.join(f'{package} {version(package)}' for package in packages)
    return (f'{cpu}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}, '
            f'{versions}')


def at_least(least):
    """The type of an argument: a whole number of at least so much."""

    def number(text):
        if int(text) < least:
            raise argparse.ArgumentTypeError(f'{text}: expected {least} or more')
        return int(text)

    return number


def in_turn(sides, repeats, run):
    """What ``run(side)`` gives, by side (dict of lists): each side once, then each again, and so on."""
    found = {side: [] for side in sides}
    for _ in range(repeats):
        for side in sides:
            found[side].append(run(side))
    return found


def medians(found, key=None):
    """By side the median of its values, or of a key of its reports."""
    return {side: statistics.median(value[key] if key else value for value in values)
            for side, values in found.items()}


def _fork_from_now_on():
    """MMAction2's 32 processes have to be forks, as where a user evaluates: new ones would each import everything."""
    multiprocessing.set_start_method('fork', force=True)


def in_a_process(function, *args):
    """What a function of the script gives in a new process, which has imported the script."""
    with ProcessPoolExecutor(1, multiprocessing.get_context('spawn'), _fork_from_now_on) as pool:
        return pool.submit(function, *args).result()


def measured(function, *args, memory=False):
    """The report (dict) of one call: ``s`` and ``cpu_s`` seconds, ``value``, which is the result or its length, and
    with ``memory`` instead of honest seconds what :func:`peak_memory` says, while the result is kept."""
    report = {}
    with peak_memory(report) if memory else contextlib.nullcontext():
        start, cpu = time.perf_counter(), time.process_time()
        result = function(*args)
        report.update(s=time.perf_counter() - start, cpu_s=time.process_time() - cpu)
    report['value'] = len(result) if hasattr(result, '__len__') else result
    return report


def measured_memory(function, *args):
    """:func:`measured` with the memory."""
    return measured(function, *args, memory=True)


def memory_of_tree():
    """Bytes of this process and its children; what they share counts once (PSS)."""
    process, total = psutil.Process(), 0
    for member in [process, *process.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            total += member.memory_full_info().pss
    return total


@contextlib.contextmanager
def peak_memory(report):
    """Watch the memory while the block runs.

    Args:
        report (dict): Gets the growth in MiB: ``peak_mb`` to the peak, ``mb`` to what is left at the end.
    """
    before, done = memory_of_tree(), threading.Event()
    peak = [before]

    def watch():
        while not done.wait(0.02):
            peak[0] = max(peak[0], memory_of_tree())

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        after = memory_of_tree()
        report['mb'] = (after - before) / 2**20
        report['peak_mb'] = (max(peak[0], after) - before) / 2**20


def high_water():
    """The most memory that this process ever had, in bytes: exact also for a peak of a moment. Linux."""
    # A new process's ru_maxrss starts at its parent's, which would hide its own growth; VmHWM does not.
    return next(int(line.split()[1]) * 1024 for line in Path('/proc/self/status').read_text().splitlines()
                if line.startswith('VmHWM:'))


def finish(figures):
    """Print the last line: the figures as JSON, with 4 digits after the point, where they are not smaller."""
    print(json.dumps({name: round(value, 4) if abs(value) > 1e-3 else value for name, value in figures.items()}))
