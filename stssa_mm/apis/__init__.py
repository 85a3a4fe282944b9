"""A trained network on a user's own videos."""
from stssa_mm.files.detected_actions import Action, ActionFile, KeyFrameActions, Person

from .events import Event, EventFinder, find_events, write_events

__all__ = [
    'Action', 'ActionFile', 'Event', 'EventFinder', 'KeyFrameActions', 'Person', 'STSSAInferencer', 'find_events',
    'write_events'
]


def __getattr__(name: str):
    if name != 'STSSAInferencer':
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    from .inferencer import STSSAInferencer  # needs torch, and the others do not
    return STSSAInferencer
