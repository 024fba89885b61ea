"""WebSocket: the client protocol's paths, from an HTTP request to a session and back.

Parses what comes in and writes what goes out; decides nothing about rooms. A token is verified and
the JoinResponse is ready before the upgrade, so that a refusal is an HTTP answer that clients can
read. CORS and "/" are `gateway.api.client`'s. RFC 6455.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Final

from aiohttp import WSCloseCode, WSMsgType, web

from gateway.auth import Grant, Refusal, verify
from gateway.clock import Clock
from gateway.rooms.admission import Refuse, RefuseCause
from gateway.signalling import frames, join_request
from gateway.signalling.counters import SignallingCounters
from gateway.signalling.join_request import Opening
from gateway.signalling.outbox import Ended, Ending
from gateway.signalling.service import Attendance, SignallingService, Unavailable
from gateway.signalling.session import Client

# The client protocol's bound; an offer of a large room is some 100 KiB.
MAX_MESSAGE_BYTES: Final = 2 * 1024 * 1024
# How long a client may take to take one message before its socket is cut.
SEND_S: Final = 10.0
# How long a closing handshake may take, RFC 6455 section 7.1.1.
CLOSE_S: Final = 2.0
RETRY_AFTER_S: Final = 1
# How a join whose parameter cannot be read is counted.
BAD_JOIN_REQUEST: Final = "bad_join_request"
_TRUE: Final = ("1", "true")

_STATUS: Final = {
    RefuseCause.ROOM_FULL: 503,
    RefuseCause.ROSTER_TOO_LARGE: 400,
}
_CLOSE_CODES: Final = {
    Ending.DONE: WSCloseCode.OK,
    Ending.DROPPED: WSCloseCode.OK,
    Ending.RESTART: WSCloseCode.SERVICE_RESTART,
    Ending.OVERFLOW: WSCloseCode.POLICY_VIOLATION,
}


class ClientRoutes:
    """The routes of both dialects: a `join_request` in the query makes it v1, on either path."""

    def __init__(
        self,
        service: SignallingService,
        clock: Clock,
        keys: Mapping[str, str],
        leeway_s: float,
    ) -> None:
        self._service = service
        self._clock = clock
        self._keys = keys
        self._leeway_s = leeway_s

    def routes(self) -> list[web.RouteDef]:
        """For the application of the client port. Some clients double the leading slash."""
        return [
            web.get(slash + path, handler)
            for path, handler in (
                ("rtc", self._rtc),
                ("rtc/validate", self._validate),
                ("rtc/v1", self._rtc_v1),
                ("rtc/v1/validate", self._validate),
            )
            for slash in ("/", "//")
        ]

    async def _validate(self, request: web.Request) -> web.Response:
        """What a join would be told before its upgrade, without joining."""
        grant = self._verify(request)
        if isinstance(grant, Refusal):
            return _refused(grant)
        opening = self._opening(request)
        return web.Response(text="success") if isinstance(opening, Opening) else opening

    async def _rtc_v1(self, request: web.Request) -> web.StreamResponse:
        return await self._rtc(request, v1=True)

    async def _rtc(self, request: web.Request, *, v1: bool = False) -> web.StreamResponse:
        socket = web.WebSocketResponse(
            max_msg_size=MAX_MESSAGE_BYTES + 1,  # aiohttp takes what is shorter than this
            compress=False,
            timeout=CLOSE_S,
            autoping=True,
        )
        if not socket.can_prepare(request).ok:
            return web.Response(status=404, text="This path is for WebSockets.\n")
        grant = self._verify(request)
        if isinstance(grant, Refusal):
            return _refused(grant)
        opening = self._opening(request, required=v1)
        if isinstance(opening, web.Response):
            return opening
        if opening.resumes:
            return await self._refuse_resume(request, socket, grant)
        attendance = await self._service.join(grant, opening.client, opening.requests)
        if not isinstance(attendance, Attendance):
            return _not_admitted(attendance, self._service.counters)
        try:
            await socket.prepare(request)
            await Conversation(socket, attendance, self._service.counters).hold()
        finally:
            attendance.handle_socket_closed()
        return socket

    async def _refuse_resume(
        self, request: web.Request, socket: web.WebSocketResponse, grant: Grant
    ) -> web.WebSocketResponse:
        leave = self._service.handle_resume_attempt(grant)
        await socket.prepare(request)
        with contextlib.suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(SEND_S):
                await socket.send_bytes(leave.SerializeToString())
                await socket.close()
        return socket

    def _opening(self, request: web.Request, *, required: bool = False) -> Opening | web.Response:
        """What the client says of itself and asks for, or why that cannot be read."""
        parameter = request.query.get("join_request")
        if parameter is None and not required:
            return Opening(client_of(request.query), request.query.get("reconnect") in _TRUE)
        try:
            if parameter is None:
                raise join_request.JoinRequestError("This path needs a join_request.")
            return join_request.read(parameter)
        except join_request.JoinRequestError as error:
            self._service.counters.refusals[BAD_JOIN_REQUEST] += 1
            return web.Response(status=400, text=f"{error}\n")

    def _verify(self, request: web.Request) -> Grant | Refusal:
        grant = verify(token_of(request), self._keys, self._clock.wall_s(), self._leeway_s)
        if isinstance(grant, Refusal):
            self._service.counters.refusals[grant.cause.label] += 1
        return grant


class Conversation:
    """One client's socket from the upgrade to the end: a reader and a writer."""

    def __init__(
        self,
        socket: web.WebSocketResponse,
        attendance: Attendance,
        counters: SignallingCounters,
    ) -> None:
        self._socket = socket
        self._attendance = attendance
        self._counters = counters
        self._speaks_json = False  # the last frame of the client was text

    async def hold(self) -> None:
        """Returns when the socket is closed, by whomever."""
        writer = asyncio.create_task(self._write())
        try:
            await self._read()
        finally:
            # What was queued before the end is still sent when it was us who ended.
            if not self._attendance.outbox.ended:
                writer.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError, TimeoutError):
                await writer

    async def _read(self) -> None:
        async for message in self._socket:
            self._speaks_json = message.type is WSMsgType.TEXT
            try:
                request = (
                    frames.read_text(message.data)
                    if self._speaks_json
                    else frames.read_binary(message.data)
                )
            except frames.FrameError as error:
                self._counters.ignored["undecodable"] += 1
                await self._socket.close(code=WSCloseCode.INVALID_TEXT, message=str(error).encode())
                return
            self._attendance.handle_request(request)

    async def _write(self) -> None:
        outbox = self._attendance.outbox
        while not isinstance(item := await outbox.next(), Ended):
            try:
                async with asyncio.timeout(SEND_S):
                    await self._send(item)
            except (ConnectionError, TimeoutError):
                self._counters.closes["unreadable"] += 1
                break
        ending = item.ending if isinstance(item, Ended) else Ending.OVERFLOW
        await self._socket.close(code=_CLOSE_CODES[ending])

    async def _send(self, encoded: bytes) -> None:
        if self._speaks_json:
            await self._socket.send_str(frames.as_text(encoded))
        else:
            await self._socket.send_bytes(encoded)


def token_of(request: web.Request) -> str | None:
    """The access token: `Authorization: Bearer` wins over the query."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    return request.query.get("access_token")


def client_of(query: Mapping[str, str]) -> Client:
    """What a client says of itself in the query of /rtc. Numbers that are none count as 0."""
    return Client(
        protocol=_number(query.get("protocol", "")),
        client_protocol=_number(query.get("client_protocol", "")),
        sdk=query.get("sdk", "")[:32],
        auto_subscribe=query.get("auto_subscribe", "1") in _TRUE,
    )


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0


def _refused(refusal: Refusal) -> web.Response:
    return web.Response(status=refusal.status, text=refusal.sentence + "\n")


def _not_admitted(refusal: Refuse | Unavailable, counters: SignallingCounters) -> web.Response:
    counters.refusals[str(refusal.cause)] += 1
    status = 503 if isinstance(refusal, Unavailable) else _STATUS[refusal.cause]
    headers = {"Retry-After": str(RETRY_AFTER_S)} if status == 503 else {}
    return web.Response(status=status, text=refusal.sentence + "\n", headers=headers)
