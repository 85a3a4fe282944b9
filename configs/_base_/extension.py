# What every config adds to MMAction2's: the import that registers this package's classes, a runner whose log is short,
# and hooks.
custom_imports = dict(imports=['stssa_mm'], allow_failed_imports=False)
runner_type = 'STSSARunner'
custom_hooks = [
    dict(type='STSSASampleSeedHook'),
    dict(type='STSSASkippedVideosHook'),
    dict(type='STSSAParametersHook'),
    dict(type='STSSACheckpointHook'),
    dict(type='STSSAProgressHook', seconds=30),  # at least so often a line in the log
    dict(type='STSSAInvalidLossHook', interval=1)  # a loss that is nan ends the run
]
