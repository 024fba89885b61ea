"""The page of the browser tests: bundled once, served on loopback by a server of the test's own.

Its origin is not the gateway's, as it is with every platform that brings its own front end.
"""

import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

HARNESS = Path(__file__).parent / "harness"
WEB = Path(__file__).parents[2] / "web"


def bundle(out: Path) -> None:
    """Makes the page in `out`. Fails the test with a sentence if the packages are not installed."""
    if not (WEB / "node_modules").is_dir():
        pytest.fail("the page's packages are missing: run `npm ci` in web/", pytrace=False)
    made = subprocess.run(
        ["node", HARNESS / "build.mjs", out], capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr


def require_trial_page() -> None:
    """Fails the test with a sentence if the trial page is not built."""
    if not (WEB / "dist" / "index.html").is_file():
        pytest.fail("the trial page is not built: run `make build`", pytrace=False)


@asynccontextmanager
async def site(directory: Path) -> AsyncIterator[str]:
    """Serves the files of `directory`; yields the address of its page."""
    app = web.Application()
    app.router.add_static("/", directory)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}/index.html"
    finally:
        await runner.cleanup()
