"""Data channels and Send: what may be put, what is refused, and who can be sent to."""

from typing import Any

import pytest
from livekit.protocol import models

from gateway.datapath import datapath_pb2 as pb
from tests.contract.controller import Controller
from tests.datapath.rows import ROOM, call, channel, without_passwords

PACKET = models.DataPacket(chat_message=models.ChatMessage(message="x")).SerializeToString()


def rows() -> list[pb.Row]:
    """A call whose publisher (11) publishes data, and whose subscriber (12) is sent it."""
    return [*call(), channel(21, 11, deliver=False, stamp=b"", may_publish=True), channel(22, 12)]


async def refusal(controller: Controller, row: pb.Row) -> pb.Refused:
    refused = await controller.apply([row])
    assert refused is not None
    assert refused.row == row.id
    return refused


async def test_channels_are_dumped_as_they_were_put(controller: Controller) -> None:
    assert await controller.apply(rows()) is None
    assert await controller.rows() == without_passwords(rows())


async def test_a_channel_goes_with_its_transport(controller: Controller) -> None:
    assert await controller.apply(rows()) is None
    assert await controller.apply(deletes=[12], room=ROOM) is None
    assert [row.id for row in await controller.rows()] == [11, 13, 21]


async def test_who_may_publish_can_change_and_what_a_channel_is_cannot(
    controller: Controller,
) -> None:
    assert await controller.apply(rows()) is None
    assert await controller.apply([channel(21, 11, deliver=False, may_publish=False)]) is None
    for row in (
        channel(21, 12, deliver=False),
        channel(21, 11),
        channel(21, 11, deliver=False, label="_lossy"),
        channel(21, 11, deliver=False, group="lossy"),
    ):
        assert (await refusal(controller, row)).reason == pb.Refused.CONFLICT


async def test_a_label_belongs_to_one_channel_of_a_transport_and_role(
    controller: Controller,
) -> None:
    assert await controller.apply(rows()) is None
    assert (await refusal(controller, channel(30, 12))).reason == pb.Refused.CONFLICT
    assert await controller.apply([channel(30, 11)]) is None


@pytest.mark.parametrize("of", [99, 13, 1], ids=["nothing", "a stream", "a listener"])
async def test_a_channel_is_on_a_transport(controller: Controller, of: int) -> None:
    assert await controller.apply(rows()) is None
    assert (await refusal(controller, channel(30, of))).reason == pb.Refused.UNKNOWN_REFERENCE


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"label": ""}, pb.Refused.MALFORMED),
        ({"label": "x" * 256}, pb.Refused.MALFORMED),
        ({"group": ""}, pb.Refused.MALFORMED),
        ({"identity": "x" * 4097}, pb.Refused.LIMIT),
        ({"stamp": b"x" * 8193}, pb.Refused.LIMIT),
        ({"user_stamp": b"x" * 8193}, pb.Refused.LIMIT),
        ({"note": b"x" * 65_537}, pb.Refused.LIMIT),
    ],
)
async def test_what_is_impossible_in_a_channel_is_refused(
    controller: Controller, fields: dict[str, Any], reason: pb.Refused.Reason.ValueType
) -> None:
    assert await controller.apply(call()) is None
    assert (await refusal(controller, channel(30, 12, **fields))).reason == reason


async def test_a_channel_publishes_or_delivers(controller: Controller) -> None:
    assert await controller.apply(call()) is None
    row = channel(30, 12)
    row.data_channel.ClearField("role")
    assert (await refusal(controller, row)).reason == pb.Refused.MALFORMED


@pytest.mark.parametrize(
    "send", [pb.Send(row=22), pb.Send(group="reliable"), pb.Send(group="nobody is in it")]
)
async def test_a_send_is_acknowledged_with_its_room_and_generation(
    controller: Controller, send: pb.Send
) -> None:
    assert await controller.apply(rows()) is None
    send.MergeFrom(pb.Send(room=ROOM, payload=PACKET, after_generation=7))
    answer = await controller.ask(pb.Frame(send=send))
    assert answer.applied == pb.Applied(room=ROOM, generation=7)


@pytest.mark.parametrize(
    ("send", "reason"),
    [
        (pb.Send(row=21, room=ROOM, payload=PACKET), pb.Refused.UNKNOWN_REFERENCE),
        (pb.Send(row=11, room=ROOM, payload=PACKET), pb.Refused.UNKNOWN_REFERENCE),
        (pb.Send(row=99, room=ROOM, payload=PACKET), pb.Refused.UNKNOWN_REFERENCE),
        (pb.Send(row=22, room=8, payload=PACKET), pb.Refused.UNKNOWN_REFERENCE),
        (pb.Send(group="reliable", room=8, payload=PACKET), pb.Refused.UNKNOWN_REFERENCE),
        (pb.Send(row=22, room=ROOM, payload=b"\x4a\x7f"), pb.Refused.MALFORMED),
        (pb.Send(room=ROOM, payload=PACKET), pb.Refused.MALFORMED),
        (pb.Send(row=22, to="192.0.2.1:1", room=ROOM, payload=PACKET), pb.Refused.UNSUPPORTED),
    ],
    ids=[
        "a channel that publishes",
        "a transport",
        "nothing",
        "another room's",
        "a room without rows",
        "no DataPacket",
        "nobody",
        "a TURN answer",
    ],
)
async def test_a_send_to_nobody_or_of_nonsense_is_refused(
    controller: Controller, send: pb.Send, reason: pb.Refused.Reason.ValueType
) -> None:
    assert await controller.apply(rows()) is None
    answer = await controller.ask(pb.Frame(send=send))
    assert answer.refused.reason == reason
    assert answer.refused.detail
