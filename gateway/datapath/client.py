"""The port's real implementation: an asyncio client of `control.sock`.

It connects, stays connected, renews the lease and matches answers to calls. It decides nothing:
what may be said when is `conversation`'s, what to do about it the listeners'. Lines of the
datapath's log go out through ours, as those of the process `datapath`.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from structlog.typing import FilteringBoundLogger

from gateway import logs
from gateway.clock import Clock
from gateway.datapath import datapath_pb2 as pb
from gateway.datapath.conversation import Conversation, Memory, Phase, TableRead
from gateway.datapath.link import AWAY, FENCED, Answer, Link
from gateway.datapath.parts import PART_BYTES
from gateway.datapath.port import DatapathAway, DatapathListener, Dumped, Fenced, RowsRefused
from gateway.errors import GatewayError

# datapath.proto, LEASE. Higher values bring the end of the lease closer.
KEEPALIVE_S: Final = 5.0
# A lease that an operator has made short is renewed at least so often before it ends.
RENEWALS_PER_LEASE: Final = 3
# A datapath that answers nothing for this long is as good as away.
ANSWER_TIMEOUT_S: Final = 10.0
# A restarted datapath is found at once: joins and offers wait 5 s at most.
QUICK_RETRY_S: Final = 0.05
QUICK_RETRIES: Final = 40
SLOW_RETRY_S: Final = 1.0


@dataclass(slots=True)
class ClientCounters:
    """Plain numbers since the start, for metrics to read."""

    connections: int = 0
    losses: int = 0
    refusals: int = 0


class DatapathClient:
    """Implements `port.Datapath`. `run` does the work; everything else is called beside it.

    `on_fenced` is called once, when a newer controller has taken over: the process must stop
    acting. From then on every call raises Fenced.
    """

    def __init__(
        self,
        path: Path,
        clock: Clock,
        *,
        build: str = "",
        on_fenced: Callable[[], None] = lambda: None,
        keepalive_s: float = KEEPALIVE_S,
        answer_timeout_s: float = ANSWER_TIMEOUT_S,
    ) -> None:
        self.numbers = ClientCounters()
        self.path = path
        self._clock = clock
        self._build = build
        self._on_fenced = on_fenced
        self._keepalive_s = keepalive_s
        self._answer_timeout_s = answer_timeout_s
        self._listeners: list[DatapathListener] = []
        self._memory = Memory()
        self._link: Link | None = None
        self._ready = asyncio.Event()
        self._fenced = False
        self._told: list[DatapathListener] = []

    # ------------------------------------------------------------------------------ the port

    @property
    def hello(self) -> pb.Hello | None:
        """What the datapath said of itself, None while it is away."""
        link = self._link
        return link.conversation.hello if link is not None and link.table_read.done() else None

    @property
    def is_ready(self) -> bool:
        """Whether this controller counts now, so that `apply` would be tried."""
        return self._ready.is_set() and not self._fenced

    def subscribe(self, listener: DatapathListener) -> None:
        """Adds a listener, before `run`."""
        self._listeners.append(listener)

    async def wait_ready(self, timeout_s: float) -> None:
        """Returns once this controller counts. Raises DatapathAway after `timeout_s`."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._ready.wait()
        except TimeoutError:
            raise DatapathAway(f"the datapath did not come within {timeout_s:g} s") from None
        if self._fenced:
            raise Fenced(FENCED)

    async def apply(self, room: int, puts: Sequence[pb.Row], deletes: Sequence[int]) -> None:
        """Changes the rows of one room. Raises RowsRefused or DatapathAway."""
        link = self._link_in_use()
        for row in puts:
            if row.ByteSize() > PART_BYTES:
                raise self._refused(row.id, pb.Refused.LIMIT, "the row does not fit into a frame")
        answer = await link.answer(link.conversation.ask_apply(room, puts, deletes))
        if isinstance(answer, pb.Refused):
            raise self._refused(answer.row, answer.reason, answer.detail)

    async def send(self, room: int, payload: bytes, *, row: int = 0, group: str = "") -> None:
        """Sends a data message. Raises RowsRefused or DatapathAway."""
        link = self._link_in_use()
        if len(payload) > PART_BYTES:
            raise self._refused(row, pb.Refused.LIMIT, "the message does not fit into a frame")
        exchange = link.conversation.ask_send(room, payload, row=row, group=group)
        answer = await link.answer(exchange)
        if isinstance(answer, pb.Refused):
            raise self._refused(answer.row, answer.reason, answer.detail)

    async def counters(self, room: int = 0) -> pb.Counters:
        """Numbers of one room, or of the whole datapath. Raises DatapathAway or RowsRefused."""
        link = self._link_in_use()
        answer = await link.answer(link.conversation.ask_counters(room))
        if isinstance(answer, pb.Counters):
            return answer
        raise self._unexpected(answer)

    async def dump(self) -> Dumped:
        """The table as it stands. Raises DatapathAway or RowsRefused."""
        link = self._link_in_use()
        answer = await link.answer(link.conversation.ask_dump())
        if isinstance(answer, Dumped):
            return answer
        raise self._unexpected(answer)

    # ----------------------------------------------------------------------------- the work

    async def run(self) -> None:
        """Connects and reconnects until cancelled or fenced."""
        retries = 0
        while not self._fenced:
            came = await self._connect_once()
            retries = 0 if came else retries + 1
            if not self._fenced:
                quick = retries < QUICK_RETRIES
                await asyncio.sleep(QUICK_RETRY_S if quick else SLOW_RETRY_S)

    async def _connect_once(self) -> bool:
        """One connection from beginning to end. False if it never came to act."""
        try:
            reader, writer = await asyncio.open_unix_connection(self.path)
        except OSError:
            return False
        conversation = Conversation(self._memory, self._build)
        log: FilteringBoundLogger = logs.get().bind(process="datapath")
        link = self._link = Link(conversation, reader, writer, self._tell_facts, log)
        error = DatapathAway(AWAY)
        try:
            await self._converse(link)
        except Fenced as fenced:
            error = fenced
        except (GatewayError, OSError, TimeoutError) as fault:
            logs.get().warning("datapath_connection_broken", exc_info=fault)
        finally:
            self._memory = conversation.memory
            self._lose(link, error)
            await link.closed()
        return conversation.phase is Phase.ACTING

    async def _converse(self, link: Link) -> None:
        """Reads, and meanwhile takes over; ends with whichever ends first."""
        reading = asyncio.create_task(link.read(self._clock))
        acting = asyncio.create_task(self._take_over(link))
        try:
            await asyncio.wait((reading, acting), return_when=asyncio.FIRST_COMPLETED)
        finally:
            # What the datapath said last decides: being fenced explains every other failure.
            outcomes = await _end(reading, acting)
        for outcome in outcomes:
            if outcome is not None:
                raise outcome

    async def _take_over(self, link: Link) -> None:
        """From the table's last row to the first Apply that counts; then keeps the lease."""
        async with asyncio.timeout(self._answer_timeout_s):
            read = await link.table_read
        self.numbers.connections += 1
        await self._tell_connected(read)
        if not link.conversation.counts:
            await self._keep_alive()
        link.act()
        self._ready.set()
        pause_s = self._keepalive_s
        if read.hello.lease_ns:
            pause_s = min(pause_s, read.hello.lease_ns / 1e9 / RENEWALS_PER_LEASE)
        while True:
            await asyncio.sleep(pause_s)
            await self._keep_alive()

    async def _keep_alive(self) -> None:
        """An empty Apply: renews the lease, and shows that somebody answers."""
        async with asyncio.timeout(self._answer_timeout_s):
            await self.apply(0, (), ())

    def _link_in_use(self) -> Link:
        if self._fenced:
            raise Fenced(FENCED)
        if self._link is None or not self._link.table_read.done():
            raise DatapathAway("the datapath is away: wait until it is ready")
        return self._link

    def _refused(self, row: int, reason: pb.Refused.Reason.ValueType, detail: str) -> RowsRefused:
        self.numbers.refusals += 1
        return RowsRefused(row, reason, detail)

    def _unexpected(self, answer: Answer) -> GatewayError:
        if isinstance(answer, pb.Refused):
            return self._refused(answer.row, answer.reason, answer.detail)
        return DatapathAway("the datapath answered something else than it was asked")

    # ------------------------------------------------------------------------- the listeners

    async def _tell_connected(self, read: TableRead) -> None:
        for listener in self._listeners:
            self._told.append(listener)
            await listener.on_connected(read.hello, read.dump, read.new_boot)

    def _tell_facts(self, facts: Sequence[pb.Facts]) -> None:
        for listener in self._listeners:
            listener.on_facts(facts)

    def _lose(self, link: Link, error: DatapathAway) -> None:
        self._link = None
        self._ready.clear()
        link.close(error)
        told, self._told = self._told, []
        self.numbers.losses += bool(told)
        for listener in told:
            listener.on_lost()
        if isinstance(error, Fenced):
            self._fenced = True
            self._ready.set()  # whoever waits learns that it is in vain
            self._on_fenced()


async def _end(*tasks: asyncio.Task[None]) -> list[BaseException | None]:
    """Cancels what still runs. The errors of the rest, in order; None where there is none."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return [None if task.cancelled() else task.exception() for task in tasks]
