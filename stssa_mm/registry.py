"""The registries that this package's classes go into: mmengine's root ones.

A class in a root registry is found by its bare name from every scope. RoI parts are built in mmdet's scope, where a
class in MMAction2's registry would not be found.
"""
from mmengine.registry import DATASETS, HOOKS, METRICS, MODELS, RUNNERS, TRANSFORMS

__all__ = ['DATASETS', 'HOOKS', 'METRICS', 'MODELS', 'RUNNERS', 'TRANSFORMS']
