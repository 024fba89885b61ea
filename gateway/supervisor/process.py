"""One running process of the supervisor's: started, heard, waited for, reaped.

Not here: whether it is started again (keeper). Linux only: pidfd and PR_SET_PDEATHSIG.
"""

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self

from gateway import logs
from gateway.supervisor.programs import Program

# linux/prctl.h
PR_SET_PDEATHSIG: Final = 1
# A line longer than this is passed on in pieces; a process cannot make us hold more.
MAX_LINE_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Ending:
    """How a process ended: with a status, or by a signal."""

    status: int | None
    by: signal.Signals | None

    @classmethod
    def of(cls, returncode: int) -> Self:
        """From `Popen.returncode`, negative for signals."""
        if returncode < 0:
            return cls(None, signal.Signals(-returncode))
        return cls(returncode, None)

    def __str__(self) -> str:
        return f"status {self.status}" if self.by is None else self.by.name


class Running:
    """A process that was started. What it writes is relayed line by line."""

    def __init__(self, popen: subprocess.Popen[bytes], output: "Lines") -> None:
        self._popen = popen
        self._output = output
        self._ended = asyncio.Event()
        self._pidfd = os.pidfd_open(popen.pid)
        asyncio.get_running_loop().add_reader(self._pidfd, self._reap)

    @classmethod
    def start(cls, program: Program) -> Self:
        """Starts it in a session of its own. OSError if it cannot be run."""
        ours, theirs = os.pipe2(os.O_CLOEXEC)
        try:
            popen = subprocess.Popen(  # noqa: S603 (the command line is ours)
                program.argv,
                env=program.environment,
                stdin=subprocess.DEVNULL,
                stdout=theirs,
                stderr=theirs,
                start_new_session=True,
                preexec_fn=_die_with_parent(program.orphan_signal),  # noqa: PLW1509 (one thread)
            )
        except BaseException:
            os.close(ours)
            raise
        finally:
            os.close(theirs)
        return cls(popen, Lines(ours, lambda line: relay(program.title, line)))

    @property
    def pid(self) -> int:
        """The process id, valid until `ended` returns."""
        return self._popen.pid

    def send(self, number: signal.Signals) -> None:
        """Sends a signal; nothing happens to a process that has ended."""
        self._popen.send_signal(number)

    async def ended(self) -> Ending:
        """Waits for the end. Any number of callers may wait."""
        await self._ended.wait()
        return Ending.of(self._popen.returncode)

    def _reap(self) -> None:
        asyncio.get_running_loop().remove_reader(self._pidfd)
        os.close(self._pidfd)
        self._popen.wait()
        self._output.read()
        self._ended.set()


def _die_with_parent(number: signal.Signals) -> Callable[[], None]:
    """What runs in the child between fork and exec (prctl(2))."""
    parent = os.getpid()
    libc = ctypes.CDLL(None)

    def run() -> None:
        libc.prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)  # the supervisor died before the kernel knew whom to tell

    return run


class Lines:
    """What comes out of a pipe, as whole lines. Owns the descriptor."""

    def __init__(self, descriptor: int, hear: Callable[[bytes], None]) -> None:
        self._descriptor = descriptor
        self._hear = hear
        self._rest = b""
        self._open = True
        os.set_blocking(descriptor, False)
        asyncio.get_running_loop().add_reader(descriptor, self.read)

    def read(self) -> None:
        """Hears what there is to read now."""
        while self._open:
            try:
                data = os.read(self._descriptor, MAX_LINE_BYTES)
            except BlockingIOError:
                return
            self._take(data)

    def _take(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        if not data or len(self._rest) > MAX_LINE_BYTES:
            lines.append(self._rest)
            self._rest = b""
        for line in filter(None, lines):
            self._hear(line)
        if not data:
            self._close()

    def _close(self) -> None:
        self._open = False
        asyncio.get_running_loop().remove_reader(self._descriptor)
        os.close(self._descriptor)


def relay(title: str, line: bytes) -> None:
    """Passes a log line of a program on; anything else it says becomes one."""
    if line.startswith(b"{") or sys.stderr.isatty():
        sys.stderr.buffer.write(line + b"\n")
        sys.stderr.buffer.flush()
    else:
        logs.get().error("program_said", program=title, text=line.decode(errors="replace"))
