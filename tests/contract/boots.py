"""One boot of a datapath to test against: the fake one, or the real binary on loopback."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.datapath.fake import FakeServer

ROOT = Path(__file__).resolve().parents[2]
BUILDS = (
    ROOT / "datapath/target/debug/gateway-datapath",
    ROOT / "datapath/target/release/gateway-datapath",
)
START_S = 10.0
STOP_S = 5.0


def binary() -> Path:
    """The newest build. Fails the test when there is none: it is not skipped in silence."""
    built = [path for path in BUILDS if path.is_file()]
    if not built:
        pytest.fail(
            "the real datapath is not built; build it first: "
            "(cd datapath && cargo build -p gateway-datapath)",
            pytrace=False,
        )
    return max(built, key=lambda path: path.stat().st_mtime)


@asynccontextmanager
async def fake(directory: Path, lease_s: int) -> AsyncIterator[Path]:
    """Yields the path of the control socket."""
    async with FakeServer(directory, lease_s=lease_s) as server:
        yield server.path


@asynccontextmanager
async def real(directory: Path, lease_s: int) -> AsyncIterator[Path]:
    """As `fake`. SIGTERM must end it with status 0."""
    path = directory / "control.sock"
    process = await asyncio.create_subprocess_exec(
        binary(),
        *("--listen", f"udp/127.0.0.1:{free_udp_port()}"),
        *("--runtime-directory", directory),
        *("--workers", "1"),
        *("--lease-s", str(lease_s)),
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    log: list[bytes] = []
    reading = asyncio.create_task(drain(process.stderr, log))
    try:
        await answers(path, process, log)
        yield path
        process.terminate()
        async with asyncio.timeout(STOP_S):
            assert await process.wait() == 0, b"".join(log).decode()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        await reading


async def drain(stream: asyncio.StreamReader, log: list[bytes]) -> None:
    """Keeps what the process writes, so that a full pipe never stops it."""
    while line := await stream.readline():
        log.append(line)


async def answers(path: Path, process: asyncio.subprocess.Process, log: list[bytes]) -> None:
    """Returns once the control socket takes connections."""
    async with asyncio.timeout(START_S):
        while True:
            try:
                _, writer = await asyncio.open_unix_connection(path)
            except OSError:
                text = b"".join(log).decode()
                assert process.returncode is None, f"the datapath ended at its start: {text}"
                await asyncio.sleep(0.005)  # nothing tells when another process has bound
            else:
                writer.close()
                return


def free_udp_port() -> int:
    """A port of loopback that nobody uses now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
