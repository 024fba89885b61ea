"""When something good arrived: moments on the event loop's clock, and the gaps between them.

A gap is counted only as far as this process was awake: on a machine that is busy with other things
the event loop itself may stand still, and nothing is received then whoever carries it.
"""

import asyncio
import contextlib
import itertools
from bisect import bisect_left, bisect_right
from collections.abc import AsyncIterator

from tests.integration.waiting import Changes

TICK_S = 0.005
# A tick that is no later than this is on time.
LATE_S = 0.01


def now_s() -> float:
    """The clock of all timelines: monotonic seconds."""
    return asyncio.get_running_loop().time()


class Wakefulness:
    """Ticks, and knows when it could not."""

    def __init__(self) -> None:
        self._asleep: list[tuple[float, float]] = []

    async def tick(self) -> None:
        """Until it is cancelled."""
        at_s = now_s()
        while True:
            await asyncio.sleep(TICK_S)
            due_s, at_s = at_s + TICK_S, now_s()
            if at_s - due_s > LATE_S:
                self._asleep.append((due_s, at_s))

    def asleep_s(self, since_s: float, until_s: float) -> float:
        """How much of that time this process stood still."""
        overlaps = (min(end, until_s) - max(begin, since_s) for begin, end in self._asleep)
        return sum(overlap for overlap in overlaps if overlap > 0)


@contextlib.asynccontextmanager
async def awake() -> AsyncIterator[Wakefulness]:
    """A wakefulness that ticks."""
    wakefulness = Wakefulness()
    ticking = asyncio.create_task(wakefulness.tick())
    try:
        yield wakefulness
    finally:
        ticking.cancel()


class Timeline:
    """Moments of one kind (a block of the expected tone, a picture with a new number), in order."""

    def __init__(self, what: str, wakefulness: Wakefulness) -> None:
        self._what = what
        self._wakefulness = wakefulness
        self._moments: list[float] = []
        self._skips: list[tuple[float, float]] = []
        self._changes = Changes()

    def add(self, skipped_s: float = 0.0) -> None:
        """It arrived now; `skipped_s` of what was sent before it never arrived."""
        self._moments.append(now_s())
        if skipped_s > 0:
            self._skips.append((self._moments[-1], skipped_s))
        self._changes.tell()

    def gap_s(self, since_s: float, until_s: float) -> float:
        """The longest time without, between two moments; what lies at the edges counts too."""
        begin = bisect_right(self._moments, since_s)
        inside = self._moments[begin : bisect_left(self._moments, until_s)]
        edges = [since_s, *inside, until_s]
        return max(
            after - at - self._wakefulness.asleep_s(at, after)
            for at, after in itertools.pairwise(edges)
        )

    def skipped_s(self, since_s: float, until_s: float) -> float:
        """How much of what was sent never arrived, between two moments."""
        return sum(skipped for at, skipped in self._skips if since_s < at <= until_s)

    def first_after(self, since_s: float) -> float | None:
        """The first moment after `since_s`."""
        begin = bisect_right(self._moments, since_s)
        return self._moments[begin] if begin < len(self._moments) else None

    async def until_after(self, at_s: float, timeout_s: float = 10.0) -> float:
        """The first moment after `at_s`, as soon as it has come."""
        what = f"{self._what} after {at_s:.3f}"
        await self._changes.until(lambda: self.first_after(at_s) is not None, what, timeout_s)
        found = self.first_after(at_s)
        assert found is not None
        return found
