"""What the others in a room learn: who is there, what is published, muted, ended."""

import asyncio

import pytest
from livekit import rtc
from livekit.protocol import models
from livekit.protocol import rtc as signal

from tests.integration.aiortc_guest import guest
from tests.integration.gateway_process import GatewayProcess
from tests.integration.sdk import sdk_participant
from tests.integration.tokens import token

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]


async def test_names_metadata_and_attributes_of_tokens_are_in_the_roster(
    house: GatewayProcess, room: str
) -> None:
    name, metadata, attributes = "Dr. Ærø", '{"ward": "3"}', {"role": "doctor"}
    texts = token("doctor", room, name=name, metadata=metadata, attributes=attributes)
    async with (
        sdk_participant(house.ws, token("patient", room, name="Ms. P")) as patient,
        sdk_participant(house.ws, texts) as doctor,
    ):
        (seen,) = await patient.until_told("participant_connected")
        assert (seen.identity, seen.name) == ("doctor", name)
        assert (seen.metadata, seen.attributes) == (metadata, attributes)
        already = doctor.room.remote_participants["patient"]
        assert (already.name, already.metadata, already.attributes) == ("Ms. P", "", {})
        assert doctor.room.local_participant.metadata == metadata
        assert doctor.room.name == room
        assert (await doctor.room.sid).startswith("RM_")


async def test_others_are_told_of_a_track_with_its_name_source_and_kind(
    house: GatewayProcess, room: str
) -> None:
    async with (
        sdk_participant(house.ws, token("doctor", room)) as doctor,
        sdk_participant(house.ws, token("patient", room)) as patient,
    ):
        await doctor.publish_picture(source=rtc.TrackSource.SOURCE_SCREENSHARE)
        publication, publisher = await patient.until_told("track_published")
        assert publisher.identity == "doctor"
        assert (publication.name, publication.source, publication.kind) == (
            *("pictures", rtc.TrackSource.SOURCE_SCREENSHARE),
            rtc.TrackKind.KIND_VIDEO,
        )
        assert (publication.mime_type.lower(), publication.width) == ("video/vp8", 640)


async def test_mute_and_unmute_are_seen_by_others_and_heard(
    house: GatewayProcess, room: str
) -> None:
    async with (
        sdk_participant(house.ws, token("doctor", room)) as doctor,
        sdk_participant(house.ws, token("patient", room)) as patient,
    ):
        sid = await doctor.publish_tone(440)
        ear = patient.ear(sid)
        await patient.changes.until(lambda: ear.heard_ms(440) > 300, "the tone")
        track = doctor.room.local_participant.track_publications[sid].track
        assert isinstance(track, rtc.LocalAudioTrack)

        track.mute()
        who, publication = await patient.until_told("track_muted")
        assert (who.identity, publication.sid, publication.muted) == ("doctor", sid, True)
        await patient.changes.until(lambda: ear.blocks[-1].hz == 0, "silence")

        track.unmute()
        _, publication = await patient.until_told("track_unmuted")
        assert not publication.muted
        await patient.changes.until(lambda: ear.blocks[-1].hz == 440, "the tone again")


async def test_who_joins_later_is_told_that_a_track_is_muted(
    house: GatewayProcess, room: str
) -> None:
    async with (
        guest(house.http, token("doctor", room)) as doctor,
        guest(house.http, token("nurse", room)) as nurse,
    ):
        sid = await doctor.publish_tone(440)
        await doctor.participant.mute(sid, muted=True)
        info = nurse.participant.others
        await nurse.participant.until(
            lambda: any(t.muted for one in info.values() for t in one.tracks), "the mute"
        )
        async with sdk_participant(house.ws, token("patient", room)) as patient:
            publications = patient.room.remote_participants["doctor"].track_publications
            assert publications[sid].muted


async def test_an_unpublished_track_ends_for_the_others_and_a_new_one_takes_its_section(
    house: GatewayProcess, room: str
) -> None:
    async with (
        sdk_participant(house.ws, token("doctor", room)) as doctor,
        sdk_participant(house.ws, token("patient", room)) as patient,
    ):
        first = await doctor.publish_picture()
        await patient.see(first)
        await doctor.room.local_participant.unpublish_track(first)
        publication, _ = await patient.until_told("track_unpublished")
        assert publication.sid == first
        second = await doctor.publish_picture()
        await patient.see(second)
        assert patient.eye(second).is_in_order


async def test_an_aiortc_client_unpublishes_and_the_others_see_the_end(
    house: GatewayProcess, room: str
) -> None:
    async with (
        guest(house.http, token("doctor", room)) as doctor,
        sdk_participant(house.ws, token("patient", room)) as patient,
    ):
        sid = await doctor.publish_tone(440)
        await patient.hear(sid, 440)
        await doctor.unpublish(sid)
        publication, _ = await patient.until_told("track_unpublished")
        assert publication.sid == sid


async def test_a_leave_is_seen_by_the_others_with_its_reason(
    house: GatewayProcess, room: str
) -> None:
    async with sdk_participant(house.ws, token("patient", room)) as patient:
        async with sdk_participant(house.ws, token("doctor", room)) as doctor:
            await doctor.publish_tone(440)
            await patient.until_told("track_subscribed")
        (gone,) = await patient.until_told("participant_disconnected")
        assert gone.identity == "doctor"
        assert gone.disconnect_reason == rtc.DisconnectReason.CLIENT_INITIATED
        assert patient.room.remote_participants == {}


async def test_rows_of_those_who_left_are_gone(house: GatewayProcess, room: str) -> None:
    async with asyncio.timeout(20):  # the rooms of other tests end first
        while await house.metric("gateway_datapath_transports"):
            await asyncio.sleep(0.05)
    async with sdk_participant(house.ws, token("doctor", room)) as doctor:
        await doctor.publish_tone(440)
        await house.until_metric("gateway_datapath_history_bytes", 1)
        assert await house.metric("gateway_datapath_streams") == 1
    await house.until_metric('gateway_departures_total{reason="client_initiated"}', 1)
    for level in ("transports", "streams", "legs", "history_bytes"):
        assert await house.metric(f"gateway_datapath_{level}") == 0


async def test_a_second_join_of_an_identity_sends_the_first_away_for_good(
    house: GatewayProcess, room: str
) -> None:
    async with (
        sdk_participant(house.ws, token("nurse", room)) as nurse,
        guest(house.http, token("doctor", room)) as first,
    ):
        before = await first.publish_tone(440)
        await nurse.hear(before, 440)
        async with sdk_participant(house.ws, token("doctor", room)) as second:
            leave = await first.until_sent_away()
            assert leave.reason == models.DisconnectReason.DUPLICATE_IDENTITY
            assert leave.action == signal.LeaveRequest.DISCONNECT
            assert not leave.can_reconnect
            after = await second.publish_tone(1000)
            await nurse.hear(after, 1000)
            assert [*nurse.room.remote_participants] == ["doctor"]


async def test_an_sdk_room_whose_identity_joins_again_is_told_why_it_ends(
    house: GatewayProcess, room: str
) -> None:
    async with (
        sdk_participant(house.ws, token("doctor", room)) as first,
        guest(house.http, token("doctor", room)),
    ):
        (reason,) = await first.until_told("disconnected")
        assert reason == rtc.DisconnectReason.DUPLICATE_IDENTITY
        assert first.told["reconnecting"] == []


async def test_a_publisher_learns_that_somebody_has_its_track(
    house: GatewayProcess, room: str
) -> None:
    """Clients hold back what nobody would hear yet (preconnect buffer)."""
    async with sdk_participant(house.ws, token("doctor", room)) as doctor:
        sid = await doctor.publish_tone(440)
        publication = doctor.room.local_participant.track_publications[sid]
        assert isinstance(publication, rtc.LocalTrackPublication)
        async with (
            guest(house.http, token("patient", room)),
            asyncio.timeout(10),
        ):
            await publication.wait_for_subscription()


async def test_participants_become_active_for_the_others(house: GatewayProcess, room: str) -> None:
    async with (
        guest(house.http, token("patient", room)) as patient,
        sdk_participant(house.ws, token("doctor", room)),
    ):
        others = patient.participant.others
        await patient.participant.until(
            lambda: any(one.state == models.ParticipantInfo.ACTIVE for one in others.values()),
            "the doctor to be active",
        )


async def test_a_room_of_one_has_its_transports_up(house: GatewayProcess, room: str) -> None:
    """ICE and DTLS come up in an empty room: the offer always carries data channels."""
    async with guest(house.http, token("doctor", room)) as alone:
        async with asyncio.timeout(5):
            await alone.participant.connected(alone.participant.subscriber)
