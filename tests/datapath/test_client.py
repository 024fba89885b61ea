"""The client on a real socket, against the fake datapath."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
import structlog

from gateway.clock import SystemClock
from gateway.datapath import datapath_pb2 as pb
from gateway.datapath.client import DatapathClient
from gateway.datapath.fake import FakeServer
from gateway.datapath.fake.facts import transport_up
from gateway.datapath.framing import FrameReader, encode
from gateway.datapath.port import Datapath, DatapathAway, Fenced, RowsRefused
from tests.datapath.listening import Listening
from tests.datapath.rows import ROOM, call, memo, stream, transport, without_passwords


@pytest.fixture
def directory() -> Iterator[Path]:
    """Socket paths are short: those of tmp_path may be too long for one."""
    with tempfile.TemporaryDirectory(prefix="gw") as name:
        yield Path(name)


@asynccontextmanager
async def running(client: DatapathClient) -> AsyncIterator[DatapathClient]:
    task = asyncio.create_task(client.run())
    try:
        yield client
    finally:
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            await task


@asynccontextmanager
async def connected(
    path: Path, listener: Listening | None = None, keepalive_s: float = 5.0
) -> AsyncIterator[DatapathClient]:
    client = DatapathClient(path, SystemClock(), build="test", keepalive_s=keepalive_s)
    if listener is not None:
        client.subscribe(listener)
    async with running(client):
        await client.wait_ready(5)
        yield client


async def test_the_client_is_the_port(directory: Path) -> None:
    port: Datapath = DatapathClient(directory / "control.sock", SystemClock())
    assert port.hello is None


async def test_a_client_that_is_ready_counts_and_its_rows_stand(directory: Path) -> None:
    async with FakeServer(directory) as server, connected(server.path) as client:
        assert server.machine.epoch == 1
        assert client.hello is not None
        assert list(client.hello.capabilities)
        await client.apply(ROOM, call(), [])
        dumped = await client.dump()
        assert list(dumped.rows[1:]) == without_passwords(call())
        await client.apply(ROOM, [], [11])
        assert [row.id for row in (await client.dump()).rows] == [1, 12]
        levels = {one.name: one.value for one in (await client.counters()).levels}
        assert levels["transports"] == 1


async def test_a_refusal_names_the_row_and_the_reason(directory: Path) -> None:
    async with FakeServer(directory) as server, connected(server.path) as client:
        with pytest.raises(RowsRefused) as caught:
            await client.apply(ROOM, [transport(11), stream(13, 99)], [])
        assert (caught.value.row, caught.value.reason_name) == (13, "UNKNOWN_REFERENCE")
        assert len((await client.dump()).rows) == 1


async def test_an_apply_above_a_megabyte_and_its_dump_come_through(directory: Path) -> None:
    rows = [memo(100 + number, bytes([number]) * 65_000) for number in range(40)]
    async with FakeServer(directory) as server, connected(server.path) as client:
        await client.apply(0, rows, [])
        assert list((await client.dump()).rows[1:]) == rows


async def test_a_row_that_fits_no_frame_is_refused_before_it_is_sent(directory: Path) -> None:
    async with FakeServer(directory) as server, connected(server.path) as client:
        with pytest.raises(RowsRefused, match="row 5"):
            await client.apply(0, [memo(5, bytes(1 << 20))], [])


async def test_many_calls_at_once_get_their_own_answers(directory: Path) -> None:
    async with FakeServer(directory) as server, connected(server.path) as client:
        bad, *good = await asyncio.gather(
            client.apply(ROOM, [stream(5, 99)], []),
            *(client.apply(0, [memo(id_)], []) for id_ in range(100, 150)),
            return_exceptions=True,
        )
        assert isinstance(bad, RowsRefused)
        assert good == [None] * 50


async def test_a_client_waits_for_a_datapath_that_is_not_there_yet(directory: Path) -> None:
    client = DatapathClient(directory / "control.sock", SystemClock())
    async with running(client):
        with pytest.raises(DatapathAway):
            await client.wait_ready(0.01)
        with pytest.raises(DatapathAway):
            await client.apply(0, [], [])
        async with FakeServer(directory):
            await client.wait_ready(5)


async def test_the_listener_rebuilds_before_this_controller_counts(directory: Path) -> None:
    async with FakeServer(directory) as server:
        listener = Listening()

        async def rebuild() -> None:
            assert server.machine.epoch == 0

        listener.rebuild = rebuild
        async with connected(server.path, listener):
            assert listener.calls == ["connected", "rebuilt"]
            assert listener.new_boots == [False]


async def test_what_the_listener_applies_while_rebuilding_makes_it_count(directory: Path) -> None:
    async with FakeServer(directory) as server:
        client = DatapathClient(server.path, SystemClock())

        async def rebuild() -> None:
            await client.apply(ROOM, call(), [])
            assert server.machine.counted["applies"] == 1

        client.subscribe(Listening(rebuild))
        async with running(client):
            await client.wait_ready(5)
            assert server.machine.counted["applies"] == 1


async def test_facts_are_told_after_the_rebuilding_and_newest_only(directory: Path) -> None:
    async with FakeServer(directory) as server:
        listener = Listening()
        client = DatapathClient(server.path, SystemClock())

        async def rebuild() -> None:
            await client.apply(ROOM, call(), [])
            server.machine.tell(transport_up(11, 5))
            server.machine.tell(transport_up(11, 6))
            server.pass_on()
            await client.counters()
            assert listener.facts == []

        listener.rebuild = rebuild
        client.subscribe(listener)
        async with running(client):
            await listener.until(lambda: bool(listener.facts))
            assert [(one.row, one.revision) for one in listener.facts] == [(11, 2)]
            assert listener.calls == ["connected", "rebuilt", "facts"]


async def test_a_broken_connection_is_lost_once_and_found_again(directory: Path) -> None:
    listener = Listening()
    async with FakeServer(directory) as server, connected(server.path, listener) as client:
        await client.apply(ROOM, call(), [])
        server.drop_connections()
        await listener.until(lambda: len(listener.dumps) == 2)
        await client.wait_ready(5)
        assert listener.calls == ["connected", "rebuilt", "lost", "connected", "rebuilt"]
        assert listener.new_boots == [False, False]
        assert len(listener.dumps[1].rows) == 5
        assert server.machine.epoch == 2
        assert (client.numbers.connections, client.numbers.losses) == (2, 1)


async def test_a_new_boot_is_told_as_one(directory: Path) -> None:
    listener = Listening()
    async with running(DatapathClient(directory / "control.sock", SystemClock())) as client:
        client.subscribe(listener)
        async with FakeServer(directory):
            await client.wait_ready(5)
        await listener.until(lambda: listener.calls[-1:] == ["lost"])
        assert client.hello is None
        async with FakeServer(directory):
            await client.wait_ready(5)
        assert listener.new_boots == [False, True]


async def test_whoever_waits_for_an_answer_learns_that_the_datapath_is_away(
    directory: Path,
) -> None:
    async with silent_server(directory) as drop, running_against(directory) as client:
        await client.wait_ready(5)
        waiting = asyncio.create_task(client.apply(ROOM, call(), []))
        await asyncio.sleep(0)
        drop()
        with pytest.raises(DatapathAway):
            await waiting


async def test_a_listener_that_is_cut_short_is_told_of_the_loss(directory: Path) -> None:
    async with FakeServer(directory) as server:
        reached = asyncio.Event()

        async def never() -> None:
            reached.set()
            await asyncio.Event().wait()

        listener = Listening(never)
        client = DatapathClient(server.path, SystemClock())
        client.subscribe(listener)
        async with running(client):
            await reached.wait()
            server.drop_connections()
            await listener.until(lambda: "lost" in listener.calls)
            assert listener.calls == ["connected", "lost"]


@pytest.mark.parametrize("keepalive_s", [0.02, 5.0])
async def test_an_idle_client_keeps_the_lease_however_short_it_is(
    directory: Path, keepalive_s: float
) -> None:
    async with (
        FakeServer(directory, lease_s=0.4) as server,
        connected(server.path, keepalive_s=keepalive_s),
    ):
        came = watch_frames(server)
        end = time.monotonic() + 0.8
        while time.monotonic() < end:
            assert (await came.get()).HasField("apply")
        assert server.machine.counted["lease_expiries"] == 0


async def test_a_datapath_that_answers_nothing_is_as_good_as_away(directory: Path) -> None:
    listener = Listening()
    client = DatapathClient(
        directory / "control.sock", SystemClock(), keepalive_s=0.01, answer_timeout_s=0.1
    )
    client.subscribe(listener)
    async with silent_server(directory), running(client):
        await listener.until(lambda: "lost" in listener.calls)


async def test_a_controller_that_was_taken_over_from_stops(directory: Path) -> None:
    fenced: list[str] = []
    async with FakeServer(directory) as server:
        old = DatapathClient(
            server.path, SystemClock(), on_fenced=lambda: fenced.append("old"), keepalive_s=0.01
        )
        task = asyncio.create_task(old.run())
        await old.wait_ready(5)
        async with connected(server.path):
            await asyncio.wait_for(task, 5)
            assert fenced == ["old"]
            for call_it in (old.apply(0, [], []), old.dump(), old.wait_ready(1)):
                with pytest.raises(Fenced):
                    await call_it


async def test_lines_of_the_datapath_become_lines_of_ours(directory: Path) -> None:
    line = pb.LogLine(level=pb.LogLine.WARNING, event="lease_ended", fields={"rows": "3"})
    odd = pb.LogLine(event="odd", fields={"event": "x", "level": "y", "self": "z"})
    with structlog.testing.capture_logs() as lines:
        async with silent_server(directory, (line, odd)), running_against(directory) as client:
            await client.wait_ready(5)
    told = {one["event"]: one for one in lines if one.get("process") == "datapath"}
    assert (told["lease_ended"]["log_level"], told["lease_ended"]["rows"]) == ("warning", "3")
    assert told["odd"]["log_level"] == "info"


async def test_whoever_speaks_another_contract_is_said_so_and_tried_again(directory: Path) -> None:
    tried: asyncio.Queue[None] = asyncio.Queue()

    async def speak(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tried.put_nowait(None)
        writer.write(encode(pb.Frame(hello=pb.Hello(schema=77))))
        writer.close()

    with structlog.testing.capture_logs() as lines:
        server = await asyncio.start_unix_server(speak, directory / "control.sock")
        async with server, running_against(directory):
            for _ in range(3):
                await tried.get()
    assert {line["event"] for line in lines} == {"datapath_connection_broken"}
    assert "contract 77" in str(lines[0]["exc_info"])


def running_against(directory: Path) -> AbstractAsyncContextManager[DatapathClient]:
    return running(DatapathClient(directory / "control.sock", SystemClock()))


def watch_frames(server: FakeServer) -> asyncio.Queue[pb.Frame]:
    """Every frame that the datapath is sent from here on."""
    came: asyncio.Queue[pb.Frame] = asyncio.Queue()
    handle = server.machine.handle_frame

    def watched(id_: int, frame: pb.Frame, now_ns: int) -> None:
        came.put_nowait(frame)
        handle(id_, frame, now_ns)

    server.machine.handle_frame = watched  # type: ignore[method-assign]
    return came


@asynccontextmanager
async def silent_server(
    directory: Path, lines: tuple[pb.LogLine, ...] = ()
) -> AsyncIterator[Callable[[], None]]:
    """A datapath that greets, tells an empty table, acknowledges one Apply and then falls
    silent. Yields what drops its connections."""
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        writer.write(encode(pb.Frame(hello=pb.Hello(schema=1, boot_id=b"s" * 16))))
        frames, applied = FrameReader(), False
        while data := await reader.read(4096):
            for frame in frames.feed(data):
                if frame.HasField("dump_request"):
                    writer.write(encode(pb.Frame(exchange=frame.exchange, dump=pb.Dump())))
                    for line in lines:
                        writer.write(encode(pb.Frame(log=line)))
                elif frame.HasField("apply") and not applied:
                    applied = True
                    writer.write(encode(pb.Frame(exchange=frame.exchange, applied=pb.Applied())))
        writer.close()

    def drop() -> None:
        for writer in writers:
            writer.transport.abort()

    async with await asyncio.start_unix_server(serve, directory / "control.sock"):
        yield drop
