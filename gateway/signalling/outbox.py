"""Outbox: what one client is still to be sent, in order and bounded. Part of the async shell.

A client that does not read fills its own outbox and loses its socket; it never delays another.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

# Higher: more memory for a client that stopped reading. Lower: a slow one is cut off by a burst of
# news from a large room. A message is typically under 10 KiB.
MAX_MESSAGES: Final = 512
MAX_BYTES: Final = 4 * 1024 * 1024


class Ending(StrEnum):
    """Why nothing more is sent."""

    DONE = "done"  # all that was to be said has been said
    OVERFLOW = "overflow"  # the client did not read
    RESTART = "restart"  # the control plane stops, calls go on
    DROPPED = "dropped"  # the session's state is gone


@dataclass(frozen=True, slots=True)
class Ended:
    """What `next` returns last."""

    ending: Ending


class Outbox:
    """Encoded messages of one session."""

    def __init__(self) -> None:
        self._messages: deque[bytes] = deque()
        self._bytes = 0
        self._ending: Ending | None = None
        self.has_begun = False  # something was put
        self._changed = asyncio.Event()

    def put(self, message: bytes) -> None:
        """Queue a message; after the end it is dropped."""
        if self._ending is not None:
            return
        if len(self._messages) >= MAX_MESSAGES or self._bytes + len(message) > MAX_BYTES:
            self._messages.clear()
            self.end(Ending.OVERFLOW)
            return
        self.has_begun = True
        self._messages.append(message)
        self._bytes += len(message)
        self._changed.set()

    def end(self, ending: Ending) -> None:
        """Nothing more follows what is queued. The first ending counts."""
        if self._ending is None:
            self._ending = ending
        self._changed.set()

    @property
    def ended(self) -> bool:
        """Whether an end has been set."""
        return self._ending is not None

    async def begun(self) -> bool:
        """Wait for the first message; False if the end comes before one."""
        while not self._messages and self._ending is None:
            self._changed.clear()
            await self._changed.wait()
        return bool(self._messages)

    async def next(self) -> bytes | Ended:
        """The next message, or the end."""
        if await self.begun():
            message = self._messages.popleft()
            self._bytes -= len(message)
            return message
        return Ended(self._ending or Ending.DONE)
