"""The measure itself: an interruption is seen, a pause of this process is not taken for one."""

import asyncio
import signal
import time
from collections.abc import Sequence

import pytest
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, VideoFrame

from gateway.probe import content
from tests.deaths.people import TONES_HZ, Person, both_receive, consultation
from tests.deaths.timeline import awake, now_s
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


async def test_what_never_arrives_is_noticed() -> None:
    sound = [content.tone_block(TONES_HZ[1], 960 * number) for number in (0, 1, 2, 6, 7)]
    pictures = [content.picture(number) for number in (4094, 4095, 0, 3)]
    async with awake() as wakefulness:
        person = Person("", "doctor", "room", TONES_HZ, wakefulness)
        began_s = now_s()
        await person._listen(_Replayed(sound))
        await person._watch(_Replayed(pictures))
        assert person.hears.skipped_s(began_s, now_s()) == pytest.approx(0.06)
        assert person.sees.skipped_s(began_s, now_s()) == pytest.approx(0.1)


class _Replayed(MediaStreamTrack):
    """A received track of these frames."""

    def __init__(self, frames: Sequence[AudioFrame | VideoFrame]) -> None:
        super().__init__()
        self._frames = iter(frames)

    async def recv(self) -> AudioFrame | VideoFrame:
        for frame in self._frames:
            return frame
        raise MediaStreamError
