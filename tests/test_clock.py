"""The machine's clocks."""

import time

from gateway.clock import Clock, SystemClock


def test_monotonic_time_is_the_clock_of_the_contract() -> None:
    clock: Clock = SystemClock()
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    assert before <= clock.monotonic_ns() <= time.clock_gettime_ns(time.CLOCK_MONOTONIC)


def test_wall_time_is_seconds_since_1970() -> None:
    assert abs(SystemClock().wall_s() - time.time()) < 1
