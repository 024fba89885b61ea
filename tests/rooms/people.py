"""Made-up rooms and people."""

from gateway.rooms.participant import Participant, ParticipantState, Permission
from gateway.rooms.room import Room
from gateway.rooms.track import Track, TrackKind


def a_room(*identities: str) -> Room:
    room = Room("RM_1", "consultation")
    for identity in identities:
        room.enter(a_participant(identity))
    return room


def a_participant(
    identity: str, sid: str = "", permission: Permission | None = None
) -> Participant:
    return Participant(
        sid=sid or f"PA_{identity}",
        identity=identity,
        permission=permission or Permission(),
        state=ParticipantState.JOINING,
    )


def one(room: Room, identity: str) -> Participant:
    return room.participants[f"PA_{identity}"]


def publish(room: Room, identity: str, sid: str) -> Track:
    participant = one(room, identity)
    room.add_track(participant, Track(sid=sid, cid=f"cid of {sid}", kind=TrackKind.AUDIO))
    event = room.publish(participant, sid, mid="0", mime_type="audio/opus", simulcast=False)
    assert event is not None
    return event.track
