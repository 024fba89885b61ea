"""What operators reach, on a listener of its own: health, metrics, an audit. No client route, no
secret.

/livez: the process runs and its loop turns. /readyz: the datapath is there and takes rows from us,
so a join would work. Readiness is for routing joins, never for killing: calls may go on while this
says 503.
/audit: compares the datapath's table with what the rooms want, now. Both numbers of rows are 0.
"""

from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from gateway.metrics import Exposition

Scrape = Callable[[str], Awaitable[Exposition]]
# What an audit found, by name; None while the datapath is away.
Auditor = Callable[[], Awaitable[Mapping[str, int] | None]]


def management_application(
    is_ready: Callable[[], bool], scrape: Scrape, audit: Auditor
) -> web.Application:
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

    async def audited(request: web.Request) -> web.Response:
        del request
        found = await audit()
        if found is None:
            return web.Response(status=503, text="no audit: the datapath is away\n")
        return web.json_response(dict(found))

    app = web.Application()
    app.router.add_get("/livez", livez)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metrics)
    app.router.add_get("/audit", audited)
    return app
