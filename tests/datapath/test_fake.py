"""The fake as a port: what tests of the control plane rely on."""

import asyncio

import pytest

from gateway.datapath import datapath_pb2 as pb
from gateway.datapath.fake import Change, FakeDatapath, HeldClock
from gateway.datapath.port import Datapath, DatapathAway, RowsRefused
from tests.datapath.listening import Listening
from tests.datapath.rows import PASSWORD, ROOM, call, memo, stream, transport


async def found(listener: Listening | None = None) -> FakeDatapath:
    datapath = FakeDatapath(HeldClock())
    if listener is not None:
        datapath.subscribe(listener)
    await datapath.connect()
    return datapath


async def test_the_fake_is_the_port() -> None:
    port: Datapath = FakeDatapath()
    with pytest.raises(DatapathAway):
        await port.apply(0, [], [])
    with pytest.raises(DatapathAway):
        await port.wait_ready(0.001)
    assert port.hello is None


async def test_a_change_is_seen_with_its_passwords_and_dumped_without() -> None:
    datapath = await found()
    await datapath.apply(ROOM, call(), [])
    assert datapath.changes == [Change(ROOM, tuple(call()), ())]
    assert datapath.rows[11].transport.ice.password == PASSWORD
    assert set(datapath.rows_of(ROOM)) == {11, 12, 13, 14}
    dumped = await datapath.dump()
    assert PASSWORD not in str(dumped.rows)


async def test_an_acknowledgement_can_be_held_back() -> None:
    datapath = await found()
    datapath.hold()
    waiting = asyncio.create_task(datapath.apply(0, [memo(5)], []))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not waiting.done()
    datapath.let_go()
    await waiting


async def test_a_change_whose_answer_is_lost_may_stand_nevertheless() -> None:
    datapath = await found()
    datapath.hold()
    waiting = asyncio.create_task(datapath.apply(0, [memo(5)], []))
    await asyncio.sleep(0)
    datapath.lose()
    datapath.let_go()
    with pytest.raises(DatapathAway):
        await waiting
    await datapath.connect()
    assert [row.id for row in (await datapath.dump()).rows] == [1, 5]


async def test_the_next_change_can_be_refused() -> None:
    datapath = await found()
    datapath.refuse_next(pb.Refused.LIMIT, row=5)
    await datapath.apply(0, [], [])
    with pytest.raises(RowsRefused) as caught:
        await datapath.apply(0, [memo(5)], [])
    assert caught.value.row == 5
    await datapath.apply(0, [memo(5)], [])
    assert 5 in datapath.rows


async def test_facts_are_told_and_stand_in_the_dump() -> None:
    listener = Listening()
    datapath = await found(listener)
    await datapath.apply(ROOM, call(), [])
    datapath.transport_up(11)
    datapath.stream_flowing(13)
    datapath.leg_flowing(14)
    datapath.transport_lost(11)
    assert [(one.row, one.revision) for one in listener.facts] == [
        (11, 1),
        (13, 1),
        (14, 1),
        (11, 2),
    ]
    newest = {one.row: one for one in (await datapath.dump()).facts}[11]
    assert newest.room == ROOM
    assert newest.transport.reach == pb.TransportFacts.REACH_LOST
    assert newest.transport.dtls == pb.TransportFacts.DTLS_CONNECTED


async def test_a_lost_connection_keeps_rows_and_facts() -> None:
    listener = Listening()
    datapath = await found(listener)
    await datapath.apply(ROOM, call(), [])
    datapath.lose()
    datapath.machine.handle_timeout(datapath.clock.monotonic_ns())
    await datapath.connect()
    assert listener.calls == ["connected", "rebuilt", "lost", "connected", "rebuilt"]
    assert len(listener.dumps[1].rows) == 5
    assert listener.new_boots == [False, False]


async def test_facts_learnt_while_away_are_in_the_next_dump() -> None:
    listener = Listening()
    datapath = await found(listener)
    await datapath.apply(ROOM, call(), [])
    datapath.lose()
    datapath.transport_up(11)
    await datapath.connect()
    assert [one.row for one in listener.dumps[1].facts] == [11]
    assert listener.facts == []


async def test_a_restart_is_a_new_boot_without_rows() -> None:
    listener = Listening()
    datapath = await found(listener)
    await datapath.apply(ROOM, call(), [])
    await datapath.restart()
    assert listener.new_boots == [False, True]
    assert [row.id for row in listener.dumps[1].rows] == [1]
    await datapath.wait_ready(1)


async def test_the_lease_ends_on_the_held_clock() -> None:
    listener = Listening()
    clock = HeldClock()
    datapath = FakeDatapath(clock, lease_s=60)
    datapath.subscribe(listener)
    await datapath.connect()
    await datapath.apply(ROOM, [*call(), memo(20, room=ROOM)], [])
    clock.advance(59.9)
    datapath.handle_timeout()
    assert len(datapath.rows) == 6
    clock.advance(0.2)
    datapath.handle_timeout()
    assert set(datapath.rows) == {1, 20}
    assert {(one.row, one.ended.reason) for one in listener.facts} == {
        (id_, pb.Ended.LEASE) for id_ in (11, 12, 13, 14)
    }


async def test_rows_of_two_workers_do_not_share_a_room() -> None:
    datapath = FakeDatapath(workers=2)
    await datapath.connect()
    await datapath.apply(ROOM, [transport(11)], [])
    other = transport(12, ufrag="01abcdef")
    other.worker = 1
    with pytest.raises(RowsRefused, match="another worker"):
        await datapath.apply(ROOM, [other], [])


async def test_what_the_machine_refuses_is_not_a_change() -> None:
    datapath = await found()
    with pytest.raises(RowsRefused):
        await datapath.apply(ROOM, [stream(13, 99)], [])
    assert datapath.changes == []
