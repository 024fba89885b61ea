"""Fixtures of the deaths: processes of each test's own, and the table of what was measured."""

import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.deaths.figures import Figures
from tests.deaths.units import TwoUnits, two_units
from tests.integration.gateway_process import GatewayProcess, gateway

FIGURES = pytest.StashKey[Figures]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[FIGURES] = Figures()


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    taken = config.stash[FIGURES].taken
    if taken:
        terminalreporter.section("deaths: measured and promised")
        for figure in taken:
            terminalreporter.write_line(str(figure))


@pytest.fixture
def figures(pytestconfig: pytest.Config) -> Figures:
    """Where a test notes what it measured."""
    return pytestconfig.stash[FIGURES]


@pytest.fixture
def room() -> str:
    """The name of a room of this test's own."""
    return f"room-{secrets.token_hex(6)}"


@pytest.fixture
async def units(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[TwoUnits]:
    """Datapath and control plane as two units, ready for joins. Its parameter: seconds of lease."""
    async with two_units(tmp_path, lease_s=getattr(request, "param", 60)) as started:
        yield started


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[GatewayProcess]:
    """`gateway serve --dev`, ready for joins."""
    async with gateway(tmp_path) as started:
        yield started
