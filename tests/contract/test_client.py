"""The client of the control plane with either datapath: one conversation from end to end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from gateway.clock import SystemClock
from gateway.datapath import datapath_pb2 as pb
from gateway.datapath.client import DatapathClient
from gateway.datapath.port import Fenced, RowsRefused
from tests.datapath.listening import Listening
from tests.datapath.rows import ROOM, call, leg, memo, transport, without_passwords

Start = Callable[[int], Awaitable[Path]]


@pytest.fixture
def listener() -> Listening:
    return Listening()


@pytest.fixture
async def client(boot: Start, lease_s: int, listener: Listening) -> AsyncIterator[DatapathClient]:
    """A client that is ready."""
    made = DatapathClient(await boot(lease_s), SystemClock(), build="suite", keepalive_s=0.1)
    made.subscribe(listener)
    running = asyncio.create_task(made.run())
    await made.wait_ready(5)
    yield made
    running.cancel()
    await asyncio.wait([running])


async def test_rows_stand_are_told_and_go(client: DatapathClient, listener: Listening) -> None:
    assert listener.calls == ["connected", "rebuilt"]
    await client.apply(ROOM, call(), [])
    listeners = len(listener.dumps[0].rows)
    assert list((await client.dump()).rows)[listeners:] == without_passwords(call())
    with pytest.raises(RowsRefused, match=r"row 30 .UNKNOWN_REFERENCE"):
        await client.apply(ROOM, [leg(30, 99, 12)], [])
    await client.apply(ROOM, [], [11, 12])
    assert len((await client.dump()).rows) == listeners


async def test_several_megabytes_go_and_come(client: DatapathClient) -> None:
    rows = [memo(100 + number, bytes([number]) * 65_000) for number in range(60)]
    await client.apply(0, rows, [])
    assert list((await client.dump()).rows)[-60:] == rows


async def test_a_row_that_ends_by_itself_is_a_fact(
    client: DatapathClient, listener: Listening
) -> None:
    soon_ns = SystemClock().monotonic_ns() + 50_000_000
    await client.apply(ROOM, [transport(11, not_after_ns=soon_ns)], [])
    await listener.until(lambda: any(one.HasField("ended") for one in listener.facts))
    ended = [one for one in listener.facts if one.HasField("ended")]
    assert [(one.row, one.ended.reason) for one in ended] == [(11, pb.Ended.NOT_AFTER)]


async def test_a_successor_finds_the_rows_and_stops_the_one_before(
    client: DatapathClient,
) -> None:
    await client.apply(ROOM, call(), [])
    found = Listening()
    successor = DatapathClient(client.path, SystemClock())
    successor.subscribe(found)
    running = asyncio.create_task(successor.run())
    await successor.wait_ready(5)
    assert [row.id for row in found.dumps[0].rows][-4:] == [11, 12, 13, 14]
    assert found.new_boots == [False]
    with pytest.raises(Fenced):
        await client.apply(0, [], [])
    running.cancel()
    await asyncio.wait([running])
