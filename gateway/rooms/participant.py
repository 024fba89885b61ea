"""Participant: a person or canary in a room, as the others know it.

Not its connection: sockets, transports and negotiation are `gateway.signalling` and `gateway.sfu`.
Identity, name, metadata and attributes are personal data and stay out of every repr.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from gateway.rooms.subscription import EVERYBODY, Audience, Subscriptions
from gateway.rooms.track import Track, TrackSource


class ParticipantState(StrEnum):
    """How far a participant has come. Only forward, see NEXT_STATES."""

    JOINING = "joining"  # admitted, its answer has not left yet
    JOINED = "joined"  # told so; its media path is not up yet
    ACTIVE = "active"  # its media path is up
    DISCONNECTED = "disconnected"  # gone for good; a return is a new participant


NEXT_STATES: Final[dict[ParticipantState, frozenset[ParticipantState]]] = {
    ParticipantState.JOINING: frozenset({ParticipantState.JOINED, ParticipantState.DISCONNECTED}),
    ParticipantState.JOINED: frozenset({ParticipantState.ACTIVE, ParticipantState.DISCONNECTED}),
    ParticipantState.ACTIVE: frozenset({ParticipantState.DISCONNECTED}),
    ParticipantState.DISCONNECTED: frozenset(),
}


class LeaveReason(StrEnum):
    """Why a participant is gone, as the others are told."""

    UNKNOWN = "unknown"
    CLIENT_INITIATED = "client_initiated"
    DUPLICATE_IDENTITY = "duplicate_identity"
    SERVER_SHUTDOWN = "server_shutdown"
    STATE_MISMATCH = "state_mismatch"
    JOIN_FAILURE = "join_failure"
    SIGNAL_CLOSE = "signal_close"
    CONNECTION_TIMEOUT = "connection_timeout"


@dataclass(frozen=True, slots=True)
class Permission:
    """What a participant may do, fixed by its token. `sources` None: every source."""

    can_publish: bool = True
    can_subscribe: bool = True
    can_publish_data: bool = False
    sources: tuple[TrackSource, ...] | None = None
    can_update_metadata: bool = False

    def may_publish(self, source: TrackSource) -> bool:
        """Whether a track of that source may be published."""
        return self.can_publish and (self.sources is None or source in self.sources)


@dataclass(slots=True)
class Participant:
    """One participant. `version` grows with every change that others are told of."""

    sid: str
    identity: str = field(repr=False)
    name: str = field(default="", repr=False)
    metadata: str = field(default="", repr=False)
    attributes: dict[str, str] = field(default_factory=dict, repr=False)
    kind: str = "standard"
    permission: Permission = Permission()
    state: ParticipantState = ParticipantState.JOINING
    version: int = 1
    joined_s: float = 0.0  # since 1970
    client_protocol: int = 0
    tracks: dict[str, Track] = field(default_factory=dict)
    subscriptions: Subscriptions = field(default_factory=Subscriptions)
    audience: Audience = EVERYBODY
    # An earlier participant of the same identity whose media is still carried; until it goes, the
    # others see that one and not this one.
    waits_for: str = ""

    @property
    def published(self) -> list[Track]:
        """The tracks that others know of, oldest first."""
        return [track for track in self.tracks.values() if track.published]

    @property
    def pending(self) -> list[Track]:
        """The tracks that were asked for and whose media section has not come yet."""
        return [track for track in self.tracks.values() if not track.published]

    def move(self, state: ParticipantState) -> bool:
        """Advance to `state`; False if it is not among the states that may follow."""
        if state not in NEXT_STATES[self.state]:
            return False
        self.state = state
        self.version += 1
        return True

    def change_track(self, sid: str, **changes: object) -> Track:
        """Replace fields of a track that exists (KeyError otherwise); returns the new one."""
        track = replace(self.tracks[sid], **changes)  # type: ignore[arg-type]
        self.tracks[sid] = track
        if track.published:
            self.version += 1
        return track
