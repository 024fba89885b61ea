"""What clients reach: the routes of the client protocol, and "/" for load balancers.

The routes themselves come from `signalling`; here they get their answer to browsers (CORS) and the
neighbours that the client protocol expects.
"""

from collections.abc import Iterable
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.api.front_door import HEADERS

# Clients that speak version 1 try these first and fall back to /rtc on 404. They take a body with
# "requested room does not exist" for the end of the call, and must get the 404 whatever their token
# is worth.
UNKNOWN_VERSIONS: Final = ("/rtc/v1", "/rtc/v1/validate")
UNKNOWN_VERSION_TEXT: Final = (
    "This gateway does not speak this version of the client protocol. Connect to /rtc instead.\n"
)


def client_application(routes: Iterable[web.AbstractRouteDef]) -> web.Application:
    """The application of the client port: `routes` are the client protocol's."""
    # No body of a client route is larger than aiohttp's default of 1 MiB.
    app = web.Application(middlewares=[_preflight])
    app.on_response_prepare.append(_with_headers)
    app.router.add_get("/", _root)
    for path in UNKNOWN_VERSIONS:
        app.router.add_route("*", path, _unknown_version)
    app.add_routes(routes)
    return app


async def _with_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Refusals too: without the headers a page cannot read why it was refused."""
    del request
    response.headers.update(HEADERS)


@web.middleware
async def _preflight(request: web.Request, handler: Handler) -> web.StreamResponse:
    """OPTIONS is answered alike for every path (Fetch standard, CORS-preflight request)."""
    if request.method == "OPTIONS":
        return web.Response(status=204)
    return await handler(request)


async def _root(request: web.Request) -> web.Response:
    del request
    return web.Response(text="OK")


async def _unknown_version(request: web.Request) -> web.Response:
    del request
    return web.Response(status=404, text=UNKNOWN_VERSION_TEXT)
