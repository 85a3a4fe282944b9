"""Data for the tests of the evaluation."""
from types import SimpleNamespace

import pytest


@pytest.fixture
def serial_mmaction2(monkeypatch):
    """MMAction2's evaluator without its 32 worker processes."""
    from mmaction.evaluation.functional import ava_utils
    serial = SimpleNamespace(map=lambda function, items: [function(item) for item in items])
    monkeypatch.setattr(ava_utils.multiprocessing, 'Pool', lambda count: serial)
