"""The two clocks of the control plane, as an object that is passed in.

Shells hold a `Clock` and tell machines the time; machines never read one. `monotonic_ns` is
CLOCK_MONOTONIC, the base that the contract with the datapath uses; it says nothing about the date.
"""

import time
from typing import Protocol


class Clock(Protocol):
    """What shells need of time."""

    def wall_s(self) -> float:
        """Seconds since 1970 (UTC), for what the outside world dates: tokens, certificates."""
        ...

    def monotonic_ns(self) -> int:
        """Nanoseconds of CLOCK_MONOTONIC, for everything that measures or waits."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def wall_s(self) -> float:
        """Seconds since 1970 (UTC)."""
        return time.time()

    def monotonic_ns(self) -> int:
        """Nanoseconds of CLOCK_MONOTONIC."""
        return time.clock_gettime_ns(time.CLOCK_MONOTONIC)
