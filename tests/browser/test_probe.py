"""A page and the probe's participant in one room: two WebRTC implementations, one content."""

import asyncio

import pytest
from aiortc import MediaStreamTrack

from gateway.probe.participant import Participant
from gateway.probe.tracks import Ear, Eye, PictureTrack, ToneTrack
from tests.browser.conftest import Open, Token
from tests.browser.visitor import TONES_HZ
from tests.integration.gateway_process import GatewayProcess

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="package"),
    pytest.mark.timeout(60),
]


async def test_a_page_and_the_probe_see_and_hear_each_other(
    running: GatewayProcess, joined: Open, token: Token
) -> None:
    doctor = await joined("doctor")
    await doctor.publish(simulcast=False)
    seen, heard = asyncio.Event(), asyncio.Event()
    eye, ear = Eye(seen.set), Ear(TONES_HZ["doctor"], heard.set)
    senses: list[asyncio.Task[None]] = []

    def attend(track: MediaStreamTrack) -> None:
        sense = ear.listen(track) if track.kind == "audio" else eye.watch(track)
        senses.append(asyncio.ensure_future(sense))

    async with Participant(running.http, token("patient"), attend) as probe:
        await probe.publish(ToneTrack(TONES_HZ["patient"]), "tone")
        await probe.publish(PictureTrack(), "picture")
        await doctor.sees("patient")
        await doctor.hears("patient")
        async with asyncio.timeout(10):
            await seen.wait()
            await heard.wait()
    await asyncio.gather(*senses)
    assert eye.seen > 0
