"""Calls of unmodified clients: PyPI `livekit` and aiortc, judged by decoded content."""

import asyncio

import pytest

from tests.integration.aiortc_guest import Guest, guest
from tests.integration.gateway_process import GatewayProcess
from tests.integration.sdk import SdkParticipant, sdk_participant
from tests.integration.senses import Senses
from tests.integration.tokens import token

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

HEARD_MS = 500
SEEN = 10
# Issue point 3: a late joiner's picture, after the path is up; on loopback a round trip is nothing.
LATE_PICTURE_S = 0.5


async def until_heard_and_seen(who: Senses, tone: str, hz: int, picture: str) -> None:
    """Returns when enough of both tracks has arrived, and arrived right."""
    await who.hear(tone, hz, HEARD_MS)
    await until_seen(who, picture)


async def until_seen(who: Senses, picture: str) -> None:
    """Returns when enough pictures have arrived, and arrived right."""
    eye = await who.see(picture, SEEN)
    assert eye.is_in_order
    assert eye.strange == 0


@pytest.mark.parametrize(
    ("one", "other"), [(True, True), (True, False), (False, False)], ids=["1-1", "1-0", "0-0"]
)
async def test_sdk_rooms_of_both_versions_hear_and_see_each_other(
    house: GatewayProcess,
    room: str,
    caplog: pytest.LogCaptureFixture,
    one: bool,
    other: bool,
) -> None:
    async with (
        sdk_participant(house.ws, token("doctor", room), single=one) as doctor,
        sdk_participant(house.ws, token("patient", room), single=other) as patient,
    ):
        assert "falling back to v0" not in caplog.text
        tone_d, picture_d = await doctor.publish_tone(440), await doctor.publish_picture()
        tone_p, picture_p = await patient.publish_tone(1000), await patient.publish_picture()
        await until_heard_and_seen(patient, tone_d, 440, picture_d)
        await until_heard_and_seen(doctor, tone_p, 1000, picture_p)


async def test_an_sdk_room_and_an_aiortc_client_hear_and_see_each_other(
    house: GatewayProcess, room: str
) -> None:
    async with (
        sdk_participant(house.ws, token("doctor", room)) as doctor,
        guest(house.http, token("patient", room)) as patient,
    ):
        tone_d, picture_d = await doctor.publish_tone(440), await doctor.publish_picture()
        tone_p, picture_p = await patient.publish_tone(1000), await patient.publish_picture()
        await until_heard_and_seen(patient, tone_d, 440, picture_d)
        await until_heard_and_seen(doctor, tone_p, 1000, picture_p)


async def test_each_of_three_hears_and_sees_both_others(house: GatewayProcess, room: str) -> None:
    async with (
        sdk_participant(house.ws, token("doctor", room)) as doctor,
        sdk_participant(house.ws, token("nurse", room)) as nurse,
        guest(house.http, token("patient", room)) as patient,
    ):
        everybody: list[SdkParticipant | Guest] = [doctor, nurse, patient]
        published = [
            (who, hz, await who.publish_tone(hz), await who.publish_picture())
            for who, hz in zip(everybody, (440, 1000, 1800), strict=True)
        ]
        for who in everybody:
            for other, hz, tone, picture in published:
                if other is not who:
                    await until_heard_and_seen(who, tone, hz, picture)


async def test_a_client_with_default_publish_options_is_seen(
    house: GatewayProcess, room: str
) -> None:
    """By default the SDK offers simulcast; its answer takes one encoding, which it then sends."""
    async with (
        sdk_participant(house.ws, token("doctor", room)) as doctor,
        sdk_participant(house.ws, token("patient", room)) as patient,
        guest(house.http, token("nurse", room)) as nurse,
    ):
        picture = await doctor.publish_picture(simulcast=None)
        viewers: list[Senses] = [patient, nurse]
        for who in viewers:
            await until_seen(who, picture)


async def test_who_joins_late_sees_within_half_a_second_of_the_path(
    house: GatewayProcess, room: str
) -> None:
    async with (
        sdk_participant(house.ws, token("doctor", room)) as doctor,
        sdk_participant(house.ws, token("nurse", room)) as nurse,
    ):
        picture = await doctor.publish_picture()
        await nurse.see(picture, 2 * SEEN)
        async with guest(house.http, token("patient", room)) as late:
            await late.see(picture, 1)
            assert late.eye(picture).pictures[0].at_s - late.path_up_s < LATE_PICTURE_S
        async with sdk_participant(house.ws, token("family", room)) as later:
            await later.see(picture, 1)
            assert later.eye(picture).pictures[0].at_s - later.connected_s < LATE_PICTURE_S


async def test_a_picture_that_begins_late_is_seen_from_its_first_frames_on(
    house: GatewayProcess, room: str
) -> None:
    """Legs that exist before the first packet ask for no key frame in vain."""
    async with (
        guest(house.http, token("patient", room)) as patient,
        sdk_participant(house.ws, token("doctor", room)) as doctor,
    ):
        await patient.participant.connected(patient.participant.subscriber)
        began_s = asyncio.get_running_loop().time()
        picture = await doctor.publish_picture()
        await patient.see(picture, 1)
        assert patient.eye(picture).pictures[0].at_s - began_s < 1.0
