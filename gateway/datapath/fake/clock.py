"""A clock that stands still until a test moves it. Implements `gateway.clock.Clock`."""

from dataclasses import dataclass
from typing import Final

NS_PER_S: Final = 1_000_000_000


@dataclass(slots=True)
class HeldClock:
    """Both clocks at once; the monotonic one starts well above 0, as on a real machine."""

    wall: float = 1_800_000_000.0
    monotonic: int = 3_600 * NS_PER_S

    def wall_s(self) -> float:
        """Seconds since 1970 (UTC)."""
        return self.wall

    def monotonic_ns(self) -> int:
        """Nanoseconds of a CLOCK_MONOTONIC."""
        return self.monotonic

    def advance(self, seconds: float) -> None:
        """Lets time pass on both."""
        self.wall += seconds
        self.monotonic += round(seconds * NS_PER_S)
