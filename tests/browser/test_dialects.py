"""Both versions of the client protocol in one room, and ICE restarts, in the browser."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.browser.conftest import Open, Token
from tests.browser.test_call import assert_moving, see_and_hear
from tests.browser.visitor import Visitor
from tests.integration.gateway_process import GatewayProcess

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="package"),
    pytest.mark.timeout(60),
]

# The page's own PeerConnections: one, or publisher and subscriber.
CONNECTIONS = "[engine.pcManager.publisher, engine.pcManager.subscriber].filter(Boolean)"


@pytest_asyncio.fixture(loop_scope="package")
async def twin(running: GatewayProcess, visitor: Open, token: Token) -> AsyncIterator[Any]:
    """Opens pages and joins with one connection or with two."""

    async def join(identity: str, *, single: bool) -> Visitor:
        page = await visitor(identity)
        answer = await page.join(running.http, token(identity), singlePeerConnection=single)
        assert answer.refusal == "", answer
        return page

    yield join


async def engine(visitor: Visitor, script: str) -> Any:
    """Runs a script with the client's `engine`, which is not part of what applications see."""
    return await visitor.page.evaluate(
        f"async () => {{ const engine = visitor.room.engine; {script} }}"
    )


async def ufrags(visitor: Visitor, which: str) -> str:
    """The client's ufrag on the pair that media takes."""
    found = await engine(
        visitor,
        f"""
        const stats = await engine.pcManager.{which}.getStats?.()
            ?? await engine.pcManager.{which}.pc.getStats();
        const byId = new Map([...stats.values()].map((one) => [one.id, one]));
        const transport = [...byId.values()].find((one) => one.type === "transport");
        const pair = byId.get(transport.selectedCandidatePairId);
        return byId.get(pair.localCandidateId).usernameFragment;
        """,
    )
    return str(found)


async def until_moved(visitor: Visitor, which: str, before: str) -> None:
    """Returns when media takes a pair of other credentials."""
    while await ufrags(visitor, which) == before:  # the test has a time-out
        await asyncio.sleep(0.05)


@pytest.mark.parametrize(("one", "other"), [(True, False), (False, False)], ids=["1-0", "0-0"])
async def test_pages_of_both_versions_see_and_hear_each_other(
    twin: Any, one: bool, other: bool
) -> None:
    doctor, patient = await twin("doctor", single=one), await twin("patient", single=other)
    assert await engine(doctor, f"return {CONNECTIONS}.length") == (1 if one else 2)
    await asyncio.gather(doctor.publish(simulcast=False), patient.publish(simulcast=False))
    await see_and_hear(doctor, patient)


@pytest.mark.parametrize("single", [True, False], ids=["1", "0"])
async def test_a_publisher_restarts_ice_and_stays_seen_and_heard(
    twin: Any, running: GatewayProcess, single: bool
) -> None:
    doctor, patient = await twin("doctor", single=single), await twin("patient", single=single)
    await asyncio.gather(doctor.publish(simulcast=False), patient.publish(simulcast=False))
    await see_and_hear(doctor, patient)
    before, begun = await ufrags(doctor, "publisher"), len(running.events("ice_restart_begun"))
    await engine(doctor, "await engine.pcManager.publisher.createAndSendOffer({iceRestart: true})")
    await until_moved(doctor, "publisher", before)
    await see_and_hear(doctor, patient)
    await running.event("ice_restart_begun", count=begun + 1)
    assert await engine(doctor, "return engine.pcState") == 1  # connected all the time


async def test_a_subscriber_is_restarted_by_the_server_and_goes_on_seeing(
    twin: Any, running: GatewayProcess
) -> None:
    doctor, patient = await twin("doctor", single=False), await twin("patient", single=False)
    await doctor.publish(simulcast=False)
    await patient.sees("doctor")
    before = await ufrags(patient, "subscriber")
    done = len(running.events("ice_restarted", says="subscriber"))
    await engine(
        patient,
        """
        // The client's own test scenario asks for a restart and then, by itself, comes anew.
        const { client } = engine, onLeave = client.onLeave;
        client.onLeave = undefined;
        await visitor.room.simulateScenario("force-tcp");
        client.onLeave = onLeave;
        """,
    )
    await until_moved(patient, "subscriber", before)
    assert_moving(await patient.sees("doctor"))
    await patient.hears("doctor")
    await running.event("ice_restarted", count=done + 1, says="subscriber")
