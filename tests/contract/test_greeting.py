"""Who speaks, and in which order."""

import asyncio

import pytest

from gateway.datapath import datapath_pb2 as pb
from gateway.datapath.framing import MAX_FRAME_BYTES
from tests.contract.conftest import Datapath
from tests.contract.controller import Controller
from tests.datapath.rows import call


async def test_the_datapath_greets_first_and_says_what_to_rely_on(connect: Datapath) -> None:
    hello = (await connect()).hello
    assert hello.schema == 1
    assert len(hello.boot_id) == 16
    assert hello.epoch == 0
    assert hello.workers == 1
    assert hello.lease_ns == 60_000_000_000
    assert hello.now_ns > 0
    assert hello.build
    assert {
        pb.CAPABILITY_TRANSPORT,
        pb.CAPABILITY_STREAM,
        pb.CAPABILITY_LEG,
        pb.CAPABILITY_MEMO,
    } <= set(hello.capabilities)
    (fingerprint,) = (one for one in hello.fingerprints if one.algorithm == "sha-256")
    assert len(fingerprint.value) == 32


async def test_hello_names_the_listeners_and_so_does_the_dump(connect: Datapath) -> None:
    controller = await connect()
    (listener,) = controller.hello.listeners
    assert listener.id > 0
    assert listener.listener.kind == pb.Listener.UDP
    assert listener.listener.address.startswith("127.0.0.1:")
    controller.greet()
    assert list((await controller.dump()).rows) == [listener]


async def test_two_connections_see_one_boot(connect: Datapath) -> None:
    first, second = await connect(), await connect()
    assert first.hello.boot_id == second.hello.boot_id
    assert first.hello.now_ns <= second.hello.now_ns


@pytest.mark.parametrize(
    "frame",
    [
        pb.Frame(apply=pb.Apply(epoch=1)),
        pb.Frame(dump_request=pb.DumpRequest()),
        pb.Frame(counters_request=pb.CountersRequest()),
    ],
    ids=lambda frame: frame.WhichOneof("body"),
)
async def test_whoever_does_not_greet_first_is_refused_and_cut_off(
    connect: Datapath, frame: pb.Frame
) -> None:
    controller = await connect()
    answer = await controller.ask(frame)
    assert answer.refused.reason == pb.Refused.MALFORMED
    await controller.ended()


@pytest.mark.parametrize("schema", [0, 2])
async def test_a_schema_that_is_not_spoken_is_refused(connect: Datapath, schema: int) -> None:
    controller = await connect()
    controller.greet(schema)
    frame = await controller.receive()
    assert frame.refused.reason == pb.Refused.UNSUPPORTED
    await controller.ended()


async def test_a_second_hello_is_refused(controller: Controller) -> None:
    answer = await controller.ask(pb.Frame(hello=pb.Hello(schema=1, epoch=controller.epoch)))
    assert answer.refused.reason == pb.Refused.MALFORMED
    assert await controller.apply() is None


@pytest.mark.parametrize(
    "data",
    [
        (MAX_FRAME_BYTES + 1).to_bytes(4, "big"),
        b"\0\0\0\x02\xff\xff",
        b"GET / HTTP/1.1\r\n\r\n",
    ],
    ids=["too long", "no frame", "http"],
)
async def test_bytes_that_are_no_frames_end_the_connection_and_nothing_else(
    connect: Datapath, controller: Controller, data: bytes
) -> None:
    stranger = await connect()
    stranger.send_bytes(data)
    await stranger.ended()
    assert await controller.apply() is None


async def test_a_frame_may_arrive_byte_by_byte(connect: Datapath) -> None:
    controller = await connect()
    controller.greet()
    request = pb.Frame(exchange=77, dump_request=pb.DumpRequest()).SerializeToString()
    for byte in len(request).to_bytes(4, "big") + request:
        controller.send_bytes(bytes([byte]))
        await asyncio.sleep(0)
    assert (await controller.answer(77)).HasField("dump")


@pytest.mark.parametrize(
    "frame",
    [
        pb.Frame(send=pb.Send(to="192.0.2.1:3478", payload=b"x")),
        pb.Frame(),
    ],
    ids=["a TURN answer", "nothing"],
)
async def test_a_verb_that_is_not_built_is_unsupported(
    controller: Controller, frame: pb.Frame
) -> None:
    answer = await controller.ask(frame)
    assert answer.refused.reason == pb.Refused.UNSUPPORTED
    assert answer.refused.row == 0
    assert answer.refused.detail


async def test_only_the_datapath_tells_facts(controller: Controller) -> None:
    answer = await controller.ask(pb.Frame(upcall=pb.Upcall()))
    assert answer.refused.reason == pb.Refused.MALFORMED


async def test_counters_grow_and_levels_say_what_is_now(controller: Controller) -> None:
    before = await controller.counters()
    assert await controller.apply(call()) is None
    refused = await controller.ask(pb.Frame(send=pb.Send()))
    assert refused.HasField("refused")
    after = await controller.counters()
    assert set(before) == set(after)
    assert after["applies"] == before["applies"] + 1
    assert after["requests_refused"] == before["requests_refused"] + 1
    levels = ("rows", "transports", "streams", "legs", "memos")
    assert [before[name] for name in levels] == [1, 0, 0, 0, 0]
    assert [after[name] for name in levels] == [5, 2, 1, 1, 0]
