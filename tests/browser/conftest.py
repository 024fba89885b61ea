"""One gateway, one browser and one page for all tests of this folder; a room for each test."""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.browser.chromium import chromium
from tests.browser.site import bundle, site
from tests.browser.tokens import mint
from tests.browser.visitor import Visitor
from tests.integration.gateway_process import GatewayProcess, gateway

Open = Callable[[str], Awaitable[Visitor]]
Token = Callable[[str], str]


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[GatewayProcess]:
    """A gateway, ready for joins. It must end with status 0."""
    async with gateway(tmp_path_factory.mktemp("gateway")) as process:
        yield process
        assert await process.stop() == 0, process.said


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def browser() -> AsyncIterator[Browser]:
    """Headless Chromium. Pages of tests are contexts of their own in it."""
    async with chromium() as launched:
        yield launched


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def page_url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The address of the page that tests drive."""
    directory = tmp_path_factory.mktemp("page")
    bundle(directory)
    async with site(directory) as url:
        yield url


@pytest.fixture
def token() -> Token:
    """Makes tokens for this test's room."""
    room = f"room-{secrets.token_hex(4)}"
    return lambda identity: mint(identity, room, name=identity.title())


@pytest_asyncio.fixture(loop_scope="package")
async def visitor(browser: Browser, page_url: str) -> AsyncIterator[Open]:
    """Opens pages, each of which is a participant of that identity once it joins."""
    async with AsyncExitStack() as stack:

        async def open_page(identity: str) -> Visitor:
            context = await browser.new_context()
            stack.push_async_callback(context.close)
            page = await context.new_page()
            await page.goto(page_url)
            return await Visitor.on(page, identity)

        yield open_page


@pytest_asyncio.fixture(loop_scope="package")
async def joined(running: GatewayProcess, visitor: Open, token: Token) -> Open:
    """Opens pages and joins this test's room with them."""

    async def join(identity: str) -> Visitor:
        page = await visitor(identity)
        answer = await page.join(running.http, token(identity))
        assert answer.refusal == "", answer
        return page

    return join
