"""`gateway-datapath` and `gateway control` as two units, without the supervisor, as under systemd.

Each is started, killed and started again by the test; what the other does meanwhile is the point.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from gateway.datapath.port import Dumped
from gateway.sfu import notes
from gateway.supervisor.programs import find_binary
from tests.contract.controller import Controller
from tests.deaths.timeline import now_s
from tests.integration.gateway_process import GatewayProcess, free_port


class TwoUnits:
    """Two processes that meet in a directory. `control` is who is asked for metrics."""

    def __init__(self, directory: Path, *, lease_s: int = 60) -> None:
        self.http_port, self.management_port = free_port(), free_port()
        self.http = f"http://127.0.0.1:{self.http_port}"
        self._directory = directory
        self._lease_s = lease_s
        self._control: GatewayProcess | None = None
        self._datapath: GatewayProcess | None = None

    @property
    def control(self) -> GatewayProcess:
        """The control plane that was started last."""
        assert self._control is not None
        return self._control

    @property
    def datapath(self) -> GatewayProcess:
        """The datapath that was started last."""
        assert self._datapath is not None
        return self._datapath

    async def start_datapath(self) -> None:
        """Starts a datapath and waits for nothing."""
        self._datapath = await self._start(
            str(find_binary("")),
            *("--listen", f"udp/127.0.0.1:{self.http_port}"),
            *("--runtime-directory", str(self._directory)),
            *("--lease-s", str(self._lease_s)),
        )

    async def start_control(self) -> None:
        """Starts a control plane and returns when a join would work."""
        self._control = await self._start(sys.executable, "-m", "gateway", "control", "--dev")
        await self._control.until_ready()

    async def kill_control(self) -> None:
        """kill -9, and the process is gone."""
        self.control.process.kill()
        await self.control.ended()

    async def kill_datapath(self) -> None:
        """kill -9, and the process is gone."""
        self.datapath.process.kill()
        await self.datapath.ended()

    @asynccontextmanager
    async def controller(self) -> AsyncIterator[Controller]:
        """A connection of the test's own to the datapath, which counts only if it applies."""
        connected = await Controller.connect(self._directory / "control.sock")
        try:
            yield connected
        finally:
            await connected.close()

    async def look(self) -> Dumped:
        """The datapath's table, read beside the controller. Works without a control plane."""
        async with self.controller() as looking:
            looking.greet()
            return await looking.dump()

    async def transports_of(self, participant_sid: str) -> set[int]:
        """Row ids of a participant's transports, found by their notes."""
        rows = [row for row in (await self.look()).rows if row.HasField("transport")]
        notes_of = {row.id: notes.read(row.transport.note)[0] for row in rows}
        return {row for row, noted in notes_of.items() if noted.participant_sid == participant_sid}

    async def until_gone(self, rows: set[int]) -> float:
        """The moment at which none of these rows is in the table any more; 10 s at most."""
        async with asyncio.timeout(10):
            while rows & {row.id for row in (await self.look()).rows}:
                await asyncio.sleep(0.01)  # nothing tells who only looks
        return now_s()

    async def audit(self) -> dict[str, int]:
        """What the control plane finds when it compares the table with what its rooms want."""
        url = f"{self.control.management}/audit"
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            found: dict[str, int] = await response.json()
            return found

    async def end(self) -> None:
        """Ends whatever still runs."""
        for unit in (self._control, self._datapath):
            if unit is not None:
                await unit.stop(signal.SIGTERM)

    async def _start(self, *argv: str) -> GatewayProcess:
        own = {
            "GATEWAY__HTTP__LISTEN": json.dumps([f"127.0.0.1:{self.http_port}"]),
            "GATEWAY__MEDIA__UDP": json.dumps([f"127.0.0.1:{self.http_port}"]),
            "GATEWAY__MANAGEMENT__LISTEN": f"127.0.0.1:{self.management_port}",
            "GATEWAY__DATAPATH__RUNTIME_DIRECTORY": str(self._directory),
            "GATEWAY__LOG__LEVEL": "debug",
            "GATEWAY__LOG__FORMAT": "json",
        }
        process = await asyncio.create_subprocess_exec(
            *argv, env={**os.environ, **own}, stderr=asyncio.subprocess.PIPE, limit=1 << 20
        )
        return GatewayProcess(process, self.http_port, self.management_port)


@asynccontextmanager
async def two_units(directory: Path, *, lease_s: int = 60) -> AsyncIterator[TwoUnits]:
    """Both units, ready for joins. They are ended with the test, whatever happened."""
    units = TwoUnits(directory, lease_s=lease_s)
    try:
        await units.start_datapath()
        await units.start_control()
        yield units
    finally:
        await units.end()
