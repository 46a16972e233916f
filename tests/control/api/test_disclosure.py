"""What a workspace has its callers told, by its route, and in the plans of its calls."""

from collections.abc import AsyncIterator

import pytest

from tests.control.api.call_workspace import CallWorkspace, make_call_workspace
from tests.platform.api import running_api

OFF = {"mode": "off", "text": ""}


@pytest.fixture
async def workspace(database_url: str, valkey_url: str) -> AsyncIterator[CallWorkspace]:
    async with running_api(database_url, valkey_url) as running:
        yield await make_call_workspace(running)


async def test_admin_chooses_what_callers_are_told(workspace: CallWorkspace) -> None:
    ann, path = workspace.ann, f"/workspaces/{workspace.workspace_id}"
    assert (await ann.get(path)).body["workspace"]["disclosure"] == OFF
    await ann.put(path, {"redaction": ["email"]})
    for given, stored in (
        ({"mode": "by_jurisdiction", "text": "Unused."}, {"mode": "by_jurisdiction", "text": ""}),
        ({"mode": "text", "text": " We are machines. "}, {"mode": "text", "text": "We are machines."}),
        ({"mode": "off"}, OFF),
    ):
        assert (await ann.put(path, {"disclosure": given})).body["workspace"]["disclosure"] == stored
        renamed = (await ann.put(path, {"name": "Other"})).body["workspace"]
        assert (renamed["disclosure"], renamed["redaction"]) == (stored, ["email"])


async def test_choice_must_be_complete(workspace: CallWorkspace) -> None:
    ann, path = workspace.ann, f"/workspaces/{workspace.workspace_id}"
    for given, code, param in (
        ({"mode": "text", "text": "  "}, "disclosure_text_missing", "disclosure.text"),
        ({"mode": "text", "text": "x" * 501}, None, "disclosure.text"),
        ({"mode": "text", "text": "a\0"}, None, "disclosure.text"),
        ({"mode": "always"}, None, "disclosure.mode"),
    ):
        refused = await ann.put(path, {"disclosure": given})
        assert (refused.status, refused.param) == (422, param)
        assert code is None or refused.code == code
    assert (await ann.get(path)).body["workspace"]["disclosure"] == OFF
