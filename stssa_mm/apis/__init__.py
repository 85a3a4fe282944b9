"""A trained network on a user's own videos."""
from stssa_mm.files.detected_actions import Action, ActionFile, KeyFrameActions, Person

from .inferencer import STSSAInferencer

__all__ = ['Action', 'ActionFile', 'KeyFrameActions', 'Person', 'STSSAInferencer']
