"""Requests and answers that do not fit into one frame are cut and joined here.

A large Apply goes out in parts that take effect at the last, a Dump comes in parts. Pure.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, TypeVar

from gateway.datapath import datapath_pb2 as pb
from gateway.datapath.port import Dumped

# A part is full before it holds more than this; the rest of 1 MiB is for what surrounds the rows.
# A lower value costs more frames.
PART_BYTES: Final = 900_000
# Of a varint, the encoding of a row id.
ID_BYTES: Final = 10
# Of a row's tag and length inside an Apply or a Dump.
ROW_OVERHEAD_BYTES: Final = 8

Item = TypeVar("Item")


def apply_parts(
    epoch: int, generation: int, room: int, puts: Sequence[pb.Row], deletes: Sequence[int]
) -> Iterator[pb.Apply]:
    """At least one part; `more` is set on all but the last."""
    items: list[tuple[int | pb.Row, int]] = [(id_, ID_BYTES) for id_ in deletes]
    items += [(row, row.ByteSize() + ROW_OVERHEAD_BYTES) for row in puts]
    for chosen, more in _cut(items):
        yield pb.Apply(
            epoch=epoch,
            generation=generation,
            room=room,
            deletes=[item for item in chosen if isinstance(item, int)],
            puts=[item for item in chosen if isinstance(item, pb.Row)],
            more=more,
        )


def dump_parts(epoch: int, rows: Iterable[pb.Row], facts: Iterable[pb.Facts]) -> Iterator[pb.Dump]:
    """At least one part, as `apply_parts`, for the answering side."""
    items: list[tuple[pb.Row | pb.Facts, int]] = []
    items += [(row, row.ByteSize() + ROW_OVERHEAD_BYTES) for row in rows]
    items += [(one, one.ByteSize() + ROW_OVERHEAD_BYTES) for one in facts]
    for chosen, more in _cut(items):
        yield pb.Dump(
            epoch=epoch,
            rows=[item for item in chosen if isinstance(item, pb.Row)],
            facts=[item for item in chosen if isinstance(item, pb.Facts)],
            more=more,
        )


def _cut(items: Iterable[tuple[Item, int]]) -> Iterator[tuple[list[Item], bool]]:
    """Items with their bytes, in order, in parts of at most PART_BYTES; an item above that is
    alone. Each part comes with whether more follow; nothing at all is one empty part."""
    part: list[Item] = []
    filled = 0
    for item, item_bytes in items:
        if part and filled + item_bytes > PART_BYTES:
            yield part, True
            part, filled = [], 0
        part.append(item)
        filled += item_bytes
    yield part, False


class DumpJoiner:
    """Joins the parts of one Dump."""

    def __init__(self) -> None:
        self._rows: list[pb.Row] = []
        self._facts: list[pb.Facts] = []

    def add(self, part: pb.Dump) -> Dumped | None:
        """The whole, once its last part is added."""
        self._rows += part.rows
        self._facts += part.facts
        if part.more:
            return None
        return Dumped(part.epoch, tuple(self._rows), tuple(self._facts))


class ApplyJoiner:
    """Joins the parts of one Apply, on the answering side."""

    def __init__(self, first: pb.Apply) -> None:
        self._head = (first.epoch, first.generation, first.room)
        self._whole = pb.Apply(epoch=first.epoch, generation=first.generation, room=first.room)
        self.alike = True

    def add(self, part: pb.Apply) -> pb.Apply | None:
        """The whole, once its last part is added. `alike` turns false when a part belongs to
        another Apply."""
        self.alike = self.alike and (part.epoch, part.generation, part.room) == self._head
        self._whole.puts.extend(part.puts)
        self._whole.deletes.extend(part.deletes)
        return None if part.more else self._whole
