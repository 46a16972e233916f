"""The console's page for test calls in Chromium, whose microphone plays a human recording."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
import soundfile  # type: ignore[import-untyped]  # ships no types

from lab.stage.callers import read_words
from lab.stage.platform import Platform
from simulator.carrier.audio_clip import Clip
from simulator.carrier.mulaw import decode
from tests.console.browser import Person, needs_browser, person, running_browser
from tests.console.test_console import find_faults
from tests.network.call_record import CallRecord, wait_for_record
from tests.network.conftest import ROOT
from tests.platform.api import Api

if TYPE_CHECKING:
    from playwright.async_api import Locator

pytestmark = [pytest.mark.asyncio(loop_scope="package"), needs_browser]
# The greeting is over by then. Chromium plays the file again and again; the pause ends the caller's turn.
SILENCE_BEFORE_S, SILENCE_AFTER_S = 8, 60


async def write_microphone(folder: Path) -> Path:
    """Writes what the fake microphone picks up."""
    sound = (await read_words(ROOT)).sound
    assert isinstance(sound, Clip)
    words = decode(sound.ulaw).astype("<i2").tobytes()
    path = folder / "microphone.wav"
    samples = bytes(2 * 8_000 * SILENCE_BEFORE_S) + words + bytes(2 * 8_000 * SILENCE_AFTER_S)
    with soundfile.SoundFile(path, "w", 8_000, 1, "PCM_16") as file:
        file.buffer_write(samples, "int16")
    return path


@asynccontextmanager
async def opened_page(platform: Platform, *arguments: str, **options: bool) -> AsyncIterator[Person]:
    """The page of test calls of an agent, opened by the workspace's owner."""
    api = cast(Api, SimpleNamespace(url=platform.api_url))
    agent = platform.workspace.agents["twilio"]
    workspace = platform.workspace.path.rpartition("/")[2]
    async with running_browser(*arguments) as browser, person(browser, api, **options) as visitor:
        await visitor.sign_in("o@example.com")
        await visitor.open(f"/w/{workspace}/agents/{agent.id}/test")
        yield visitor


def line(visitor: Person, text: str) -> "Locator":
    """A line of the transcript."""
    return visitor.page.get_by_role("log").get_by_text(text)


async def end(visitor: Person, platform: Platform) -> CallRecord:
    """Hangs up; returns the call's record."""
    href = await visitor.page.get_by_role("link", name="All of this call").get_attribute("href")
    assert href is not None
    await visitor.page.get_by_role("button", name="Hang up").click()
    await visitor.page.get_by_text("The call is over.").wait_for()
    return await wait_for_record(platform, href.rpartition("/")[2], recorded=True)


async def test_caller_is_heard_and_answered(platform: Platform, tmp_path: Path) -> None:
    arguments = (
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={await write_microphone(tmp_path)}",
    )
    async with opened_page(platform, *arguments) as visitor:
        await visitor.page.get_by_role("button", name="Call by microphone").click()
        await line(visitor, "fellow Americans").or_(line(visitor, "fellow americans")).wait_for()
        await line(visitor, "answered after").wait_for()
        await visitor.page.get_by_text("Language model").first.wait_for()
        record = await end(visitor, platform)
        assert record.call["carrier"] == "browser" and record.call["is_test"]
        said = [(turn["caller"].lower(), turn["agent"]) for turn in record.call["turns"]]
        assert any("fellow americans" in caller and agent for caller, agent in said)
        assert record.answer["recording_url"]
        assert _faults(visitor) == []


async def test_typed_words_are_answered_without_a_microphone(platform: Platform) -> None:
    async with opened_page(platform, bypass_csp=True) as visitor:
        page = visitor.page
        await page.get_by_role("button", name="Type what the caller says").click()
        await line(visitor, "front desk").wait_for()
        await page.get_by_label("What the caller says").fill("Are you open on Sunday?")
        await page.get_by_role("button", name="Say it").click()
        await line(visitor, "Are you open on Sunday?").wait_for()
        await line(visitor, "answered after").wait_for()
        await page.get_by_text("Keypad").click()
        await page.get_by_role("button", name="Key 5").click()
        await line(visitor, "pressed on the keypad: 5").wait_for()
        assert await find_faults(visitor) == []
        record = await end(visitor, platform)
        assert record.call["turns"][1]["caller"] == "Are you open on Sunday?"
        assert _faults(visitor) == []


def _faults(visitor: Person) -> list[str]:
    """Reports of the browser, without those of the media socket."""
    return [fault for fault in visitor.faults if not fault.startswith("request to ws://127.0.0.1:")]
