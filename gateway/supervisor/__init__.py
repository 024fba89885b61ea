"""`gateway serve`: starts, restarts and reaps the datapath and the control plane.

It owns no socket and knows nothing of calls. The two are siblings, each in a session of its own:
one may die and be restarted while the other carries on. They die with the supervisor
(PR_SET_PDEATHSIG). What they write to stdout and stderr passes through here to stderr.

Signals. SIGTERM or SIGINT to the supervisor ends everything: SIGINT to the control plane, which
says Leave to clients and deletes its rows, then SIGTERM to the datapath; exit 0 within 5 s.
SIGTERM alone to `gateway control` is an upgrade: it goes without Leave, its rows stay, calls go on.

`programs` says what is started, `process` holds one running process, `keeper` keeps them running.
"""

import asyncio
import contextlib
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

from gateway.clock import SystemClock
from gateway.settings import Settings
from gateway.supervisor.keeper import Keeper
from gateway.supervisor.programs import control_program, datapath_program, meeting_place

__all__ = ["serve"]


def serve(settings: Settings, config: Path | None, *, dev: bool) -> int:
    """Runs a gateway until SIGTERM or SIGINT; the status of the command.

    `settings` as they are in force, `config` and `dev` as the control plane shall read them again.
    Raises OperatorError when there is no datapath to start or no directory to meet in.
    """
    with _directory(settings) as directory:
        datapath = datapath_program(settings, directory)
        control = control_program(settings, directory, config, dev=dev)
        return asyncio.run(_keep(Keeper(datapath, control, SystemClock())))


async def _keep(keeper: Keeper) -> int:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, keeper.stop)
    return await keeper.run()


@contextlib.contextmanager
def _directory(settings: Settings) -> Iterator[Path]:
    """The runtime directory; a temporary one goes with the supervisor."""
    directory = meeting_place(settings)
    if directory is not None:
        yield directory
        return
    with tempfile.TemporaryDirectory(prefix="gateway-") as temporary:  # mode 0700
        yield Path(temporary)
