"""`gateway serve`: signals, deaths of its processes, and what its logs never hold."""

import asyncio
import os
import signal
import socket
import time
from pathlib import Path

import aiohttp
import pytest
from livekit import api
from livekit.protocol import rtc

from tests.integration.gateway_process import GatewayProcess, free_port, start


def token(identity: str = "dr-a", secret: str = "secret") -> str:
    """A join token as platforms mint it."""
    grants = api.VideoGrants(room_join=True, room="room-of-this-test")
    made = api.AccessToken("devkey", secret).with_identity(identity).with_grants(grants)
    return made.to_jwt()


def is_alive(pid: int) -> bool:
    """Whether the process is there and not merely waiting to be reaped."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


async def until_dead(*pids: int) -> None:
    while any(is_alive(pid) for pid in pids):
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_everything_with_status_0_within_5_s(
    running: GatewayProcess, number: signal.Signals
) -> None:
    pids = [await running.pid_of(program) for program in ("datapath", "control")]
    began = time.monotonic()
    assert await running.stop(number) == 0
    assert time.monotonic() - began < 5
    assert not any(is_alive(pid) for pid in pids)


async def test_a_killed_control_plane_accepts_again_within_3_s(running: GatewayProcess) -> None:
    os.kill(await running.pid_of("control"), signal.SIGKILL)
    began = time.monotonic()
    await running.pid_of("control", start=2)
    await running.until_ready()
    assert time.monotonic() - began < 3
    assert len(running.events("program_started", program="datapath")) == 1


async def test_a_killed_datapath_is_found_again(running: GatewayProcess) -> None:
    os.kill(await running.pid_of("datapath"), signal.SIGKILL)
    await running.event("datapath_lost")
    await running.pid_of("datapath", start=2)
    await running.until_ready()
    assert len(running.events("program_started", program="control")) == 1


async def test_both_processes_die_with_a_killed_supervisor(running: GatewayProcess) -> None:
    pids = [await running.pid_of(program) for program in ("datapath", "control")]
    running.process.kill()
    await until_dead(*pids)


async def _responses(ws: aiohttp.ClientWebSocketResponse) -> list[str]:
    """The kinds of all further messages, until the gateway closes."""
    return [
        str(rtc.SignalResponse.FromString(message.data).WhichOneof("message"))
        async for message in ws
    ]


async def test_a_full_stop_says_leave_to_clients(running: GatewayProcess) -> None:
    async with (
        aiohttp.ClientSession(running.ws) as session,
        session.ws_connect("/rtc", params={"access_token": token()}) as ws,
    ):
        stopping = asyncio.create_task(running.stop())
        assert (await _responses(ws))[-1] == "leave"
        assert await stopping == 0


async def test_an_upgrade_of_the_control_plane_closes_without_leave(
    running: GatewayProcess,
) -> None:
    async with (
        aiohttp.ClientSession(running.ws) as session,
        session.ws_connect("/rtc", params={"access_token": token()}) as ws,
    ):
        os.kill(await running.pid_of("control"), signal.SIGTERM)
        assert "leave" not in await _responses(ws)
        assert ws.close_code == aiohttp.WSCloseCode.SERVICE_RESTART
    await running.event("program_ended", program="control", how="status 0")
    await running.pid_of("control", start=2)
    await running.until_ready()
    assert await running.metric("gateway_participants") == 1


async def test_a_port_that_is_taken_ends_it_with_status_2_and_a_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = await start(tmp_path, port, free_port())
        assert await process.ended() == 2
    assert f"cannot listen on TCP 127.0.0.1:{port}" in process.said


async def test_every_kind_of_request_with_a_token_leaves_no_trace_of_it(
    running: GatewayProcess,
) -> None:
    good, forged = token(), token(secret="another secret of another gateway")
    bodies = [await _raw(running, request) for request in _bad_requests(good)]
    async with aiohttp.ClientSession(running.http) as session:
        for path in ("/rtc", "/rtc/validate", "/rtc/v1", "/try/", "/nowhere"):
            for one in (good, forged, good[:-3], good + "x" * 60_000):
                async with session.get(path, params={"access_token": one}) as response:
                    bodies.append(await response.read())
        bearer = {"Authorization": f"Bearer {forged}"}
        async with session.get("/rtc/validate", headers=bearer) as response:
            assert response.status == 401
            bodies.append(await response.read())
        async with session.ws_connect("/rtc", params={"access_token": good}) as ws:
            await ws.receive_bytes()
            await ws.send_bytes(b"\xff" + good.encode())
    assert await running.metric('gateway_http_requests_failed_total{status="400"}') >= 6
    assert await running.metric('gateway_join_refusals_total{cause="wrong_signature"}') >= 3
    assert await running.metric('gateway_joins_total{result="joined"}') == 1
    assert await running.stop() == 0
    everything = running.said.encode() + b"".join(bodies)
    for secret in {*good.split("."), *forged.split("."), "dr-a", "room-of-this-test"}:
        assert secret.encode() not in everything


def _bad_requests(secret: str) -> list[bytes]:
    """Requests that no HTTP server should read, each with a token somewhere."""
    query = f"/rtc?access_token={secret}"
    return [
        f"GET {query}{'x' * 70_000} HTTP/1.1\r\nHost: g\r\n\r\n".encode(),
        f"GET {query} HTTP/7\r\nHost: g\r\n\r\n".encode(),
        f"GET {query}\r\n\r\n".encode(),
        f"GET {query} HTTP/1.1\r\nHost g\r\n\r\n".encode(),
        f"GET /rtc HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {secret}\x01\r\n\r\n".encode(),
        f"GET /rtc HTTP/1.1\r\nHost: g\r\nX-{secret}{'y' * 70_000}: 1\r\n\r\n".encode(),
        f"POST /rtc HTTP/1.1\r\nHost: g\r\nContent-Length: {secret}\r\n\r\n".encode(),
        f"{secret} {query} HTTP/1.1\r\n\r\n".encode(),
        b"\x16\x03\x01" + secret.encode() + b"\r\n\r\n",
    ]


async def _raw(running: GatewayProcess, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    writer.write(request)
    try:
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()
