"""PyPI `livekit`, unmodified, through both deaths. It reconnects by itself, in its own way."""

import asyncio
import itertools
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.probe.participant import Participant
from tests.deaths.figures import Figures
from tests.deaths.people import TONES_HZ
from tests.deaths.timeline import now_s
from tests.deaths.units import TwoUnits
from tests.integration.gateway_process import GatewayProcess
from tests.integration.sdk import SdkParticipant, sdk_participant
from tests.integration.tokens import token

pytestmark = pytest.mark.timeout(60)

AWAY_S = 5.0


class Caller:
    """One of two who are heard by their tone, over any number of sessions."""

    def __init__(self, sdk: SdkParticipant, other_hz: int) -> None:
        self.sdk = sdk
        self._other_hz = other_hz

    def heard_s(self) -> list[float]:
        """The moments at which the other's tone was heard, on whichever track, in order."""
        blocks = (block for ear in self.sdk.ears.values() for block in ear.blocks)
        return sorted(block.at_s for block in blocks if abs(block.hz - self._other_hz) <= 10)

    def gap_s(self, since_s: float) -> float:
        """The longest time without the other's tone since then, until it was heard last."""
        edges = [since_s, *(at for at in self.heard_s() if at > since_s)]
        return max(after - at for at, after in itertools.pairwise(edges))

    async def until_heard_anew(self, before: set[str], timeout_s: float) -> float:
        """The first moment at which the other is heard on a track that was not there before."""

        def moments() -> list[float]:
            ears = (ear for sid, ear in self.sdk.ears.items() if sid not in before)
            blocks = (block for ear in ears for block in ear.blocks)
            return [block.at_s for block in blocks if abs(block.hz - self._other_hz) <= 10]

        what = f"a tone of {self._other_hz} Hz on a new track"
        return min(await self.sdk.changes.until(moments, what, timeout_s))


@asynccontextmanager
async def conversation(url: str, room: str) -> AsyncIterator[tuple[Caller, Caller]]:
    """Two SDKs that hear each other."""
    async with (
        sdk_participant(url, token("doctor", room)) as doctor,
        sdk_participant(url, token("patient", room)) as patient,
    ):
        await doctor.publish_tone(TONES_HZ[0])
        await patient.publish_tone(TONES_HZ[1])
        callers = Caller(doctor, TONES_HZ[1]), Caller(patient, TONES_HZ[0])
        await asyncio.gather(*(caller.until_heard_anew(set(), 10) for caller in callers))
        yield callers


async def all_heard_anew(
    callers: tuple[Caller, Caller], before: list[set[str]], timeout_s: float
) -> float:
    """The moment at which both hear the other on new tracks."""
    both = zip(callers, before, strict=True)
    return max(await asyncio.gather(*(one.until_heard_anew(sids, timeout_s) for one, sids in both)))


async def test_supervised_both_hear_each_other_again_within_4_s_of_the_datapaths_death(
    served: GatewayProcess, room: str, figures: Figures
) -> None:
    async with conversation(served.ws, room) as callers:
        before = [set(caller.sdk.ears) for caller in callers]
        killed_s = now_s()
        os.kill(await served.pid_of("datapath"), signal.SIGKILL)
        heard_s = await all_heard_anew(callers, before, 15)
        figures.hold("datapath killed: both hear again after, livekit", heard_s - killed_s, 4.0)


async def test_supervised_a_new_join_works_3_s_after_the_control_planes_death(
    served: GatewayProcess, room: str, figures: Figures
) -> None:
    async with conversation(served.ws, room) as callers:
        before = [set(caller.sdk.ears) for caller in callers]
        killed_s = now_s()
        os.kill(await served.pid_of("control"), signal.SIGKILL)
        await served.pid_of("control", start=2)
        await served.until_ready()
        newcomer = Participant(served.http, token("nurse", room), lambda _track: None)
        async with newcomer:
            figures.hold("control plane killed: a join works after", now_s() - killed_s, 3.0)
            await newcomer.connected(newcomer.subscriber)
            await all_heard_anew(callers, before, 20)
        gap_s = max(caller.gap_s(killed_s) for caller in callers)
        figures.note("control plane killed under gateway serve: longest gap, livekit", gap_s)


async def test_a_death_of_the_control_plane_alone_is_measured(
    units: TwoUnits, room: str, figures: Figures
) -> None:
    """The SDK closes its transports after its first failed resume, so it is not promised more."""
    async with conversation(units.http.replace("http", "ws"), room) as callers:
        before = [set(caller.sdk.ears) for caller in callers]
        killed_s = now_s()
        await units.kill_control()
        await wait_until(killed_s + AWAY_S)
        await units.start_control()
        await all_heard_anew(callers, before, 20)
        gap_s = max(caller.gap_s(killed_s) for caller in callers)
        figures.note(f"control plane away for {AWAY_S:.0f} s: longest gap, livekit", gap_s)


async def wait_until(at_s: float) -> None:
    """Lets the time pass that something is to be away."""
    passed = asyncio.Event()
    asyncio.get_running_loop().call_at(at_s, passed.set)
    await passed.wait()
