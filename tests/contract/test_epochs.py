"""One controller at a time: who counts from when, and what happens to the one before."""

import pytest

from gateway.datapath import datapath_pb2 as pb
from tests.contract.conftest import Datapath
from tests.contract.controller import Controller
from tests.datapath.rows import ROOM, call, memo, stream, transport, without_passwords

REQUESTS = [
    pb.Frame(dump_request=pb.DumpRequest()),
    pb.Frame(counters_request=pb.CountersRequest()),
]


async def test_a_newcomer_reads_and_the_controller_goes_on(
    connect: Datapath, controller: Controller
) -> None:
    assert await controller.apply(call()) is None
    newcomer = await connect()
    assert newcomer.hello.epoch == controller.epoch
    newcomer.greet()
    dumped = await newcomer.dump()
    assert dumped.epoch == controller.epoch
    assert await newcomer.rows() == without_passwords(call())
    await newcomer.counters()
    assert await controller.apply([memo(5)]) is None


async def test_a_newcomer_takes_over_with_its_first_apply_even_an_empty_one(
    connect: Datapath, controller: Controller
) -> None:
    newcomer = await connect()
    newcomer.greet()
    assert await newcomer.apply() is None
    refused = await controller.apply([memo(5)])
    assert refused is not None
    assert (refused.row, refused.reason) == (0, pb.Refused.STALE_EPOCH)
    assert await newcomer.rows() == []
    assert (await newcomer.dump()).epoch == newcomer.epoch


async def test_a_refused_first_apply_takes_over_too(
    connect: Datapath, controller: Controller
) -> None:
    newcomer = await connect()
    newcomer.greet()
    refused = await newcomer.apply([stream(13, 99)])
    assert refused is not None
    refused = await controller.apply()
    assert refused is not None
    assert refused.reason == pb.Refused.STALE_EPOCH


@pytest.mark.parametrize("request_", REQUESTS, ids=["dump", "counters"])
async def test_every_request_of_an_older_epoch_is_stale(
    connect: Datapath, controller: Controller, request_: pb.Frame
) -> None:
    newcomer = await connect()
    newcomer.greet()
    assert await newcomer.apply() is None
    answer = await controller.ask(request_)
    assert answer.refused.reason == pb.Refused.STALE_EPOCH


async def test_an_epoch_that_does_not_exceed_the_one_that_counts_is_stale(
    connect: Datapath, controller: Controller
) -> None:
    late = await connect()
    late.epoch = controller.epoch
    late.greet()
    refused = await late.apply([memo(5)])
    assert refused is not None
    assert refused.reason == pb.Refused.STALE_EPOCH
    assert await controller.rows() == []


async def test_of_two_that_took_the_same_epoch_the_first_apply_wins(connect: Datapath) -> None:
    first, second = await connect(), await connect()
    first.greet()
    second.greet()
    assert await second.apply([memo(5)]) is None
    refused = await first.apply([memo(6)])
    assert refused is not None
    assert refused.reason == pb.Refused.STALE_EPOCH
    assert [row.id for row in await second.rows()] == [5]


async def test_epochs_may_be_skipped(connect: Datapath) -> None:
    newcomer = await connect()
    newcomer.epoch = 1000
    newcomer.greet()
    assert await newcomer.apply() is None
    assert (await connect()).hello.epoch == 1000


async def test_an_apply_carries_the_epoch_of_its_connection(controller: Controller) -> None:
    controller.epoch -= 1
    refused = await controller.apply([memo(5)])
    assert refused is not None
    assert refused.reason == pb.Refused.STALE_EPOCH
    controller.epoch += 2
    refused = await controller.apply([memo(5)])
    assert refused is not None
    assert refused.reason == pb.Refused.MALFORMED
    controller.epoch -= 1
    assert await controller.rows() == []


async def test_rows_outlive_the_connection_that_put_them(
    connect: Datapath, controller: Controller
) -> None:
    assert await controller.apply(call()) is None
    await controller.close()
    successor = await connect()
    successor.greet()
    assert await successor.rows() == without_passwords(call())
    assert await successor.apply(deletes=[12], room=ROOM) is None
    assert [row.id for row in await successor.rows()] == [11, 13]


async def test_the_boot_is_the_same_for_every_controller(
    connect: Datapath, controller: Controller
) -> None:
    successor = await connect()
    successor.greet()
    assert await successor.apply([transport(11)]) is None
    assert successor.hello.boot_id == controller.hello.boot_id
