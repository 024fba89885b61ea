"""Questions for key frames: one for all subscribers, at once, and not too often (gate C)."""

import asyncio
import itertools
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiortc.rtp import RTCP_PSFB_PLI, AnyRtcpPacket, RtcpPsfbPacket

from tests.integration.aiortc_guest import Guest, guest
from tests.integration.gateway_process import GatewayProcess
from tests.integration.tokens import token

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

# Issue point 4. What is added is what this process, which encodes and decodes, may need itself.
AT_ONCE_S = 0.02
INTERVAL_S = 0.5
OURS_S = 0.02


class Call:
    """A publisher that notes when it was asked for a key frame, and two who may ask."""

    def __init__(self, publisher: Guest, viewers: list[Guest], picture: str) -> None:
        self.viewers = viewers
        self.picture = picture
        self.asked_s: list[float] = []
        sender = publisher.sender_of(picture)
        handle = sender._handle_rtcp_packet

        async def note(packet: AnyRtcpPacket) -> None:
            if isinstance(packet, RtcpPsfbPacket) and packet.fmt == RTCP_PSFB_PLI:
                self.asked_s.append(_now_s())
                publisher.changes.tell()
            await handle(packet)

        sender._handle_rtcp_packet = note  # type: ignore[method-assign]
        self._changes = publisher.changes

    async def until_asked(self) -> float:
        """When the first question reached the publisher."""
        await self._changes.until(lambda: bool(self.asked_s), "the question")
        return self.asked_s[0]

    async def quiet(self) -> None:
        """Returns when no question can have left in the last interval."""
        await self.viewers[0].see(self.picture, 14)  # 0.7 s
        if self.asked_s and _now_s() - self.asked_s[-1] < INTERVAL_S:
            await self.quiet()


@pytest_asyncio.fixture(loop_scope="module")
async def call(house: GatewayProcess, room: str) -> AsyncIterator[Call]:
    async with (
        guest(house.http, token("doctor", room)) as doctor,
        guest(house.http, token("patient", room)) as patient,
        guest(house.http, token("nurse", room)) as nurse,
    ):
        picture = await doctor.publish_picture()
        made = Call(doctor, [patient, nurse], picture)
        for one in made.viewers:
            await one.see(picture)
        yield made


async def test_a_question_reaches_the_publisher_at_once(call: Call) -> None:
    took_s = []
    for _ in range(3):
        await call.quiet()
        call.asked_s.clear()
        began_s = _now_s()
        await call.viewers[0].ask_key_frame(call.picture)
        took_s.append(await call.until_asked() - began_s)
    assert sorted(took_s)[1] < AT_ONCE_S + OURS_S, took_s


async def test_two_who_ask_all_the_time_are_one_question_in_half_a_second(call: Call) -> None:
    await call.quiet()
    call.asked_s.clear()
    began_s = _now_s()
    while _now_s() < began_s + 2.2:
        for one in call.viewers:
            await one.ask_key_frame(call.picture)
        await call.viewers[0].see(call.picture, 1)
    gaps = [after - before for before, after in itertools.pairwise(call.asked_s)]
    assert 4 <= len(call.asked_s) <= 5
    assert min(gaps) > INTERVAL_S - OURS_S


async def test_a_subscriber_who_comes_later_asks_once_for_all(
    house: GatewayProcess, call: Call, room: str
) -> None:
    await call.quiet()
    call.asked_s.clear()
    async with guest(house.http, token("family", room)) as late:
        await late.see(call.picture)
    assert len(call.asked_s) == 1


def _now_s() -> float:
    return asyncio.get_running_loop().time()
