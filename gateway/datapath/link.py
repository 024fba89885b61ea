"""One connection of the client: bytes in, bytes out, and a future for each exchange.

It lives from the connection's first byte to its last. When to connect, and what happens between
two connections, is `client`'s.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from structlog.typing import FilteringBoundLogger

from gateway.clock import Clock
from gateway.datapath import datapath_pb2 as pb
from gateway.datapath.conversation import (
    Answered,
    Conversation,
    Event,
    FactsTold,
    FencedOff,
    LogTold,
    TableRead,
)
from gateway.datapath.framing import FrameReader, encode
from gateway.datapath.port import DatapathAway, Dumped, Fenced

READ_BYTES: Final = 1 << 16
AWAY: Final = "the datapath went away before it answered"
FENCED: Final = "a newer controller has taken over the datapath: this process must stop"

Answer = pb.Applied | pb.Refused | pb.Counters | Dumped


class Link:
    """Runs one `Conversation` over one stream. `on_facts` gets what the machine tells."""

    def __init__(
        self,
        conversation: Conversation,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        on_facts: Callable[[Sequence[pb.Facts]], None],
        log: FilteringBoundLogger,
    ) -> None:
        self.conversation = conversation
        self.table_read: asyncio.Future[TableRead] = asyncio.get_running_loop().create_future()
        self._reader = reader
        self._writer = writer
        self._on_facts = on_facts
        self._log = log
        self._waiting: dict[int, asyncio.Future[Answer]] = {}

    async def read(self, clock: Clock) -> None:
        """Reads until the stream ends. Raises Fenced, ContractBroken, FramingError or OSError."""
        frames = FrameReader()
        while data := await self._reader.read(READ_BYTES):
            for frame in frames.feed(data):
                events = self.conversation.handle_frame(frame, clock.monotonic_ns())
                self.flush()
                self._handle(events)

    def flush(self) -> None:
        """Writes what the machine wants to send, in one go: parts stay together."""
        while (frame := self.conversation.poll_frame()) is not None:
            self._writer.write(encode(frame))

    async def answer(self, exchange: int) -> Answer:
        """Sends what was asked and waits for the answer. Raises DatapathAway or Fenced."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[exchange] = future
        self.flush()
        try:
            return await future
        finally:
            self._waiting.pop(exchange, None)

    def act(self) -> None:
        """The control plane is in order: facts flow from here on."""
        self._handle(self.conversation.handle_rebuilt())

    def close(self, error: DatapathAway) -> None:
        """Ends the connection; whoever still waits gets `error`."""
        self._writer.close()
        self.table_read.cancel()
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(error)

    async def closed(self) -> None:
        """Returns when the stream is gone."""
        with suppress(OSError):
            await self._writer.wait_closed()

    def _handle(self, events: Sequence[Event]) -> None:
        for event in events:
            match event:
                case TableRead():
                    if not self.table_read.done():
                        self.table_read.set_result(event)
                case Answered(exchange, answer):
                    future = self._waiting.get(exchange)
                    if future is not None and not future.done():
                        future.set_result(answer)
                case FactsTold(facts):
                    self._on_facts(facts)
                case LogTold(line):
                    self._tell(line)
                case FencedOff():
                    raise Fenced(FENCED)

    def _tell(self, line: pb.LogLine) -> None:
        """A line of the datapath becomes one of ours. Its fields hold nothing personal, by
        contract; the log's own redaction looks at them once more."""
        level = pb.LogLine.Level.Name(line.level).lower() if line.level in LEVELS else "info"
        fields = {name: value for name, value in line.fields.items() if name not in OUR_FIELDS}
        getattr(self._log, level)(line.event, at_ns=line.at_ns, **fields)


LEVELS: Final = frozenset(set(pb.LogLine.Level.values()) - {pb.LogLine.LEVEL_UNSPECIFIED})
# What the log line itself is made of.
OUR_FIELDS: Final = frozenset({"event", "at_ns", "at", "level", "process", "exc_info", "self"})
