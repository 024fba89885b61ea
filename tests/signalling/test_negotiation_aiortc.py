"""aiortc, an independent WebRTC stack, takes our answers and offers, and we take its own.

Descriptions only: each connection is closed before anything could come up.
"""

from collections.abc import AsyncIterator

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, VideoStreamTrack

from gateway.sfu.agreement import Extensions, Feedback, Kind, SectionUse
from gateway.signalling.negotiation import PendingTrack, WantedLeg
from tests.signalling.parts import Subscriber, a_publisher, answer

VOICE = WantedLeg("TR_voice", Kind.AUDIO, "PA_doctor|camera")
PICTURE = WantedLeg("TR_picture", Kind.VIDEO, "PA_doctor|camera")
NEW_PICTURE = WantedLeg("TR_new", Kind.VIDEO, "PA_nurse|camera")


@pytest.fixture
async def client() -> AsyncIterator[RTCPeerConnection]:
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    yield connection
    await connection.close()


async def test_aiortc_takes_our_answer_to_its_publisher_offer(client: RTCPeerConnection) -> None:
    voice, picture = AudioStreamTrack(), VideoStreamTrack()
    client.addTrack(voice)
    client.addTrack(picture)
    client.createDataChannel("_reliable")
    await client.setLocalDescription(await client.createOffer())
    pending = [
        PendingTrack(voice.id, "TR_voice", Kind.AUDIO),
        PendingTrack(picture.id, "TR_picture", Kind.VIDEO),
    ]
    answered = answer(client.localDescription.sdp, *pending)
    await client.setRemoteDescription(RTCSessionDescription(answered.sdp, "answer"))

    assert client.signalingState == "stable"
    assert [t.currentDirection for t in client.getTransceivers()] == ["sendonly", "sendonly"]
    assert {section.track_sid for section in answered.tracks.values()} == {
        "TR_voice",
        "TR_picture",
    }
    for section in answered.agreement.streams:
        (encoding,) = section.encodings
        assert encoding.ssrc
        assert bool(encoding.rtx_ssrc) == (section.kind is Kind.VIDEO)
    assert answered.agreement.feedback is Feedback.NONE
    assert len(answered.agreement.remote_fingerprints) == 3


async def test_aiortc_unpublishes_and_publishes_again_on_the_same_connection(
    client: RTCPeerConnection,
) -> None:
    voice = AudioStreamTrack()
    sender = client.addTrack(voice)
    agreement = a_publisher()
    for direction, use in [
        ("sendonly", SectionUse.STREAM),
        ("inactive", SectionUse.IDLE),
        ("sendonly", SectionUse.STREAM),
    ]:
        (transceiver,) = (t for t in client.getTransceivers() if t.sender is sender)
        transceiver.direction = direction
        await client.setLocalDescription(await client.createOffer())
        answered = answer(client.localDescription.sdp, agreement=agreement)
        await client.setRemoteDescription(RTCSessionDescription(answered.sdp, "answer"))
        agreement = answered.agreement
        assert agreement.sections[0].use is use


async def test_aiortc_takes_an_answer_that_rejects_a_section(client: RTCPeerConnection) -> None:
    client.addTrack(AudioStreamTrack())
    client.addTrack(VideoStreamTrack())
    offer = await client.createOffer()
    await client.setLocalDescription(offer)
    without_vp8 = client.localDescription.sdp.replace("VP8/90000", "VP9/90000")
    answered = answer(without_vp8)
    await client.setRemoteDescription(RTCSessionDescription(answered.sdp, "answer"))
    assert [section.mid for section in answered.agreement.sections] == ["0", "1"]
    assert answered.agreement.sections[1].use is SectionUse.REJECTED


async def test_aiortc_answers_our_offers_as_legs_come_and_go(client: RTCPeerConnection) -> None:
    subscriber = Subscriber()
    for wanted in ([], [VOICE, PICTURE], [VOICE], [VOICE, NEW_PICTURE]):
        offer = subscriber.offer(*wanted)
        await client.setRemoteDescription(RTCSessionDescription(offer.sdp, "offer"))
        await client.setLocalDescription(await client.createAnswer())
        accepted = subscriber.accept(offer, client.localDescription.sdp)
        assert accepted.declined == ()
        assert [leg.track_sid for leg in accepted.agreement.legs] == [
            leg.track_sid for leg in wanted
        ]
    assert subscriber.agreement.feedback is Feedback.REMB
    assert subscriber.agreement.extensions == Extensions(mid=4, abs_send_time=2, audio_level=1)
    picture = subscriber.agreement.section_of_track("TR_new")
    assert picture is not None
    assert picture.codecs[0].rtx_payload_type == 97
    # A track of aiortc is known by the second token of the msid.
    assert [receiver.track.id for receiver in client.getReceivers()] == [
        "TR_voice",
        "TR_picture",
        "TR_new",
    ]
