from .sample_seed_hook import STSSASampleSeedHook

__all__ = ['STSSASampleSeedHook']
