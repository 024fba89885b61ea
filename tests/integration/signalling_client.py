"""A client that only signals: the bare WebSocket and its protobuf messages, no media."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from livekit.protocol import rtc

MAX_MESSAGE_BYTES = 2 * 1024 * 1024


class Signal:
    """One socket on /rtc."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self._unread: list[rtc.SignalResponse] = []

    async def ask(self, **request: Any) -> None:
        """Sends one request."""
        await self.socket.send_bytes(rtc.SignalRequest(**request).SerializeToString())

    async def until(self, kind: str) -> Any:
        """The content of the oldest message of that kind that was not taken yet."""
        for message in self._unread:
            if message.WhichOneof("message") == kind:
                self._unread.remove(message)
                return getattr(message, kind)
        while True:
            message = await self.next()
            if message.WhichOneof("message") == kind:
                return getattr(message, kind)
            self._unread.append(message)

    async def next(self) -> rtc.SignalResponse:
        """The next message off the socket."""
        received = await self.socket.receive(timeout=10)
        assert received.type is aiohttp.WSMsgType.BINARY, received
        return rtc.SignalResponse.FromString(received.data)

    async def closed(self) -> int | None:
        """Waits for the other side to close; its code."""
        while True:
            received = await self.socket.receive(timeout=10)
            if received.type in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED}:
                return self.socket.close_code


@asynccontextmanager
async def signal(url: str, token: str, **query: str) -> AsyncIterator[Signal]:
    """Connects to /rtc as version 0 clients do. `url` begins with http://."""
    asked = {"auto_subscribe": "1", "protocol": "17", "sdk": "python", **query}
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        aiohttp.ClientSession(url) as session,
        session.ws_connect("/rtc", params=asked, headers=headers, max_msg_size=0) as socket,
    ):
        yield Signal(socket)
