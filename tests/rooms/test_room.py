"""A room: who sees whom, what is published, and what happened."""

from __future__ import annotations

import pytest

from gateway.rooms.events import (
    ParticipantJoined,
    ParticipantLeft,
    ParticipantUpdated,
    TrackPublished,
    TrackUnpublished,
)
from gateway.rooms.participant import (
    NEXT_STATES,
    LeaveReason,
    ParticipantState,
    Permission,
)
from gateway.rooms.room import Room
from gateway.rooms.subscription import Access, Audience
from gateway.rooms.track import Track, TrackKind, TrackSource
from tests.rooms.people import a_participant, a_room, one, publish


def sids_for(room: Room, identity: str) -> list[str]:
    return [track.sid for _, track in room.tracks_for(one(room, identity))]


def test_who_enters_has_joined() -> None:
    room = a_room()
    doctor = a_participant("doctor")
    assert room.enter(doctor) == ParticipantJoined(doctor)
    assert doctor.state is ParticipantState.JOINED


def test_states_only_go_forward() -> None:
    for state, following in NEXT_STATES.items():
        for other in ParticipantState:
            participant = a_participant("doctor")
            participant.state = state
            assert participant.move(other) is (other in following)


def test_becoming_active_is_news_once() -> None:
    room = a_room("doctor")
    assert room.activate(one(room, "doctor")) == ParticipantUpdated(one(room, "doctor"))
    assert room.activate(one(room, "doctor")) is None


def test_nobody_sees_itself_and_everybody_else_is_seen() -> None:
    room = a_room("doctor", "patient", "nurse")
    seen = [p.identity for p in room.visible_to(one(room, "patient"))]
    assert seen == ["doctor", "nurse"]


def test_who_waits_for_another_is_shown_when_that_one_leaves() -> None:
    room = a_room("doctor", "patient")
    again = a_participant("patient", "PA_again")
    again.waits_for = "PA_patient"
    room.enter(again)
    assert [p.sid for p in room.visible_to(one(room, "doctor"))] == ["PA_patient"]
    old = one(room, "patient")
    events = room.leave(old, LeaveReason.DUPLICATE_IDENTITY)
    assert events == [
        ParticipantLeft(old, LeaveReason.DUPLICATE_IDENTITY),
        ParticipantJoined(again),
    ]
    assert [p.sid for p in room.visible_to(one(room, "doctor"))] == ["PA_again"]


def test_a_track_is_for_others_only_once_it_is_published() -> None:
    room = a_room("doctor", "patient")
    patient = one(room, "patient")
    room.add_track(patient, Track(sid="TR_1", cid="c", kind=TrackKind.AUDIO))
    assert patient.pending
    assert sids_for(room, "doctor") == []
    event = room.publish(patient, "TR_1", mid="3", mime_type="audio/opus", simulcast=False)
    assert isinstance(event, TrackPublished)
    assert (event.track.mid, event.track.published) == ("3", True)
    assert sids_for(room, "doctor") == ["TR_1"]
    assert sids_for(room, "patient") == []


def test_a_track_is_published_and_unpublished_once() -> None:
    room = a_room("doctor", "patient")
    track = publish(room, "patient", "TR_1")
    patient = one(room, "patient")
    assert room.publish(patient, "TR_1", mid="0", mime_type="", simulcast=False) is None
    assert room.publish(patient, "TR_2", mid="0", mime_type="", simulcast=False) is None
    assert room.unpublish(patient, "TR_1") == TrackUnpublished(patient, track)
    assert room.unpublish(patient, "TR_1") is None


def test_what_others_see_makes_the_version_grow() -> None:
    room = a_room("doctor")
    doctor = one(room, "doctor")
    versions = [doctor.version]

    def grew() -> bool:
        versions.append(doctor.version)
        return versions[-1] > versions[-2]

    room.activate(doctor)
    assert grew()
    publish(room, "doctor", "TR_1")
    assert grew()
    assert room.change_track(doctor, "TR_1", muted=True) == ParticipantUpdated(doctor)
    assert grew()
    room.describe(doctor, name="Dr")
    assert grew()
    room.unpublish(doctor, "TR_1")
    assert grew()
    room.leave(doctor, LeaveReason.CLIENT_INITIATED)
    assert grew()


def test_a_change_of_an_unpublished_track_is_no_news() -> None:
    room = a_room("doctor")
    doctor = one(room, "doctor")
    room.add_track(doctor, Track(sid="TR_1", cid="c", kind=TrackKind.AUDIO))
    before = doctor.version
    assert room.change_track(doctor, "TR_1", muted=True) is None
    assert room.change_track(doctor, "TR_2", muted=True) is None
    assert doctor.tracks["TR_1"].muted
    assert doctor.version == before


def test_an_empty_attribute_is_removed() -> None:
    room = a_room("doctor")
    doctor = one(room, "doctor")
    room.describe(doctor, attributes={"a": "1", "b": "2"})
    room.describe(doctor, attributes={"a": "", "c": "3"})
    assert doctor.attributes == {"b": "2", "c": "3"}


def test_a_choice_of_one_track_does_not_concern_another() -> None:
    room = a_room("doctor", "patient")
    publish(room, "patient", "TR_1")
    publish(room, "patient", "TR_2")
    one(room, "doctor").subscriptions.choose("TR_1", wanted=False)
    assert sids_for(room, "doctor") == ["TR_2"]
    one(room, "doctor").subscriptions.auto = False
    assert sids_for(room, "doctor") == []
    one(room, "doctor").subscriptions.choose("TR_1", wanted=True)
    assert sids_for(room, "doctor") == ["TR_1"]


def test_choices_about_a_track_go_with_the_track() -> None:
    room = a_room("doctor", "patient")
    publish(room, "patient", "TR_1")
    choices = one(room, "doctor").subscriptions
    choices.choose("TR_1", wanted=False)
    choices.disable("TR_1", disabled=True)
    room.leave(one(room, "patient"), LeaveReason.CLIENT_INITIATED)
    assert (choices.chosen, choices.disabled) == ({}, ())


@pytest.mark.parametrize(
    ("access", "allowed"),
    [
        (Access(identity="doctor", all_tracks=True), True),
        (Access(participant_sid="PA_doctor", track_sids=("TR_1",)), True),
        (Access(identity="doctor", track_sids=("TR_2",)), False),
        (Access(identity="nurse", all_tracks=True), False),
        (Access(participant_sid="PA_x", identity="doctor", all_tracks=True), False),
    ],
)
def test_a_publisher_may_name_who_has_which_track(access: Access, allowed: bool) -> None:
    room = a_room("doctor", "patient")
    publish(room, "patient", "TR_1")
    one(room, "patient").audience = Audience(everybody=False, accesses=(access,))
    assert sids_for(room, "doctor") == (["TR_1"] if allowed else [])


def test_who_may_not_subscribe_has_no_tracks() -> None:
    room = a_room("patient")
    publish(room, "patient", "TR_1")
    room.enter(a_participant("doctor", permission=Permission(can_subscribe=False)))
    assert sids_for(room, "doctor") == []


@pytest.mark.parametrize(
    ("permission", "source", "allowed"),
    [
        (Permission(), TrackSource.UNKNOWN, True),
        (Permission(can_publish=False), TrackSource.CAMERA, False),
        (Permission(sources=(TrackSource.MICROPHONE,)), TrackSource.MICROPHONE, True),
        (Permission(sources=(TrackSource.MICROPHONE,)), TrackSource.CAMERA, False),
        (Permission(sources=()), TrackSource.CAMERA, False),
    ],
)
def test_a_permission_may_name_sources(
    permission: Permission, source: TrackSource, allowed: bool
) -> None:
    assert permission.may_publish(source) is allowed


def test_sound_and_picture_of_one_device_share_a_stream_name() -> None:
    assert TrackSource.CAMERA.default_stream == TrackSource.MICROPHONE.default_stream
    assert TrackSource.SCREEN_SHARE.default_stream == TrackSource.SCREEN_SHARE_AUDIO.default_stream
    assert TrackSource.CAMERA.default_stream != TrackSource.SCREEN_SHARE.default_stream


def test_nothing_personal_is_in_a_repr() -> None:
    room = a_room("doctor")
    doctor = one(room, "doctor")
    room.describe(doctor, name="House", metadata="limps", attributes={"mood": "bad"})
    room.add_track(doctor, Track(sid="TR_1", cid="secret cid", kind=TrackKind.AUDIO, name="mine"))
    access = Access(identity="cuddy", participant_sid="PA_2")
    shown = repr((room, doctor, doctor.tracks, Audience(False, (access,))))
    for word in ("identity", "House", "limps", "mood", "consultation", "secret", "mine", "cuddy"):
        assert word not in shown
