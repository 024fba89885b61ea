"""Admission: whether a verified grant gets its holder into a room. A pure decision.

Not whether the token is good (that is `gateway.auth`): what is judged here is the room as it stands
and the size of what the grant would have everybody in the room be told.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gateway.auth.grant import Grant
from gateway.ids import new_sid
from gateway.rooms.moment import Moment
from gateway.rooms.participant import Participant, Permission
from gateway.rooms.room import Room
from gateway.rooms.track import TrackSource


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one room; what a higher value costs.

    Roster texts travel to every participant and in a note of 64 KiB beside the agreement.
    """

    participants: int = 0  # 0: no bound. Legs grow with its square
    roster_bytes: int = 24_576  # metadata and attributes of one participant together
    tracks: int = 32  # published and pending, of one participant
    pending_tracks: int = 20  # asked for and not negotiated yet


class RefuseCause(StrEnum):
    """Why a good grant does not get in."""

    ROOM_FULL = "room_full"
    ROSTER_TOO_LARGE = "roster_too_large"


@dataclass(frozen=True, slots=True)
class Refuse:
    """Not now, or not like this. The sentence is for the client and holds no personal data."""

    cause: RefuseCause
    sentence: str


@dataclass(frozen=True, slots=True)
class Admit:
    """Come in. `older` are the participants of the same identity that are there already."""

    participant: Participant
    older: tuple[Participant, ...] = ()


def admit(room: Room, grant: Grant, limits: Limits, now: Moment) -> Admit | Refuse:
    """Decide about one grant. The participant is new and not yet in the room."""
    refusal = _refusal(room, grant, limits)
    if refusal is not None:
        return refusal
    participant = Participant(
        sid=new_sid("PA_"),
        identity=grant.identity,
        name=grant.name,
        metadata=grant.metadata,
        attributes=dict(grant.attributes),
        kind=str(grant.kind),
        permission=permission_of(grant),
        joined_s=now.wall_s,
    )
    return Admit(participant, tuple(room.of_identity(grant.identity)))


def permission_of(grant: Grant) -> Permission:
    """What the grant allows."""
    sources = grant.can_publish_sources
    return Permission(
        can_publish=grant.can_publish,
        can_subscribe=grant.can_subscribe,
        can_publish_data=grant.can_publish_data,
        sources=None
        if sources is None
        else tuple(TrackSource(source) for source in sorted(sources)),
        can_update_metadata=grant.can_update_own_metadata,
    )


def roster_bytes(metadata: str, attributes: dict[str, str]) -> int:
    """Bytes of UTF-8 that a participant's free texts take."""
    texts = [metadata, *attributes.keys(), *attributes.values()]
    return sum(len(text.encode()) for text in texts)


def _refusal(room: Room, grant: Grant, limits: Limits) -> Refuse | None:
    if roster_bytes(grant.metadata, dict(grant.attributes)) > limits.roster_bytes:
        return Refuse(
            RefuseCause.ROSTER_TOO_LARGE,
            f"Metadata and attributes in the token take more than {limits.roster_bytes} bytes "
            "together: put less into them.",
        )
    others = {p.identity for p in room.participants.values()} - {grant.identity}
    if limits.participants and len(others) >= limits.participants:
        return Refuse(RefuseCause.ROOM_FULL, "The room is full: try again when somebody has left.")
    return None
