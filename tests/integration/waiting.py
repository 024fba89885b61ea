"""Waiting for what happens: a test never sleeps, it looks again whenever something has changed."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Changes:
    """Who waits for a condition is woken whenever somebody tells that something changed."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    def tell(self) -> None:
        """Something that somebody waits for may have changed."""
        waiting, self._waiting = self._waiting, set()
        for one in waiting:
            if not one.done():
                one.set_result(None)

    async def until(self, condition: Callable[[], T], what: str, timeout_s: float = 10.0) -> T:
        """What `condition` says, as soon as that is true; fails the test after the time-out."""
        try:
            async with asyncio.timeout(timeout_s):
                while not (found := condition()):
                    one = asyncio.get_running_loop().create_future()
                    self._waiting.add(one)
                    await one
                return found
        except TimeoutError:
            raise AssertionError(f"waited {timeout_s} s for {what}") from None
