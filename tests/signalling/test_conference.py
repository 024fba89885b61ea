"""Conversations with one room: who comes, who goes, and what the others hear of it."""

from __future__ import annotations

import pytest
from livekit.protocol import models, rtc

from gateway.rooms.admission import Limits, Refuse
from gateway.rooms.participant import LeaveReason
from gateway.signalling.session import Client
from gateway.signalling.steps import CloseCause
from tests.signalling.conversation import Hall, a_house

DISCONNECTED = models.ParticipantInfo.DISCONNECTED


def test_the_first_message_is_join_and_the_offer_follows_with_the_data_section() -> None:
    doctor = Hall().join("doctor")
    assert doctor.kinds() == ["join", "refresh_token", "offer"]
    offer = doctor.last("offer")
    assert (offer.type, offer.id) == ("offer", 1)
    assert "m=application" in offer.sdp
    assert not offer.mid_to_track_id


def test_join_says_what_clients_need_to_go_on() -> None:
    join = Hall().join("doctor", metadata="m", attributes={"a": "b"}).last("join")
    assert join.server_info.protocol == 17
    assert join.server_info.version == join.server_version == "1.13.5"
    assert (join.ping_interval, join.ping_timeout) == (5, 15)
    assert join.subscriber_primary
    assert join.fast_publish
    assert [codec.mime for codec in join.enabled_publish_codecs] == ["video/VP8", "audio/opus"]
    assert not join.ice_servers
    assert join.room.sid.startswith("RM_")
    me = join.participant
    assert me.sid.startswith("PA_")
    assert (me.identity, me.name, me.metadata, dict(me.attributes)) == (
        "doctor",
        "Doctor",
        "m",
        {"a": "b"},
    )
    assert me.permission.can_publish
    assert me.permission.can_subscribe
    assert me.permission.can_publish_data
    assert me.state == models.ParticipantInfo.JOINED


def test_who_may_not_subscribe_gets_no_offer_and_offers_first() -> None:
    patient = Hall().join("patient", can_subscribe=False)
    assert not patient.last("join").subscriber_primary
    assert not patient.all("offer")


def test_others_are_told_of_a_join_and_when_the_media_path_is_up() -> None:
    hall = Hall()
    doctor = hall.active("doctor")
    patient = hall.join("patient")
    assert doctor.knows()["patient"].state == models.ParticipantInfo.JOINED
    assert [other.identity for other in patient.last("join").other_participants] == ["doctor"]
    patient.answer()
    patient.path_up()
    assert doctor.knows()["patient"].state == models.ParticipantInfo.ACTIVE


def test_who_may_only_publish_is_active_when_the_publisher_is_connected() -> None:
    hall = Hall()
    doctor = hall.active("doctor")
    patient = hall.join("patient", can_subscribe=False)
    patient.publish("mic")
    patient.path_up(1)
    assert doctor.knows()["patient"].state == models.ParticipantInfo.ACTIVE


def test_leave_removes_the_participant_at_once() -> None:
    hall = Hall()
    doctor, patient = hall.active("doctor"), hall.active("patient")
    patient.publish("mic")
    doctor.settle()
    patient.leave()
    assert patient.closed is CloseCause.LEFT
    assert "patient" not in doctor.knows()
    gone = doctor.last("update").participants[0]
    assert (gone.state, gone.identity) == (DISCONNECTED, "patient")
    assert gone.disconnect_reason == models.CLIENT_INITIATED
    assert hall.table.kinds() == {"transport": 1}


def test_the_last_one_out_leaves_nothing_behind() -> None:
    hall = Hall()
    hall.active("doctor").leave()
    assert hall.conference.is_empty
    assert not hall.table.rows


def test_a_full_room_refuses_a_newcomer_but_not_a_return() -> None:
    hall = Hall(a_house(limits=Limits(participants=1)))
    hall.active("doctor")
    assert isinstance(hall.try_to_join("patient"), Refuse)
    hall.join("doctor")


def test_more_roster_text_than_a_note_can_take_is_refused() -> None:
    assert isinstance(Hall().try_to_join("doctor", metadata="x" * 30_000), Refuse)


# -------------------------------------------------------------------------- identity and return


def test_a_second_join_of_a_live_identity_ends_the_older_one() -> None:
    hall = Hall()
    patient = hall.active("patient")
    first = hall.active("doctor")
    first.publish("mic")
    patient.settle()
    second = hall.join("doctor")
    leave = first.last("leave")
    assert (leave.reason, leave.action) == (models.DUPLICATE_IDENTITY, rtc.LeaveRequest.DISCONNECT)
    assert first.closed is CloseCause.TOLD
    assert patient.knows()["doctor"].sid == second.sid
    assert not first.transports()
    assert [info.identity for info in second.last("join").other_participants] == ["patient"]


def test_a_lost_socket_removes_nothing() -> None:
    hall = Hall()
    doctor, patient = hall.active("doctor"), hall.active("patient")
    patient.publish("mic")
    doctor.settle()
    before = hall.table.kinds()
    doctor.forget()
    patient.lose_socket()
    assert hall.table.kinds() == before
    assert not doctor.heard
    hall.pass_time(59)
    assert hall.table.kinds() == before
    hall.pass_time(2)
    assert hall.table.kinds() == {"transport": 1}
    assert doctor.last("update").participants[0].state == DISCONNECTED


def test_a_socket_lost_before_the_media_path_was_up_ends_the_participant() -> None:
    hall = Hall()
    doctor = hall.active("doctor")
    hall.join("patient").lose_socket()
    assert "patient" not in doctor.knows()
    assert hall.table.kinds() == {"transport": 1}


def test_a_refused_resume_removes_nothing_and_makes_the_rejoin_no_duplicate() -> None:
    hall = Hall()
    doctor, patient = hall.active("doctor"), hall.active("patient")
    patient.publish("mic")
    doctor.settle()
    before = hall.table.kinds()
    hall.conference.handle_resume_attempt("patient", hall.now)
    hall.flush()
    assert hall.table.kinds() == before
    assert patient.closed is CloseCause.RESUMED
    assert not patient.all("leave")
    hall.join("patient")
    assert patient.transports()


def test_the_others_see_the_old_one_until_the_new_ones_path_is_up() -> None:
    hall = Hall()
    doctor, old = hall.active("doctor"), hall.active("patient")
    old.publish("mic")
    doctor.settle()
    old.lose_socket()
    doctor.forget()
    new = hall.join("patient")
    new.publish("mic2")
    assert not doctor.heard
    assert len(doctor.legs()) == 1
    new.answer()
    new.path_up()
    news = [info for update in doctor.all("update") for info in update.participants]
    assert [(info.sid, info.state == DISCONNECTED) for info in news][:2] == [
        (old.sid, True),
        (new.sid, False),
    ]
    assert doctor.knows()["patient"].sid == new.sid
    assert len(doctor.knows()["patient"].tracks) == 1
    assert not old.transports()
    doctor.settle()
    assert len(doctor.legs()) == 1


def test_the_old_one_goes_5_s_after_the_join_at_the_latest() -> None:
    hall = Hall()
    doctor, old = hall.active("doctor"), hall.active("patient")
    old.lose_socket()
    new = hall.join("patient")
    hall.pass_time(4.9)
    assert doctor.knows()["patient"].sid == old.sid
    hall.pass_time(0.2)
    assert doctor.knows()["patient"].sid == new.sid
    assert not old.transports()


def test_an_orphan_goes_when_its_transports_are_lost() -> None:
    hall = Hall()
    doctor, patient = hall.active("doctor"), hall.active("patient")
    patient.publish("mic")
    patient.path_up(1)
    patient.lose_socket()
    patient.path_lost(0)
    assert "patient" in doctor.knows()
    patient.path_lost(1)
    assert "patient" not in doctor.knows()


def test_an_orphan_that_closed_its_transports_has_5_s_to_come_back() -> None:
    hall = Hall()
    doctor, patient = hall.active("doctor"), hall.active("patient")
    patient.lose_socket()
    patient.path_closed()
    hall.pass_time(4)
    assert "patient" in doctor.knows()
    hall.pass_time(2)
    assert "patient" not in doctor.knows()


def test_a_lost_transport_of_a_connected_client_calls_it_back() -> None:
    hall = Hall()
    doctor, patient = hall.active("doctor"), hall.active("patient")
    patient.path_lost()
    leave = patient.last("leave")
    assert leave.action == rtc.LeaveRequest.RECONNECT
    assert leave.can_reconnect
    assert "patient" not in doctor.knows()


# -------------------------------------------------------------------------------------- timers


def test_a_silent_socket_is_taken_for_gone_after_15_s_and_its_media_stays() -> None:
    hall = Hall()
    patient = hall.active("patient")
    patient.pings = False
    hall.pass_time(14)
    assert patient.socket_open
    hall.pass_time(2)
    assert patient.closed is CloseCause.SILENT
    assert patient.transports()


def test_who_is_not_active_within_60_s_is_dropped() -> None:
    hall = Hall()
    patient = hall.join("patient")
    hall.pass_time(61)
    assert patient.last("leave").reason == models.JOIN_FAILURE
    assert not hall.table.rows


def test_tokens_are_renewed_every_5_min() -> None:
    hall = Hall()
    patient = hall.active("patient")
    hall.pass_time(601)
    assert patient.all("refresh_token") == [
        f"token of patient at {1_800_000_000 + passed}" for passed in (0, 300, 600)
    ]


def test_a_token_whose_key_is_gone_is_not_renewed() -> None:
    hall = Hall(a_house(refresh=lambda _grant, _now: None))
    assert not hall.join("patient").all("refresh_token")


# ------------------------------------------------------------------------------------ the rest


def test_both_forms_of_ping_are_answered_in_ms() -> None:
    patient = Hall().join("patient")
    patient.say(ping=1)
    patient.say(ping_req=rtc.Ping(timestamp=7))
    assert patient.last("pong") == 1_800_000_000_000
    pong = patient.last("pong_resp")
    assert (pong.last_ping_timestamp, pong.timestamp) == (7, 1_800_000_000_000)


@pytest.mark.parametrize(
    "request_",
    [
        rtc.SignalRequest(trickle=rtc.TrickleRequest(candidateInit="{}")),
        rtc.SignalRequest(update_layers=rtc.UpdateVideoLayers()),
        rtc.SignalRequest(sync_state=rtc.SyncState()),
        rtc.SignalRequest(simulate=rtc.SimulateScenario(speaker_update=1)),
        rtc.SignalRequest(get_data_blob_request=rtc.GetDataBlobRequest()),
        rtc.SignalRequest(),
    ],
)
def test_a_request_without_effect_is_counted_and_nothing_more(request_: rtc.SignalRequest) -> None:
    hall = Hall()
    patient = hall.join("patient")
    patient.forget()
    hall.conference.handle_request(patient.sid, request_, hall.now)
    hall.flush()
    assert not patient.heard
    assert sum(hall.house.counters.requests.values()) == 1


def test_own_metadata_may_be_changed_only_if_the_token_says_so() -> None:
    hall = Hall()
    doctor = hall.active("doctor", can_update_own_metadata=True, attributes={"a": "1", "b": "2"})
    patient = hall.active("patient")
    change = rtc.UpdateParticipantMetadata(
        request_id=5, name="Dr", attributes={"a": "", "c": "3"}, metadata="on call"
    )
    patient.say(update_metadata=change)
    refused = patient.last("request_response")
    assert (refused.request_id, refused.reason) == (5, rtc.RequestResponse.NOT_ALLOWED)
    doctor.say(update_metadata=change)
    assert doctor.last("request_response").reason == rtc.RequestResponse.OK
    assert doctor.last("update").participants[0].metadata == "on call", "it sees itself changed"
    seen = patient.knows()["doctor"]
    assert (seen.name, seen.metadata, dict(seen.attributes)) == (
        "Dr",
        "on call",
        {"b": "2", "c": "3"},
    )


def test_an_old_client_is_spared_messages_that_it_cannot_read() -> None:
    patient = Hall().join("patient", Client(protocol=9))
    patient.say(mute=rtc.MuteTrackRequest(sid="TR_unknown", muted=True))
    assert not patient.all("request_response")


def test_an_answer_that_cannot_be_accepted_calls_a_connected_client_back() -> None:
    hall = Hall()
    patient, doctor = hall.active("patient"), hall.active("doctor")
    doctor.publish("mic")
    patient.answer(sdp="nonsense")
    assert patient.last("leave").action == rtc.LeaveRequest.RECONNECT
    said = [says for event, says in hall.remarks if event == "negotiation_refused"]
    assert len(said) == 1
    assert "nonsense" not in said[0]


def test_a_first_offer_that_cannot_be_answered_ends_the_session() -> None:
    patient = Hall().join("patient")
    patient.say(offer=rtc.SessionDescription(type="offer", sdp="nonsense"))
    assert patient.last("leave").action == rtc.LeaveRequest.DISCONNECT


def test_who_comes_and_goes_is_left_for_the_log_by_sid_alone() -> None:
    hall = Hall()
    hall.active("patient").leave()
    assert hall.remarks == [
        ("participant_joined", ""),
        ("participant_activated", ""),
        ("participant_left", "client_initiated"),
    ]


def test_farewell_tells_everybody_and_deletes_every_row() -> None:
    hall = Hall()
    doctor, patient = hall.active("doctor"), hall.active("patient")
    hall.conference.farewell(LeaveReason.SERVER_SHUTDOWN, reconnect=False)
    hall.flush()
    for guest in (doctor, patient):
        assert guest.last("leave").reason == models.SERVER_SHUTDOWN
        assert guest.kinds()[-1] == "leave"
        assert guest.closed is CloseCause.TOLD
    assert not hall.table.rows


def test_a_client_can_ask_for_a_full_reconnect_to_test_itself() -> None:
    hall = Hall()
    patient = hall.active("patient")
    patient.say(simulate=rtc.SimulateScenario(leave_request_full_reconnect=True))
    assert patient.last("leave").action == rtc.LeaveRequest.RECONNECT
    assert patient.transports()
