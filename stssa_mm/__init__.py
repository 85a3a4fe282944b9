"""Spatio-temporal SlowFast self-attention for action detection: an MMAction2 extension.

Importing this package registers its classes in mmengine's root registries.
"""
from .version import __version__  # isort: skip
from . import environment

environment.require_stack()

from . import compat  # noqa: E402

compat.apply()

from . import datasets, engine, evaluation, models  # noqa: E402

__all__ = ['__version__', 'datasets', 'engine', 'evaluation', 'models']
