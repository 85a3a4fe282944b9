"""How many samples an epoch left out."""
from mmengine.dist import all_gather_object
from mmengine.hooks import Hook

from stssa_mm.registry import HOOKS


def transforms_of(dataset) -> list:
    """The transforms of a dataset and of those that it wraps."""
    transforms = list(getattr(getattr(dataset, 'pipeline', None), 'transforms', []))
    wrapped = [dataset.dataset] if hasattr(dataset, 'dataset') else getattr(dataset, 'datasets', [])
    return sum(map(transforms_of, wrapped), transforms)


@HOOKS.register_module()
class STSSASkippedVideosHook(Hook):
    """Report the samples that transforms with ``on_broken='skip'`` left out of a training epoch.

    The videos are named in the warnings of the epoch.
    """

    def after_train_epoch(self, runner) -> None:
        """Log the number, of all processes, if there are any."""
        transforms = transforms_of(runner.train_loop.dataloader.dataset)
        skipped = sum(all_gather_object(sum(t.take_skipped() for t in transforms if hasattr(t, 'take_skipped'))))
        if skipped:
            runner.logger.warning(f'epoch {runner.epoch}: {skipped} samples left out, because their videos are broken '
                                  '(warnings name them)')
