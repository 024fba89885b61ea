"""One canary consultation of two: both publish, both must hear and see the other.

The result says how long each stage took, in seconds from the start of the call, and whether the
content that arrived is the content that was sent.
"""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from aiortc import MediaStreamTrack

from gateway.auth import mint
from gateway.clock import Clock
from gateway.probe.participant import Participant, ProbeError
from gateway.probe.tracks import Ear, Eye, PictureTrack, ToneTrack

# Far enough apart that neither passes for the other.
TONES_HZ: Final = (440, 1_000)
# What must arrive before the call counts as good.
HEARD_MS: Final = 1_000
SEEN: Final = 20
TIMEOUT_S: Final = 30.0
TOKEN_VALID_S: Final = 120.0


@dataclass
class Side:
    """What one of the two experienced."""

    role: str
    stages: dict[str, float] = field(default_factory=dict)
    heard_ms: int = 0
    seen: int = 0
    strange: int = 0


@dataclass
class CallReport:
    """The outcome. `failure` is empty when both heard and saw the other."""

    sides: tuple[Side, Side]
    failure: str = ""

    @property
    def good(self) -> bool:
        """Whether the call worked."""
        return not self.failure


async def call(url: str, key: str, secret: str, clock: Clock) -> CallReport:
    """Makes one call through the gateway at `url`, in a room of its own."""
    room = f"probe-{secrets.token_hex(8)}"
    started_ns = clock.monotonic_ns()
    sides = (Side("doctor"), Side("patient"))

    def elapsed_s() -> float:
        return (clock.monotonic_ns() - started_ns) / 1e9

    def token(role: str) -> str:
        now_s = clock.wall_s()
        return mint(key, secret, identity=role, room=room, now_s=now_s, valid_s=TOKEN_VALID_S)

    report = CallReport(sides)
    done = [asyncio.Event(), asyncio.Event()]
    try:
        async with asyncio.timeout(TIMEOUT_S), asyncio.TaskGroup() as group:
            for index, side in enumerate(sides):
                tones = (TONES_HZ[index], TONES_HZ[1 - index])
                visit = _Visit(side, tones, elapsed_s, done[index], done[1 - index])
                group.create_task(visit.attend(url, token(side.role)))
    except* ProbeError as errors:
        report.failure = "; ".join(str(error) for error in errors.exceptions)
    except* TimeoutError:
        report.failure = f"sound and picture did not arrive both ways within {TIMEOUT_S:.0f} s"
    return report


class _Visit:
    """One side of a call, from joining to leaving."""

    def __init__(
        self,
        side: Side,
        tones_hz: tuple[int, int],
        elapsed_s: Callable[[], float],
        done: asyncio.Event,
        other_done: asyncio.Event,
    ) -> None:
        self._side = side
        self._own_hz, other_hz = tones_hz
        self._elapsed_s = elapsed_s
        self._done = done
        self._other_done = other_done
        self._ear = Ear(other_hz, lambda: self._stage("first sound"))
        self._eye = Eye(lambda: self._stage("first picture"))
        self._senses: set[asyncio.Task[None]] = set()

    async def attend(self, url: str, token: str) -> None:
        """Joins, publishes, waits until enough arrived on both sides, leaves."""
        async with Participant(url, token, self._attend_track) as participant:
            self._stage("joined")
            await participant.publish(ToneTrack(self._own_hz), "tone")
            await participant.publish(PictureTrack(), "picture")
            self._stage("published")
            await participant.connected(participant.publisher)
            self._stage("sending path up")
            await participant.connected(participant.subscriber)
            self._stage("receiving path up")
            while self._ear.heard_ms < HEARD_MS or self._eye.seen < SEEN:
                self._report()
                await asyncio.sleep(0.05)
            self._stage("verified")
            self._report()
            self._done.set()
            await self._other_done.wait()

    def _attend_track(self, track: MediaStreamTrack) -> None:
        sense = self._ear.listen(track) if track.kind == "audio" else self._eye.watch(track)
        task = asyncio.ensure_future(sense)
        self._senses.add(task)
        task.add_done_callback(self._senses.discard)

    def _stage(self, name: str) -> None:
        self._side.stages.setdefault(name, self._elapsed_s())

    def _report(self) -> None:
        side = self._side
        side.heard_ms, side.seen, side.strange = (
            self._ear.heard_ms,
            self._eye.seen,
            self._eye.strange,
        )
