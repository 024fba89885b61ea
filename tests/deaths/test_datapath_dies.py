"""kill -9 of the datapath: clients are called back when, and not before, the next one can carry."""

import asyncio
import os
import signal

import pytest
from livekit.protocol import models, rtc

from gateway.probe.participant import Participant, Refused
from gateway.probe.tracks import ToneTrack
from tests.deaths.figures import Figures
from tests.deaths.people import Person, both_receive, consultation
from tests.deaths.timeline import now_s
from tests.deaths.units import TwoUnits
from tests.integration.gateway_process import GatewayProcess
from tests.integration.tokens import token

pytestmark = pytest.mark.timeout(60)


async def test_supervised_both_hear_each_other_again_within_4_s(
    served: GatewayProcess, room: str, figures: Figures
) -> None:
    async with consultation(served.http, room) as people:
        killed_s = now_s()
        os.kill(await served.pid_of("datapath"), signal.SIGKILL)

        async def come_back(person: Person) -> float:
            assert_called_back(await person.until_socket_lost())
            called_s = now_s()
            await person.rejoin(closes_first=True)
            return called_s

        called_s = max(await asyncio.gather(*(come_back(person) for person in people)))
        figures.hold("datapath killed: Leave at the clients after", called_s - killed_s, 3.0)
        received_s = await both_receive(people, after_s=called_s)
        figures.hold(
            "datapath killed: both hear and see again after, aiortc", received_s - killed_s, 4.0
        )


async def test_supervised_both_processes_die_and_clients_find_back_by_a_refused_resume(
    served: GatewayProcess, room: str, figures: Figures
) -> None:
    async with consultation(served.http, room) as people:
        killed_s = now_s()
        for program in ("control", "datapath"):
            os.kill(await served.pid_of(program), signal.SIGKILL)
        for person in people:
            assert await person.until_socket_lost() is None
        await asyncio.gather(*(served.pid_of(one, start=2) for one in ("control", "datapath")))
        await served.until_ready()
        for person in people:
            assert_called_back((await person.session.resume()).leave)
        await asyncio.gather(*(person.rejoin(closes_first=True) for person in people))
        received_s = await both_receive(people, after_s=now_s())
        figures.note("both killed: both hear and see again after, aiortc", received_s - killed_s)


async def test_while_it_is_away_a_join_waits_5_s_and_is_told_to_try_again(
    units: TwoUnits, room: str, figures: Figures
) -> None:
    await units.kill_datapath()
    began_s = now_s()
    with pytest.raises(Refused) as refused:
        async with Participant(units.http, token("doctor", room), lambda _track: None):
            pass
    assert refused.value.status == 503
    figures.hold("datapath away: a join is refused with 503 after", now_s() - began_s, 5.5)


async def test_a_join_that_waits_goes_through_when_the_next_one_comes(
    units: TwoUnits, room: str
) -> None:
    await units.kill_datapath()
    joining = Participant(units.http, token("doctor", room), lambda _track: None)
    waiting = asyncio.create_task(joining.__aenter__())
    await asyncio.wait([waiting], timeout=0.5)
    assert not waiting.done()
    await units.start_datapath()
    await waiting
    await joining.connected(joining.subscriber)
    await joining.__aexit__()


async def test_clients_are_called_back_when_the_next_one_takes_rows_and_not_before(
    units: TwoUnits, room: str
) -> None:
    async with consultation(units.http, room) as (doctor, patient):
        await units.kill_datapath()
        await units.control.event("datapath_lost")
        offering = asyncio.create_task(doctor.session.publish(ToneTrack(300), "another tone"))
        await asyncio.wait([offering], timeout=1.0)
        assert not offering.done(), "an offer waits for the datapath"
        assert not doctor.session.signalling_ended
        await units.start_datapath()
        for person in (doctor, patient):
            assert_called_back(await person.until_socket_lost())
        assert [row for row in (await units.look()).rows if row.room] == []
        offering.cancel()
        await asyncio.gather(*(one.rejoin(closes_first=True) for one in (doctor, patient)))
        await both_receive((doctor, patient), after_s=now_s())


def assert_called_back(leave: rtc.LeaveRequest | None) -> None:
    assert leave is not None
    assert leave.reason == models.STATE_MISMATCH
    assert leave.action == rtc.LeaveRequest.RECONNECT
