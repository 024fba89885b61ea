"""The trial page as a doctor and a patient use it, served by the gateway itself."""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Protocol

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, expect

from tests.browser.conftest import Token
from tests.browser.site import require_trial_page
from tests.browser.tokens import mint
from tests.integration.gateway_process import GatewayProcess

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="package"),
    pytest.mark.timeout(60),
]

# Resolves once the other's picture has changed: a still or black one does not pass.
PICTURE_MOVES = """(video) => new Promise((resolve) => {
  const context = new OffscreenCanvas(32, 18).getContext("2d", { willReadFrequently: true });
  let first;
  const look = () => {
    context.drawImage(video, 0, 0, 32, 18);
    const now = context.getImageData(0, 0, 32, 18).data.join();
    first ??= now;
    if (now !== first) resolve();
    else video.requestVideoFrameCallback(look);
  };
  video.requestVideoFrameCallback(look);
})"""
# A computer without a camera, as far as a page can tell.
NO_CAMERA = """
  const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = (wanted) =>
    wanted.video ? Promise.reject(new DOMException("none", "NotFoundError")) : real(wanted);
"""
# Somebody who says no to the browser's question.
NOT_ALLOWED = """
  navigator.mediaDevices.getUserMedia = () =>
    Promise.reject(new DOMException("no", "NotAllowedError"));
"""


class Visit(Protocol):
    """Opens the page with a token in a browser context of its own."""

    async def __call__(self, token: str, script: str = "", **context: Any) -> Page:
        """`script` runs before the page's own; `context` are Playwright's options."""
        ...


@pytest_asyncio.fixture(loop_scope="package")
async def visit(browser: Browser, running: GatewayProcess) -> AsyncIterator[Visit]:
    """Opens links."""
    require_trial_page()
    async with AsyncExitStack() as stack:

        async def open_link(token: str, script: str = "", **context: Any) -> Page:
            made = await browser.new_context(**context)
            stack.push_async_callback(made.close)
            page = await made.new_page()
            await page.add_init_script(script)
            await page.goto(f"{running.http}/try/#token={token}")
            return page

        yield open_link


async def press(page: Page, name: str) -> None:
    await page.get_by_role("button", name=name, exact=True).click()


async def moving(page: Page, name: str) -> None:
    """The picture of that person moves."""
    await page.get_by_label(f"Picture of {name}").evaluate(PICTURE_MOVES)


def state(page: Page) -> Locator:
    """The line that says what happens."""
    return page.get_by_role("status")


async def test_doctor_and_patient_see_each_other(
    visit: Visit, token: Token, tmp_path: Path
) -> None:
    doctor = await visit(token("doctor"))
    await expect(doctor.get_by_role("heading")).to_have_text("Welcome, Doctor")
    await doctor.screenshot(path=tmp_path / "welcome.png")
    await press(doctor, "Join the consultation")
    await expect(state(doctor)).to_have_text("Waiting for the other person")
    await expect(doctor.get_by_label("Your own picture")).to_contain_text("You")
    await doctor.screenshot(path=tmp_path / "waiting.png")
    phone = {"width": 390, "height": 844}
    patient = await visit(token("patient"), viewport=phone, color_scheme="dark")
    await press(patient, "Join the consultation")
    await expect(state(doctor)).to_have_text("Connected with Patient")
    await expect(state(patient)).to_have_text("Connected with Doctor")
    await moving(doctor, "Patient")
    await moving(patient, "Doctor")
    await doctor.screenshot(path=tmp_path / "doctor.png")
    await patient.screenshot(path=tmp_path / "patient.png")


async def test_buttons_mute_stop_the_camera_and_hang_up(
    visit: Visit, token: Token, tmp_path: Path
) -> None:
    doctor, patient = await visit(token("doctor")), await visit(token("patient"))
    for page in (doctor, patient):
        await press(page, "Join the consultation")
    await moving(patient, "Doctor")
    picture, note = patient.get_by_label("Picture of Doctor"), patient.get_by_text("Microphone off")
    await press(doctor, "Mute")
    await expect(note).to_be_visible()
    await press(doctor, "Stop camera")
    await expect(picture).to_be_hidden()
    await patient.screenshot(path=tmp_path / "without picture.png")
    await press(doctor, "Unmute")
    await expect(note).to_be_hidden()
    await press(doctor, "Start camera")
    await expect(picture).to_be_visible()
    await moving(patient, "Doctor")
    await press(doctor, "Hang up")
    await expect(doctor.get_by_role("heading")).to_have_text("You have left the consultation")
    await expect(state(patient)).to_have_text("The other person has left")
    await doctor.screenshot(path=tmp_path / "ended.png")
    await press(doctor, "Join again")
    await expect(state(patient)).to_have_text("Connected with Doctor")
    await moving(patient, "Doctor")


async def test_the_same_link_in_another_window_moves_the_call_there(
    visit: Visit, token: Token
) -> None:
    first, second = await visit(token("patient")), await visit(token("patient"))
    await press(first, "Join the consultation")
    await expect(state(first)).to_have_text("Waiting for the other person")
    await press(second, "Join the consultation")
    await expect(first.get_by_role("heading")).to_have_text("Opened in another place")
    await press(first, "Move it here")
    await expect(second.get_by_role("heading")).to_have_text("Opened in another place")
    await expect(state(first)).to_have_text("Waiting for the other person")


async def test_sound_and_picture_come_back_after_the_datapath_has_died(
    visit: Visit, token: Token, running: GatewayProcess
) -> None:
    doctor, patient = await visit(token("doctor")), await visit(token("patient"))
    for page in (doctor, patient):
        await press(page, "Join the consultation")
    await moving(doctor, "Patient")
    await moving(patient, "Doctor")
    died = len(running.events("program_started", program="datapath"))
    active = len(running.events("participant_activated"))
    os.kill(await running.pid_of("datapath", start=died), signal.SIGKILL)
    await running.event("participant_activated", count=active + 2)
    await expect(state(doctor)).to_have_text("Connected with Patient")
    await expect(state(patient)).to_have_text("Connected with Doctor")
    await moving(doctor, "Patient")
    await moving(patient, "Doctor")


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        pytest.param(NO_CAMERA, "No camera was found. Others cannot see you.", id="no camera"),
        pytest.param(NOT_ALLOWED, "The browser does not let this page use", id="not allowed"),
    ],
)
async def test_without_a_device_one_joins_is_told_and_still_sees_the_other(
    visit: Visit, token: Token, tmp_path: Path, script: str, sentence: str
) -> None:
    doctor, patient = await visit(token("doctor")), await visit(token("patient"), script)
    for page in (doctor, patient):
        await press(page, "Join the consultation")
    await expect(patient.get_by_role("alert")).to_contain_text(sentence)
    await expect(patient.get_by_role("button", name="Start camera")).to_be_enabled()
    await expect(state(patient)).to_have_text("Connected with Doctor")
    await moving(patient, "Doctor")
    await patient.screenshot(path=tmp_path / "receiving only.png")


@pytest.mark.parametrize(
    ("token_of_link", "title"),
    [
        pytest.param("", "This link is incomplete", id="missing"),
        pytest.param("no.token.here", "This link is incomplete", id="damaged"),
    ],
)
async def test_a_link_without_a_token_says_what_to_do(
    visit: Visit, token_of_link: str, title: str
) -> None:
    page = await visit(token_of_link)
    await expect(page.get_by_role("heading")).to_have_text(title)
    await expect(page.get_by_text("ask for a new one")).to_be_visible()
    await expect(page.get_by_role("button")).to_have_count(0)


@pytest.mark.parametrize(
    ("refused", "title", "detail"),
    [
        pytest.param({"hours": -1}, "This link has expired", "has expired", id="expired"),
        pytest.param({"key": "nobody"}, "This link does not let you in", "API key", id="key"),
    ],
)
async def test_a_link_that_is_refused_says_why_and_opens_no_device(
    visit: Visit, tmp_path: Path, refused: dict[str, Any], title: str, detail: str
) -> None:
    watched = "navigator.mediaDevices.getUserMedia = () => { window.asked = true; }"
    page = await visit(mint("patient", "ward", **refused), watched)
    await press(page, "Join the consultation")
    await expect(page.get_by_role("heading")).to_have_text(title)
    await expect(page.locator(".detail")).to_contain_text(detail)
    assert not await page.evaluate("window.asked")
    await page.screenshot(path=tmp_path / "refused.png")


async def test_the_page_loads_nothing_from_elsewhere_and_keeps_nothing(
    visit: Visit, token: Token, running: GatewayProcess
) -> None:
    page = await visit(token("doctor"))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.reload()
    await press(page, "Join the consultation")
    await expect(state(page)).to_have_text("Waiting for the other person")
    assert asked
    assert [one for one in asked if not one.startswith(running.http)] == []
    kept = await page.evaluate("JSON.stringify([localStorage, sessionStorage, document.cookie])")
    assert token("doctor") not in kept
