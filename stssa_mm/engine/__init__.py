from .checkpoint_hook import STSSACheckpointHook
from .invalid_loss_hook import STSSAInvalidLossHook
from .parameters_hook import STSSAParametersHook
from .progress_hook import STSSAProgressHook
from .runner import STSSARunner
from .sample_seed_hook import STSSASampleSeedHook
from .skipped_videos_hook import STSSASkippedVideosHook

__all__ = [
    'STSSACheckpointHook', 'STSSAInvalidLossHook', 'STSSAParametersHook', 'STSSAProgressHook', 'STSSARunner',
    'STSSASampleSeedHook',
    'STSSASkippedVideosHook'
]
