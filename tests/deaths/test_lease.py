"""The lease: a control plane that stays away too long takes the calls with it, not the memos."""

import asyncio

import pytest

from gateway.datapath import datapath_pb2 as pb
from tests.deaths.figures import Figures
from tests.deaths.people import both_receive, consultation
from tests.deaths.timeline import now_s
from tests.deaths.units import TwoUnits

pytestmark = pytest.mark.timeout(60)

LEASE_S = 3.0
MEMO = pb.Row(
    id=1 << 40, memo=pb.Memo(scope="test", key="kept", value=b"over the end of the lease")
)


@pytest.mark.parametrize("units", [int(LEASE_S)], indirect=True)
async def test_when_it_ends_calls_are_closed_memos_stay_and_the_next_control_plane_goes_on(
    units: TwoUnits, room: str, figures: Figures
) -> None:
    async with consultation(units.http, room) as people:
        # An idle control plane keeps even a lease as short as this.
        await both_receive(people, after_s=now_s() + LEASE_S + 1)
        await units.kill_control()
        async with units.controller() as controller:
            boot_id = controller.hello.boot_id
            controller.greet()
            assert await controller.apply([MEMO], room=0) is None
        left_s = now_s()
        await asyncio.gather(*(person.until_transports_closed() for person in people))
        figures.hold("lease of 3 s: transports closed after", now_s() - left_s, LEASE_S + 0.5)
        async with units.controller() as looking:
            looking.greet()
            assert looking.hello.boot_id == boot_id
            assert await looking.rows() == [MEMO]
            assert (await looking.counters())["lease_expiries"] == 1
        await units.start_control()
        await asyncio.gather(*(person.rejoin(closes_first=True) for person in people))
        await both_receive(people, after_s=now_s())
        assert MEMO in (await units.look()).rows
        assert await units.control.metric("gateway_datapath_lease_expiries_total") == 1
