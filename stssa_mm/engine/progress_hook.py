"""A line of progress by the clock."""
import time

from mmengine.hooks import Hook, LoggerHook

from stssa_mm.registry import HOOKS


@HOOKS.register_module()
class STSSAProgressHook(Hook):
    """Log a line after an iteration when :class:`LoggerHook`, which counts iterations, has not for a while.

    The line is the one that LoggerHook would write. Nothing is added to the scalars.

    Args:
        seconds (float): So long without a line. Defaults to 30.
    """

    priority = 'LOW'  # after the timer and LoggerHook

    def __init__(self, seconds: float = 30) -> None:
        self.seconds = seconds
        self._last = 0.0

    def _before(self, runner) -> None:
        self._last = time.monotonic()

    before_train_epoch = before_val_epoch = before_test_epoch = _before

    def _after(self, runner, batch_idx: int, mode: str) -> None:
        logger = next((hook for hook in runner.hooks if isinstance(hook, LoggerHook)), None)
        if logger is not None and logger.every_n_inner_iters(batch_idx, logger.interval):
            self._last = time.monotonic()
        elif time.monotonic() - self._last >= self.seconds:
            self._last = time.monotonic()
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
