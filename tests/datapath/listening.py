"""A listener that writes down what it is told, and lets a test wait for it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from gateway.datapath import datapath_pb2 as pb
from gateway.datapath.port import Dumped


class Listening:
    """Implements `DatapathListener`. `rebuild` is what it does when a datapath is found."""

    def __init__(self, rebuild: Callable[[], Awaitable[None]] | None = None) -> None:
        self.calls: list[str] = []
        self.dumps: list[Dumped] = []
        self.new_boots: list[bool] = []
        self.facts: list[pb.Facts] = []
        self.rebuild = rebuild
        self._changed = asyncio.Event()

    async def on_connected(self, hello: pb.Hello, dump: Dumped, new_boot: bool) -> None:
        assert hello.schema == 1
        self.calls.append("connected")
        self.dumps.append(dump)
        self.new_boots.append(new_boot)
        self._changed.set()
        if self.rebuild is not None:
            await self.rebuild()
        self.calls.append("rebuilt")

    def on_facts(self, facts: Sequence[pb.Facts]) -> None:
        self.calls.append("facts")
        self.facts += facts
        self._changed.set()

    def on_lost(self) -> None:
        self.calls.append("lost")
        self._changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Returns once the condition holds; it is looked at after each call."""
        while not condition():
            self._changed.clear()
            await self._changed.wait()
