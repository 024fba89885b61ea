"""`gateway try`: starts `gateway serve --dev`, makes one real call through it, prints two links.

What `make run` runs once everything is built. It shows that this machine can carry a call before
anybody opens a browser.
"""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Coroutine
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import aiohttp
from rich.console import Console
from rich.table import Table

from gateway.auth import mint
from gateway.clock import Clock, SystemClock
from gateway.errors import GatewayError
from gateway.probe.call import CallReport, call
from gateway.settings import Settings
from gateway.settings.development import KEY, SECRET
from gateway.supervisor.process import Running
from gateway.supervisor.programs import Program

# Long enough to try out with others, short enough that a link in a chat history dies.
LINK_VALID_S: Final = 6 * 3600
LINK_ROOM: Final = "consultation"
READY_S: Final = 15.0
READY_RETRY_S: Final = 0.05
# `gateway serve` promises 5 s.
STOP_S: Final = 6.0


class TrialFailed(GatewayError):
    """The gateway did not come up, or did not stay. Its own lines on stderr say why."""


def run(settings: Settings, config: Path | None, *, once: bool) -> int:
    """Tries the gateway out; 0 if the call worked. Without `once` it then stays up until a signal.

    `settings` are those of --dev, `config` the file they came from.
    """
    return asyncio.run(_run(settings, config, once=once))


async def _run(settings: Settings, config: Path | None, *, once: bool) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    gateway = Running.start(_serve(config))
    try:
        good = await _unless(stop, gateway, _try(settings, SystemClock()))
        if good and not once:
            _print_links(str(settings.http.listen[0]), SystemClock())
            await _unless(stop, gateway, asyncio.Event().wait())
    finally:
        await _stop(gateway)
    return 0 if good else 1


def _serve(config: Path | None) -> Program:
    chosen = ("--config", str(config)) if config else ()
    return Program(
        title="gateway",
        argv=(sys.executable, "-m", "gateway", "serve", "--dev", *chosen),
        stop_signal=signal.SIGTERM,
        orphan_signal=signal.SIGTERM,
    )


async def _unless(stop: asyncio.Event, gateway: Running, doing: Coroutine[Any, Any, bool]) -> bool:
    """The outcome of `doing`; False as soon as a signal comes. Raises TrialFailed if the gateway
    ends before."""
    task = asyncio.create_task(doing)
    ends = [asyncio.create_task(stop.wait()), asyncio.create_task(gateway.ended())]
    try:
        await asyncio.wait({task, *ends}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done() and not stop.is_set():
            raise TrialFailed("the gateway ended by itself; its lines above say why")
        return task.done() and task.result()
    finally:
        for one in (task, *ends):
            one.cancel()
        await asyncio.gather(task, *ends, return_exceptions=True)


async def _stop(gateway: Running) -> None:
    gateway.send(signal.SIGTERM)
    try:
        await asyncio.wait_for(gateway.ended(), STOP_S)
    except TimeoutError:
        gateway.send(signal.SIGKILL)
        await gateway.ended()


async def _try(settings: Settings, clock: Clock) -> bool:
    """One call, told to the person who waits for it; whether it worked."""
    out = Console(highlight=False)
    base = str(settings.http.listen[0])
    await _until_ready(f"http://{settings.management.listen}/readyz")
    out.print(f"The gateway is up at http://{base}. Making one call through it ...")
    report = await call(f"ws://{base}", KEY, SECRET, clock)
    show(report, out)
    return report.good


def _print_links(base: str, clock: Clock) -> None:
    """Without a line break inside: they are copied from here."""
    out = Console(highlight=False, soft_wrap=True)
    out.print("\nTwo links to try it with a camera, valid for 6 hours; Ctrl-C ends the gateway:")
    for role in ("doctor", "patient"):
        out.print(f"  {role:8} {link(base, role, clock)}")


async def _until_ready(url: str) -> None:
    """Returns once a join would work. Raises TrialFailed when that takes too long."""
    try:
        async with asyncio.timeout(READY_S), aiohttp.ClientSession() as session:
            while True:
                with contextlib.suppress(aiohttp.ClientError):
                    async with session.get(url) as response:
                        if response.status == HTTPStatus.OK:
                            return
                await asyncio.sleep(READY_RETRY_S)
    except TimeoutError:
        raise TrialFailed(f"the gateway was not ready within {READY_S:.0f} s") from None


def link(base: str, role: str, clock: Clock) -> str:
    """A link to the trial page. The token stands after "#": it never reaches a server's log."""
    token = mint(
        KEY,
        SECRET,
        identity=role,
        name=role.capitalize(),
        room=LINK_ROOM,
        now_s=clock.wall_s(),
        valid_s=LINK_VALID_S,
    )
    return f"http://{base}/try/#token={token}"


def show(report: CallReport, out: Console) -> None:
    """The result of a call with the time of each stage, in seconds from its start."""
    table = Table(title="", box=None, pad_edge=False)
    table.add_column("stage")
    for side in report.sides:
        table.add_column(side.role, justify="right")
    stages = dict.fromkeys(stage for side in report.sides for stage in side.stages)
    for stage in stages:
        times = (side.stages.get(stage) for side in report.sides)
        table.add_row(stage, *("-" if time is None else f"{time:.2f} s" for time in times))
    table.add_row("sound heard", *(f"{side.heard_ms / 1000:.1f} s" for side in report.sides))
    table.add_row("pictures read", *(str(side.seen) for side in report.sides))
    out.print(table)
    out.print("The call worked." if report.good else f"The call failed: {report.failure}")
