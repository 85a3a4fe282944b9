# What every config adds to MMAction2's: the import that registers this package's classes, and hooks.
custom_imports = dict(imports=['stssa_mm'], allow_failed_imports=False)
custom_hooks = [
    dict(type='STSSASampleSeedHook'),
    dict(type='STSSASkippedVideosHook'),
    dict(type='STSSAParametersHook'),
    dict(type='STSSACheckpointHook'),
    dict(type='STSSAInvalidLossHook', interval=1)  # a loss that is nan ends the run
]
