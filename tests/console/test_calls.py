"""Calls in the console: the live desk, and one call with its recording."""

import struct
import wave
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from shared.events import AgentSaid, CallerSaid, RecordingReady, ToolRan, TurnLatency
from tests.console.browser import needs_browser, person, running_browser
from tests.console.test_console import MARKUP, check_pages
from tests.control.api.call_workspace import CallWorkspace, make_call_workspace, running_media_node
from tests.platform.api import Api, running_api

if TYPE_CHECKING:
    from playwright.async_api import Browser

pytestmark = needs_browser
TALK = (
    AgentSaid(0, "Hello, this is Acme Dental.", 0, 1_000),
    CallerSaid(1, MARKUP, 1_500, 2_000),
    TurnLatency(1, 640, 500, 40, 50, 30, 20),
    AgentSaid(1, "We are open until six.", 2_640, 3_600),
)


@pytest.fixture
async def api(database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(database_url, valkey_url) as running:
        yield running


@pytest.fixture
async def browser() -> AsyncIterator["Browser"]:
    async with running_browser() as running:
        yield running


@pytest.fixture
async def workspace(api: Api) -> CallWorkspace:
    return await make_call_workspace(api)


def write_recording(workspace: CallWorkspace) -> str:
    """Four seconds: the caller sounds in the second one, the agent in the third. Returns the key."""
    key = f"recordings/{workspace.workspace_id}/call.wav"
    path = workspace.api.objects / key
    path.parent.mkdir(parents=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(8_000)
        for second in range(4):
            tone = struct.pack("<h", 8_000), struct.pack("<h", -8_000)
            silence = struct.pack("<h", 0)
            for i in range(8_000):
                sound = tone[i // 10 % 2]
                file.writeframesraw((sound if second == 1 else silence) + (sound if second == 2 else silence))
    return key


async def test_one_call_shows_talk_waits_and_recording(workspace: CallWorkspace, browser: "Browser") -> None:
    key = write_recording(workspace)
    result = ToolRan(1, MARKUP, ok=True, result=MARKUP, took_ms=20)
    call_id = await workspace.insert_call(
        *TALK, result, RecordingReady(key, 4_000), recording_key=key, recording_seconds=4
    )
    async with person(browser, workspace.api) as visitor:
        page = visitor.page
        await visitor.sign_in(workspace.ann.email)
        await visitor.open(f"/w/{workspace.workspace_id}/calls/{call_id}")
        await page.get_by_text("0:00 / 0:04").wait_for()
        text = await visitor.text()
        assert MARKUP in text
        assert "answered after 640 ms" in text
        assert await page.evaluate("window.owned") is None
        await page.get_by_role("button", name="Play", exact=True).click()
        await page.get_by_role("button", name="Pause").wait_for()
        await visitor.open(f"/w/{workspace.workspace_id}/calls/{call_id}?tab=events")
        await page.get_by_role("cell", name="turn.latency", exact=True).wait_for()
        await page.get_by_role("cell", name="tool.ran", exact=True).wait_for()
        assert await page.evaluate("window.owned") is None
        assert visitor.faults == []


async def test_calls_are_found_by_filters_in_the_address(workspace: CallWorkspace, browser: "Browser") -> None:
    await workspace.insert_call(caller_number="+14155550111")
    await workspace.insert_call(caller_number="+14155550122", status="failed")
    async with person(browser, workspace.api) as visitor:
        await visitor.sign_in(workspace.ann.email)
        await visitor.open(f"/w/{workspace.workspace_id}/calls?status=failed")
        await visitor.page.get_by_role("link", name="+14155550122").wait_for()
        assert "+14155550111" not in await visitor.text()
        await visitor.page.get_by_label("State").select_option("completed")
        await visitor.page.get_by_role("link", name="+14155550111").wait_for()
        assert visitor.page.url.endswith("/calls?status=completed")


async def test_live_desk_ends_a_running_call(workspace: CallWorkspace, valkey_url: str, browser: "Browser") -> None:
    call_id = await workspace.insert_call(*TALK, status="in_progress", media_node="node")
    async with running_media_node(valkey_url, call_id) as node, person(browser, workspace.api) as visitor:
        page = visitor.page
        await visitor.sign_in(workspace.ann.email)
        await visitor.open(f"/w/{workspace.workspace_id}/live")
        await page.get_by_role("link", name="+14155550100").click()
        await page.get_by_label("Transcript").get_by_text("We are open until six.").wait_for()
        await page.get_by_role("button", name="End the call").click()
        await page.get_by_role("dialog").get_by_role("button", name="End the call").click()
        await node.received.wait()
        await workspace.api.owner.execute(
            "UPDATE calls SET status = 'completed', ended_at = now() WHERE id = $1", UUID(call_id)
        )
        await page.get_by_text("The call is over.").wait_for()
        assert visitor.faults == []


async def test_viewers_watch_the_live_desk_without_its_buttons(workspace: CallWorkspace, browser: "Browser") -> None:
    call_id = await workspace.insert_call(*TALK, status="in_progress")
    viewer = await workspace.api.member(workspace.workspace_id, "viewer")
    async with person(browser, workspace.api) as visitor:
        await visitor.sign_in(viewer.email)
        await visitor.open(f"/w/{workspace.workspace_id}/live?call={call_id}")
        await visitor.page.get_by_label("Transcript").get_by_text("We are open until six.").wait_for()
        assert await visitor.page.get_by_role("button", name="End the call").count() == 0
        assert await visitor.page.get_by_role("button", name="Listen").count() == 0


@pytest.mark.parametrize(("width", "theme"), [(1440, "dark"), (360, "light")])
async def test_pages_of_calls_are_accessible(
    workspace: CallWorkspace, browser: "Browser", width: int, theme: str
) -> None:
    key = write_recording(workspace)
    call_id = await workspace.insert_call(*TALK, RecordingReady(key, 4_000), recording_key=key, recording_seconds=4)
    running = await workspace.insert_call(*TALK, status="in_progress")
    base = f"/w/{workspace.workspace_id}"
    paths = [f"{base}/calls/{call_id}{tab}" for tab in ("", "?tab=events", "?tab=details")]
    options = {"viewport": {"width": width, "height": 800}, "color_scheme": theme, "bypass_csp": True}
    async with person(browser, workspace.api, **options) as visitor:
        await visitor.sign_in(workspace.ann.email)
        assert await check_pages(visitor, [base, f"{base}/calls", f"{base}/live?call={running}", *paths]) == []
