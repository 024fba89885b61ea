"""A controller that says exactly what a test wants, in whatever order, over a real socket."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

from gateway.datapath import datapath_pb2 as pb
from gateway.datapath.framing import FrameReader, encode
from gateway.datapath.parts import DumpJoiner
from gateway.datapath.port import Dumped

PATIENCE_S = 10.0


class Closed(Exception):
    """The datapath ended the connection."""


class Controller:
    """One connection. `facts` gathers what was told meanwhile, by row."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.hello = pb.Hello()
        self.epoch = 0
        self.facts: dict[int, pb.Facts] = {}
        self._reader = reader
        self._writer = writer
        self._frames = FrameReader()
        self._read: deque[pb.Frame] = deque()
        self._exchange = 0
        self._generation = 0

    @classmethod
    async def connect(cls, path: Path) -> Self:
        """Connects and reads the datapath's Hello; says nothing."""
        controller = cls(*await asyncio.open_unix_connection(path))
        frame = await controller.receive()
        assert frame.WhichOneof("body") == "hello"
        controller.hello = frame.hello
        controller.epoch = frame.hello.epoch + 1
        return controller

    def greet(self, schema: int = 1) -> None:
        """Says Hello with `epoch`."""
        self.send(pb.Frame(hello=pb.Hello(schema=schema, build="suite", epoch=self.epoch)))

    def send(self, frame: pb.Frame) -> int:
        """Sends a frame under a new exchange."""
        self._exchange += 1
        frame.exchange = self._exchange
        self._writer.write(encode(frame))
        return self._exchange

    def send_bytes(self, data: bytes) -> None:
        """Sends bytes that may be no frame at all."""
        self._writer.write(data)

    async def receive(self) -> pb.Frame:
        """The next frame. Raises Closed, or TimeoutError when none comes."""
        async with asyncio.timeout(PATIENCE_S):
            while not self._read:
                try:
                    data = await self._reader.read(1 << 16)
                except OSError:
                    raise Closed from None
                if not data:
                    raise Closed
                self._read += self._frames.feed(data)
        return self._read.popleft()

    async def ask(self, frame: pb.Frame) -> pb.Frame:
        """Sends a request and returns its answer; facts that come meanwhile are kept."""
        return await self.answer(self.send(frame))

    async def answer(self, exchange: int) -> pb.Frame:
        """The next frame of that exchange."""
        while True:
            frame = await self.receive()
            if frame.exchange == exchange:
                return frame
            self._keep(frame)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Reads until the facts are as wanted."""
        while not condition():
            self._keep(await self.receive())

    def part(
        self,
        puts: Sequence[pb.Row] = (),
        deletes: Sequence[int] = (),
        *,
        room: int | None = None,
        more: bool = False,
    ) -> pb.Frame:
        """An Apply; its room is that of the first put unless given."""
        chosen = room if room is not None else puts[0].room if puts else 0
        apply = pb.Apply(epoch=self.epoch, generation=self._generation, room=chosen, more=more)
        apply.puts.extend(puts)
        apply.deletes.extend(deletes)
        return pb.Frame(apply=apply)

    async def apply(
        self,
        puts: Sequence[pb.Row] = (),
        deletes: Sequence[int] = (),
        *,
        room: int | None = None,
    ) -> pb.Refused | None:
        """One Apply in one frame. None if it holds."""
        self._generation += 1
        return self.judge(await self.ask(self.part(puts, deletes, room=room)))

    def judge(self, answer: pb.Frame) -> pb.Refused | None:
        """What an Apply was answered; Applied must name the same generation."""
        if answer.WhichOneof("body") == "refused":
            return answer.refused
        assert answer.WhichOneof("body") == "applied", answer
        assert answer.applied.generation == self._generation
        return None

    async def dump(self) -> Dumped:
        """The table, joined from its parts."""
        exchange = self.send(pb.Frame(dump_request=pb.DumpRequest()))
        joiner = DumpJoiner()
        while True:
            answer = await self.answer(exchange)
            assert answer.WhichOneof("body") == "dump", answer
            dumped = joiner.add(answer.dump)
            if dumped is not None:
                return dumped

    async def rows(self) -> list[pb.Row]:
        """What the table holds besides listeners, by id."""
        rows = [row for row in (await self.dump()).rows if not row.HasField("listener")]
        return sorted(rows, key=lambda row: row.id)

    async def counters(self) -> dict[str, int]:
        """Counters and levels by name."""
        answer = await self.ask(pb.Frame(counters_request=pb.CountersRequest()))
        told = answer.counters
        return {one.name: one.value for one in (*told.counters, *told.levels)}

    async def ended(self) -> None:
        """Returns when the datapath ends the connection."""
        try:
            while True:
                self._keep(await self.receive())
        except Closed:
            return

    async def close(self) -> None:
        """Ends the connection from this side."""
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except OSError:
            return

    def _keep(self, frame: pb.Frame) -> None:
        for one in frame.upcall.facts:
            before = self.facts.get(one.row)
            assert before is None or one.revision > before.revision
            self.facts[one.row] = one
