"""The supervisor keeps two programs running and ends them in order."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway import logs
from gateway.clock import SystemClock
from gateway.supervisor.keeper import Backoff, Keeper
from gateway.supervisor.programs import Program

# Writes a line to `log` when it starts and when a signal comes, then ends on that signal.
OBEDIENT = """
import os, signal, sys
log = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
tell = lambda text: os.write(log, (text + "\\n").encode())
def end(number, frame):
    tell(sys.argv[2] + " " + signal.Signals(number).name)
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
signal.signal(signal.SIGINT, end)
tell(f"{sys.argv[2]} {os.getpid()} {os.getsid(0)}")
signal.pause()
"""
STUBBORN = OBEDIENT.replace("sys.exit(0)", "signal.pause()")


def python(source: str, log: Path, title: str, stop: signal.Signals = signal.SIGTERM) -> Program:
    return Program(
        title=title,
        argv=(sys.executable, "-c", source, str(log), title),
        stop_signal=stop,
        orphan_signal=signal.SIGKILL,
    )


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log"
    path.touch()
    return path


async def until(log: Path, holds: Callable[[list[str]], bool]) -> list[str]:
    """The lines of the log as soon as something holds of them; the test's time-out bounds it."""
    while not holds(lines := log.read_text().splitlines()):
        await asyncio.sleep(0.005)
    return lines


def started(log: Path, title: str) -> list[int]:
    """Process ids of all starts of a program."""
    lines = (line.split() for line in log.read_text().splitlines())
    return [int(line[1]) for line in lines if line[0] == title and line[1].isdigit()]


def keeper_of(datapath: Program, control: Program) -> Keeper:
    return Keeper(datapath, control, SystemClock())


async def test_the_control_plane_ends_before_the_datapath(log: Path) -> None:
    keeper = keeper_of(
        python(OBEDIENT, log, "datapath"), python(OBEDIENT, log, "control", signal.SIGINT)
    )
    running = asyncio.create_task(keeper.run())
    await until(log, lambda lines: len(lines) == 2)
    keeper.stop()
    assert await running == 0
    assert log.read_text().splitlines()[2:] == ["control SIGINT", "datapath SIGTERM"]


async def test_a_killed_program_is_started_again_while_the_other_goes_on(log: Path) -> None:
    keeper = keeper_of(python(OBEDIENT, log, "datapath"), python(OBEDIENT, log, "control"))
    running = asyncio.create_task(keeper.run())
    await until(log, lambda lines: len(lines) == 2)
    os.kill(started(log, "control")[0], signal.SIGKILL)
    await until(log, lambda _: len(started(log, "control")) == 2)
    assert len(started(log, "datapath")) == 1
    keeper.stop()
    assert await running == 0


async def test_each_program_has_a_session_of_its_own(log: Path) -> None:
    keeper = keeper_of(python(OBEDIENT, log, "datapath"), python(OBEDIENT, log, "control"))
    running = asyncio.create_task(keeper.run())
    lines = await until(log, lambda lines: len(lines) == 2)
    assert all(pid == sid != str(os.getsid(0)) for _, pid, sid in map(str.split, lines))
    keeper.stop()
    await running


async def test_a_program_that_does_not_end_is_killed(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.supervisor.keeper.CONTROL_STOP_S", 0.05)
    keeper = keeper_of(python(OBEDIENT, log, "datapath"), python(STUBBORN, log, "control"))
    running = asyncio.create_task(keeper.run())
    await until(log, lambda lines: len(lines) == 2)
    keeper.stop()
    assert await running == 0


@pytest.mark.parametrize("status", [1, 2])
async def test_a_program_that_cannot_start_ends_everything_with_its_status(
    log: Path, status: int
) -> None:
    cannot_start = python(f"import sys; sys.exit({status})", log, "control")
    assert await keeper_of(python(OBEDIENT, log, "datapath"), cannot_start).run() == status


async def test_what_a_program_says_without_json_becomes_a_log_line(
    log: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    logs.configure("info", "json", "supervisor")
    source = "import os; os.write(2, b'thread panicked\\n{\"event\": 1}\\nno end of line');"
    keeper = keeper_of(python(source + OBEDIENT, log, "datapath"), python(OBEDIENT, log, "control"))
    running = asyncio.create_task(keeper.run())
    await until(log, lambda lines: len(lines) == 2)
    keeper.stop()
    await running
    said = capfd.readouterr()
    assert '{"event": 1}' in said.err.splitlines()
    texts = [line["text"] for line in map(json.loads, said.err.splitlines()) if "text" in line]
    assert texts == ["thread panicked", "no end of line"]


async def test_a_missing_program_ends_everything_with_its_error(log: Path) -> None:
    missing = Program("datapath", ("/nowhere",), signal.SIGTERM, signal.SIGTERM)
    with pytest.raises(FileNotFoundError):
        await keeper_of(missing, python(OBEDIENT, log, "control")).run()


def test_delays_are_none_then_double_up_to_a_bound() -> None:
    backoff = Backoff()
    assert [backoff.after(1) for _ in range(8)] == [0, 0.2, 0.4, 0.8, 1.6, 3.2, 5, 5]


def test_a_stable_minute_is_forgiven() -> None:
    backoff = Backoff()
    for _ in range(5):
        backoff.after(1)
    assert backoff.after(60) == 0
    assert backoff.after(1) == 0.2
