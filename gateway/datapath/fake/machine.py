"""The answering side of the contract: connections, epochs, the lease and facts, in memory.

Told frames of connections and the time; gives frames for connections. It owns no socket; `server`
and `datapath` do what sockets would. The rules are those of `datapath/proto/datapath.proto`.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from gateway.datapath import datapath_pb2 as pb
from gateway.datapath.fake.checks import check_send
from gateway.datapath.fake.refuse import Refuse, malformed, unsupported
from gateway.datapath.fake.table import Table, redacted
from gateway.datapath.parts import ApplyJoiner, dump_parts

SCHEMA: Final = 1
CAPABILITIES: Final = (
    pb.CAPABILITY_TRANSPORT,
    pb.CAPABILITY_STREAM,
    pb.CAPABILITY_LEG,
    pb.CAPABILITY_MEMO,
    pb.CAPABILITY_DATA_CHANNEL,
    pb.CAPABILITY_SEND,
)
KINDS: Final = ("transport", "stream", "leg", "memo", "data_channel")
STALE: Final = "a newer controller counts; read Hello and Dump again"


@dataclass(slots=True)
class _Connection:
    """One connection as the machine sees it."""

    out: deque[pb.Frame] = field(default_factory=deque)
    epoch: int | None = None
    gathering: ApplyJoiner | None = None
    # Facts that it was not told, by row; kept from its Dump on.
    untold: dict[int, pb.Facts] | None = None
    over: bool = False


def loopback_listener(port: int = 7880, id_: int = 1) -> pb.Row:
    """A UDP listener on loopback."""
    address = f"127.0.0.1:{port}"
    return pb.Row(id=id_, listener=pb.Listener(address=address, kind=pb.Listener.UDP))


class FakeMachine:
    """One boot of a datapath."""

    def __init__(
        self,
        boot_id: bytes,
        *,
        lease_ns: int = 60_000_000_000,
        workers: int = 1,
        listeners: Sequence[pb.Row] = (),
    ) -> None:
        listeners = listeners or (loopback_listener(),)
        self.table = Table(listeners, workers)
        self.epoch = 0
        # Numbers since start, by name.
        self.counted = {
            "applies": 0,
            "sends": 0,
            "requests_refused": 0,
            "lease_expiries": 0,
            "rows_ended": 0,
        }
        # What the controller had sent, oldest first.
        self.sent: list[pb.Send] = []
        self._hello = pb.Hello(
            schema=SCHEMA,
            build="fake",
            boot_id=boot_id,
            fingerprints=[pb.Fingerprint(algorithm="sha-256", value=boot_id[:1] * 32)],
            capabilities=CAPABILITIES,
            listeners=listeners,
            workers=workers,
            lease_ns=lease_ns,
        )
        self._connections: dict[int, _Connection] = {}
        self._opened = 0
        self._controller: int | None = None
        self._lease_end_ns: int | None = None
        self._facts: dict[int, pb.Facts] = {}

    # ---------------------------------------------------------------------------- connections

    def open(self, now_ns: int) -> int:
        """Somebody connected. Returns the connection's number."""
        self._opened += 1
        connection = self._connections[self._opened] = _Connection()
        hello = pb.Hello()
        hello.CopyFrom(self._hello)
        hello.epoch, hello.now_ns = self.epoch, now_ns
        connection.out.append(pb.Frame(hello=hello))
        return self._opened

    def close(self, id_: int) -> None:
        """The connection is gone."""
        self._connections.pop(id_, None)
        if self._controller == id_:
            self._controller = None

    def poll_frame(self, id_: int) -> pb.Frame | None:
        """The next frame for a connection."""
        connection = self._connections.get(id_)
        return connection.out.popleft() if connection and connection.out else None

    def is_over(self, id_: int) -> bool:
        """Should the connection be closed once its frames have left?"""
        connection = self._connections.get(id_)
        return connection is None or connection.over

    def handle_frame(self, id_: int, frame: pb.Frame, now_ns: int) -> None:
        """Takes one frame of a connection and answers it."""
        self.handle_timeout(now_ns)
        connection = self._connections.get(id_)
        if connection is None or connection.over:
            return
        if self._controller == id_:
            self._renew_lease(now_ns)
        try:
            self._take(id_, connection, frame, now_ns)
        except Refuse as refuse:
            self.counted["requests_refused"] += 1
            answer = pb.Frame(exchange=frame.exchange, refused=refuse.message())
            connection.out.append(answer)
        self._pass_facts_on()

    # ----------------------------------------------------------------------------------- time

    def handle_timeout(self, now_ns: int) -> None:
        """Ends what has ended by now."""
        for row in self.table.past(now_ns):
            self.counted["rows_ended"] += 1
            self._end_row(row, pb.Ended.NOT_AFTER)
            self.table.end(row.id)
        if self._lease_end_ns is not None and self._lease_end_ns <= now_ns:
            self._lease_end_ns = None
            self.counted["lease_expiries"] += 1
            for row in self.table.end_all():
                self._end_row(row, pb.Ended.LEASE)
        self._facts = {row: facts for row, facts in self._facts.items() if row in self.table.rows}
        self._pass_facts_on()

    def poll_timeout(self) -> int | None:
        """When `handle_timeout` wants to be called, ns."""
        ends = (self.table.next_end_ns(), self._lease_end_ns)
        return min((end for end in ends if end is not None), default=None)

    # ---------------------------------------------------------------------------------- facts

    def tell(self, facts: pb.Facts) -> None:
        """The datapath learnt something about a row: `row` and the kind are given, room and
        revision are filled in. Raises KeyError if there is no such row."""
        told = pb.Facts()
        told.CopyFrom(facts)
        told.room = self.table.rows[facts.row].room
        self._put_facts(told)
        self._pass_facts_on()

    def facts_of(self, row: int) -> pb.Facts | None:
        """The newest facts of a row."""
        return self._facts.get(row)

    def _put_facts(self, told: pb.Facts) -> None:
        before = self._facts.get(told.row)
        told.revision = before.revision + 1 if before else 1
        self._facts[told.row] = told
        for connection in self._connections.values():
            if connection.untold is not None:
                connection.untold.pop(told.row, None)
                connection.untold[told.row] = told

    def _end_row(self, row: pb.Row, reason: pb.Ended.Reason.ValueType) -> None:
        self._put_facts(pb.Facts(row=row.id, room=row.room, ended=pb.Ended(reason=reason)))

    def _pass_facts_on(self) -> None:
        """Only the controller is told; a newcomer's are kept until it counts."""
        if self._controller is None:
            return
        controller = self._connections[self._controller]
        if controller.untold is None:
            controller.untold = dict(self._facts)
        if controller.untold:
            upcall = pb.Upcall(facts=controller.untold.values())
            controller.out.append(pb.Frame(upcall=upcall))
            controller.untold = {}

    # ---------------------------------------------------------------------------------- verbs

    def _take(self, id_: int, connection: _Connection, frame: pb.Frame, now_ns: int) -> None:
        body = frame.WhichOneof("body")
        if body == "hello":
            self._greet(connection, frame.hello)
            return
        epoch = self._check_epoch(id_, connection)
        match body:
            case "apply":
                self._gather(id_, connection, epoch, frame, now_ns)
            case "counters_request":
                self._count(connection, frame)
            case "dump_request":
                self._dump(id_, connection, frame.exchange)
            case "send":
                self._send(id_, connection, frame)
            case None:
                raise unsupported("the verb is not in this datapath's capabilities")
            case _:
                raise malformed("only the datapath sends frames of this kind")

    def _greet(self, connection: _Connection, hello: pb.Hello) -> None:
        if connection.epoch is not None:
            raise malformed("Hello comes once")
        if hello.schema != SCHEMA:
            connection.over = True
            raise unsupported("Hello names a schema that this datapath does not speak")
        connection.epoch = hello.epoch
        if hello.epoch <= self.epoch:
            raise Refuse(pb.Refused.STALE_EPOCH, STALE)

    def _check_epoch(self, id_: int, connection: _Connection) -> int:
        if connection.epoch is None:
            connection.over = True
            raise malformed("Hello is the first frame")
        if connection.epoch <= self.epoch and self._controller != id_:
            connection.gathering = None
            raise Refuse(pb.Refused.STALE_EPOCH, STALE)
        return connection.epoch

    def _gather(
        self, id_: int, connection: _Connection, epoch: int, frame: pb.Frame, now_ns: int
    ) -> None:
        """A part of an Apply; it takes effect at the last."""
        part = frame.apply
        if part.epoch < epoch:
            raise Refuse(pb.Refused.STALE_EPOCH, STALE)
        if part.epoch > epoch:
            raise malformed("the Apply's epoch is not that of the connection's Hello")
        self._controller, self.epoch = id_, epoch
        self._renew_lease(now_ns)
        joiner = connection.gathering or ApplyJoiner(part)
        whole = joiner.add(part)
        connection.gathering = joiner if whole is None else None
        if whole is None:
            return
        self.counted["applies"] += 1
        if not joiner.alike:
            raise malformed("the parts of an Apply differ in epoch, generation or room")
        for gone in self.table.apply(whole.room, whole.puts, whole.deletes):
            self._forget(gone)
        applied = pb.Applied(room=whole.room, generation=whole.generation)
        connection.out.append(pb.Frame(exchange=frame.exchange, applied=applied))

    def _send(self, id_: int, connection: _Connection, frame: pb.Frame) -> None:
        if self._controller != id_:
            raise Refuse(pb.Refused.NO_CONTROLLER, "only a controller that counts sends")
        send = frame.send
        check_send(send)
        self.table.check_send(send)
        self.counted["sends"] += 1
        self.sent.append(send)
        applied = pb.Applied(room=send.room, generation=send.after_generation)
        connection.out.append(pb.Frame(exchange=frame.exchange, applied=applied))

    def _forget(self, row: int) -> None:
        """The controller deleted the row: nobody is told of it any more."""
        self._facts.pop(row, None)
        for connection in self._connections.values():
            if connection.untold is not None:
                connection.untold.pop(row, None)

    def _count(self, connection: _Connection, frame: pb.Frame) -> None:
        if frame.counters_request.room:
            raise unsupported("counters of one room are not built; ask for room 0")
        kinds = [row.WhichOneof("kind") for row in self.table.rows.values()]
        levels = {f"{kind}s": kinds.count(kind) for kind in KINDS} | {"rows": len(kinds)}
        counters = pb.Counters(
            counters=[pb.Counter(name=name, value=value) for name, value in self.counted.items()],
            levels=[pb.Counter(name=name, value=value) for name, value in levels.items()],
        )
        connection.out.append(pb.Frame(exchange=frame.exchange, counters=counters))

    def _dump(self, id_: int, connection: _Connection, exchange: int) -> None:
        rows = [redacted(self.table.rows[id_]) for id_ in sorted(self.table.rows)]
        for part in dump_parts(self.epoch, rows, self._facts.values()):
            connection.out.append(pb.Frame(exchange=exchange, dump=part))
        if self._controller != id_:
            connection.untold = {}

    def _renew_lease(self, now_ns: int) -> None:
        self._lease_end_ns = now_ns + self._hello.lease_ns
