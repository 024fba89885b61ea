"""The same claims for both: every test of this folder runs on the fake datapath and on the real
one."""

import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Protocol

import pytest

from tests.contract import boots
from tests.contract.controller import Controller


class Datapath(Protocol):
    """Hands out connections to one boot."""

    async def __call__(self) -> Controller:
        """A connection that has read Hello and said nothing."""
        ...


@pytest.fixture
def directory() -> Iterator[Path]:
    """Socket paths are short: those of tmp_path may be too long for one."""
    with tempfile.TemporaryDirectory(prefix="gw") as name:
        yield Path(name)


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.integration)])
async def boot(
    request: pytest.FixtureRequest, directory: Path
) -> AsyncIterator[Callable[[int], Awaitable[Path]]]:
    """Starts a datapath with a lease of that many seconds; returns its control socket."""
    async with AsyncExitStack() as stack:

        async def start(lease_s: int) -> Path:
            make = boots.fake if request.param == "fake" else boots.real
            return await stack.enter_async_context(make(directory, lease_s))

        yield start


@pytest.fixture
def lease_s() -> int:
    """Override by parametrizing: how long rows stand without a controller."""
    return 60


@pytest.fixture
async def connect(boot: Callable[[int], Awaitable[Path]], lease_s: int) -> AsyncIterator[Datapath]:
    """Connections to one boot, all closed at the end."""
    path = await boot(lease_s)
    opened: list[Controller] = []

    async def open_one() -> Controller:
        opened.append(await Controller.connect(path))
        return opened[-1]

    yield open_one
    for controller in opened:
        await controller.close()


@pytest.fixture
async def controller(connect: Datapath) -> Controller:
    """A controller that counts, on an empty table."""
    found = await connect()
    found.greet()
    await found.dump()
    assert await found.apply() is None
    return found
