"""Who is let into a room, and as what."""

from __future__ import annotations

from typing import Any

from gateway.auth import Grant, Source
from gateway.rooms.admission import Admit, Limits, Refuse, RefuseCause, admit, roster_bytes
from gateway.rooms.moment import Moment
from gateway.rooms.room import Room
from gateway.rooms.track import TrackSource
from tests.rooms.people import a_room, one

NOW = Moment(5_000_000_000, 1_800_000_000.5)


def a_grant(**changes: Any) -> Grant:
    fields: dict[str, Any] = {
        "identity": "doctor",
        "room": "consultation",
        "issuer": "platform",
        "expires_s": 1_900_000_000.0,
    }
    return Grant(**(fields | changes))


def admitted(room: Room, **grant: Any) -> Admit:
    decision = admit(room, a_grant(**grant), Limits(), NOW)
    assert isinstance(decision, Admit)
    return decision


def refused(room: Room, limits: Limits, **grant: Any) -> Refuse:
    decision = admit(room, a_grant(**grant), limits, NOW)
    assert isinstance(decision, Refuse)
    return decision


def test_a_participant_is_what_its_grant_says() -> None:
    participant = admitted(
        a_room(), name="Dr", metadata="m", attributes={"a": "b"}, can_update_own_metadata=True
    ).participant
    assert participant.sid.startswith("PA_")
    assert (participant.identity, participant.name, participant.metadata) == ("doctor", "Dr", "m")
    assert participant.attributes == {"a": "b"}
    assert participant.permission.can_update_metadata
    assert participant.joined_s == NOW.wall_s


def test_data_messages_are_allowed_as_the_grant_says() -> None:
    for granted in (True, False):
        permission = admitted(a_room(), can_publish_data=granted).participant.permission
        assert permission.can_publish_data is granted


def test_sources_of_the_grant_are_kept_in_a_fixed_order() -> None:
    sources = frozenset({Source.SCREEN_SHARE, Source.CAMERA})
    permission = admitted(a_room(), can_publish_sources=sources).participant.permission
    assert permission.sources == (TrackSource.CAMERA, TrackSource.SCREEN_SHARE)


def test_deciding_changes_nothing() -> None:
    room = a_room("patient")
    admitted(room)
    assert list(room.participants) == ["PA_patient"]


def test_an_older_participant_of_the_identity_is_named() -> None:
    room = a_room("doctor", "patient")
    assert admitted(room).older == (one(room, "doctor"),)


def test_a_full_room_refuses_whoever_is_not_in_it_yet() -> None:
    room = a_room("patient", "nurse")
    assert refused(room, Limits(participants=2)).cause is RefuseCause.ROOM_FULL
    assert isinstance(admit(room, a_grant(identity="nurse"), Limits(participants=2), NOW), Admit)


def test_metadata_and_attributes_are_bounded_together() -> None:
    grant = {"metadata": "ä" * 10, "attributes": {"key": "value"}}
    assert roster_bytes("ä" * 10, {"key": "value"}) == 28
    assert isinstance(admit(a_room(), a_grant(**grant), Limits(roster_bytes=28), NOW), Admit)
    decision = refused(a_room(), Limits(roster_bytes=27), **grant)
    assert decision.cause is RefuseCause.ROSTER_TOO_LARGE
    assert "value" not in decision.sentence


def test_a_moment_tells_deadlines_and_milliseconds() -> None:
    assert NOW.in_s(1.5) == 6_500_000_000
    assert NOW.wall_ms == 1_800_000_000_500
