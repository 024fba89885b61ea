"""Notes: what the control plane writes on rows so as to find its rooms again after its own death.

The note of a participant's first transport (the subscriber's, or the one for both directions) holds
the room's name, the participant and the agreement, the note of a publisher transport the
participant's sid and the agreement. Versioned, compressed (a
section repeats its neighbours), at most 64 KiB. They hold names and ICE passwords: never logged.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from pydantic import TypeAdapter, ValidationError

from gateway.rooms.participant import Participant
from gateway.rooms.room import Room
from gateway.sfu.agreement import NOTE_LIMIT_BYTES, Agreement, NoteError, Role

# The first byte. A reader refuses versions it does not know; the rows are then deleted.
VERSION: Final = 1
# What a note may grow to when unpacked: more than any agreement, less than harm.
UNPACKED_LIMIT_BYTES: Final = 4 * NOTE_LIMIT_BYTES
# 1 packs to a fifth as well as 9 does and takes a third of its time.
COMPRESSION_LEVEL: Final = 1


@dataclass(frozen=True, slots=True)
class NotedRoom:
    """What is noted of a room beside its participants."""

    sid: str
    name: str = field(repr=False)
    created_s: float = 0.0
    metadata: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Noted:
    """The content of one note. `room` and `participant` not on publisher transports."""

    participant_sid: str
    agreement: str = field(repr=False)  # as Agreement.to_note writes it
    room: NotedRoom | None = None
    participant: Participant | None = None


_NOTED: Final[TypeAdapter[Noted]] = TypeAdapter(Noted)


def write(room: Room, participant: Participant, agreement: Agreement) -> bytes:
    """The note of one transport. Raises NoteError when it would exceed 64 KiB."""
    body = agreement.to_note().decode()
    if agreement.role is not Role.PUBLISHER:
        noted = NotedRoom(room.sid, room.name, room.created_s, room.metadata)
        content = Noted(participant.sid, body, noted, participant)
    else:
        content = Noted(participant.sid, body)
    packed = zlib.compress(_NOTED.dump_json(content, exclude_defaults=True), COMPRESSION_LEVEL)
    if len(packed) >= NOTE_LIMIT_BYTES:
        raise NoteError(f"a note takes {len(packed)} bytes, {NOTE_LIMIT_BYTES - 1} are allowed")
    return bytes([VERSION]) + packed


def read(note: bytes) -> tuple[Noted, Agreement]:
    """What `write` wrote. Raises NoteError for anything else; the sentence quotes nothing."""
    if not note or note[0] != VERSION:
        raise NoteError(f"not a note of version {VERSION}")
    try:
        noted = _NOTED.validate_json(_unpack(note[1:]))
    except (zlib.error, ValidationError):
        raise NoteError("the note is damaged") from None
    return noted, Agreement.from_note(noted.agreement.encode())


def _unpack(packed: bytes) -> bytes:
    unpacking = zlib.decompressobj()
    body = unpacking.decompress(packed, UNPACKED_LIMIT_BYTES)
    if not unpacking.eof:
        raise NoteError("the note is cut short, or grows beyond all bounds")
    return body


def read_all(notes: Iterable[tuple[int, bytes]]) -> tuple[list[tuple[Noted, Agreement]], list[int]]:
    """Reads the notes of several transports; also the row ids of those that cannot be read."""
    found: list[tuple[Noted, Agreement]] = []
    unread: list[int] = []
    for row_id, note in notes:
        try:
            found.append(read(note))
        except NoteError:
            unread.append(row_id)
    return found, unread
