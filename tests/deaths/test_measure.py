"""The measure itself: an interruption is seen, a pause of this process is not taken for one."""

import asyncio
import signal
import time

from tests.deaths.people import both_receive, consultation
from tests.deaths.timeline import now_s
from tests.deaths.units import TwoUnits

PAUSE_S = 0.3


async def test_a_datapath_that_stands_still_for_a_moment_is_noticed(
    units: TwoUnits, room: str
) -> None:
    async with consultation(units.http, room) as people:
        began_s = now_s()
        process = units.datapath.process
        process.send_signal(signal.SIGSTOP)
        asyncio.get_running_loop().call_later(PAUSE_S, process.send_signal, signal.SIGCONT)
        ended_s = await both_receive(people, after_s=began_s + 2 * PAUSE_S)
        for person in people:
            assert person.gap_s(began_s, ended_s) > PAUSE_S - 0.1


async def test_a_pause_of_this_process_is_not_taken_for_one(units: TwoUnits, room: str) -> None:
    async with consultation(units.http, room) as people:
        began_s = now_s()
        time.sleep(PAUSE_S)  # noqa: ASYNC251 - the pause is the point
        ended_s = await both_receive(people, after_s=began_s + 2 * PAUSE_S)
        assert max(person.gap_s(began_s, ended_s) for person in people) <= 0.2
