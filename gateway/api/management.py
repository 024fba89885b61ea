"""What operators reach, on a listener of its own: health and metrics. No client route, no secret.

/livez: the process runs and its loop turns. /readyz: the datapath is there and takes rows from us,
so a join would work. Readiness is for routing joins, never for killing: calls may go on while this
says 503.
"""

from collections.abc import Awaitable, Callable

from aiohttp import web

from gateway.metrics import Exposition

Scrape = Callable[[str], Awaitable[Exposition]]


def management_application(is_ready: Callable[[], bool], scrape: Scrape) -> web.Application:
    """The application of the management port.

    `scrape` takes the Accept header and gives the metrics in the format that it prefers.
    """

    async def livez(request: web.Request) -> web.Response:
        del request
        return web.Response(text="live\n")

    async def readyz(request: web.Request) -> web.Response:
        del request
        if is_ready():
            return web.Response(text="ready\n")
        return web.Response(status=503, text="not ready: the datapath is away\n")

    async def metrics(request: web.Request) -> web.Response:
        told = await scrape(request.headers.get("Accept", ""))
        return web.Response(body=told.body, headers={"Content-Type": told.content_type})

    app = web.Application()
    app.router.add_get("/livez", livez)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metrics)
    return app
