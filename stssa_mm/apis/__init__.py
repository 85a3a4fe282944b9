"""A trained network on a user's own videos."""
from stssa_mm.files.detected_actions import Action, ActionFile, KeyFrameActions, Person

from .events import Event, EventFinder, find_events, write_events
from .inferencer import STSSAInferencer

__all__ = [
    'Action', 'ActionFile', 'Event', 'EventFinder', 'KeyFrameActions', 'Person', 'STSSAInferencer', 'find_events',
    'write_events'
]
