from .sample_seed_hook import STSSASampleSeedHook
from .skipped_videos_hook import STSSASkippedVideosHook

__all__ = ['STSSASampleSeedHook', 'STSSASkippedVideosHook']
