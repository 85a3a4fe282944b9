"""Running a tool in the test's own process."""
import importlib.util
import sys

import pytest
from conftest import REPO


@pytest.fixture
def load_tool(monkeypatch):
    """A function that loads tools/<path>; ``module.run(*args)`` gives what the tool hands to ``sys.exit``, or None."""

    def load(path):
        file = REPO / 'tools' / path
        spec = importlib.util.spec_from_file_location(f'tool_{file.stem}', file)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)

        def run(*args):
            monkeypatch.setattr(sys, 'argv', [file.name, *map(str, args)])
            try:
                module.main()
            except SystemExit as stop:
                return stop.code

        module.run = run
        return module

    return load
