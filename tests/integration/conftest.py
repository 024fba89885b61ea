"""Fixtures of the integration tests."""

import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.integration.gateway_process import GatewayProcess, gateway


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[GatewayProcess]:
    """A gateway of this test's own, ready for joins."""
    async with gateway(tmp_path) as process:
        yield process


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[GatewayProcess]:
    """A gateway for all tests of a file, each in a room of its own. It has no fault to report."""
    async with gateway(tmp_path_factory.mktemp("gateway")) as process:
        yield process
        assert await process.stop() == 0
        assert process.faults() == []


@pytest.fixture
def room() -> str:
    """The name of a room that no other test uses."""
    return f"room-{secrets.token_hex(6)}"
