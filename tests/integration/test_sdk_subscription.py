"""Who receives what, as PyPI `livekit` asks for it and as tokens allow it."""

import itertools

import pytest
from livekit.protocol import models, rtc

from tests.integration.aiortc_guest import guest
from tests.integration.gateway_process import GatewayProcess
from tests.integration.sdk import sdk_participant
from tests.integration.signalling_client import signal
from tests.integration.tokens import token

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]


async def test_without_auto_subscribe_a_track_comes_when_it_is_asked_for_and_goes_again(
    house: GatewayProcess, room: str
) -> None:
    async with (
        sdk_participant(house.ws, token("doctor", room)) as doctor,
        sdk_participant(house.ws, token("patient", room), auto_subscribe=False) as patient,
    ):
        picture, tone = await doctor.publish_picture(), await doctor.publish_tone(440)
        await patient.until_told("track_published", 2)
        publications = patient.room.remote_participants["doctor"].track_publications
        assert patient.told["track_subscribed"] == []

        publications[picture].set_subscribed(True)
        await patient.see(picture)
        assert patient.ear(tone).blocks == []

        publications[picture].set_subscribed(False)
        _, publication, _ = await patient.until_told("track_unsubscribed")
        assert publication.sid == picture

        seen = patient.eye(picture).seen
        publications[picture].set_subscribed(True)
        publications[tone].set_subscribed(True)
        await patient.changes.until(lambda: patient.eye(picture).seen > seen + 5, "it again")
        await patient.hear(tone, 440)


async def test_an_unsubscribed_track_is_not_sent(house: GatewayProcess, room: str) -> None:
    async with (
        guest(house.http, token("doctor", room)) as doctor,
        sdk_participant(house.ws, token("patient", room)) as patient,
    ):
        sid = await doctor.publish_tone(440)
        await patient.hear(sid, 440)
        publications = patient.room.remote_participants["doctor"].track_publications
        publications[sid].set_subscribed(False)
        await patient.until_told("track_unsubscribed")
        received = await house.metric("gateway_datapath_rtp_received_total")
        sent = await house.metric("gateway_datapath_rtp_sent_total")
        await house.until_metric("gateway_datapath_rtp_received_total", received + 20)
        assert await house.metric("gateway_datapath_rtp_sent_total") == sent


async def test_who_may_not_publish_is_told_so_at_once_and_still_receives(
    house: GatewayProcess, room: str
) -> None:
    async with (
        sdk_participant(house.ws, token("doctor", room)) as doctor,
        sdk_participant(house.ws, token("family", room, can_publish=False)) as family,
        signal(house.http, token("visitor", room, can_publish=False)) as visitor,
    ):
        tone = await doctor.publish_tone(440)
        await family.hear(tone, 440)
        assert not family.room.local_participant.permissions.can_publish
        await visitor.ask(add_track=rtc.AddTrackRequest(cid="mic", type=models.AUDIO))
        refused = await visitor.until("request_response")
        assert refused.reason == rtc.RequestResponse.NOT_ALLOWED
        assert refused.add_track.cid == "mic"
        assert doctor.told["track_published"] == []


async def test_a_source_that_the_token_does_not_name_is_refused_and_others_are_not(
    house: GatewayProcess, room: str
) -> None:
    allowed = token("doctor", room, can_publish_sources=["microphone"])
    async with (
        signal(house.http, allowed) as doctor,
        signal(house.http, token("patient", room, can_publish_sources=[])) as nobody,
    ):
        camera = rtc.AddTrackRequest(cid="cam", type=models.VIDEO, source=models.CAMERA)
        sound = rtc.AddTrackRequest(cid="mic", type=models.AUDIO, source=models.MICROPHONE)
        await doctor.ask(add_track=camera)
        refused = await doctor.until("request_response")
        assert (refused.reason, refused.add_track.cid) == (rtc.RequestResponse.NOT_ALLOWED, "cam")
        await doctor.ask(add_track=sound)
        assert (await doctor.until("track_published")).cid == "mic"
        await nobody.ask(add_track=camera)  # an empty list is no list (LiveKit server tokens)
        assert (await nobody.until("track_published")).cid == "cam"


async def test_who_may_not_subscribe_is_heard_and_hears_nothing(
    house: GatewayProcess, room: str
) -> None:
    async with (
        sdk_participant(house.ws, token("sender", room, can_subscribe=False)) as sender,
        sdk_participant(house.ws, token("patient", room)) as patient,
    ):
        tone = await sender.publish_tone(440)
        other = await patient.publish_tone(1000)
        await patient.hear(tone, 440)
        await sender.until_told("track_published")
        assert sender.ear(other).blocks == []


async def test_nobody_may_publish_data_yet(house: GatewayProcess, room: str) -> None:
    async with (
        guest(house.http, token("patient", room, can_publish_data=True)) as patient,
        sdk_participant(house.ws, token("doctor", room, can_publish_data=True)) as doctor,
    ):
        info = await patient.until_other("doctor")
        assert not info.permission.can_publish_data
        assert info.permission.can_publish
        assert not doctor.room.local_participant.permissions.can_publish_data


async def test_a_publisher_decides_who_has_its_tracks(house: GatewayProcess, room: str) -> None:
    async with (
        guest(house.http, token("doctor", room)) as doctor,
        sdk_participant(house.ws, token("patient", room)) as patient,
        sdk_participant(house.ws, token("family", room)) as family,
    ):
        allowed = rtc.SubscriptionPermission(
            track_permissions=[rtc.TrackPermission(participant_identity="patient", all_tracks=True)]
        )
        await doctor.ask(subscription_permission=allowed)
        tone = await doctor.publish_tone(440)
        await patient.hear(tone, 440)
        assert family.ear(tone).blocks == []
        await doctor.ask(subscription_permission=rtc.SubscriptionPermission(all_participants=True))
        await family.hear(tone, 440)


async def test_a_disabled_track_is_not_sent_until_it_is_wanted_again(
    house: GatewayProcess, room: str
) -> None:
    """Adaptive clients disable what is off the screen (UpdateTrackSettings)."""
    async with (
        sdk_participant(house.ws, token("doctor", room)) as doctor,
        guest(house.http, token("patient", room)) as patient,
    ):
        sid = await doctor.publish_picture()
        eye = patient.eye(sid)
        await patient.changes.until(lambda: eye.seen > 5, "the picture")
        await patient.ask(track_setting=rtc.UpdateTrackSettings(track_sids=[sid], disabled=True))
        await house.until_metric('gateway_signal_requests_total{kind="track_setting"}', 1)
        received = await house.metric("gateway_datapath_rtp_received_total")
        sent = await house.metric("gateway_datapath_rtp_sent_total")
        await house.until_metric("gateway_datapath_rtp_received_total", received + 20)
        assert await house.metric("gateway_datapath_rtp_sent_total") == sent
        seen = eye.seen
        await patient.ask(track_setting=rtc.UpdateTrackSettings(track_sids=[sid], disabled=False))
        await patient.changes.until(lambda: eye.seen > seen + 5, "the picture again")
        numbers = [picture.number for picture in eye.pictures]
        steps = [after - before for before, after in itertools.pairwise(numbers)]
        assert max(steps) > 5


async def test_roles_of_sources_are_told_as_the_token_has_them(
    house: GatewayProcess, room: str
) -> None:
    sources = ["microphone", "screen_share"]
    async with (
        guest(house.http, token("patient", room)) as patient,
        guest(house.http, token("doctor", room, can_publish_sources=sources)),
    ):
        told = (await patient.until_other("doctor")).permission.can_publish_sources
        assert [*told] == [models.TrackSource.MICROPHONE, models.TrackSource.SCREEN_SHARE]
