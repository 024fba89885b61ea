"""Requests and answers that are larger than a frame."""

from gateway.datapath import datapath_pb2 as pb
from tests.contract.conftest import Datapath
from tests.contract.controller import Controller
from tests.datapath.rows import ROOM, call, memo, stream, transport, without_passwords


def large(first: int) -> list[pb.Row]:
    """Rows of 64 KiB: 12 of them are most of a frame."""
    return [memo(first + number, bytes([number]) * 65_536) for number in range(12)]


async def test_parts_take_effect_at_the_last(connect: Datapath, controller: Controller) -> None:
    looking = await connect()
    looking.greet()
    exchange = controller.send(controller.part(large(100), more=True))
    for first in (200, 300):
        frame = controller.part(large(first), more=first < 300)
        if frame.apply.more:
            assert await looking.rows() == []
        send_within(controller, frame, exchange)
    assert controller.judge(await controller.answer(exchange)) is None
    assert await controller.rows() == [*large(100), *large(200), *large(300)]


async def test_a_part_may_refer_to_rows_of_an_earlier_one(controller: Controller) -> None:
    rows = call()
    exchange = controller.send(controller.part(rows[:2], more=True))
    send_within(controller, controller.part(rows[2:], room=ROOM), exchange)
    assert controller.judge(await controller.answer(exchange)) is None
    assert await controller.rows() == without_passwords(rows)


async def test_deletes_of_any_part_come_before_puts_of_every_part(controller: Controller) -> None:
    assert await controller.apply(call()) is None
    heir = transport(21, ufrag=call()[0].transport.ice.ufrag)
    exchange = controller.send(controller.part([heir], more=True))
    send_within(controller, controller.part(deletes=[11], room=ROOM), exchange)
    assert controller.judge(await controller.answer(exchange)) is None
    assert [row.id for row in await controller.rows()] == [12, 21]


async def test_a_fault_in_any_part_spoils_the_whole_and_is_told_once(
    controller: Controller,
) -> None:
    exchange = controller.send(controller.part([stream(13, 99)], more=True))
    send_within(controller, controller.part([transport(11)]), exchange)
    refused = controller.judge(await controller.answer(exchange))
    assert refused is not None
    assert refused.row == 13
    assert await controller.rows() == []


async def test_parts_of_different_rooms_are_malformed(controller: Controller) -> None:
    exchange = controller.send(controller.part([transport(11)], more=True))
    send_within(controller, controller.part([transport(12, room=8)]), exchange)
    refused = controller.judge(await controller.answer(exchange))
    assert refused is not None
    assert refused.reason == pb.Refused.MALFORMED
    assert await controller.rows() == []


async def test_what_is_not_finished_dies_with_its_connection(
    connect: Datapath, controller: Controller
) -> None:
    controller.send(controller.part([memo(5)], more=True))
    await controller.close()
    successor = await connect()
    successor.greet()
    assert await successor.apply() is None
    assert await successor.rows() == []


async def test_a_dump_of_several_megabytes_comes_whole(
    connect: Datapath, controller: Controller
) -> None:
    for first in range(100, 500, 100):
        assert await controller.apply(large(first)) is None
    looking = await connect()
    looking.greet()
    assert await looking.rows() == [row for first in range(100, 500, 100) for row in large(first)]


def send_within(controller: Controller, frame: pb.Frame, exchange: int) -> None:
    """Sends a further part of an exchange."""
    frame.exchange = exchange
    body = frame.SerializeToString()
    controller.send_bytes(len(body).to_bytes(4, "big") + body)
