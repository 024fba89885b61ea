"""What clients reach: the routes of the client protocol, and "/" for load balancers.

The routes themselves come from `signalling`; here they get their answer to browsers (CORS).
"""

from collections.abc import Iterable

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.api.front_door import HEADERS


def client_application(routes: Iterable[web.AbstractRouteDef]) -> web.Application:
    """The application of the client port: `routes` are the client protocol's."""
    # No body of a client route is larger than aiohttp's default of 1 MiB.
    app = web.Application(middlewares=[_preflight])
    app.on_response_prepare.append(_with_headers)
    app.router.add_get("/", _root)
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
