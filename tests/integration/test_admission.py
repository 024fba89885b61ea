"""Who gets in and who does not, over real HTTP: issue 3, points 1 and 2."""

import asyncio
import base64
import datetime
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import jwt
import pytest
import pytest_asyncio
from livekit import api
from livekit.protocol import models, rtc

from tests.integration.gateway_process import GatewayProcess
from tests.integration.signalling_client import MAX_MESSAGE_BYTES, signal
from tests.integration.tokens import KEY, SECRET, token

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

JOIN = {"roomJoin": True, "room": "a-room"}
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode(),
}


def made(secret: str = SECRET, *, key: str = KEY, algorithm: str = "HS256", **claims: Any) -> str:
    """A token with exactly these claims, made by PyJWT: livekit-api makes only good ones."""
    now = int(time.time())
    given = {"iss": key, "sub": "dr-a", "exp": now + 60, "nbf": now, "video": JOIN} | claims
    return jwt.encode({k: v for k, v in given.items() if v is not None}, secret, algorithm)


def unsigned() -> str:
    """A token whose algorithm is "none", as RFC 7519 section 6 has it."""
    head, body = (
        {"alg": "none", "typ": "JWT"},
        jwt.decode(made(), options={"verify_signature": False}),
    )
    parts = (base64.urlsafe_b64encode(json.dumps(part).encode()) for part in (head, body))
    return ".".join(part.decode().rstrip("=") for part in parts) + "."


def confused() -> str:
    """Signed with HMAC over another hash: a key must not decide about the algorithm."""
    return made(algorithm="HS512")


def claiming_rs256() -> str:
    """Signed with HS256, but its header says RS256 (key confusion)."""
    _, body, signature = made().split(".")
    forged = json.dumps({"alg": "RS256", "typ": "JWT"}).encode()
    return f"{base64.urlsafe_b64encode(forged).decode().rstrip('=')}.{body}.{signature}"


REFUSALS: dict[str, tuple[Callable[[], str | None], int, str]] = {
    "no token": (lambda: None, 401, "No access token was sent"),
    "not a token": (lambda: "abc", 401, "not a JSON Web Token"),
    "alg none": (unsigned, 401, "not signed with HS256"),
    "HS512": (confused, 401, "not signed with HS256"),
    "RS256 in the header": (claiming_rs256, 401, "not signed with HS256"),
    "wrong signature": (lambda: made("another secret of another gateway"), 401, "signature"),
    "empty signature": (lambda: made().rpartition(".")[0] + ".", 401, "signature"),
    "unknown key": (lambda: made(key="nobody"), 401, "API key"),
    "expired": (lambda: made(exp=int(time.time()) - 90), 401, "has expired"),
    "no expiry": (lambda: made(exp=None), 401, "no expiry"),
    "not yet valid": (lambda: made(nbf=int(time.time()) + 90), 401, "not valid yet"),
    "empty room": (lambda: made(video={"roomJoin": True, "room": ""}), 400, "names no room"),
    "no room": (lambda: made(video={"roomJoin": True}), 400, "names no room"),
    "no identity": (lambda: made(sub=None), 400, "names no identity"),
    "no roomJoin": (lambda: made(video={"room": "a-room"}), 401, "lacks roomJoin"),
    "no grant": (lambda: made(video=None), 401, "lacks roomJoin"),
    "hidden": (lambda: made(video=JOIN | {"hidden": True}), 403, "hidden"),
    "recorder": (lambda: made(video=JOIN | {"recorder": True}), 403, "recorder"),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def http(house: GatewayProcess) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(house.http) as session:
        yield session


@pytest.mark.parametrize("name", REFUSALS)
@pytest.mark.parametrize("place", ["header", "query"])
async def test_a_join_without_the_right_is_refused_before_the_upgrade_and_validate_says_the_same(
    http: aiohttp.ClientSession, house: GatewayProcess, name: str, place: str
) -> None:
    make, status, words = REFUSALS[name]
    one = make()
    headers, query = {}, {}
    if one is not None:
        headers = {"Authorization": f"Bearer {one}"} if place == "header" else {}
        query = {"access_token": one} if place == "query" else {}
    rooms = await house.metric("gateway_rooms")
    answers = []
    for path, upgrade in (("/rtc", UPGRADE), ("/rtc/validate", {})):
        async with http.get(path, params=query, headers=headers | upgrade) as response:
            answers.append((response.status, await response.text()))
            assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert answers[0] == answers[1]
    assert answers[0][0] == status
    assert words in answers[0][1]
    assert await house.metric("gateway_rooms") == rooms


async def test_tokens_of_livekit_api_are_valid_and_clocks_may_differ_by_a_minute(
    http: aiohttp.ClientSession,
) -> None:
    now = int(time.time())
    lived = (
        api.AccessToken(KEY, SECRET)
        .with_identity("dr-a")
        .with_grants(api.VideoGrants(room_join=True, room="a-room"))
        .with_ttl(datetime.timedelta(minutes=5))
    )
    for good in (
        lived.to_jwt(),
        made(nbf=now + 50),
        made(exp=now - 50),
        made(sub=None, jti="dr-a"),
    ):
        async with http.get("/rtc/validate", params={"access_token": good}) as response:
            assert (response.status, await response.text()) == (200, "success")


async def test_the_header_wins_over_the_query(http: aiohttp.ClientSession) -> None:
    bad = {"Authorization": f"Bearer {made('another secret of another gateway')}"}
    async with http.get("/rtc/validate", params={"access_token": made()}, headers=bad) as response:
        assert response.status == 401


@pytest.mark.parametrize("path", ["/rtc/v1", "/rtc/v1/validate"])
@pytest.mark.parametrize("parameter", ["x", "!", "AAAA"])
async def test_a_join_request_that_cannot_be_read_is_the_developers_to_mend(
    http: aiohttp.ClientSession, path: str, parameter: str
) -> None:
    headers = {"Authorization": f"Bearer {made()}"} | UPGRADE
    query = {"join_request": parameter}
    async with http.get(path, params=query, headers=headers) as response:
        assert response.status == 400
        assert "join_request" in await response.text()
        assert response.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("path", ["/", "/rtc", "/rtc/validate", "/rtc/v1", "/rtc/v1/validate"])
async def test_options_is_answered_with_what_a_page_may_send(
    http: aiohttp.ClientSession, path: str
) -> None:
    asked = {"Origin": "https://x.example", "Access-Control-Request-Headers": "authorization"}
    async with http.options(path, headers=asked) as response:
        assert response.status in {200, 204}
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        assert "authorization" in response.headers["Access-Control-Allow-Headers"].lower()
        assert "GET" in response.headers["Access-Control-Allow-Methods"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_the_root_answers_load_balancers_and_pages(
    http: aiohttp.ClientSession, method: str
) -> None:
    async with http.request(method, "/") as response:
        assert response.status == 200
        assert response.headers["Access-Control-Allow-Origin"] == "*"


async def test_rtc_without_an_upgrade_is_not_found(http: aiohttp.ClientSession) -> None:
    async with http.get("/rtc", params={"access_token": made()}) as response:
        assert response.status == 404


async def request_line_of(house: GatewayProcess, length: int, secret: str) -> bytes:
    """What the gateway answers to a valid request whose target has that length."""
    target = f"/rtc/validate?access_token={secret}&join_request="
    target += "x" * (length - len(target))
    reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
    writer.write(f"GET {target} HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n".encode())
    try:
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_request_lines_of_60_kib_are_taken(house: GatewayProcess) -> None:
    answer = await request_line_of(house, 60 * 1024, made())
    assert answer.startswith(b"HTTP/1.1 200 ")


async def test_longer_request_lines_are_refused_and_the_token_is_repeated_nowhere(
    house: GatewayProcess,
) -> None:
    secret = made()
    answer = await request_line_of(house, 66 * 1024, secret)
    assert not answer or b" 400 " in answer.partition(b"\r\n")[0]
    for part in secret.split("."):
        assert part.encode() not in answer
        assert part not in house.said


async def test_compression_of_messages_is_declined(
    http: aiohttp.ClientSession, house: GatewayProcess, room: str
) -> None:
    headers = UPGRADE | {"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"}
    headers["Authorization"] = f"Bearer {token('dr-a', room)}"
    async with http.get("/rtc", headers=headers) as response:
        assert response.status == 101
        assert "Sec-WebSocket-Extensions" not in response.headers
        response.close()


async def test_a_message_of_2_mib_is_taken_and_one_byte_more_closes_the_socket(
    house: GatewayProcess, room: str
) -> None:
    async with signal(house.http, token("dr-a", room)) as client:
        await client.until("join")
        for more, ends in ((0, False), (1, True)):
            # An unknown field of that length: legal, and ignored.
            filler = MAX_MESSAGE_BYTES + more - 6
            message = b"\xfa\x3e" + _varint(filler) + bytes(filler)
            assert len(message) == MAX_MESSAGE_BYTES + more
            await client.socket.send_bytes(message)
            if not ends:
                await client.ask(ping=1)
                assert await client.until("pong") > 0
        # What is still on its way may reset the connection before the code is read.
        too_big, reset = aiohttp.WSCloseCode.MESSAGE_TOO_BIG, aiohttp.WSCloseCode.ABNORMAL_CLOSURE
        assert await client.closed() in {too_big, reset}


def _varint(value: int) -> bytes:
    """Of four bytes."""
    low = [value >> shift & 0x7F | 0x80 for shift in (0, 7, 14)]
    return bytes([*low, value >> 21])


async def test_both_forms_of_ping_are_answered_in_milliseconds(
    house: GatewayProcess, room: str
) -> None:
    async with signal(house.http, token("dr-a", room)) as client:
        await client.ask(ping=12345)
        now_ms = time.time() * 1000
        assert abs(await client.until("pong") - now_ms) < 5000
        await client.ask(ping_req=rtc.Ping(timestamp=777, rtt=3))
        pong = await client.until("pong_resp")
        assert pong.last_ping_timestamp == 777
        assert abs(pong.timestamp - now_ms) < 5000


async def test_the_first_message_is_the_join_response_with_what_clients_need(
    house: GatewayProcess, room: str
) -> None:
    async with signal(house.http, token("dr-a", room)) as client:
        first = await client.next()
        assert first.WhichOneof("message") == "join"
        join = first.join
        assert join.participant.sid.startswith("PA_")
        assert join.room.sid.startswith("RM_")
        assert join.server_info.protocol == 17
        assert join.server_info.version
        assert join.server_version == join.server_info.version
        assert join.ping_interval > 0
        assert join.ping_timeout > join.ping_interval
        assert join.subscriber_primary
        assert not join.participant.permission.can_publish_data
        assert join.participant.permission.can_publish
        offer = await client.until("offer")
        assert "m=application" in offer.sdp
        assert "a=ice-lite" in offer.sdp


async def test_a_token_is_refreshed_with_the_same_rights(
    house: GatewayProcess, http: aiohttp.ClientSession, room: str
) -> None:
    given = token("dr-a", room, can_publish_sources=["microphone"])
    async with signal(house.http, given) as client:
        fresh = await client.until("refresh_token")
    async with http.get("/rtc/validate", params={"access_token": fresh}) as response:
        assert response.status == 200
    async with signal(house.http, fresh) as again:
        permission = (await again.until("join")).participant.permission
        assert [*permission.can_publish_sources] == [models.TrackSource.MICROPHONE]


async def test_a_leave_request_ends_the_session_and_the_socket(
    house: GatewayProcess, room: str
) -> None:
    async with signal(house.http, token("dr-a", room)) as client:
        await client.until("join")
        await client.ask(leave=rtc.LeaveRequest())
        assert await client.closed() == aiohttp.WSCloseCode.OK


async def test_a_resume_is_refused_with_a_call_to_join_anew(
    house: GatewayProcess, room: str
) -> None:
    async with signal(house.http, token("dr-a", room), reconnect="1", sid="PA_x") as client:
        first = await client.next()
        assert first.leave.reason == models.DisconnectReason.STATE_MISMATCH
        assert first.leave.action == rtc.LeaveRequest.RECONNECT
        assert first.leave.can_reconnect


async def test_the_doubled_slash_of_some_clients_is_taken(
    http: aiohttp.ClientSession, house: GatewayProcess
) -> None:
    async with aiohttp.ClientSession() as session:
        url = f"{house.http}//rtc/validate"
        async with session.get(url, params={"access_token": made()}) as response:
            assert response.status == 200
