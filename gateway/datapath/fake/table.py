"""The fake's table: rows by id, and the rules that need more than one row.

Told edits and the time; knows no connections. Rows are kept as they were put, so that a test sees
what a password is; `redacted` is what leaves in a Dump.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from gateway.datapath import datapath_pb2 as pb
from gateway.datapath.fake.checks import check_row
from gateway.datapath.fake.refuse import Refuse, malformed, over_limit

ROWS: Final = 65_536
ROW_BYTES: Final = 256 << 10

Rows = dict[int, pb.Row]


def redacted(row: pb.Row) -> pb.Row:
    """The row without its write-only fields."""
    copy = pb.Row()
    copy.CopyFrom(row)
    if copy.HasField("transport"):
        for name in ("ice", "ice_previous"):
            if copy.transport.HasField(name):
                getattr(copy.transport, name).ClearField("password")
    return copy


class Table:
    """Rows as they stand."""

    def __init__(self, listeners: Iterable[pb.Row], workers: int) -> None:
        self._rows: Rows = {row.id: row for row in listeners}
        self._workers = workers

    @property
    def rows(self) -> Mapping[int, pb.Row]:
        """Every row by id, passwords included."""
        return MappingProxyType(self._rows)

    def apply(self, room: int, puts: Sequence[pb.Row], deletes: Sequence[int]) -> list[int]:
        """One edit, all or nothing; deletes before puts. Returns the ids that are gone. Raises
        Refuse."""
        draft = dict(self._rows)
        for id_ in deletes:
            self._delete(draft, room, id_)
        seen: set[int] = set()
        for row in puts:
            try:
                self._put(draft, room, row, seen)
            except Refuse as refuse:
                refuse.row = row.id
                raise
        if puts and len(draft) > ROWS:
            raise over_limit("the table is full")
        gone = [id_ for id_ in self._rows if id_ not in draft]
        self._rows = draft
        return gone

    def end(self, id_: int) -> None:
        """A row ends by itself, and what hangs on it with it."""
        for dependent in (*dependents(self._rows, id_), id_):
            self._rows.pop(dependent, None)

    def end_all(self) -> list[pb.Row]:
        """Everything but memos and listeners goes. Returns the rows that went."""
        kept = ("memo", "listener")
        gone = [row for row in self._rows.values() if row.WhichOneof("kind") not in kept]
        for row in gone:
            del self._rows[row.id]
        return gone

    def check_send(self, send: pb.Send) -> None:
        """Whether there is somebody to send to. Raises Refuse."""
        row = self._rows.get(send.row)
        if not any(one.room == send.room for one in self._rows.values()):
            raise Refuse(pb.Refused.UNKNOWN_REFERENCE, "the room has no row", send.row)
        if send.row and (
            row is None or row.room != send.room or row.data_channel.role != pb.DataChannel.DELIVER
        ):
            detail = "the room has no data channel of that id that delivers"
            raise Refuse(pb.Refused.UNKNOWN_REFERENCE, detail, send.row)

    def past(self, now_ns: int) -> list[pb.Row]:
        """Rows whose `not_after_ns` has passed."""
        return [row for row in self._rows.values() if 0 < not_after_ns(row) <= now_ns]

    def next_end_ns(self) -> int | None:
        """When `past` will next have a row."""
        return min((ns for row in self._rows.values() if (ns := not_after_ns(row))), default=None)

    def _delete(self, draft: Rows, room: int, id_: int) -> None:
        row = draft.get(id_)
        if row is None:
            return
        if row.HasField("listener"):
            detail = "listeners come from the command line and cannot be deleted"
            raise Refuse(pb.Refused.UNSUPPORTED, detail, id_)
        if row.room != room:
            raise Refuse(pb.Refused.UNKNOWN_REFERENCE, "the row is of another room", id_)
        for dependent in (*dependents(draft, id_), id_):
            draft.pop(dependent, None)

    def _put(self, draft: Rows, room: int, row: pb.Row, seen: set[int]) -> None:
        if row.id == 0:
            raise malformed("a row's id is not 0")
        if row.room != room:
            raise malformed("the row is of another room than the Apply")
        if row.ByteSize() > ROW_BYTES:
            raise over_limit("the row is above 256 KiB")
        self._check_worker(draft, row)
        if row.id in seen:
            raise _conflict("the row is put twice in one Apply")
        check_row(row)
        if room == 0 and not row.HasField("memo"):
            raise malformed("only memos may be global")
        _check_standing(draft.get(row.id), row)
        _check_references(draft, row)
        seen.add(row.id)
        draft.pop(row.id, None)
        kept = pb.Row()
        kept.CopyFrom(row)
        draft[row.id] = kept

    def _check_worker(self, draft: Rows, row: pb.Row) -> None:
        if row.worker >= self._workers:
            detail = "the row's worker is not below Hello's number of workers"
            raise Refuse(pb.Refused.UNKNOWN_WORKER, detail)
        if row.room and any(
            one.room == row.room and one.worker != row.worker for one in draft.values()
        ):
            raise _conflict("the room's rows are on another worker")


def dependents(rows: Mapping[int, pb.Row], id_: int) -> Iterator[int]:
    """The ids of rows that end with this one: a transport's streams, legs and channels, a stream's
    legs."""
    for row in list(rows.values()):
        if any(named == id_ for named, _ in _references(row)):
            yield from dependents(rows, row.id)
            yield row.id


def not_after_ns(row: pb.Row) -> int:
    """When the row ends by itself, 0 if it does not."""
    if row.HasField("memo"):
        return row.memo.not_after_ns
    return row.transport.not_after_ns if row.HasField("transport") else 0


def _references(row: pb.Row) -> tuple[tuple[int, str], ...]:
    """Ids that the row names, with the kind that each must be of."""
    if row.HasField("stream"):
        return ((row.stream.transport, "transport"),)
    if row.HasField("leg"):
        return ((row.leg.transport, "transport"), (row.leg.stream, "stream"))
    if row.HasField("data_channel"):
        return ((row.data_channel.transport, "transport"),)
    return ()


def _check_standing(old: pb.Row | None, new: pb.Row) -> None:
    """A put replaces a row of its own room and kind, and what identifies that row stays."""
    if old is None:
        return
    if old.room != new.room or old.WhichOneof("kind") != new.WhichOneof("kind"):
        raise _conflict("the id is taken by a row of another room or kind")
    if _fixed(old) != _fixed(new):
        raise _conflict("what a stream, leg or data channel is of stays; use a new id")


def _fixed(row: pb.Row) -> tuple[int | str, ...]:
    if row.HasField("stream"):
        return (row.stream.transport, row.stream.kind)
    if row.HasField("leg"):
        return (row.leg.stream, row.leg.transport, row.leg.ssrc, row.leg.rtx_ssrc)
    if row.HasField("data_channel"):
        channel = row.data_channel
        return (channel.transport, channel.role, channel.label, channel.group)
    return ()


def _check_references(draft: Rows, row: pb.Row) -> None:
    for id_, kind in _references(row):
        named = draft.get(id_)
        if named is None or named.room != row.room or named.WhichOneof("kind") != kind:
            detail = f"the row names a {kind} that this room does not have"
            raise Refuse(pb.Refused.UNKNOWN_REFERENCE, detail)
    others = [one for one in draft.values() if one.id != row.id]
    if _taken(row) & {name for one in others for name in _taken(one)}:
        raise _conflict("the ufrag, mid, SSRC or label is taken")


def _taken(row: pb.Row) -> set[tuple[str, int, str | int]]:
    """Names that only one row may have: what, within which transport, which."""
    if row.HasField("transport"):
        both = (row.transport.ice, row.transport.ice_previous)
        return {("ufrag", 0, ice.ufrag) for ice in both if ice.ufrag}
    if row.HasField("stream"):
        return {("mid", row.stream.transport, row.stream.mid)}
    if row.HasField("leg"):
        both_ssrcs = (row.leg.ssrc, row.leg.rtx_ssrc)
        return {("ssrc", row.leg.transport, ssrc) for ssrc in both_ssrcs if ssrc}
    if row.HasField("data_channel"):
        channel = row.data_channel
        return {(f"label {channel.role}", channel.transport, channel.label)}
    return set()


def _conflict(detail: str) -> Refuse:
    return Refuse(pb.Refused.CONFLICT, detail)
