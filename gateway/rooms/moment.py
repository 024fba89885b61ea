"""A moment: the time as machines are told it. Not a clock: nothing here can ask for the time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

NS_PER_S: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Moment:
    """One instant on both clocks.

    `monotonic_ns` (CLOCK_MONOTONIC) is for waiting and measuring, `wall_s` (seconds since 1970,
    UTC) for what clients are shown.
    """

    monotonic_ns: int
    wall_s: float

    @property
    def wall_ms(self) -> int:
        """Milliseconds since 1970, as the client protocol writes time."""
        return int(self.wall_s * 1000)

    def in_s(self, seconds: float) -> int:
        """The deadline `seconds` from here, in monotonic nanoseconds."""
        return self.monotonic_ns + int(seconds * NS_PER_S)
