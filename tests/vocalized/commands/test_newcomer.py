"""A newcomer in the browser, with the console's address only: from sign-up to a spoken test call and its record."""

import asyncio
import signal
import wave
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from lab.stage.callers import read_words
from simulator.carrier.audio_clip import Clip
from simulator.carrier.mulaw import decode
from tests.console.browser import needs_browser, running_browser
from tests.vocalized.commands.test_up import ROOT, ready_line, started
from tests.vocalized.conftest import temporary_state
from tests.vocalized.processes import linux_only

if TYPE_CHECKING:
    from playwright.async_api import Browser, Locator

pytestmark = [needs_browser, linux_only]
RATE, MICROPHONE_RATE = 8_000, 48_000
# Long, so that the greeting is over when the caller speaks.
SILENCE_S = 12
PATIENCE_MS = 120_000


@dataclass(frozen=True, slots=True)
class HeardMicrophone:
    """A browser whose microphone picks up a human recording at each call."""

    browser: "Browser"


@pytest.fixture
async def speaker(tmp_path: Path) -> AsyncIterator[HeardMicrophone]:
    sound = (await read_words(ROOT)).sound
    assert isinstance(sound, Clip)
    words = decode(sound.ulaw).astype("<i2")
    samples = np.concatenate([np.zeros(SILENCE_S * RATE, "<i2"), words, np.zeros(300 * RATE, "<i2")])
    with wave.open(str(tmp_path / "voice.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(MICROPHONE_RATE)
        file.writeframes(np.repeat(samples, MICROPHONE_RATE // RATE).tobytes())
    options = (
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={tmp_path / 'voice.wav'}%noloop",
    )
    async with running_browser(*options) as browser:
        yield HeardMicrophone(browser)


async def test_from_the_address_to_a_spoken_test_call(speaker: HeardMicrophone) -> None:
    with temporary_state() as state, started(state, "--control-port", "0") as process:
        try:
            await walk(speaker, (await asyncio.to_thread(ready_line, process))["control"])
        finally:
            process.send_signal(signal.SIGTERM)
            await asyncio.to_thread(process.communicate, timeout=60)


async def walk(speaker: HeardMicrophone, address: str) -> None:
    """The path, without another hint than the page's own."""
    context = await speaker.browser.new_context(locale="en-US")
    context.set_default_timeout(PATIENCE_MS)
    page = await context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda line: faults.append(line.text) if "Security Policy" in line.text else None)

    async def click(name: str) -> None:
        await page.get_by_role("button", name=name, exact=True).click()

    await page.goto(address)
    await page.get_by_role("link", name="Create an account").click()
    await page.get_by_label("Your name").fill("Nora New")
    await page.get_by_label("E-mail address").fill("nora@example.net")
    await page.get_by_label("Password").fill("plum tractor 48 violin")
    await click("Create account")
    await page.get_by_label("Name of the business").fill("Harbor Dental")
    await click("Create workspace")
    await page.get_by_role("link", name="Choose a template").click()
    await page.get_by_role("button", name="After-hours answering").click()
    await click("Create agent")
    await click("Fill with examples")
    await click("Save the facts")
    await page.get_by_text("Saved").wait_for()
    await page.get_by_role("link", name="Test call").first.click()
    await click("Call by microphone")
    transcript = page.get_by_role("log", name="Transcript")
    await transcript.get_by_text("You have reached Harbor Dental.").wait_for()
    await transcript.get_by_text("fellow american").first.wait_for()
    await transcript.get_by_text("answered after").first.wait_for()
    await click("Hang up")
    await page.get_by_role("link", name="All of this call").click()
    await page.get_by_text("Completed").first.wait_for()
    line = page.get_by_text("fellow american").first
    assert await height(line) > 10, "the conversation is not visible"
    assert faults == []
    await context.close()


async def height(element: "Locator") -> float:
    """In pixels, as it is shown."""
    await element.scroll_into_view_if_needed()
    box = await element.bounding_box()
    return box["height"] if box else 0.0
