"""Headless Chromium for tests: the system's own, with fake devices, quiet, and never throttled."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, async_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Several pages share the browser; none of them is to slow down for being behind another.
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    # A camera and a microphone that exist on every machine, and nobody who has to allow them.
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    # On a machine without a route there is no other address.
    "--allow-loopback-in-peer-connection",
)


def executable() -> str:
    """Where Chromium is: $CHROMIUM or on the path. Fails the test when there is none."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.fail("no Chromium: install it (apt install chromium) or set CHROMIUM", pytrace=False)
    return found


@asynccontextmanager
async def chromium(*further: str) -> AsyncIterator[Browser]:
    """One browser with an empty profile of its own; `further` arguments come last."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=executable(), args=[*ARGUMENTS, *further], headless=True
        )
        try:
            yield browser
        finally:
            await browser.close()
