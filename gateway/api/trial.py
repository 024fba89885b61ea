"""The trial page of `gateway serve --dev`, built from `web/`. Not for production: no route then.

Tokens of its links stand after "#" and so never reach a server.
"""

from pathlib import Path
from typing import Final

from aiohttp import web

DIRECTORY: Final = Path(__file__).parents[2] / "web" / "dist"
HEADERS: Final = {
    # Everything comes from here; the connection may go to any gateway that is tried.
    "Content-Security-Policy": "default-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; media-src 'self' blob:; worker-src 'self' blob:; "
    "connect-src 'self' ws: wss: http: https:; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": "nosniff",
}


def trial_routes(directory: Path = DIRECTORY) -> list[web.AbstractRouteDef]:
    """Routes of the page; without a build they say how to get one."""

    async def redirect(request: web.Request) -> web.Response:
        del request
        raise web.HTTPPermanentRedirect("/try/")

    async def asset(request: web.Request) -> web.StreamResponse:
        path = _find(directory, request.match_info["path"] or "index.html")
        if path is None:
            return web.Response(status=404, text=_missing(directory))
        return web.FileResponse(path, headers=HEADERS)

    return [web.get("/try", redirect), web.get("/try/{path:.*}", asset)]


def _find(directory: Path, name: str) -> Path | None:
    """A file of the build; nothing outside it, however the path is written."""
    path = (directory / name).resolve()
    return path if path.is_relative_to(directory.resolve()) and path.is_file() else None


def _missing(directory: Path) -> str:
    if (directory / "index.html").is_file():
        return "The trial page has no such part.\n"
    return "The trial page is not built: run `make build`.\n"
