"""kill -9 of the control plane, as a unit of its own: calls go on, and it finds them again."""

import asyncio

import pytest
from livekit.protocol import models, rtc

from gateway.datapath import datapath_pb2 as pb
from tests.deaths.figures import Figures
from tests.deaths.people import both_receive, consultation
from tests.deaths.timeline import now_s
from tests.deaths.units import TwoUnits

pytestmark = pytest.mark.timeout(60)

AWAY_S = 20.0


async def test_20_s_away_and_the_return_are_neither_heard_nor_seen(
    units: TwoUnits, room: str, figures: Figures
) -> None:
    async with consultation(units.http, room) as people:
        killed_s = now_s()
        await units.kill_control()
        for person in people:
            assert await person.until_socket_lost() is None
        await both_receive(people, after_s=killed_s + AWAY_S, timeout_s=AWAY_S + 5)
        await units.start_control()
        ended_s = await both_receive(people, after_s=now_s() + 1)
        gap_s = max(person.gap_s(killed_s, ended_s) for person in people)
        figures.hold("control plane away for 20 s: longest gap, aiortc", gap_s, 0.2)
        skipped_s = max(person.skipped_s(killed_s, ended_s) for person in people)
        figures.hold("control plane away for 20 s: media that never arrived", skipped_s, 0.2)


async def test_rooms_participants_and_agreements_are_found_again(
    units: TwoUnits, room: str
) -> None:
    async with consultation(units.http, room) as people:
        before = await units.look()
        assert await units.control.metric("gateway_participants") == 2
        await units.kill_control()
        await units.start_control()
        assert_nothing_amiss(await units.audit())
        assert (await units.look()).rows == before.rows
        assert await units.control.metric("gateway_participants") == 2
        assert await units.control.metric("gateway_sessions") == 0
        await both_receive(people, after_s=now_s())


async def test_a_refused_resume_removes_nothing_and_both_come_back_within_2_s(
    units: TwoUnits, room: str, figures: Figures
) -> None:
    async with consultation(units.http, room) as people:
        before = await units.look()
        await units.kill_control()
        await units.start_control()
        for person in people:
            assert_called_back(await person.session.resume())
        assert (await units.look()).rows == before.rows
        began_s = now_s()
        ended_s = await both_receive(people, after_s=began_s + 1)
        assert max(person.gap_s(began_s, ended_s) for person in people) <= 0.2
        began_s = now_s()
        await asyncio.gather(*(person.rejoin(closes_first=True) for person in people))
        gone_s = await units.until_gone(transports(before.rows))
        ended_s = await both_receive(people, after_s=gone_s + 1)
        gap_s = max(person.gap_s(began_s, ended_s) for person in people)
        figures.hold("both come back after a restart: longest gap, aiortc", gap_s, 2.0)
        figures.hold("both come back: old rows deleted after", gone_s - began_s, 5.0)
        assert_nothing_amiss(await units.audit())


@pytest.mark.parametrize("closes_first", [True, False])
async def test_one_comes_back_and_neither_side_misses_more_than_2_s(
    units: TwoUnits, room: str, figures: Figures, *, closes_first: bool
) -> None:
    async with consultation(units.http, room) as (doctor, patient):
        old = await units.transports_of(patient.session.sid)
        patient.cut_socket()
        await patient.until_socket_lost()
        assert_called_back(await patient.session.resume())
        assert old <= transports((await units.look()).rows)
        began_s = now_s()
        await patient.rejoin(closes_first=closes_first)
        gone_s = await units.until_gone(old)
        ended_s = await both_receive((doctor, patient), after_s=gone_s + 1)
        assert list(doctor.session.others) == [patient.session.sid]
        assert_nothing_amiss(await units.audit())
        how = "closes its old transports first" if closes_first else "keeps them meanwhile"
        for side, person in (("rejoiner", patient), ("other side", doctor)):
            gap_s = person.gap_s(began_s, ended_s)
            figures.hold(f"a rejoin that {how}: gap at the {side}, aiortc", gap_s, 2.0)
        figures.hold(f"a rejoin that {how}: old rows deleted after", gone_s - began_s, 5.0)


# ---------------------------------------------------------------------------------------- inside


def assert_nothing_amiss(audit: dict[str, int]) -> None:
    """The datapath holds what the one room wants, no less and no more."""
    assert audit == {"rooms": 1, "rooms_at_work": 0, "missing_rows": 0, "surplus_rows": 0}


def assert_called_back(answer: rtc.SignalResponse) -> None:
    assert answer.WhichOneof("message") == "leave"
    assert answer.leave.reason == models.STATE_MISMATCH
    assert answer.leave.action == rtc.LeaveRequest.RECONNECT


def transports(rows: tuple[pb.Row, ...]) -> set[int]:
    return {row.id for row in rows if row.HasField("transport")}
