"""What ends by itself: rows whose time is over, and everything when nobody holds the lease."""

import pytest

from gateway.datapath import datapath_pb2 as pb
from tests.contract.conftest import Datapath
from tests.contract.controller import Controller
from tests.datapath.rows import ROOM, call, leg, memo, stream, transport

MS = 1_000_000


async def now_ns(connect: Datapath) -> int:
    """The datapath's clock."""
    other = await connect()
    await other.close()
    return other.hello.now_ns


def reason_of(controller: Controller, row: int) -> int:
    """Why the row ended, 0 if it was not told."""
    return controller.facts[row].ended.reason if row in controller.facts else 0


async def test_a_transport_ends_at_its_time_with_all_that_hangs_on_it(
    connect: Datapath, controller: Controller
) -> None:
    soon = await now_ns(connect) + 50 * MS
    rows = [
        transport(11, not_after_ns=soon),
        transport(12),
        stream(13, 11),
        leg(14, 13, 12),
        memo(15, room=ROOM),
    ]
    assert await controller.apply(rows) is None
    await controller.until(lambda: reason_of(controller, 11) == pb.Ended.NOT_AFTER)
    assert controller.facts[11].room == ROOM
    assert [row.id for row in await controller.rows()] == [12, 15]
    assert 11 not in {one.row for one in (await controller.dump()).facts}
    assert await now_ns(connect) >= soon


async def test_a_memo_ends_at_its_time(connect: Datapath, controller: Controller) -> None:
    soon = await now_ns(connect) + 50 * MS
    assert await controller.apply([memo(5, not_after_ns=soon), memo(6)]) is None
    await controller.until(lambda: reason_of(controller, 5) == pb.Ended.NOT_AFTER)
    assert [row.id for row in await controller.rows()] == [6]


async def test_a_put_may_give_a_row_more_time(connect: Datapath, controller: Controller) -> None:
    soon = await now_ns(connect) + 100 * MS
    assert await controller.apply([memo(5, not_after_ns=soon)]) is None
    assert await controller.apply([memo(5, not_after_ns=soon + 60_000 * MS)]) is None
    assert await controller.apply([memo(6, not_after_ns=soon)]) is None
    await controller.until(lambda: reason_of(controller, 6) == pb.Ended.NOT_AFTER)
    assert [row.id for row in await controller.rows()] == [5]


async def test_a_row_that_ended_is_deleted_without_complaint(
    connect: Datapath, controller: Controller
) -> None:
    soon = await now_ns(connect) + 50 * MS
    assert await controller.apply([memo(5, not_after_ns=soon)]) is None
    await controller.until(lambda: reason_of(controller, 5) != 0)
    assert await controller.apply(deletes=[5]) is None


@pytest.mark.parametrize("lease_s", [1])
async def test_the_lease_ends_and_leaves_memos_and_listeners(controller: Controller) -> None:
    assert await controller.apply([*call(), memo(20, b"kept", room=ROOM)]) is None
    assert await controller.apply([memo(21)]) is None
    await controller.until(
        lambda: all(reason_of(controller, id_) == pb.Ended.LEASE for id_ in (11, 12))
    )
    assert [row.id for row in await controller.rows()] == [20, 21]
    assert (await controller.counters())["lease_expiries"] == 1


@pytest.mark.parametrize("lease_s", [1])
async def test_after_the_lease_the_boot_and_its_controller_are_the_same(
    connect: Datapath, controller: Controller
) -> None:
    assert await controller.apply(call()) is None
    await controller.until(lambda: reason_of(controller, 11) == pb.Ended.LEASE)
    assert await controller.apply([transport(31)]) is None
    assert (await connect()).hello.boot_id == controller.hello.boot_id


@pytest.mark.parametrize("lease_s", [2])
async def test_any_frame_of_the_controller_renews_the_lease(
    connect: Datapath, controller: Controller
) -> None:
    assert await controller.apply(call()) is None
    end = await now_ns(connect) + 2_500 * MS
    # A memo's end is an event to wait for: no frame is sent for half a second, then one is.
    for id_ in range(50, 100):
        now = await now_ns(connect)
        if now > end:
            break
        assert await controller.apply([memo(id_, not_after_ns=now + 500 * MS)]) is None
        await wait_for_end(controller, id_)
    assert (await controller.counters())["lease_expiries"] == 0
    assert len(await controller.rows()) == 4


async def wait_for_end(controller: Controller, id_: int) -> None:
    """Returns when the row has ended; says nothing meanwhile."""
    await controller.until(lambda: reason_of(controller, id_) != 0)


@pytest.mark.parametrize("lease_s", [1])
async def test_somebody_who_only_looks_does_not_renew_the_lease(
    connect: Datapath, controller: Controller
) -> None:
    assert await controller.apply(call()) is None
    await controller.close()
    looking = await connect()
    looking.greet()
    while await looking.rows():
        pass
    assert (await looking.counters())["lease_expiries"] == 1


async def test_a_row_that_ends_between_a_dump_and_the_first_apply_is_told(
    connect: Datapath, controller: Controller
) -> None:
    soon = await now_ns(connect) + 100 * MS
    assert await controller.apply([memo(5, not_after_ns=soon)]) is None
    newcomer = await connect()
    newcomer.greet()
    assert [row.id for row in await newcomer.rows()] == [5]
    await controller.until(lambda: reason_of(controller, 5) != 0)
    assert await newcomer.apply() is None
    await newcomer.until(lambda: reason_of(newcomer, 5) == pb.Ended.NOT_AFTER)


async def test_facts_of_a_row_grow_in_revision_and_stand_in_the_dump(
    controller: Controller,
) -> None:
    assert await controller.apply(call()) is None
    standing = {one.row: one for one in (await controller.dump()).facts}
    for row, facts in controller.facts.items():
        assert standing[row].revision >= facts.revision
    assert set(standing) <= {11, 12, 13, 14}
