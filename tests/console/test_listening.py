"""Listening to a running call in the console, on a real media node."""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from shared.bus.client import bus_client
from tests.console.browser import needs_browser, person, running_browser
from tests.control.api.call_workspace import make_call_workspace
from tests.control.api.test_supervision import running_call
from tests.platform.api import Api, running_api

pytestmark = needs_browser
# Half a second of a loud tone.
TONE = bytes((0x90, 0x10) * 2_000)


@pytest.fixture
async def api(database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    """On an empty Valkey."""
    redis = bus_client(valkey_url, 5.0)
    await redis.flushall()
    await redis.aclose()
    async with running_api(database_url, valkey_url) as running:
        yield running


async def test_a_member_hears_the_caller(api: Api, valkey_url: str, tmp_path: Path) -> None:
    workspace = await make_call_workspace(api)
    async with (
        running_call(workspace, tmp_path, valkey_url) as (call_id, node, phone),
        running_browser(f"--host-resolver-rules=MAP media.test:80 {urlsplit(node.url).netloc}") as browser,
        # The policy allows nodes of this machine, and the test's node has another name.
        person(browser, api, bypass_csp=True) as visitor,
    ):
        page = visitor.page
        await visitor.sign_in(workspace.ann.email)
        await visitor.open(f"/w/{workspace.workspace_id}/live?call={call_id}")
        await page.get_by_role("button", name="Listen", exact=True).click()
        await page.get_by_role("button", name="Stop listening").wait_for()
        meter, loudest = page.get_by_label("Level of the caller"), 0.0
        for _ in range(40):
            await phone.speak(TONE)
            loudest = max(loudest, float(await meter.evaluate("meter => meter.value")))
            if loudest > 0.3:
                break
        assert loudest > 0.3
        await page.get_by_role("button", name="Stop listening").click()
        await page.get_by_role("button", name="Listen", exact=True).wait_for()
        assert visitor.faults == []
    assert await workspace.audit_actions(call_id) == ["call.supervise"]
