"""`FakeServer`: a `FakeMachine` behind a real `control.sock`, on the machine's own clock.

For the contract suite and for tests of the client. It serves bytes; the rules are the machine's.
"""

import asyncio
import os
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from gateway.datapath.fake.machine import FakeMachine
from gateway.datapath.framing import FrameReader, FramingError, encode

SOCKET_NAME: Final = "control.sock"
READ_BYTES: Final = 1 << 16
NS_PER_S: Final = 1_000_000_000


class FakeServer:
    """`async with FakeServer(directory): ...` is one boot of a datapath."""

    def __init__(self, directory: Path, *, lease_s: float = 60.0) -> None:
        self.path = directory / SOCKET_NAME
        self.machine = FakeMachine(os.urandom(16), lease_ns=round(lease_s * NS_PER_S))
        self._server: asyncio.Server | None = None
        self._writers: dict[int, asyncio.StreamWriter] = {}
        self._served: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        self.path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, self.path)
        self.path.chmod(0o600)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._server is not None:
            self._server.close()
        self.drop_connections()
        await asyncio.gather(*self._served, return_exceptions=True)
        self.path.unlink(missing_ok=True)

    def drop_connections(self) -> None:
        """Every connection breaks; the boot goes on."""
        for writer in self._writers.values():
            writer.transport.abort()

    def pass_on(self) -> None:
        """Sends what the machine has for its connections; call it after touching the machine."""
        for id_, writer in list(self._writers.items()):
            while (frame := self.machine.poll_frame(id_)) is not None:
                writer.write(encode(frame))
            if self.machine.is_over(id_):
                writer.close()
        self._arm()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._served.add(task)
        id_ = self.machine.open(time.monotonic_ns())
        self._writers[id_] = writer
        self.pass_on()
        try:
            await self._read(id_, reader)
        except (OSError, FramingError):
            pass  # the client's fault, and its connection's end
        finally:
            self.machine.close(id_)
            del self._writers[id_]
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _read(self, id_: int, reader: asyncio.StreamReader) -> None:
        frames = FrameReader()
        while data := await reader.read(READ_BYTES):
            for frame in frames.feed(data):
                self.machine.handle_frame(id_, frame, time.monotonic_ns())
            self.pass_on()

    def _arm(self) -> None:
        """Sets the timer to when the machine wants to be told the time."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        at_ns = self.machine.poll_timeout()
        if at_ns is not None and self._server is not None and self._server.is_serving():
            delay_s = max(0, at_ns - time.monotonic_ns()) / NS_PER_S
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(delay_s, self._handle_timeout)

    def _handle_timeout(self) -> None:
        self.machine.handle_timeout(time.monotonic_ns())
        self.pass_on()
