"""kill -9 of either process, judged from what browser pages see and hear.

The pages follow the client library: it resumes, is told to reconnect, joins anew.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.browser.conftest import Open, Token
from tests.browser.visitor import Gaps, Visitor
from tests.deaths.units import TwoUnits, two_units

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="package"),
    pytest.mark.timeout(90),
]

AWAY_S = 20
# By its own policy a client that tried for 20 s tries again after 3 to 11 s, each page at a time of
# its own, and until then misses whoever was earlier. Here both come at once: the gateway is judged.
RETRY_MS = 300
UNNOTICED_MS = 200
# Without any packet. What is seen and heard comes back later: after it was told to join anew, the
# client hands tracks out only after a pause of 2 s of its own.
REJOIN_GAP_MS = 2_000
CLIENT_PAUSE_MS = 2_000
# From the kill to sound at both ends.
DATAPATH_GAP_MS = 4_000


@pytest_asyncio.fixture(loop_scope="package")
async def units(tmp_path: Path) -> AsyncIterator[TwoUnits]:
    """Datapath and control plane as two units, ready for joins."""
    async with two_units(tmp_path) as started:
        yield started


@pytest_asyncio.fixture(loop_scope="package")
async def pages(units: TwoUnits, visitor: Open, token: Token) -> tuple[Visitor, Visitor]:
    """Doctor and patient in a call; from here on every gap counts."""
    doctor, patient = await visitor("doctor"), await visitor("patient")
    for page in (doctor, patient):
        answer = await page.join(units.http, token(page.identity), RETRY_MS)
        assert answer.refusal == "", answer
        await page.publish(simulcast=False)
    for one, other in ways(doctor, patient):
        await one.sees(other.identity)
        await one.hears(other.identity)
        await one.count_gaps(other.identity)
    return doctor, patient


def ways(a: Visitor, b: Visitor) -> tuple[tuple[Visitor, Visitor], tuple[Visitor, Visitor]]:
    """Both directions."""
    return (a, b), (b, a)


async def both_receive(a: Visitor, b: Visitor, pictures: int = 20) -> None:
    """Both see and hear the other now."""
    await asyncio.gather(*(one.sees(other.identity, pictures) for one, other in ways(a, b)))
    await asyncio.gather(*(one.hears(other.identity) for one, other in ways(a, b)))


async def gaps(a: Visitor, b: Visitor) -> list[Gaps]:
    """What either missed."""
    return [await one.gaps(other.identity) for one, other in ways(a, b)]


async def test_a_control_plane_away_for_20_s_is_neither_seen_nor_heard(
    units: TwoUnits, pages: tuple[Visitor, Visitor]
) -> None:
    killed_s = time.monotonic()
    await units.kill_control()
    while time.monotonic() < killed_s + AWAY_S:
        await both_receive(*pages)
    for missed in await gaps(*pages):
        assert missed.silence_ms <= UNNOTICED_MS, missed
        assert missed.pictures_ms <= UNNOTICED_MS, missed
    await units.start_control()
    for page in pages:
        await page.happened("reconnected")
    await both_receive(*pages)
    for missed in await gaps(*pages):
        assert missed.reception_ms <= REJOIN_GAP_MS, missed
        assert missed.silence_ms <= REJOIN_GAP_MS + CLIENT_PAUSE_MS, missed


async def test_sound_is_back_4_s_after_the_datapath_died(
    units: TwoUnits, pages: tuple[Visitor, Visitor]
) -> None:
    await units.kill_datapath()
    await units.start_datapath()
    for page in pages:
        await page.happened("reconnected")
    await both_receive(*pages)
    for missed in await gaps(*pages):
        assert missed.silence_ms <= DATAPATH_GAP_MS, missed
