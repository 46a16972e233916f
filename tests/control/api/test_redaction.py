"""What a workspace redacts, by its route, and the recording that is withheld for it."""

from collections.abc import AsyncIterator

import pytest

from tests.control.api.call_workspace import CallWorkspace, make_call_workspace
from tests.platform.api import running_api


@pytest.fixture
async def workspace(database_url: str, valkey_url: str) -> AsyncIterator[CallWorkspace]:
    async with running_api(database_url, valkey_url) as running:
        yield await make_call_workspace(running)


async def test_admin_chooses_what_is_redacted(workspace: CallWorkspace) -> None:
    ann, path = workspace.ann, f"/workspaces/{workspace.workspace_id}"
    assert (await ann.get(path)).body["workspace"]["redaction"] == []
    for kinds in (["email", "card_number"], []):
        changed = (await ann.put(path, {"redaction": kinds})).body["workspace"]
        assert changed["redaction"] == sorted(kinds)
        assert (await ann.put(path, {"name": "Other"})).body["workspace"]["redaction"] == sorted(kinds)
    refused = await ann.put(path, {"redaction": ["pin"]})
    assert (refused.status, refused.param) == (422, "redaction.0")


async def test_recording_that_must_be_redacted_is_withheld(workspace: CallWorkspace) -> None:
    part = {"key": f"recordings/{workspace.workspace_id}/x-0.wav", "leg": 0, "duration_ms": 1_000}
    details = {"redaction": {"kinds": ["card_number"]}, "recordings": [part]}
    call_id = await workspace.insert_call(details=details)
    reply = await workspace.ann.get(f"{workspace.calls_path}/{call_id}/recording")
    assert (reply.status, reply.code) == (404, "recording_withheld")
    assert (await workspace.ann.get(f"{workspace.calls_path}/{call_id}")).body["recording_url"] is None
