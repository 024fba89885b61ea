"""Conversations about publishing: announce, offer, mute, unpublish, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from livekit.protocol import models, rtc

from gateway.auth import Source
from gateway.rooms.admission import Limits
from tests.signalling.conversation import Hall, a_house

WHY = rtc.RequestResponse


def test_an_announced_track_is_answered_with_its_sid_and_nobody_else_learns_of_it() -> None:
    hall = Hall()
    doctor, patient = hall.active("doctor"), hall.active("patient")
    doctor.forget()
    patient.announce("mic", width=0, audio_features=[models.TF_STEREO])
    published = patient.last("track_published")
    assert published.cid == "mic"
    track = published.track
    assert track.sid.startswith("TR_")
    assert (track.type, track.source, track.stream) == (models.AUDIO, models.MICROPHONE, "camera")
    assert list(track.audio_features) == [models.TF_STEREO]
    assert not doctor.heard


def test_an_offer_makes_an_answer_a_stream_and_news() -> None:
    hall = Hall()
    doctor, patient = hall.active("doctor"), hall.active("patient")
    doctor.forget()
    sids = patient.publish("mic", "camera")
    answer = patient.last("answer")
    assert (answer.type, answer.id) == ("answer", 1)
    assert "a=setup:passive" in answer.sdp
    assert hall.table.kinds() == {"transport": 3, "stream": 2}
    assert doctor.kinds()[0] == "update"
    info = doctor.knows()["patient"]
    assert [track.sid for track in info.tracks] == sids
    assert info.is_publisher
    assert [track.mime_type for track in info.tracks] == ["audio/opus", "video/VP8"]
    assert [track.mid for track in info.tracks] == ["0", "1"]


def test_news_of_a_track_come_before_the_offer_that_carries_it() -> None:
    hall = Hall()
    doctor, patient = hall.active("doctor"), hall.active("patient")
    doctor.forget()
    patient.publish("mic")
    assert doctor.kinds()[-2:] == ["update", "offer"]


def test_an_offer_may_come_before_the_announcement() -> None:
    hall = Hall()
    doctor, patient = hall.active("doctor"), hall.active("patient")
    patient.offer("mic")
    assert "patient" in doctor.knows()
    assert not doctor.knows()["patient"].tracks
    patient.announce("mic")
    assert len(doctor.knows()["patient"].tracks) == 1
    assert hall.table.kinds() == {"transport": 3, "stream": 1}


def test_an_empty_offer_is_answered_for_its_data_section() -> None:
    hall = Hall()
    patient = hall.active("patient")
    patient.offer()
    assert "m=application" in patient.last("answer").sdp
    assert hall.table.kinds() == {"transport": 2}


def test_an_inactive_section_unpublishes() -> None:
    hall = Hall()
    doctor, patient = hall.active("doctor"), hall.active("patient")
    sid = patient.publish("mic")[0]
    doctor.settle()
    assert len(doctor.legs()) == 1
    patient.offer("mic", gone=("mic",), offer_id=2)
    assert patient.last("track_unpublished").track_sid == sid
    assert not doctor.knows()["patient"].tracks
    assert hall.table.kinds() == {"transport": 3}
    doctor.settle()
    assert not doctor.last("offer").mid_to_track_id


def test_mute_is_told_to_the_others_and_stands_in_the_stream() -> None:
    hall = Hall()
    doctor, patient = hall.active("doctor"), hall.active("patient")
    sid = patient.publish("mic")[0]
    patient.say(mute=rtc.MuteTrackRequest(sid=sid, muted=True))
    assert doctor.knows()["patient"].tracks[0].muted
    assert [r.stream.muted for r in hall.table.rows.values() if r.HasField("stream")] == [True]
    doctor.forget()
    patient.say(mute=rtc.MuteTrackRequest(sid=sid, muted=True))
    assert not doctor.heard, "muting twice is no news"
    patient.say(mute=rtc.MuteTrackRequest(sid=sid, muted=False))
    assert not doctor.last("update").participants[0].tracks[0].muted


def test_mute_of_an_unknown_track_is_answered_with_not_found() -> None:
    patient = Hall().join("patient")
    request = rtc.MuteTrackRequest(sid="TR_unknown", muted=True)
    patient.say(mute=request)
    refused = patient.last("request_response")
    assert (refused.reason, refused.mute) == (WHY.NOT_FOUND, request)


def test_a_muted_publication_is_announced_without_a_packet() -> None:
    hall = Hall()
    doctor, patient = hall.active("doctor"), hall.active("patient")
    patient.announce("mic", muted=True)
    patient.offer("mic")
    assert doctor.knows()["patient"].tracks[0].muted


def test_features_and_size_may_change() -> None:
    hall = Hall()
    doctor, patient = hall.active("doctor"), hall.active("patient")
    mic, camera = patient.publish("mic", "camera")
    patient.say(
        update_audio_track=rtc.UpdateLocalAudioTrack(
            track_sid=mic, features=[models.TF_NOISE_SUPPRESSION]
        )
    )
    patient.say(
        update_video_track=rtc.UpdateLocalVideoTrack(track_sid=camera, width=320, height=180)
    )
    sound, picture = doctor.knows()["patient"].tracks
    assert list(sound.audio_features) == [models.TF_NOISE_SUPPRESSION]
    assert (picture.width, picture.height) == (320, 180)


@pytest.mark.parametrize(
    ("grant", "fields", "reason"),
    [
        ({"can_publish": False}, {}, WHY.NOT_ALLOWED),
        ({"can_publish_sources": frozenset({Source.MICROPHONE})}, {}, WHY.NOT_ALLOWED),
        ({}, {"type": models.DATA}, WHY.UNSUPPORTED_TYPE),
        ({}, {"sid": "TR_backup"}, WHY.UNSUPPORTED_TYPE),
        ({}, {"name": "n" * 300}, WHY.LIMIT_EXCEEDED),
    ],
)
def test_an_announcement_is_refused_with_its_reason_and_repeated(
    grant: dict[str, Any], fields: dict[str, Any], reason: rtc.RequestResponse.Reason
) -> None:
    patient = Hall().join("patient", **grant)
    patient.announce("camera", **fields)
    refused = patient.last("request_response")
    assert refused.reason == reason
    assert refused.add_track.cid == "camera"
    assert not patient.all("track_published")


def test_a_permitted_source_is_published_by_a_restricted_token() -> None:
    patient = Hall().join("patient", can_publish_sources=frozenset({Source.MICROPHONE}))
    patient.announce("mic")
    assert patient.all("track_published")


def test_the_same_track_announced_twice_is_queued() -> None:
    patient = Hall().join("patient")
    patient.announce("mic")
    patient.announce("mic")
    assert patient.last("request_response").reason == WHY.QUEUED


def test_too_many_announcements_without_an_offer_are_refused() -> None:
    patient = Hall(a_house(limits=Limits(pending_tracks=2))).join("patient")
    for number in range(3):
        patient.announce(f"mic{number}")
    assert patient.last("request_response").reason == WHY.LIMIT_EXCEEDED


def test_a_section_of_an_unpermitted_track_gets_no_stream() -> None:
    hall = Hall()
    patient = hall.join("patient", can_publish=False)
    patient.announce("mic")
    patient.offer("mic")
    assert patient.all("answer")
    assert hall.table.kinds() == {"transport": 2}


def test_encrypted_frames_are_marked_so_that_nobody_reads_them() -> None:
    hall = Hall()
    doctor, patient = hall.active("doctor"), hall.active("patient")
    patient.announce("mic", encryption=models.Encryption.GCM)
    patient.offer("mic")
    assert [r.stream.e2ee for r in hall.table.rows.values() if r.HasField("stream")] == [True]
    assert doctor.knows()["patient"].tracks[0].encryption == models.Encryption.GCM
