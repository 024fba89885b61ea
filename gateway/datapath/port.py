"""What the control plane sees of the datapath: a port with two implementations.

`client.DatapathClient` speaks the contract over `control.sock`, `fake.FakeDatapath` keeps the same
promises in memory. Nobody above this package knows which one it holds. No sockets here, no
generations and no epochs: those are the implementation's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from gateway.datapath import datapath_pb2 as pb
from gateway.errors import DatapathError


class DatapathAway(DatapathError):
    """The datapath is not there, or went away before it answered.

    Whether the change holds is not known; the next `on_connected` brings a `Dump` that says so.
    Wait with `Datapath.wait_ready`, or tell the client to try again later (503, never 401, 403 or
    404).
    """


class Fenced(DatapathAway):
    """A newer controller has taken over the table. This process must stop acting and exit."""


class RowsRefused(DatapathError):
    """The datapath did not take a change; nothing of it holds.

    `row` is the row at fault, 0 where no single one is. `detail` is a sentence without secrets and
    addresses.
    """

    def __init__(self, row: int, reason: pb.Refused.Reason.ValueType, detail: str) -> None:
        self.row = row
        self.reason = reason
        self.detail = detail
        self.reason_name = _reason_name(reason)
        super().__init__(f"the datapath refused row {row} ({self.reason_name}): {detail}")


def _reason_name(reason: pb.Refused.Reason.ValueType) -> str:
    """A newer datapath may know reasons that this text does not."""
    known = reason in pb.Refused.Reason.values()
    return pb.Refused.Reason.Name(reason) if known else f"reason {reason}"


@dataclass(frozen=True, slots=True)
class Dumped:
    """A whole `Dump`: the table as it stands, without write-only fields.

    The repr shows numbers only, because notes hold what must not be logged.
    """

    epoch: int
    rows: tuple[pb.Row, ...] = field(default=(), repr=False)
    facts: tuple[pb.Facts, ...] = field(default=(), repr=False)

    def highest_id(self) -> int:
        """The row id above which this boot's new ids begin."""
        return max((row.id for row in self.rows), default=0)


class DatapathListener(Protocol):
    """Who wants to know what the datapath says. Called on the event loop, in order, never twice
    at once."""

    async def on_connected(self, hello: pb.Hello, dump: Dumped, new_boot: bool) -> None:
        """A datapath was found and its table was read; this controller does not count yet.

        `new_boot`: this process knew another boot before, whose rows are gone. False on the first
        connection of this process, whatever the table holds: then it is rebuilt from `dump`.
        Changes applied in here go out at once, the first of them makes this controller count; if
        there is none the client sends an empty one afterwards. Only then does `wait_ready` return.
        """
        ...

    def on_facts(self, facts: Sequence[pb.Facts]) -> None:
        """Newest facts of some rows. Not called between `on_lost` and the end of `on_connected`."""
        ...

    def on_lost(self) -> None:
        """The datapath is away: packets may go on, changes cannot. Follows each `on_connected`
        at most once, also one that was cut short."""
        ...


class Datapath(Protocol):
    """The port."""

    @property
    def hello(self) -> pb.Hello | None:
        """What the datapath said of itself, None while it is away."""
        ...

    async def wait_ready(self, timeout_s: float) -> None:
        """Returns once this controller counts. Raises DatapathAway after `timeout_s`."""
        ...

    async def apply(self, room: int, puts: Sequence[pb.Row], deletes: Sequence[int]) -> None:
        """Changes the rows of one room (0: global rows), all or nothing, deletes before puts.

        Returns when the change holds. Raises RowsRefused when it does not, DatapathAway when
        nobody knows. Changes take effect in the order of the calls. Does not wait for a datapath
        that is away, but for the answer of one that is there: callers that cannot wait bound it.
        """
        ...

    async def send(self, room: int, payload: bytes, *, row: int = 0, group: str = "") -> None:
        """Sends a data message, an encoded DataPacket, to the data channel `row` of a room.

        Or, with `group` ("reliable", "lossy"), to all channels of it, or those that it names.

        Returns when it is on its way. Raises RowsRefused (nobody like that, or no DataPacket) or
        DatapathAway.
        """
        ...

    async def counters(self, room: int = 0) -> pb.Counters:
        """Numbers of one room, or of the whole datapath. Raises DatapathAway."""
        ...

    async def dump(self) -> Dumped:
        """The table as it stands. Raises DatapathAway."""
        ...

    def subscribe(self, listener: DatapathListener) -> None:
        """Adds a listener. Before the start: a listener never misses an `on_connected`."""
        ...
