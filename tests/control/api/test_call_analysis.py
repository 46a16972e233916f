"""What was made of a call after its end, as members and the staff see it."""

from collections.abc import AsyncIterator

import pytest

from tests.control.api.call_workspace import CallWorkspace, make_call_workspace
from tests.platform.api import Api, running_api

RECORD = {
    "method": "model",
    "provider": "openai",
    "model": "tiny",
    "success_reason": "A time was agreed.",
    "extracted": {"day": "Friday"},
    "tokens": 812,
    "runs": 1,
    "at": "2026-11-25T12:00:00Z",
}


@pytest.fixture
async def workspace(database_url: str, valkey_url: str) -> AsyncIterator[CallWorkspace]:
    async with running_api(database_url, valkey_url) as api:
        yield await make_call_workspace(api)


async def test_a_call_shows_its_analysis(workspace: CallWorkspace) -> None:
    api: Api = workspace.api
    found = {"summary": "An appointment.", "sentiment": "positive", "sentiment_score": 0.5, "success": True}
    call_id = await workspace.insert_call(analysis_status="done", analysis=RECORD, **found)
    answer = (await workspace.ann.get(f"{workspace.calls_path}/{call_id}")).body
    assert (answer["summary"], answer["call"]["sentiment"], answer["call"]["success"]) == (
        "An appointment.",
        "positive",
        True,
    )
    assert answer["call"]["analysis"] == {
        "status": "done",
        "reason": "",
        "method": "model",
        "sentiment_score": 0.5,
        "success_reason": "A time was agreed.",
        "extracted": {"day": "Friday"},
        "analysed_at": "2026-11-25T12:00:00Z",
    }, "customers do not see which provider worked"
    admin = (await (await api.admin()).get(f"/admin/calls/{call_id}?reason=complaint")).body["call"]["analysis"]
    assert {**answer["call"]["analysis"], "provider": "openai", "model": "tiny", "tokens": 812, "attempts": 1} == admin


async def test_a_call_without_an_analysis(workspace: CallWorkspace) -> None:
    call_id = await workspace.insert_call()
    call = (await workspace.ann.get(f"{workspace.calls_path}/{call_id}")).body["call"]
    assert (call["analysis"], call["success"], call["sentiment"]) == (None, None, None)


async def test_a_failed_analysis_tells_why(workspace: CallWorkspace) -> None:
    call_id = await workspace.insert_call(analysis_status="failed", analysis={"reason": "quota", "runs": 4})
    call = (await workspace.ann.get(f"{workspace.calls_path}/{call_id}")).body["call"]
    assert (call["analysis"]["status"], call["analysis"]["reason"], call["analysis"]["method"]) == (
        "failed",
        "quota",
        None,
    )
