"""A whole gateway for a test: `gateway serve --dev` on ports of its own, heard and ended."""

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

READY_S = 20.0


def free_port() -> int:
    """A port that is free for TCP and UDP on 127.0.0.1 just now."""
    while True:
        with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            port: int = tcp.getsockname()[1]
            try:
                udp.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


class GatewayProcess:
    """A running `gateway serve --dev`. `said` is everything that both planes wrote."""

    def __init__(self, process: asyncio.subprocess.Process, port: int, management: int) -> None:
        self.process = process
        self.http = f"http://127.0.0.1:{port}"
        self.ws = f"ws://127.0.0.1:{port}"
        self.port = port
        self.management = f"http://127.0.0.1:{management}"
        self.said = ""
        self._heard = asyncio.Condition()
        self._hearing = asyncio.create_task(self._hear())

    async def until_ready(self) -> None:
        """Returns when a join would work; fails the test with what was said if it never does."""
        async with asyncio.timeout(READY_S), aiohttp.ClientSession() as session:
            while True:
                assert self.process.returncode is None, self.said
                try:
                    async with session.get(f"{self.management}/readyz") as response:
                        if response.status == 200:
                            return
                except aiohttp.ClientError:
                    pass
                await asyncio.sleep(0.02)

    async def metric(self, name: str) -> float:
        """The value of one series, written as in the exposition."""
        return (await self.metrics())[name]

    async def metrics(self) -> dict[str, float]:
        """All series of one scrape, named as in the exposition."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self.management}/metrics") as response,
        ):
            lines = [line for line in (await response.text()).splitlines() if line[0] != "#"]
        pairs = (line.rpartition(" ") for line in lines)
        return {name: float(value) for name, _, value in pairs}

    async def until_metric(self, name: str, least: float) -> float:
        """The value of one series, as soon as it is at least that; 10 s at most."""
        value = await self.metric(name)
        async with asyncio.timeout(10):
            while value < least:
                await asyncio.sleep(0.02)
                value = await self.metric(name)
        return value

    async def event(self, name: str, *, count: int = 1, **fields: Any) -> dict[str, Any]:
        """The `count`-th log line of that event with these fields, as soon as it is there."""
        async with self._heard:
            await self._heard.wait_for(lambda: len(self.events(name, **fields)) >= count)
        return self.events(name, **fields)[count - 1]

    def events(self, name: str, **fields: Any) -> list[dict[str, Any]]:
        """All log lines so far of that event with these fields."""
        lines = (json.loads(line) for line in self.said.splitlines() if line.startswith("{"))
        return [line for line in lines if {"event": name, **fields}.items() <= line.items()]

    def faults(self) -> list[dict[str, Any]]:
        """All log lines so far that speak of a fault of the gateway itself."""
        lines = (json.loads(line) for line in self.said.splitlines() if line.startswith("{"))
        return [line for line in lines if line["level"] == "error"]

    async def pid_of(self, program: str, *, start: int = 1) -> int:
        """The process id of "control" or "datapath" after its `start`-th start."""
        event = await self.event("program_started", program=program, count=start)
        return int(event["pid"])

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Asks it to end; the status."""
        if self.process.returncode is None:
            self.process.send_signal(number)
        return await self.ended()

    async def ended(self) -> int:
        """Waits for the end and for everything that was said; the status."""
        status = await self.process.wait()
        await self._hearing
        return status

    async def _hear(self) -> None:
        assert self.process.stderr is not None
        while line := await self.process.stderr.readline():
            async with self._heard:
                self.said += line.decode(errors="replace")
                self._heard.notify_all()


@asynccontextmanager
async def gateway(
    directory: Path, settings: Mapping[str, str] | None = None
) -> AsyncIterator[GatewayProcess]:
    """Starts a gateway that meets in `directory`; further settings as names of the environment.

    It is ready. It is ended with the test, whatever happened.
    """
    port, management = free_port(), free_port()
    started = await start(directory, port, management, settings)
    try:
        await started.until_ready()
        yield started
    finally:
        await started.stop()


async def start(
    directory: Path, port: int, management: int, settings: Mapping[str, str] | None = None
) -> GatewayProcess:
    """Starts a gateway on these ports and waits for nothing."""
    runtime = directory / "run"
    runtime.mkdir(mode=0o700, exist_ok=True)
    inherited = {name: one for name, one in os.environ.items() if not name.startswith("GATEWAY_")}
    chosen = {
        "GATEWAY__HTTP__LISTEN": json.dumps([f"127.0.0.1:{port}"]),
        "GATEWAY__MEDIA__UDP": json.dumps([f"127.0.0.1:{port}"]),
        "GATEWAY__MANAGEMENT__LISTEN": f"127.0.0.1:{management}",
        "GATEWAY__DATAPATH__RUNTIME_DIRECTORY": str(runtime),
        "GATEWAY__LOG__LEVEL": "debug",
        "GATEWAY__LOG__FORMAT": "json",
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "serve", "--dev"),
        env={**inherited, **chosen, **(settings or {})},
        stderr=asyncio.subprocess.PIPE,
        limit=1 << 20,
    )
    return GatewayProcess(process, port, management)
