from .checkpoint_hook import STSSACheckpointHook
from .invalid_loss_hook import STSSAInvalidLossHook
from .parameters_hook import STSSAParametersHook
from .sample_seed_hook import STSSASampleSeedHook
from .skipped_videos_hook import STSSASkippedVideosHook

__all__ = [
    'STSSACheckpointHook', 'STSSAInvalidLossHook', 'STSSAParametersHook', 'STSSASampleSeedHook',
    'STSSASkippedVideosHook'
]
