"""The client protocol's paths over HTTP: refusals before the upgrade, messages after it."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer
from livekit.protocol import models, rtc

from gateway.api.client import client_application
from gateway.datapath.fake import FakeDatapath, HeldClock
from gateway.settings.model import Rooms, Signalling
from gateway.signalling.service import SignallingService
from gateway.signalling.session import Client
from gateway.signalling.websocket import ClientRoutes, client_of
from tests.auth import tokens
from tests.signalling import parts

Http = TestClient[Any, Any]
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}


def a_token(identity: str = "doctor", **changes: Any) -> str:
    """Valid on the clock that stands still; `changes` are fields of the video grant."""
    return tokens.token(tokens.video(**changes) | {"sub": identity})


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def datapath() -> FakeDatapath:
    return FakeDatapath(HeldClock(wall=tokens.NOW_S))


@pytest.fixture
async def service(datapath: FakeDatapath) -> AsyncIterator[SignallingService]:
    made = SignallingService(
        datapath,
        datapath.clock,
        keys=tokens.KEYS,
        candidates=lambda _hello: parts.CANDIDATES,
        signalling=Signalling().model_copy(update={"join_timeout_s": 1.0}),
        rooms=Rooms(),
    )
    await datapath.connect()
    yield made
    await made.stop(farewell=False)


@pytest.fixture
async def http(service: SignallingService, datapath: FakeDatapath) -> AsyncIterator[Http]:
    routes = ClientRoutes(service, datapath.clock, tokens.KEYS, 60.0)
    async with TestClient(TestServer(client_application(routes.routes()))) as client:
        yield client


async def hear(ws: aiohttp.ClientWebSocketResponse[Any], kind: str) -> Any:
    while True:
        message = rtc.SignalResponse.FromString(await ws.receive_bytes())
        if message.WhichOneof("message") == kind:
            return getattr(message, kind)


# ------------------------------------------------------------------------------ before the upgrade


async def test_validate_says_success_to_a_good_token(http: Http) -> None:
    answer = await http.get("/rtc/validate", headers=bearer(a_token()))
    assert (answer.status, await answer.text()) == (200, "success")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    ("token", "status", "words"),
    [
        ("", 401, "No access token"),
        ("nonsense", 401, "not a JSON Web Token"),
        (a_token(hidden=True), 403, "hidden participant"),
        (a_token(roomJoin=False), 401, "roomJoin"),
        (tokens.token(tokens.claims(exp=tokens.NOW_S - 100)), 401, "expired"),
    ],
)
async def test_both_paths_refuse_with_one_status_and_sentence(
    http: Http, token: str, status: int, words: str
) -> None:
    query = {"access_token": token} if token else {}
    said = await http.get("/rtc/validate", params=query)
    assert said.status == status
    sentence = await said.text()
    assert words in sentence
    assert token[:8] not in sentence or not token
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    joined = await http.get(
        "/rtc",
        params=query,
        headers=upgrade | {"Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="},
    )
    assert (joined.status, await joined.text()) == (status, sentence)
    assert joined.headers["Access-Control-Allow-Origin"] == "*"


async def test_the_header_wins_over_the_query(http: Http) -> None:
    answer = await http.get(
        "/rtc/validate", params={"access_token": "nonsense"}, headers=bearer(a_token())
    )
    assert answer.status == 200


async def test_an_ordinary_get_of_rtc_is_not_found_whatever_the_token(http: Http) -> None:
    assert (await http.get("/rtc")).status == 404
    assert (await http.get("/rtc", headers=bearer(a_token()))).status == 404


async def test_without_a_datapath_the_answer_is_try_again(
    http: Http, datapath: FakeDatapath, service: SignallingService
) -> None:
    datapath.lose()
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await http.ws_connect("/rtc", headers=bearer(a_token()))
    assert refused.value.status == 503
    assert refused.value.headers is not None
    assert refused.value.headers["Retry-After"] == "1"
    assert service.counters.refusals == {"datapath_away": 1}


# ------------------------------------------------------------------------------- after the upgrade


async def test_a_doubled_slash_is_one(http: Http) -> None:
    root = f"http://{http.server.host}:{http.server.port}"
    async with aiohttp.ClientSession() as session:
        answer = await session.get(f"{root}//rtc/validate", headers=bearer(a_token()))
        assert answer.status == 200
        async with session.ws_connect(f"{root}//rtc", headers=bearer(a_token())) as ws:
            await hear(ws, "join")


async def test_the_first_message_is_join(http: Http) -> None:
    async with http.ws_connect("/rtc", params={"access_token": a_token()}) as ws:
        first = rtc.SignalResponse.FromString(await ws.receive_bytes())
        assert first.join.participant.identity == "doctor"


async def test_compression_is_declined(http: Http) -> None:
    async with http.ws_connect("/rtc", headers=bearer(a_token()), compress=15) as ws:
        assert not ws.compress


async def test_requests_are_answered(http: Http) -> None:
    async with http.ws_connect("/rtc", headers=bearer(a_token())) as ws:
        await ws.send_bytes(rtc.SignalRequest(ping=1).SerializeToString())
        assert await hear(ws, "pong") > 0


async def test_leave_closes_the_socket(http: Http, service: SignallingService) -> None:
    async with http.ws_connect("/rtc", headers=bearer(a_token())) as ws:
        await ws.send_bytes(rtc.SignalRequest(leave=rtc.LeaveRequest()).SerializeToString())
        async for _ in ws:
            pass
        assert ws.close_code == aiohttp.WSCloseCode.OK
    assert service.rooms() == 0


async def test_a_second_device_ends_the_first(http: Http) -> None:
    async with http.ws_connect("/rtc", headers=bearer(a_token())) as first:
        await hear(first, "join")
        async with http.ws_connect("/rtc", headers=bearer(a_token())) as second:
            leave = await hear(first, "leave")
            assert leave.reason == models.DUPLICATE_IDENTITY
            assert (await first.receive()).type is aiohttp.WSMsgType.CLOSE
            await hear(second, "join")


async def test_a_resume_is_refused_by_its_first_message(
    http: Http, service: SignallingService
) -> None:
    query = {"reconnect": "1", "sid": "PA_before", "access_token": a_token()}
    async with http.ws_connect("/rtc", params=query) as ws:
        first = rtc.SignalResponse.FromString(await ws.receive_bytes())
        assert first.leave.reason == models.STATE_MISMATCH
        assert first.leave.action == rtc.LeaveRequest.RECONNECT
        assert (await ws.receive()).type is aiohttp.WSMsgType.CLOSE
    assert service.counters.joins == {"resume_refused": 1}


async def test_bytes_that_are_no_message_close_the_socket(
    http: Http, service: SignallingService
) -> None:
    async with http.ws_connect("/rtc", headers=bearer(a_token())) as ws:
        await ws.send_bytes(b"\xff\xff\xff")
        async for _ in ws:
            pass
        assert ws.close_code == aiohttp.WSCloseCode.INVALID_TEXT
    assert service.counters.ignored == {"undecodable": 1}


async def test_a_message_above_2_mib_closes_the_socket(http: Http) -> None:
    async with http.ws_connect("/rtc", headers=bearer(a_token())) as ws:
        await ws.send_bytes(b"\x00" * (2 * 1024 * 1024 + 1))
        async for _ in ws:
            pass
        assert ws.close_code == aiohttp.WSCloseCode.MESSAGE_TOO_BIG


async def test_a_client_is_answered_in_the_form_that_it_used_last(http: Http) -> None:
    async with http.ws_connect("/rtc", headers=bearer(a_token())) as ws:
        await hear(ws, "refresh_token")
        await hear(ws, "offer")
        await ws.send_str('{"pingReq": {"timestamp": "5"}}')
        assert json.loads(await ws.receive_str())["pongResp"]["lastPingTimestamp"] == "5"
        await ws.send_bytes(rtc.SignalRequest(ping=1).SerializeToString())
        assert await hear(ws, "pong") > 0


async def test_text_that_is_no_message_closes_the_socket_with_a_sentence(
    http: Http, service: SignallingService
) -> None:
    async with http.ws_connect("/rtc", headers=bearer(a_token())) as ws:
        await hear(ws, "refresh_token")
        await hear(ws, "offer")
        await ws.send_str("soon")
        end = await ws.receive()
        assert end.data == aiohttp.WSCloseCode.INVALID_TEXT
        assert end.extra == "The message is not a SignalRequest in proto3 JSON."
    assert service.counters.ignored == {"undecodable": 1}


async def test_an_upgrade_of_the_gateway_closes_without_a_leave(
    http: Http, service: SignallingService
) -> None:
    async with http.ws_connect("/rtc", headers=bearer(a_token())) as ws:
        await hear(ws, "offer")
        await service.stop(farewell=False)
        message = await ws.receive()
        assert message.type is aiohttp.WSMsgType.CLOSE
        assert message.data == aiohttp.WSCloseCode.SERVICE_RESTART


async def test_a_socket_that_breaks_before_media_was_up_ends_the_participant(
    http: Http, service: SignallingService
) -> None:
    ws = await http.ws_connect("/rtc", headers=bearer(a_token()))
    await hear(ws, "join")
    await ws.close()
    while service.rooms():  # the test has a time-out
        await asyncio.sleep(0)


# ------------------------------------------------------------------------------------- dialect v1


def wrapped(**fields: Any) -> str:
    inner = rtc.JoinRequest(**fields).SerializeToString()
    body = rtc.WrappedJoinRequest(join_request=inner).SerializeToString()
    return base64.urlsafe_b64encode(body).decode().rstrip("=")


@pytest.mark.parametrize("path", ["/rtc/v1", "//rtc/v1", "/rtc"])
async def test_a_join_request_makes_one_connection_on_either_path(http: Http, path: str) -> None:
    offer = rtc.SessionDescription(type="offer", id=4, sdp=parts.an_offer(parts.data("0")))
    query = {"join_request": wrapped(publisher_offer=offer), "access_token": a_token()}
    root = f"http://{http.server.host}:{http.server.port}"
    async with aiohttp.ClientSession() as s, s.ws_connect(root + path, params=query) as ws:
        first = rtc.SignalResponse.FromString(await ws.receive_bytes())
        assert not first.join.subscriber_primary
        assert (await hear(ws, "answer")).id == 4


@pytest.mark.parametrize("path", ["/rtc/v1", "/rtc/v1/validate", "/rtc"])
async def test_a_join_request_that_cannot_be_read_is_refused_before_the_upgrade(
    http: Http, service: SignallingService, path: str
) -> None:
    headers = bearer(a_token()) | UPGRADE
    answer = await http.get(path, params={"join_request": "!"}, headers=headers)
    assert (answer.status, await answer.text()) == (400, "join_request is not base64url.\n")
    assert service.counters.refusals == {"bad_join_request": 1}


async def test_version_1_needs_a_join_request(http: Http) -> None:
    answer = await http.get("/rtc/v1", headers=bearer(a_token()) | UPGRADE)
    assert answer.status == 400


@pytest.mark.parametrize("path", ["/rtc/v1", "/rtc/v1/validate"])
async def test_version_1_refuses_a_token_as_version_0_does(http: Http, path: str) -> None:
    query = {"join_request": wrapped()}
    answer = await http.get(path, params=query, headers=bearer("x") | UPGRADE)
    assert answer.status == 401


async def test_validate_says_success_to_a_good_join_request(http: Http) -> None:
    query = {"join_request": wrapped()}
    answer = await http.get("/rtc/v1/validate", params=query, headers=bearer(a_token()))
    assert (answer.status, await answer.text()) == (200, "success")


async def test_version_1_without_an_upgrade_is_not_found(http: Http) -> None:
    answer = await http.get("/rtc/v1", params={"join_request": wrapped()})
    assert answer.status == 404


async def test_a_resume_in_a_join_request_is_refused_by_its_first_message(http: Http) -> None:
    query = {"join_request": wrapped(reconnect=True, participant_sid="PA_before")}
    async with http.ws_connect("/rtc/v1", params=query, headers=bearer(a_token())) as ws:
        first = rtc.SignalResponse.FromString(await ws.receive_bytes())
        assert first.leave.reason == models.STATE_MISMATCH
        assert first.leave.action == rtc.LeaveRequest.RECONNECT


# ---------------------------------------------------------------------------------------- parsing


@pytest.mark.parametrize(
    ("query", "client"),
    [
        ({}, Client()),
        (
            {"protocol": "17", "client_protocol": "2", "sdk": "js", "auto_subscribe": "0"},
            Client(protocol=17, client_protocol=2, sdk="js", auto_subscribe=False),
        ),
        ({"protocol": "seventeen", "auto_subscribe": "true"}, Client()),
        ({"protocol": "1" * 40, "client_protocol": "-1"}, Client()),
    ],
)
def test_the_query_is_read_leniently(query: dict[str, str], client: Client) -> None:
    assert client_of(query) == client
