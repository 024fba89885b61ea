"""Fixtures of all tests."""

import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

TESTS = Path(__file__).parent
KINDS = {"integration": "integration", "deaths": "integration", "browser": "browser"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever stands in these folders is of their kind, whoever forgot to say so."""
    for item in items:
        for folder, kind in KINDS.items():
            if item.path.is_relative_to(TESTS / folder):
                item.add_marker(kind)


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """A test that sets logging up leaves no trace of it: the next one has another stderr."""
    hook, handlers, level = sys.excepthook, logging.root.handlers[:], logging.root.level
    yield
    structlog.reset_defaults()
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)
    sys.excepthook = hook


@pytest.fixture(autouse=True)
def no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What a developer has set for a gateway of theirs decides no test."""
    for name in [name for name in os.environ if name.upper().startswith("GATEWAY_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr("gateway.settings.sources.DEFAULT_FILE", tmp_path / "none.toml")
