"""The controlling side of one connection to a datapath, as a machine: frames in, events out.

Greeting, reading the table, rebuilding, acting: in this order, once per connection. It numbers
exchanges and generations, takes an epoch, joins the parts of a Dump and holds back facts until
somebody is ready for them. It owns no socket and reads no clock; `client` does that. The rules
stand in `datapath/proto/datapath.proto`, EPOCHS and FRAMING.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from gateway.datapath import datapath_pb2 as pb
from gateway.datapath.parts import DumpJoiner, apply_parts
from gateway.datapath.port import Dumped
from gateway.errors import DatapathError

# The number of the contract's text that this code speaks. The one before is accepted, so that
# either process can be upgraded first.
SCHEMA: Final = 1
ACCEPTED_SCHEMAS: Final = frozenset({SCHEMA, SCHEMA - 1} - {0})


class ContractBroken(DatapathError):
    """What listens at the other end does not speak our contract. Upgrade the older of the two."""


class Phase(Enum):
    """How far a connection has come. Each follows the one above it."""

    GREETING = "waits for the datapath's Hello"
    READING = "waits for the last part of the Dump"
    REBUILDING = "the control plane puts itself in order; its changes may go out"
    ACTING = "facts are passed on"
    FENCED = "a newer controller has taken over; reached from any phase"


@dataclass(frozen=True, slots=True)
class Memory:
    """What a controller remembers from one connection to the next."""

    boot_id: bytes = b""
    epoch: int = 0


@dataclass(frozen=True, slots=True)
class TableRead:
    """The datapath said who it is, and what its table holds."""

    hello: pb.Hello
    dump: Dumped
    new_boot: bool


@dataclass(frozen=True, slots=True)
class Answered:
    """An exchange is over."""

    exchange: int
    answer: pb.Applied | pb.Refused | pb.Counters | Dumped


@dataclass(frozen=True, slots=True)
class FactsTold:
    """Newest facts of some rows, each row once."""

    facts: tuple[pb.Facts, ...]


@dataclass(frozen=True, slots=True)
class LogTold:
    """A line of the datapath's log."""

    line: pb.LogLine


@dataclass(frozen=True, slots=True)
class FencedOff:
    """Stop acting."""


Event = TableRead | Answered | FactsTold | LogTold | FencedOff


class Conversation:
    """One connection. `handle_*` takes what happened, `ask_*` what is wanted, `poll_frame` gives
    what to send."""

    def __init__(self, memory: Memory, build: str) -> None:
        self.phase = Phase.GREETING
        self.memory = memory
        # Whether an Apply was acknowledged on this connection.
        self.counts = False
        self._build = build
        self._hello = pb.Hello()
        self._new_boot = False
        self._epoch = 0
        self._exchange = 0
        self._generation = 0
        self._table_exchange = 0
        self._dumps: dict[int, DumpJoiner] = {}
        self._held: dict[int, pb.Facts] = {}
        self._outgoing: deque[pb.Frame] = deque()

    @property
    def hello(self) -> pb.Hello:
        """The datapath's; empty in GREETING."""
        return self._hello

    def poll_frame(self) -> pb.Frame | None:
        """The next frame to send."""
        return self._outgoing.popleft() if self._outgoing else None

    def handle_frame(self, frame: pb.Frame, now_ns: int) -> list[Event]:
        """Takes one frame. Raises ContractBroken; the connection is then of no further use."""
        if self.phase is Phase.GREETING:
            if frame.WhichOneof("body") != "hello":
                raise ContractBroken("the datapath's first frame was no Hello")
            return self._handle_hello(frame.hello, now_ns)
        match frame.WhichOneof("body"):
            case "applied":
                self._learn_counting()
                return [Answered(frame.exchange, frame.applied)]
            case "refused":
                return self._handle_refused(frame.exchange, frame.refused)
            case "counters":
                return [Answered(frame.exchange, frame.counters)]
            case "dump":
                return self._handle_dump(frame.exchange, frame.dump)
            case "upcall":
                return self._handle_facts(frame.upcall.facts)
            case "log":
                return [LogTold(frame.log)]
            case _:
                # A newer datapath may say what this text does not know.
                return []

    def handle_rebuilt(self) -> list[Event]:
        """The control plane is in order and counts: facts that came meanwhile are told now."""
        self.phase = Phase.ACTING
        held, self._held = tuple(self._held.values()), {}
        return [FactsTold(held)] if held else []

    def ask_apply(self, room: int, puts: Sequence[pb.Row], deletes: Sequence[int]) -> int:
        """Queues an Apply. Returns its exchange, as every `ask_*`."""
        self._generation += 1
        exchange = self._next_exchange()
        for part in apply_parts(self._epoch, self._generation, room, puts, deletes):
            self._outgoing.append(pb.Frame(exchange=exchange, apply=part))
        return exchange

    def ask_send(self, room: int, payload: bytes, *, row: int, group: str) -> int:
        """Queues a Send. Applies asked before it are carried out before it."""
        exchange = self._next_exchange()
        send = pb.Send(
            row=row, room=room, group=group, payload=payload, after_generation=self._generation
        )
        self._outgoing.append(pb.Frame(exchange=exchange, send=send))
        return exchange

    def ask_counters(self, room: int) -> int:
        """Queues a CountersRequest; room 0 asks for totals."""
        exchange = self._next_exchange()
        request = pb.CountersRequest(room=room)
        self._outgoing.append(pb.Frame(exchange=exchange, counters_request=request))
        return exchange

    def ask_dump(self) -> int:
        """Queues a DumpRequest."""
        exchange = self._next_exchange()
        self._dumps[exchange] = DumpJoiner()
        self._outgoing.append(pb.Frame(exchange=exchange, dump_request=pb.DumpRequest()))
        return exchange

    def _next_exchange(self) -> int:
        self._exchange += 1
        return self._exchange

    def _handle_hello(self, hello: pb.Hello, now_ns: int) -> list[Event]:
        if hello.schema not in ACCEPTED_SCHEMAS:
            raise ContractBroken(
                f"the datapath speaks contract {hello.schema}, this control plane {SCHEMA}: "
                "upgrade the older one"
            )
        same_boot = hello.boot_id == self.memory.boot_id
        if same_boot and hello.epoch > self.memory.epoch:
            return self._fence()
        self._hello = hello
        self._new_boot = self.memory.boot_id != b"" and not same_boot
        self._epoch = hello.epoch + 1
        # The datapath's clock makes generations grow from one controller to the next, too.
        self._generation = hello.now_ns
        self.memory = Memory(hello.boot_id, self.memory.epoch if same_boot else 0)
        ours = pb.Hello(schema=SCHEMA, build=self._build, epoch=self._epoch, now_ns=now_ns)
        self._outgoing.append(pb.Frame(hello=ours))
        self._table_exchange = self.ask_dump()
        self.phase = Phase.READING
        return []

    def _learn_counting(self) -> None:
        self.counts = True
        self.memory = Memory(self._hello.boot_id, self._epoch)

    def _handle_refused(self, exchange: int, refused: pb.Refused) -> list[Event]:
        self._dumps.pop(exchange, None)
        if refused.reason == pb.Refused.STALE_EPOCH:
            return self._fence()
        if exchange == self._table_exchange:
            raise ContractBroken("the datapath refused to tell its table")
        return [Answered(exchange, refused)]

    def _fence(self) -> list[Event]:
        self.phase = Phase.FENCED
        self._outgoing.clear()
        return [FencedOff()]

    def _handle_dump(self, exchange: int, part: pb.Dump) -> list[Event]:
        joiner = self._dumps.get(exchange)
        whole = joiner.add(part) if joiner else None
        if whole is None:
            return []
        del self._dumps[exchange]
        if exchange != self._table_exchange:
            return [Answered(exchange, whole)]
        self.phase = Phase.REBUILDING
        return [TableRead(self._hello, whole, self._new_boot)]

    def _handle_facts(self, facts: Sequence[pb.Facts]) -> list[Event]:
        if self.phase is Phase.ACTING:
            return [FactsTold(tuple(facts))]
        for one in facts:
            self._held[one.row] = one
        return []
