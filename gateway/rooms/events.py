"""Events: what happened in a room, in the past tense. Listeners turn them into messages."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.rooms.participant import LeaveReason, Participant
from gateway.rooms.track import Track


@dataclass(frozen=True, slots=True)
class ParticipantJoined:
    """Somebody was admitted. Others are told only if `participant.waits_for` is empty."""

    participant: Participant


@dataclass(frozen=True, slots=True)
class ParticipantUpdated:
    """State, name, metadata, attributes or a property of a published track changed."""

    participant: Participant


@dataclass(frozen=True, slots=True)
class ParticipantLeft:
    """Somebody is gone for good; its tracks went with it."""

    participant: Participant
    reason: LeaveReason


@dataclass(frozen=True, slots=True)
class TrackPublished:
    """A track's media has been negotiated: it can be received from now on."""

    participant: Participant
    track: Track


@dataclass(frozen=True, slots=True)
class TrackUnpublished:
    """A published track is no longer there."""

    participant: Participant
    track: Track


Event = ParticipantJoined | ParticipantUpdated | ParticipantLeft | TrackPublished | TrackUnpublished
