"""The one way in for HTTP: accepted sockets become connections of an aiohttp application.

Every connection enters through `adopt(socket, origin)`, whoever accepted it. Here the control plane
accepts TCP itself. What a request means is the application's affair; that nothing a client sent
comes back in an error page or goes into a log is this file's.
"""

import asyncio
import contextlib
import errno
import socket
from collections import Counter
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from gateway import logs
from gateway.api.origin import Origin
from gateway.errors import OperatorError
from gateway.settings import Endpoint

# A join of the client protocol carries its whole state in the request line.
MAX_LINE_BYTES: Final = 64 * 1024
# A connection that asks nothing for so long is closed. It is also how long a client may take to
# finish its first request: longer lets slow senders hold more descriptors.
IDLE_S: Final = 15.0
# Beyond this many, new connections are closed at once: descriptors are for those inside.
MAX_CONNECTIONS: Final = 10_000
# How long to leave the kernel alone when it has no descriptor left for us.
EXHAUSTED_PAUSE_S: Final = 0.2
# How long requests in progress may take when the door closes.
CLOSE_S: Final = 1.0

# Any page may talk to the gateway: what protects a room is its token, which no browser sends by
# itself. "*" does not cover Authorization (Fetch standard, CORS protocol).
CORS_HEADERS: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, HEAD, POST, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, *",
    "Access-Control-Max-Age": "86400",
}
# Every answer's headers. Which version of which library answers is nobody's business.
HEADERS: Final = {"Server": "gateway", **CORS_HEADERS}


@dataclass(slots=True)
class DoorCounters:
    """Counted since the start of the process."""

    connections: int = 0
    turned_away: int = 0  # there were too many
    open: int = 0  # now
    failed_requests: Counter[int] = field(default_factory=Counter)  # by status: unreadable or 500


class Connection(RequestHandler):
    """One client connection. Errors are told in our words: aiohttp's repeat what was sent."""

    __slots__ = ("_counters", "origin")

    def __init__(self, manager: web.Server, origin: Origin, counters: DoorCounters) -> None:
        super().__init__(
            manager,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]  # None is how aiohttp spells "no access log"
            keepalive_timeout=IDLE_S,
            max_line_size=MAX_LINE_BYTES,
            max_field_size=MAX_LINE_BYTES,
        )
        self.origin = origin
        self._counters = counters

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Counts it in."""
        self._counters.open += 1
        super().connection_made(transport)

    def connection_lost(self, error: BaseException | None) -> None:
        """Counts it out."""
        self._counters.open -= 1
        super().connection_lost(error)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """A request that cannot be read, or whose handler failed: one fixed sentence each."""
        del message  # it quotes the request
        self._counters.failed_requests[status] += 1
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            logs.get().error("request_failed", status=status, exc_info=exc)
        else:
            logs.get().info("request_unreadable", status=status, exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun; it cannot become an error any more")
        response = web.Response(status=status, text=_sentence(status), headers=HEADERS)
        response.force_close()
        return response


def _sentence(status: int) -> str:
    if status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return "This is not an HTTP request that the gateway can read.\n"
    return "The gateway failed to answer. It is not your fault; please try again.\n"


class FrontDoor:
    """Connections of one application, and the TCP ports where they come in."""

    def __init__(self, app: web.Application, counters: DoorCounters | None = None) -> None:
        self.counters = counters or DoorCounters()
        self._runner = web.AppRunner(
            app, access_log=None, handle_signals=False, shutdown_timeout=CLOSE_S
        )
        self._listening: list[socket.socket] = []
        self._accepting: list[asyncio.Task[None]] = []

    async def open(self, endpoints: tuple[Endpoint, ...]) -> None:
        """Listens on TCP. OperatorError names an endpoint that cannot be had."""
        await self._runner.setup()
        # All are bound before any accepts: a gateway is open as a whole or not at all.
        self._listening = [_listen(endpoint) for endpoint in endpoints]
        self._accepting = [
            asyncio.create_task(self._accept(listening)) for listening in self._listening
        ]

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Where it listens, with the port that the kernel chose where 0 was asked for."""
        return tuple(_bound(listening) for listening in self._listening)

    async def adopt(self, accepted: socket.socket, origin: Origin) -> None:
        """Makes a connected stream socket a connection of the application; owns it from here on."""
        if self.counters.open >= MAX_CONNECTIONS:
            self.counters.turned_away += 1
            accepted.close()
            return
        self.counters.connections += 1
        accepted.setblocking(False)
        server = self._runner.server
        if server is None:
            accepted.close()
            return
        await asyncio.get_running_loop().connect_accepted_socket(
            lambda: Connection(server, origin, self.counters), accepted
        )

    async def stop_accepting(self) -> None:
        """Lets nobody in any more; those inside stay."""
        for task in self._accepting:
            task.cancel()
        await asyncio.gather(*self._accepting, return_exceptions=True)
        for listening in self._listening:
            listening.close()
        self._accepting.clear()
        self._listening.clear()

    async def close(self) -> None:
        """Lets nobody in, gives requests in progress a moment, closes what is left."""
        await self.stop_accepting()
        await self._runner.cleanup()

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, address = await loop.sock_accept(listening)
            except OSError as error:
                # accept(2) passes on errors of connections that died while they waited.
                if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                    logs.get().error("accept_exhausted", errno=error.errno)
                    await asyncio.sleep(EXHAUSTED_PAUSE_S)
                continue
            with contextlib.suppress(OSError):  # it was gone before it was adopted
                await self.adopt(accepted, Origin(client_address=str(address[0])))


def _listen(endpoint: Endpoint) -> socket.socket:
    family = socket.AF_INET6 if endpoint.address.version == 6 else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind((endpoint.host, endpoint.port))
        listening.listen(1024)
    except OSError as error:
        listening.close()
        raise OperatorError(f"cannot listen on TCP {endpoint}: {error.strerror}") from None
    listening.setblocking(False)
    return listening


def _bound(listening: socket.socket) -> Endpoint:
    host, port = listening.getsockname()[:2]
    return Endpoint.of(host, port)
