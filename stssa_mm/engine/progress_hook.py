"""A line of progress by the clock."""
import time

from mmengine.hooks import Hook, LoggerHook

from stssa_mm.registry import HOOKS


@HOOKS.register_module()
class STSSAProgressHook(Hook):
    """Log a line after an iteration when :class:`LoggerHook`, which counts iterations, has not for a while.

    The line is the one that LoggerHook would write. Nothing is added to the scalars.

    Args:
        seconds (float): So long without a line at most, as far as iterations last as long as the one before. Defaults
            to 30.
    """

    priority = 'LOW'  # after the timer and LoggerHook

    def __init__(self, seconds: float = 30) -> None:
        self.seconds = seconds
        self._last = self._previous = 0.0  # line, and iteration

    def _before(self, runner) -> None:
        self._last = self._previous = time.monotonic()

    before_train_epoch = before_val_epoch = before_test_epoch = _before

    def _after(self, runner, batch_idx: int, mode: str) -> None:
        now = time.monotonic()
        lasted, self._previous = now - self._previous, now
        logger = next((hook for hook in runner.hooks if isinstance(hook, LoggerHook)), None)
        if logger is not None and logger.every_n_inner_iters(batch_idx, logger.interval):
            self._last = now
        elif now + lasted - self._last > self.seconds:  # the next would be too late
            self._last = now
            runner.logger.info(runner.log_processor.get_log_after_iter(runner, batch_idx, mode)[1])

    def after_train_iter(self, runner, batch_idx: int, data_batch=None, outputs=None) -> None:
        """Log a line if it is time."""
        self._after(runner, batch_idx, 'train')

    def after_val_iter(self, runner, batch_idx: int, data_batch=None, outputs=None) -> None:
        """Log a line if it is time."""
        self._after(runner, batch_idx, 'val')

    def after_test_iter(self, runner, batch_idx: int, data_batch=None, outputs=None) -> None:
        """Log a line if it is time."""
        self._after(runner, batch_idx, 'test')
