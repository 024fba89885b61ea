"""Keeps the two programs running, and ends them in order. Knows no command line."""

import asyncio
import contextlib
import signal
from typing import Final

from gateway import logs
from gateway.clock import Clock
from gateway.supervisor.process import Ending, Running
from gateway.supervisor.programs import Program

# How long each may take to end by itself. Together they stay under the 5 s that `serve` promises.
CONTROL_STOP_S: Final = 3.3
DATAPATH_STOP_S: Final = 1.2
# A program that ends by itself so soon after its very first start cannot start on this machine, or
# not with these settings: starting it again would say the same.
START_S: Final = 3.0

# A process that dies is started again at once, because calls wait; one that goes on dying must not
# eat the machine. A lower bound repairs sooner, a higher one spares the logs.
FIRST_DELAY_S: Final = 0.2
MAX_DELAY_S: Final = 5.0
STABLE_S: Final = 60.0


class Backoff:
    """How long to wait before the next start: 0, then 0.2 s doubling to 5 s.

    A run of a minute makes it forget what was before.
    """

    def __init__(self) -> None:
        self._next_s = 0.0
        self._starts = 0

    @property
    def untried(self) -> bool:
        """No restart so far."""
        return self._starts == 0

    def after(self, lived_s: float) -> float:
        """The delay in seconds after a run that lasted `lived_s`."""
        self._starts += 1
        if lived_s >= STABLE_S:
            self._next_s = 0.0
        delay_s = self._next_s
        self._next_s = min(max(FIRST_DELAY_S, delay_s * 2), MAX_DELAY_S)
        return delay_s


class Keeper:
    """Two programs kept running until `stop`, or until one of them cannot even start."""

    def __init__(self, datapath: Program, control: Program, clock: Clock) -> None:
        self._datapath = datapath
        self._control = control
        self._clock = clock
        self._stopping = asyncio.Event()
        self._running: dict[str, Running] = {}
        self._status = 0
        self._log = logs.get()

    async def run(self) -> int:
        """Runs until `stop`, then ends the control plane before the datapath; the status."""
        keeping = [
            asyncio.create_task(self._keep(program)) for program in (self._datapath, self._control)
        ]
        for task in keeping:
            task.add_done_callback(lambda _: self.stop())
        await self._stopping.wait()
        await self._end(self._control, CONTROL_STOP_S)
        await self._end(self._datapath, DATAPATH_STOP_S)
        await asyncio.gather(*keeping)
        self._log.info("supervisor_stopped", status=self._status)
        return self._status

    def stop(self) -> None:
        """Begins to end everything. Further calls change nothing."""
        self._stopping.set()

    async def _keep(self, program: Program) -> None:
        """Runs one program again and again until everything stops."""
        backoff = Backoff()
        while not self._stopping.is_set():
            started_ns = self._clock.monotonic_ns()
            ending = await self._once(program)
            if self._stopping.is_set():
                return
            lived_s = (self._clock.monotonic_ns() - started_ns) / 1e9
            if ending.status and backoff.untried and lived_s < START_S:
                self._give_up(program, ending.status)
                return
            delay_s = backoff.after(lived_s)
            self._log.warning("program_restarts", program=program.title, delay_s=delay_s)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), delay_s)

    async def _once(self, program: Program) -> Ending:
        running = Running.start(program)
        self._running[program.title] = running
        self._log.info("program_started", program=program.title, pid=running.pid)
        ending = await running.ended()
        del self._running[program.title]
        self._log.info("program_ended", program=program.title, how=str(ending))
        return ending

    def _give_up(self, program: Program, status: int) -> None:
        """It has said why. Its status becomes that of the command."""
        self._log.error("program_cannot_start", program=program.title)
        self._status = status
        self.stop()

    async def _end(self, program: Program, within_s: float) -> None:
        running = self._running.get(program.title)
        if running is None:
            return
        running.send(program.stop_signal)
        try:
            await asyncio.wait_for(running.ended(), within_s)
        except TimeoutError:
            self._log.error("program_killed", program=program.title, after_s=within_s)
            running.send(signal.SIGKILL)
            await running.ended()
