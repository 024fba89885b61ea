"""Signals, as operators and service managers send them, and what participants notice of each."""

import asyncio
import os
import signal

import pytest
from aiohttp import WSCloseCode
from livekit.protocol import models, rtc

from tests.deaths.figures import Figures
from tests.deaths.people import both_receive, consultation
from tests.deaths.timeline import now_s
from tests.deaths.units import TwoUnits
from tests.integration.gateway_process import GatewayProcess

pytestmark = pytest.mark.timeout(60)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_serve_says_leave_deletes_rows_and_ends_with_status_0_within_5_s(
    served: GatewayProcess, room: str, figures: Figures, number: signal.Signals
) -> None:
    async with consultation(served.http, room) as people:
        began_s = now_s()
        assert await served.stop(number) == 0
        figures.hold(f"{number.name} to gateway serve: ended after", now_s() - began_s, 5.0)
        for person in people:
            assert_sent_away(await person.until_socket_lost())
            await person.until_transports_closed()
        for program in ("control", "datapath"):
            assert (await served.event("program_ended", program=program))["how"] == "status 0"


async def test_a_killed_supervisor_takes_both_with_it_and_no_transport_stays_open(
    served: GatewayProcess, room: str
) -> None:
    async with consultation(served.http, room) as people:
        programs = [await served.pid_of(program) for program in ("control", "datapath")]
        descriptors = [os.pidfd_open(pid) for pid in programs]
        served.process.kill()
        for person in people:
            await person.until_socket_lost()
            await person.until_transports_closed()
        await asyncio.gather(*(until_ended(descriptor) for descriptor in descriptors))


async def test_an_upgrade_of_the_control_plane_closes_sockets_only(
    units: TwoUnits, room: str, figures: Figures
) -> None:
    async with consultation(units.http, room) as people:
        before = await units.look()
        began_s = now_s()
        assert await units.control.stop(signal.SIGTERM) == 0
        for person in people:
            assert await person.until_socket_lost() is None
            assert person.session.close_code == WSCloseCode.SERVICE_RESTART
        assert (await units.look()).rows == before.rows
        await units.start_control()
        ended_s = await both_receive(people, after_s=now_s() + 1)
        gap_s = max(person.gap_s(began_s, ended_s) for person in people)
        figures.hold("SIGTERM to gateway control, and the next one: longest gap", gap_s, 0.2)


async def test_a_full_stop_of_the_control_plane_ends_calls(units: TwoUnits, room: str) -> None:
    async with consultation(units.http, room) as people:
        assert await units.control.stop(signal.SIGINT) == 0
        for person in people:
            assert_sent_away(await person.until_socket_lost())
            await person.until_transports_closed()
        assert [row for row in (await units.look()).rows if row.room] == []


async def test_a_stopped_datapath_closes_every_transport(
    units: TwoUnits, room: str, figures: Figures
) -> None:
    async with consultation(units.http, room) as people:
        began_s = now_s()
        assert await units.datapath.stop(signal.SIGTERM) == 0
        figures.hold("SIGTERM to gateway-datapath: ended after", now_s() - began_s, 1.2)
        for person in people:
            await person.until_transports_closed()
        figures.note("SIGTERM to gateway-datapath: transports closed after", now_s() - began_s)


async def until_ended(pidfd: int) -> None:
    """Returns when that process has ended."""
    ended, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.add_reader(pidfd, ended.set)
    async with asyncio.timeout(5):
        await ended.wait()
    loop.remove_reader(pidfd)
    os.close(pidfd)


def assert_sent_away(leave: rtc.LeaveRequest | None) -> None:
    assert leave is not None
    assert leave.reason == models.SERVER_SHUTDOWN
    assert leave.action == rtc.LeaveRequest.DISCONNECT
