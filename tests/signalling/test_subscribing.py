"""Conversations about receiving: which tracks are offered, when, and to whom."""

from __future__ import annotations

from livekit.protocol import rtc

from gateway.signalling.session import Client
from tests.signalling import parts
from tests.signalling.conversation import Hall


def test_a_published_track_is_offered_to_everybody_else() -> None:
    hall = Hall()
    doctor, nurse, patient = hall.active("doctor"), hall.active("nurse"), hall.active("patient")
    sid = patient.publish("mic")[0]
    for other in (doctor, nurse):
        offer = other.last("offer")
        assert list(offer.mid_to_track_id.values()) == [sid]
        assert f"a=msid:{patient.sid}|camera {sid}" in offer.sdp
        other.settle()
        assert [row.leg.paused for row in other.legs()] == [False]
    assert patient.last("offer").id == 1


def test_a_late_join_is_offered_everything_in_its_first_offer() -> None:
    hall = Hall()
    patient = hall.active("patient")
    sids = patient.publish("mic", "camera")
    doctor = hall.join("doctor")
    assert len(doctor.all("offer")) == 1
    assert set(doctor.last("offer").mid_to_track_id.values()) == set(sids)
    assert [t.sid for t in doctor.last("join").other_participants[0].tracks] == sids
    doctor.answer()
    assert len(doctor.legs()) == 2


def test_legs_wait_for_the_answer() -> None:
    hall = Hall()
    doctor, patient = hall.active("doctor"), hall.active("patient")
    patient.publish("mic")
    assert not doctor.legs()
    doctor.answer()
    leg = doctor.legs()[0].leg
    assert leg.ssrc
    assert leg.mid == "1"
    assert hall.table.rows[leg.stream].HasField("stream")


def test_a_publisher_learns_once_that_somebody_receives_its_track() -> None:
    hall = Hall()
    doctor, nurse, patient = hall.active("doctor"), hall.active("nurse"), hall.active("patient")
    mic = patient.publish("mic")[0]
    assert not patient.all("track_subscribed")
    doctor.settle()
    nurse.settle()
    assert [told.track_sid for told in patient.all("track_subscribed")] == [mic]


def test_one_offer_is_in_flight_and_the_rest_coalesces_until_the_answer() -> None:
    hall = Hall()
    patient = hall.active("patient")
    nurse = hall.active("nurse")
    doctor = hall.join("doctor")
    first = doctor.last("offer").id
    mic = patient.publish("mic")[0]
    other = nurse.publish("mic")[0]
    assert len(doctor.all("offer")) == 1
    doctor.answer()
    assert len(doctor.all("offer")) == 2
    offer = doctor.last("offer")
    assert offer.id > first
    assert set(offer.mid_to_track_id.values()) == {mic, other}


def test_an_answer_to_an_older_offer_is_ignored() -> None:
    hall = Hall()
    doctor, patient = hall.active("doctor"), hall.active("patient")
    patient.publish("mic")
    doctor.answer(id=1)
    assert not doctor.legs()
    doctor.answer(id=0)
    assert len(doctor.legs()) == 1
    assert hall.house.counters.ignored["answer_to_no_offer"] == 1


def test_a_track_that_is_gone_before_the_answer_gets_no_leg() -> None:
    hall = Hall()
    doctor, patient = hall.active("doctor"), hall.active("patient")
    patient.publish("mic")
    patient.offer("mic", gone=("mic",), offer_id=2)
    doctor.answer()
    assert not doctor.legs()
    doctor.settle()
    assert not doctor.last("offer").mid_to_track_id


def test_without_auto_subscribe_only_chosen_tracks_are_offered() -> None:
    hall = Hall()
    doctor = hall.active("doctor", Client(protocol=17, auto_subscribe=False))
    patient = hall.active("patient")
    mic, camera = patient.publish("mic", "camera")
    assert len(doctor.all("offer")) == 1
    doctor.say(subscription=rtc.UpdateSubscription(track_sids=[mic], subscribe=True))
    assert list(doctor.last("offer").mid_to_track_id.values()) == [mic]
    doctor.answer()
    assert len(doctor.legs()) == 1
    assert camera not in doctor.last("offer").sdp


def test_an_unsubscribed_track_is_paused_at_once_and_agreed_away() -> None:
    hall = Hall()
    doctor, patient = hall.active("doctor"), hall.active("patient")
    mic = patient.publish("mic")[0]
    doctor.settle()
    tracks = rtc.UpdateSubscription(
        participant_tracks=[{"participant_sid": patient.sid, "track_sids": [mic]}],
        subscribe=False,
    )
    doctor.say(subscription=tracks)
    assert [row.leg.paused for row in doctor.legs()] == [True]
    doctor.settle()
    assert not doctor.legs()
    doctor.say(subscription=rtc.UpdateSubscription(track_sids=[mic], subscribe=True))
    doctor.settle()
    assert [row.leg.paused for row in doctor.legs()] == [False]


def test_a_disabled_track_is_paused_and_stays_agreed() -> None:
    hall = Hall()
    doctor, patient = hall.active("doctor"), hall.active("patient")
    mic = patient.publish("mic")[0]
    doctor.settle()
    offers = len(doctor.all("offer"))
    for disabled in (True, False):
        doctor.say(
            track_setting=rtc.UpdateTrackSettings(track_sids=[mic, "TR_other"], disabled=disabled)
        )
        assert [row.leg.paused for row in doctor.legs()] == [disabled]
    assert len(doctor.all("offer")) == offers


def test_a_publisher_says_who_may_have_its_tracks() -> None:
    hall = Hall()
    doctor, nurse, patient = hall.active("doctor"), hall.active("nurse"), hall.active("patient")
    patient.publish("mic")
    doctor.settle()
    nurse.settle()
    patient.say(
        subscription_permission=rtc.SubscriptionPermission(
            track_permissions=[{"participant_identity": "doctor", "all_tracks": True}]
        )
    )
    assert [row.leg.paused for row in nurse.legs()] == [True]
    nurse.settle()
    assert not nurse.legs()
    assert len(doctor.legs()) == 1
    patient.say(subscription_permission=rtc.SubscriptionPermission(all_participants=True))
    nurse.settle()
    assert len(nurse.legs()) == 1


def test_a_track_that_the_client_declines_is_not_offered_again() -> None:
    hall = Hall()
    doctor, patient = hall.active("doctor"), hall.active("patient")
    patient.publish("mic")
    offer = doctor.last("offer")
    head, _, media = offer.sdp.partition("m=audio")
    declined = head + "m=audio" + media.replace("a=sendonly", "a=inactive")
    offers = len(doctor.all("offer"))
    doctor.answer(sdp=parts.mirrored(declined))
    assert not doctor.legs()
    doctor.settle()
    assert len(doctor.all("offer")) == offers


def test_who_may_not_subscribe_is_offered_nothing() -> None:
    hall = Hall()
    patient = hall.active("patient")
    doctor = hall.join("doctor", can_subscribe=False)
    patient.publish("mic")
    assert not doctor.all("offer")
