"""The audit finds what differs between the table and what the rooms want, and nothing else."""

from __future__ import annotations

import asyncio

from gateway.datapath import datapath_pb2 as pb
from gateway.datapath.fake import FakeDatapath
from gateway.signalling.audit import Audit
from gateway.signalling.service import SignallingService
from tests.signalling.test_service import a_call, datapath, join, service, settled, table

__all__ = ["datapath", "service"]  # fixtures


async def test_a_call_as_it_should_be(service: SignallingService, datapath: FakeDatapath) -> None:
    await a_call(service, datapath)
    assert await service.audit() == Audit(rooms=1)
    assert service.counters.audits == 1


async def test_a_row_that_is_gone_and_one_that_differs_are_missing(
    service: SignallingService, datapath: FakeDatapath
) -> None:
    await a_call(service, datapath)
    legs = [row for row in table(datapath).values() if row.HasField("leg")]
    transport = next(row for row in table(datapath).values() if row.HasField("transport"))
    changed = pb.Row()
    changed.CopyFrom(transport)
    changed.transport.max_bps = 77
    await datapath.apply(changed.room, [changed], [row.id for row in legs])
    assert await service.audit() == Audit(rooms=1, missing_rows=2)
    assert service.audited.missing_rows == 2


async def test_rows_of_a_room_that_nobody_knows_are_surplus(
    service: SignallingService, datapath: FakeDatapath
) -> None:
    await a_call(service, datapath)
    row = next(row for row in table(datapath).values() if row.HasField("transport"))
    stranger = pb.Row()
    stranger.CopyFrom(row)
    stranger.id, stranger.room = 9_000, 9_000
    stranger.transport.ice.ufrag = f"{row.worker:02x}stranger"
    stranger.transport.ClearField("ice_previous")
    await datapath.apply(9_000, [stranger], [])
    assert await service.audit() == Audit(rooms=2, surplus_rows=1)


async def test_a_room_at_work_is_left_out(
    service: SignallingService, datapath: FakeDatapath
) -> None:
    await a_call(service, datapath)
    datapath.hold()
    joining = asyncio.create_task(join(service, "nurse"))
    await settled(datapath)
    assert await service.audit() == Audit(rooms_at_work=1)
    datapath.let_go()
    await joining
    await settled(datapath)
    assert await service.audit() == Audit(rooms=1)
