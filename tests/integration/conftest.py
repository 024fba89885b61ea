"""Fixtures of the integration tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.gateway_process import GatewayProcess, gateway


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[GatewayProcess]:
    """A gateway of this test's own, ready for joins."""
    async with gateway(tmp_path) as process:
        yield process
