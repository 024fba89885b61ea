"""The front door: connections in by one function, nothing of a request out again."""

import asyncio
import io
import socket
import sys
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from gateway import logs
from gateway.api.client import client_application
from gateway.api.front_door import MAX_LINE_BYTES, FrontDoor
from gateway.api.origin import Origin, origin_of
from gateway.errors import OperatorError
from gateway.settings import Endpoint

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJkciBhIn0.c2lnbmF0dXJl"
ANY_PORT = (Endpoint.parse("127.0.0.1:0"),)


async def tell_origin(request: web.Request) -> web.Response:
    return web.Response(text=origin_of(request).client_address)


async def fail(request: web.Request) -> web.Response:
    raise RuntimeError(str(request.url))


async def echo_socket(request: web.Request) -> web.WebSocketResponse:
    ws = web.WebSocketResponse()
    await ws.prepare(request)
    async for message in ws:
        await ws.send_str(message.data)
    return ws


@pytest.fixture
async def door() -> AsyncIterator[FrontDoor]:
    routes = [web.get("/origin", tell_origin), web.get("/fail", fail), web.get("/ws", echo_socket)]
    opened = FrontDoor(client_application(routes))
    await opened.open(ANY_PORT)
    yield opened
    await opened.close()


@pytest.fixture
async def client(door: FrontDoor) -> AsyncIterator[aiohttp.ClientSession]:
    base = f"http://{door.endpoints()[0]}"
    async with aiohttp.ClientSession(base, max_line_size=1 << 17) as session:
        yield session


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    logs.configure("debug", "json", "control")
    return stream


async def say(door: FrontDoor, request: bytes) -> bytes:
    """Everything the gateway answers to these bytes, until it closes."""
    endpoint = door.endpoints()[0]
    reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    return answer


async def test_the_root_answers_200_to_get_and_head(client: aiohttp.ClientSession) -> None:
    async with client.get("/") as response:
        assert (response.status, await response.text()) == (200, "OK")
    async with client.head("/") as response:
        assert response.status == 200


async def test_a_handler_learns_the_client_address_from_the_origin(
    client: aiohttp.ClientSession,
) -> None:
    async with client.get("/origin", headers={"X-Forwarded-For": "192.0.2.9"}) as response:
        assert await response.text() == "127.0.0.1"


async def test_an_adopted_socket_pair_has_the_origin_it_was_adopted_with(door: FrontDoor) -> None:
    ours, theirs = socket.socketpair()
    await door.adopt(theirs, Origin(client_address="192.0.2.7", tls_version="TLSv1.3"))
    reader, writer = await asyncio.open_connection(sock=ours)
    writer.write(b"GET /origin HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n")
    assert (await reader.read()).endswith(b"192.0.2.7")
    writer.close()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("OPTIONS", "/rtc/validate", 204),
        ("OPTIONS", "/anything", 204),
        ("GET", "/anything", 404),
        ("POST", "/origin", 405),
        ("GET", "/fail", 500),
    ],
)
async def test_every_answer_may_be_read_by_any_page(
    client: aiohttp.ClientSession, method: str, path: str, status: int
) -> None:
    async with client.request(method, path) as response:
        assert response.status == status
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        assert "Authorization" in response.headers["Access-Control-Allow-Headers"]
        assert "requested room does not exist" not in await response.text()


async def test_a_request_line_of_nearly_64_kib_is_read(client: aiohttp.ClientSession) -> None:
    async with client.get("/origin", params={"join_request": "x" * 60_000}) as response:
        assert response.status == 200


@pytest.mark.parametrize(
    "request_bytes",
    [
        f"GET /rtc?access_token={TOKEN}{'x' * MAX_LINE_BYTES} HTTP/1.1\r\nHost: g\r\n\r\n".encode(),
        f"GET /rtc?access_token={TOKEN} HTTP/9.9\r\nHost: g\r\n\r\n".encode(),
        f"GET /rtc?access_token={TOKEN} HTTP/1.1\r\nHost g {TOKEN}\r\n\r\n".encode(),
        f"GET /rtc HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {TOKEN}\x00\r\n\r\n".encode(),
        f"GET /rtc HTTP/1.1\r\nHost: g\r\nX: {TOKEN}{'x' * MAX_LINE_BYTES}\r\n\r\n".encode(),
        f"{TOKEN} /rtc\r\n\r\n".encode(),
        f"GET /rtc HTTP/1.1\r\nHost: g\r\nContent-Length: {TOKEN}\r\n\r\n".encode(),
        f"GET /fail?access_token={TOKEN} HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n".encode(),
    ],
)
async def test_a_request_that_fails_repeats_nothing_in_its_answer_or_the_log(
    written: io.StringIO, door: FrontDoor, request_bytes: bytes
) -> None:
    answer = await say(door, request_bytes)
    assert answer.split(b" ")[1] in {b"400", b"500"}
    for fragment in (TOKEN, *TOKEN.split(".")):
        assert fragment.encode() not in answer
        assert fragment not in written.getvalue()
    assert sum(door.counters.failed_requests.values()) == 1


async def test_no_request_that_succeeds_is_logged(
    written: io.StringIO, client: aiohttp.ClientSession
) -> None:
    async with client.get("/", params={"access_token": TOKEN}):
        pass
    assert written.getvalue() == ""


async def test_open_connections_are_counted(door: FrontDoor, client: aiohttp.ClientSession) -> None:
    async with client.ws_connect("/ws") as ws:
        await ws.send_str("hello")
        assert await ws.receive_str() == "hello"
        assert (door.counters.connections, door.counters.open) == (1, 1)


async def test_beyond_the_bound_a_connection_is_closed_unanswered(
    door: FrontDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.api.front_door.MAX_CONNECTIONS", 0)
    assert await say(door, b"GET / HTTP/1.1\r\nHost: g\r\n\r\n") == b""
    assert door.counters.turned_away == 1


async def test_a_port_that_is_taken_is_the_operators_to_mend(door: FrontDoor) -> None:
    second = FrontDoor(client_application([]))
    with pytest.raises(OperatorError, match="cannot listen on TCP"):
        await second.open(door.endpoints())
    await second.close()
