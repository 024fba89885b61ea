"""`gateway control`: the composition root. Builds the parts, starts them in order, stops them in
reverse. The only file that knows everyone; it decides nothing about calls.

Signals. SIGINT is a full stop: Leave to clients, rows deleted. SIGTERM alone is an upgrade:
connections closed without Leave, rows stay, calls go on until the next control plane comes.
"""

import asyncio
import os
import resource
import signal
from collections.abc import Iterator
from contextlib import AsyncExitStack, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Final

import uvloop

from gateway import __version__, logs
from gateway.api.client import client_application
from gateway.api.families import contract_families, door_families, signalling_families
from gateway.api.front_door import FrontDoor
from gateway.api.management import management_application
from gateway.api.trial import trial_routes
from gateway.clock import SystemClock
from gateway.datapath import datapath_pb2 as pb
from gateway.datapath.client import DatapathClient
from gateway.datapath.port import DatapathAway, Fenced, RowsRefused
from gateway.errors import OperatorError
from gateway.metrics import Exposition, Family, Kind, datapath_families, expose
from gateway.settings import Settings, SettingsError
from gateway.settings.runtime import runtime_directory
from gateway.signalling.candidates import candidates_of
from gateway.signalling.negotiation import Candidate
from gateway.signalling.service import SignallingService
from gateway.signalling.websocket import ClientRoutes

# A scrape does not wait longer for a datapath that is slow; it says that it is down instead.
COUNTERS_S: Final = 1.0
# Between two audits. Lower finds a fault of ours sooner; each one reads the whole table.
AUDIT_S: Final = 300.0
# The datapath's socket in the runtime directory.
CONTROL_SOCKET: Final = "control.sock"


def run(settings: Settings, *, dev: bool) -> None:
    """Runs the control plane until a signal.

    Raises OperatorError when the settings do not fit this machine or this datapath, Fenced when a
    newer control plane has taken over.
    """
    # Secrets and names are in this memory: none of it may reach a disk.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(settings, dev=dev))


async def _run(settings: Settings, *, dev: bool) -> None:
    await ControlPlane(settings, dev=dev).run()


class ControlPlane:
    """The parts of one control plane, and their order."""

    def __init__(self, settings: Settings, *, dev: bool) -> None:
        self._settings = settings
        self._clock = SystemClock()
        self._log = logs.get()
        # The end: whether clients are told, or the error that forbids to go on.
        self._end: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._datapath = DatapathClient(
            _meeting_place(settings) / CONTROL_SOCKET,
            self._clock,
            build=__version__,
            on_fenced=lambda: self._fail(Fenced("a newer control plane has taken over")),
        )
        keys = {key: secret.get_secret_value() for key, secret in settings.auth.keys.items()}
        self._service = SignallingService(
            self._datapath,
            self._clock,
            keys=keys,
            candidates=self._candidates,
            signalling=settings.signalling,
            rooms=settings.rooms,
        )
        routes = ClientRoutes(
            self._service, self._clock, keys, settings.auth.clock_leeway_s
        ).routes()
        self._door = FrontDoor(client_application([*routes, *(trial_routes() if dev else [])]))
        self._management = FrontDoor(
            management_application(self._is_ready, self._scrape, self._audit)
        )

    async def run(self) -> None:
        """From start to stop."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, self._stop, True)
        loop.add_signal_handler(signal.SIGTERM, self._stop, False)
        async with AsyncExitStack() as started:
            talking = asyncio.create_task(self._datapath.run())
            talking.add_done_callback(self._stopped_talking)
            started.push_async_callback(_cancel, talking)
            auditing = asyncio.create_task(self._audit_now_and_then())
            started.push_async_callback(_cancel, auditing)
            await self._management.open((self._settings.management.listen,))
            started.push_async_callback(self._management.close)
            await self._door.open(self._settings.http.listen)
            started.push_async_callback(self._door.close)
            self._log.info(
                "control_started",
                http=", ".join(map(str, self._door.endpoints())),
                management=str(self._management.endpoints()[0]),
            )
            if not self._settings.auth.keys:
                self._log.warning(
                    "nobody_can_join", says="auth.keys is empty: no token is believed"
                )
            farewell = await self._end
            self._log.info("control_stopping", farewell=farewell)
            await self._door.stop_accepting()
            await self._service.stop(farewell=farewell)
        self._log.info("control_stopped")

    # ---------------------------------------------------------------------------------- ends

    def _stop(self, farewell: bool) -> None:
        if not self._end.done():
            self._end.set_result(farewell)

    def _fail(self, error: BaseException) -> None:
        if not self._end.done():
            self._end.set_exception(error)

    def _stopped_talking(self, talking: asyncio.Task[None]) -> None:
        """The client runs until it is cancelled or fenced; anything else is a fault of ours."""
        if not talking.cancelled() and (error := talking.exception()) is not None:
            self._fail(error)

    # ------------------------------------------------------------------------- what parts ask

    def _candidates(self, hello: pb.Hello) -> tuple[Candidate, ...]:
        """For the service; listeners that do not fit the settings end the process."""
        try:
            return candidates_of(self._settings.media, hello.listeners)
        except SettingsError as error:
            self._fail(error)
            raise

    def _is_ready(self) -> bool:
        return self._datapath.is_ready

    async def _scrape(self, accept: str) -> Exposition:
        counters = None
        with suppress(DatapathAway, RowsRefused, TimeoutError):
            async with asyncio.timeout(COUNTERS_S):
                counters = await self._datapath.counters()
        return expose(self._families(counters), accept)

    async def _audit(self) -> dict[str, int] | None:
        """What an audit finds, None while the datapath is away."""
        with suppress(DatapathAway, RowsRefused):
            return asdict(await self._service.audit())
        return None

    async def _audit_now_and_then(self) -> None:
        while True:
            with suppress(DatapathAway):
                await self._datapath.wait_ready(AUDIT_S)
                await self._audit()
            await asyncio.sleep(AUDIT_S)

    def _families(self, counters: pb.Counters | None) -> Iterator[Family]:
        yield Family(
            "build_info", Kind.GAUGE, "The version that runs.", "version", {__version__: 1}
        )
        yield from signalling_families(self._service)
        yield from door_families(self._door.counters)
        yield from contract_families(self._datapath.numbers)
        yield from datapath_families(counters)


def _meeting_place(settings: Settings) -> Path:
    directory = runtime_directory(settings.datapath.runtime_directory, os.environ)
    if directory is None:
        raise OperatorError(
            "where to meet the datapath is not known: set datapath.runtime_directory, or run "
            "`gateway serve`, which starts both"
        )
    return directory


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
