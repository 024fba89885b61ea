"""Room: its participants, their tracks, and who receives what. Commands return what happened.

Pure domain: no sockets, no rows, no messages, told the time. A room's name is an opaque reference
that may still mean something to somebody, so it stays out of reprs too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from gateway.rooms.events import (
    Event,
    ParticipantJoined,
    ParticipantLeft,
    ParticipantUpdated,
    TrackPublished,
    TrackUnpublished,
)
from gateway.rooms.participant import LeaveReason, Participant, ParticipantState
from gateway.rooms.track import Track


@dataclass(slots=True)
class Room:
    """One room."""

    sid: str
    name: str = field(repr=False)
    created_s: float = 0.0  # since 1970
    metadata: str = field(default="", repr=False)
    participants: dict[str, Participant] = field(default_factory=dict)  # by sid, oldest first

    def of_identity(self, identity: str) -> list[Participant]:
        """The participants of that identity: one, or two while the newer waits for the older."""
        return [p for p in self.participants.values() if p.identity == identity]

    def visible_to(self, viewer: Participant) -> list[Participant]:
        """The participants that `viewer` is told of: never itself under another sid."""
        return [
            p
            for p in self.participants.values()
            if not p.waits_for and p.identity != viewer.identity
        ]

    def tracks_for(self, subscriber: Participant) -> Iterator[tuple[Participant, Track]]:
        """The published tracks that `subscriber` is to be offered, oldest publisher first."""
        if not subscriber.permission.can_subscribe:
            return
        for publisher in self.visible_to(subscriber):
            for track in publisher.published:
                if subscriber.subscriptions.want(track.sid) and publisher.audience.allows(
                    subscriber.sid, subscriber.identity, track.sid
                ):
                    yield publisher, track

    # ------------------------------------------------------------------------------ commands

    def enter(self, participant: Participant) -> ParticipantJoined:
        """Take in somebody whom `admit` admitted."""
        self.participants[participant.sid] = participant
        participant.move(ParticipantState.JOINED)
        return ParticipantJoined(participant)

    def activate(self, participant: Participant) -> ParticipantUpdated | None:
        """Its media path is up. None if that was known."""
        if not participant.move(ParticipantState.ACTIVE):
            return None
        return ParticipantUpdated(participant)

    def leave(self, participant: Participant, reason: LeaveReason) -> list[Event]:
        """Take somebody out, and show whoever waited for that."""
        self.participants.pop(participant.sid, None)
        participant.move(ParticipantState.DISCONNECTED)
        for other in self.participants.values():
            for track in participant.tracks:
                other.subscriptions.forget(track)
        return [ParticipantLeft(participant, reason), *self._show_waiting(participant.sid)]

    def add_track(self, participant: Participant, track: Track) -> None:
        """Remember a track that was asked for. Nobody else learns of it yet."""
        participant.tracks[track.sid] = track

    def publish(
        self, participant: Participant, sid: str, *, mid: str, mime_type: str, simulcast: bool
    ) -> TrackPublished | None:
        """The track's media has been negotiated. None if it is unknown or was published before."""
        track = participant.tracks.get(sid)
        if track is None or track.published:
            return None
        track = participant.change_track(
            sid, published=True, mid=mid, mime_type=mime_type, simulcast=simulcast
        )
        return TrackPublished(participant, track)

    def unpublish(self, participant: Participant, sid: str) -> TrackUnpublished | None:
        """The track is gone. None if it is unknown."""
        track = participant.tracks.pop(sid, None)
        if track is None:
            return None
        for other in self.participants.values():
            other.subscriptions.forget(sid)
        participant.version += 1
        return TrackUnpublished(participant, track)

    def change_track(
        self, participant: Participant, sid: str, **changes: object
    ) -> ParticipantUpdated | None:
        """Change properties of a track (muted, width, ...). None if unknown or nobody is told."""
        if sid not in participant.tracks:
            return None
        track = participant.change_track(sid, **changes)
        return ParticipantUpdated(participant) if track.published else None

    def describe(
        self,
        participant: Participant,
        *,
        name: str | None = None,
        metadata: str | None = None,
        attributes: dict[str, str] | None = None,
    ) -> ParticipantUpdated:
        """The participant described itself anew; an attribute set to "" is removed."""
        if name is not None:
            participant.name = name
        if metadata is not None:
            participant.metadata = metadata
        merged = {**participant.attributes, **(attributes or {})}
        participant.attributes = {key: value for key, value in merged.items() if value}
        participant.version += 1
        return ParticipantUpdated(participant)

    def _show_waiting(self, gone_sid: str) -> Iterator[Event]:
        for participant in self.participants.values():
            if participant.waits_for == gone_sid:
                participant.waits_for = ""
                participant.version += 1
                yield ParticipantJoined(participant)
