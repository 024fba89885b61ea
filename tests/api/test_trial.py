"""The trial page: files of its build, nothing beside them."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from gateway.api.client import client_application
from gateway.api.front_door import FrontDoor
from gateway.api.trial import trial_routes
from gateway.settings import Endpoint


@pytest.fixture
def page(tmp_path: Path) -> Path:
    (tmp_path / "secret.txt").write_text("not yours")
    directory = tmp_path / "dist"
    (directory / "assets").mkdir(parents=True)
    (directory / "index.html").write_text("<title>try</title>")
    (directory / "assets" / "page.js").write_text("1")
    return directory


@pytest.fixture
async def client(page: Path) -> AsyncIterator[aiohttp.ClientSession]:
    door = FrontDoor(client_application(trial_routes(page)))
    await door.open((Endpoint.parse("127.0.0.1:0"),))
    async with aiohttp.ClientSession(f"http://{door.endpoints()[0]}") as session:
        yield session
    await door.close()


@pytest.mark.parametrize("path", ["/try", "/try/", "/try/index.html", "/try/assets/page.js"])
async def test_the_page_and_its_parts_are_served(client: aiohttp.ClientSession, path: str) -> None:
    async with client.get(path) as response:
        assert response.status == 200
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert "default-src 'self'" in response.headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/try/nothing", "/try/assets", "/try/..%2Fsecret.txt"])
async def test_nothing_else_is_served(client: aiohttp.ClientSession, path: str) -> None:
    async with client.get(path) as response:
        assert response.status == 404
        assert "not yours" not in await response.text()


async def test_a_page_that_is_not_built_says_how_to_get_it(
    client: aiohttp.ClientSession, page: Path
) -> None:
    (page / "index.html").unlink()
    async with client.get("/try/") as response:
        assert response.status == 404
        assert "make build" in await response.text()
