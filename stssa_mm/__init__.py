"""Spatio-temporal SlowFast self-attention for action detection: an MMAction2 extension.

Importing this package registers its classes in mmengine's root registries. Where mmengine is not installed, what needs
neither it nor torch works all the same: files, video, people, and :mod:`stssa_mm.apis.onnx_model`.
"""
from importlib.util import find_spec

from .version import __version__

if find_spec('mmengine') is not None:
    from . import environment

    environment.require_stack()

    from . import compat

    compat.apply()

    from . import datasets, engine, models  # noqa: F401
    from .evaluation import ava_metric  # noqa: F401

__all__ = ['__version__']
