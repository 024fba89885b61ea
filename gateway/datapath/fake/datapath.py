"""`FakeDatapath`: the port over a `FakeMachine`, without a socket and on a clock that is held.

What the control plane says goes through the same `Conversation` as in the real client, so epochs,
parts and facts that are held back behave alike. Everything happens within the call that causes it;
only `apply` lets other tasks run before it returns, as the real one does.
"""

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.clock import Clock
from gateway.datapath import datapath_pb2 as pb
from gateway.datapath.conversation import (
    Answered,
    Conversation,
    FactsTold,
    FencedOff,
    Memory,
    Phase,
    TableRead,
)
from gateway.datapath.fake import facts as made
from gateway.datapath.fake.clock import NS_PER_S, HeldClock
from gateway.datapath.fake.machine import FakeMachine
from gateway.datapath.port import DatapathAway, DatapathListener, Dumped, Fenced, RowsRefused

Answer = pb.Applied | pb.Refused | pb.Counters | Dumped


@dataclass(frozen=True, slots=True)
class Change:
    """An Apply that held and was not empty."""

    room: int
    puts: tuple[pb.Row, ...]
    deletes: tuple[int, ...]


class FakeDatapath:
    """Implements `port.Datapath`. Call `connect` first; a test moves everything else by hand."""

    def __init__(
        self,
        clock: Clock | None = None,
        *,
        workers: int = 1,
        lease_s: float = 60.0,
        listeners: Sequence[pb.Row] = (),
    ) -> None:
        self.clock: Clock = clock or HeldClock()
        self.changes: list[Change] = []
        self._workers = workers
        self._lease_ns = round(lease_s * NS_PER_S)
        self._listeners_of_machine = tuple(listeners)
        self.machine = self._new_machine()
        self._listeners: list[DatapathListener] = []
        self._conversation: Conversation | None = None
        self._connection = 0
        self._memory = Memory()
        self._answers: dict[int, Answer] = {}
        self._table_read: TableRead | None = None
        self._ready = asyncio.Event()
        self._let_go = asyncio.Event()
        self._let_go.set()
        self._refusals: list[RowsRefused] = []

    # ------------------------------------------------------------------------------- the port

    @property
    def hello(self) -> pb.Hello | None:
        """What the datapath said of itself, None while it is away."""
        return self._conversation.hello if self._conversation else None

    def subscribe(self, listener: DatapathListener) -> None:
        """Adds a listener, before `connect`."""
        self._listeners.append(listener)

    async def wait_ready(self, timeout_s: float) -> None:
        """Returns once this controller counts. Raises DatapathAway after `timeout_s`."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._ready.wait()
        except TimeoutError:
            raise DatapathAway("the fake datapath is not connected") from None

    async def apply(self, room: int, puts: Sequence[pb.Row], deletes: Sequence[int]) -> None:
        """As the port has it. While `hold` holds, the change stands but nobody is told."""
        conversation = self._conversation_in_use()
        if self._refusals and (puts or deletes):
            raise self._refusals.pop(0)
        answer = self._answer(conversation.ask_apply(room, puts, deletes))
        await asyncio.sleep(0)
        await self._let_go.wait()
        if conversation is not self._conversation:
            raise DatapathAway("the datapath went away before it answered")
        if isinstance(answer, pb.Refused):
            raise RowsRefused(answer.row, answer.reason, answer.detail)
        if puts or deletes:
            self.changes.append(Change(room, tuple(puts), tuple(deletes)))

    async def send(self, room: int, payload: bytes, *, row: int = 0, group: str = "") -> None:
        """As the port has it; what was sent is in `machine.sent`."""
        conversation = self._conversation_in_use()
        answer = self._answer(conversation.ask_send(room, payload, row=row, group=group))
        if isinstance(answer, pb.Refused):
            raise RowsRefused(answer.row, answer.reason, answer.detail)

    async def counters(self, room: int = 0) -> pb.Counters:
        """Numbers of the whole datapath. Raises DatapathAway or RowsRefused."""
        answer = self._answer(self._conversation_in_use().ask_counters(room))
        if isinstance(answer, pb.Refused):
            raise RowsRefused(answer.row, answer.reason, answer.detail)
        assert isinstance(answer, pb.Counters)  # noqa: S101 - the machine answers what is asked
        return answer

    async def dump(self) -> Dumped:
        """The table as it stands. Raises DatapathAway."""
        answer = self._answer(self._conversation_in_use().ask_dump())
        assert isinstance(answer, Dumped)  # noqa: S101 - the machine answers what is asked
        return answer

    # ------------------------------------------------------------------- what a test can cause

    async def connect(self) -> None:
        """The client finds the datapath: listeners rebuild, then this controller counts."""
        self._connection = self.machine.open(self.clock.monotonic_ns())
        conversation = self._conversation = Conversation(self._memory, "fake client")
        self._pump()
        read = self._table_read
        if read is None:
            raise DatapathAway("the fake datapath told no table")
        for listener in self._listeners:
            await listener.on_connected(read.hello, read.dump, read.new_boot)
        if not conversation.counts:
            await self.apply(0, (), ())
        for event in conversation.handle_rebuilt():
            self._tell(event.facts if isinstance(event, FactsTold) else ())
        self._ready.set()

    def lose(self) -> None:
        """The connection breaks; the datapath goes on under its rows."""
        if self._conversation is None:
            return
        self.machine.close(self._connection)
        self._memory, self._conversation = self._conversation.memory, None
        self._table_read = None
        self._ready.clear()
        for listener in self._listeners:
            listener.on_lost()

    async def restart(self) -> None:
        """The datapath dies and comes back empty, under a new boot_id."""
        self.die()
        await self.connect()

    def die(self) -> None:
        """The datapath dies; `connect` finds the next boot."""
        self.lose()
        self.machine = self._new_machine()

    def hold(self) -> None:
        """From here on no Apply is acknowledged, until `let_go`."""
        self._let_go.clear()

    def let_go(self) -> None:
        """All acknowledgements that were held back leave."""
        self._let_go.set()

    def refuse_next(
        self,
        reason: pb.Refused.Reason.ValueType = pb.Refused.LIMIT,
        row: int = 0,
        detail: str = "the test wants it so",
    ) -> None:
        """The next change is refused, whatever it is."""
        self._refusals.append(RowsRefused(row, reason, detail))

    def tell(self, facts: pb.Facts) -> None:
        """The datapath learnt something: `row` and the kind are given, the rest is filled in."""
        self.machine.tell(facts)
        self._pump()

    def transport_up(self, row: int) -> None:
        """ICE has a path and DTLS is done."""
        self.tell(made.transport_up(row, self.clock.monotonic_ns()))

    def transport_silent(self, row: int) -> None:
        """No authenticated check for 10 s."""
        self._reach(row, pb.TransportFacts.REACH_SILENT)

    def transport_lost(self, row: int) -> None:
        """None for 30 s."""
        self._reach(row, pb.TransportFacts.REACH_LOST)

    def stream_flowing(self, row: int) -> None:
        """Packets of a stream come in."""
        self.tell(made.stream_flowing(row, self.clock.monotonic_ns()))

    def leg_flowing(self, row: int) -> None:
        """Packets of a leg go out."""
        self.tell(made.leg_flowing(row, self.clock.monotonic_ns()))

    def handle_timeout(self) -> None:
        """Time has passed on the clock: rows and the lease end whose time has come."""
        self.machine.handle_timeout(self.clock.monotonic_ns())
        self._pump()

    @property
    def rows(self) -> Mapping[int, pb.Row]:
        """The table by id, as it was put, passwords included; listeners too."""
        return self.machine.table.rows

    def rows_of(self, room: int) -> dict[int, pb.Row]:
        """The rows of one room, by id."""
        return {id_: row for id_, row in self.rows.items() if row.room == room}

    # -------------------------------------------------------------------------------- within

    def _new_machine(self) -> FakeMachine:
        return FakeMachine(
            os.urandom(16),
            lease_ns=self._lease_ns,
            workers=self._workers,
            listeners=self._listeners_of_machine,
        )

    def _reach(self, row: int, reach: pb.TransportFacts.Reach.ValueType) -> None:
        before = self.machine.facts_of(row)
        self.tell(made.transport_reach(row, before, reach, self.clock.monotonic_ns()))

    def _conversation_in_use(self) -> Conversation:
        if self._conversation is None:
            raise DatapathAway("the datapath is away: wait until it is ready")
        if self._conversation.phase is Phase.FENCED:
            raise Fenced("a newer controller has taken over the fake datapath")
        return self._conversation

    def _answer(self, exchange: int) -> Answer:
        self._pump()
        if exchange not in self._answers:
            raise Fenced("a newer controller has taken over the fake datapath")
        return self._answers.pop(exchange)

    def _pump(self) -> None:
        """Carries frames both ways until there are none."""
        conversation, now_ns = self._conversation, self.clock.monotonic_ns()
        while conversation is not None:
            frame = self.machine.poll_frame(self._connection)
            if frame is not None:
                for event in conversation.handle_frame(frame, now_ns):
                    self._handle(event)
            elif (asked := conversation.poll_frame()) is not None:
                self.machine.handle_frame(self._connection, asked, now_ns)
            else:
                return

    def _handle(self, event: object) -> None:
        match event:
            case TableRead():
                self._table_read = event
            case Answered(exchange, answer):
                self._answers[exchange] = answer
            case FactsTold(facts):
                self._tell(facts)
            case FencedOff():
                self._ready.clear()

    def _tell(self, facts: Sequence[pb.Facts]) -> None:
        for listener in self._listeners:
            listener.on_facts(facts)
