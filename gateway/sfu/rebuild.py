"""Rebuild: rooms, participants and agreements out of a dump, after the control plane died. Pure.

Every row that is not derived from what was found again is left to `rows.difference`, which deletes
it: a note of an unknown version costs its participant the call, nobody else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from gateway.datapath import datapath_pb2 as pb
from gateway.rooms.room import Room
from gateway.sfu import notes
from gateway.sfu.agreement import Agreement, Role
from gateway.sfu.notes import Noted
from gateway.sfu.rows import Agreements, Place


@dataclass(slots=True)
class RebuiltRoom:
    """One room as it was found again."""

    place: Place
    room: Room
    agreements: dict[str, Agreements]
    rows: list[pb.Row] = field(repr=False)  # its rows in the dump


def rebuild(rows: Iterable[pb.Row]) -> tuple[list[RebuiltRoom], dict[int, list[int]]]:
    """Rooms found in a dump, and the rows (by room number) of rooms that could not be."""
    by_room: dict[int, list[pb.Row]] = defaultdict(list)
    for row in rows:
        if row.room and row.WhichOneof("kind") != "memo":
            by_room[row.room].append(row)
    rebuilt: list[RebuiltRoom] = []
    lost: dict[int, list[int]] = {}
    for number, of_room in by_room.items():
        room = _rebuild_room(number, of_room)
        if room is None:
            lost[number] = [row.id for row in of_room]
        else:
            rebuilt.append(room)
    return rebuilt, lost


def _rebuild_room(number: int, rows: list[pb.Row]) -> RebuiltRoom | None:
    transports = [row for row in rows if row.HasField("transport")]
    found, _ = notes.read_all((row.id, row.transport.note) for row in transports)
    subscribers = [(n, a) for n, a in found if a.role is Role.SUBSCRIBER]
    room = _room_of(noted for noted, _ in subscribers)
    if room is None:
        return None
    publishers = {n.participant_sid: a for n, a in found if a.role is Role.PUBLISHER}
    agreements: dict[str, Agreements] = {}
    for noted, agreement in sorted(subscribers, key=_by_age):
        if noted.participant is not None:
            room.participants[noted.participant_sid] = noted.participant
            agreements[noted.participant_sid] = _agreements(noted, agreement, publishers)
    return RebuiltRoom(Place(number, transports[0].worker), room, agreements, rows)


def _agreements(
    noted: Noted, subscriber: Agreement, publishers: dict[str, Agreement]
) -> Agreements:
    return Agreements(subscriber, publishers.get(noted.participant_sid))


def _by_age(found: tuple[Noted, Agreement]) -> tuple[float, int]:
    noted, agreement = found
    return (noted.participant.joined_s if noted.participant else 0.0, agreement.transport)


def _room_of(noted: Iterable[Noted]) -> Room | None:
    known = next((n.room for n in noted if n.room is not None), None)
    if known is None:
        return None
    return Room(known.sid, known.name, known.created_s, known.metadata)
