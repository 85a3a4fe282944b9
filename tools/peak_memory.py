"""How much memory a block of code takes, for the benchmarks beside this file."""
import contextlib
import threading

import psutil


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
