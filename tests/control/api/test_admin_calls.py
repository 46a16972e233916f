"""/admin/calls/…: calls of all workspaces, as the staff reads them over HTTP."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from shared.events import AgentSaid, CallerSaid
from shared.ids import new_id
from tests.control.api import Api, Staff, running_api
from tests.control.api.desk import Desk, ago, make_desk

CALLS = "/admin/calls"


@pytest.fixture
async def api(fresh_database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(fresh_database_url, valkey_url) as running:
        yield running


@pytest.fixture
async def desks(api: Api) -> tuple[Desk, Desk]:
    return await make_desk(api), await make_desk(api)


async def found(boss: Staff, **query: str) -> tuple[list[str], int]:
    reply = await boss.get(CALLS, params=query)
    assert reply.status == 200, reply.body
    return [one["id"] for one in reply.body["calls"]], reply.body["total"]


async def test_the_list_is_of_all_workspaces_and_can_be_narrowed(api: Api, desks: tuple[Desk, Desk]) -> None:
    boss = await api.admin("read_only")
    one, other = desks
    first = await one.call(created_at=ago(7_200), status="failed")
    second = await other.call(created_at=ago(3_600))
    third = await one.call()
    assert await found(boss) == ([third, second, first], 3)
    assert await found(boss, workspace_id=one.workspace_id) == ([third, first], 2)
    assert await found(boss, status="failed") == ([first], 1)
    assert await found(boss, **{"from": ago(3_600).isoformat()}) == ([third, second], 2)
    assert await found(boss, to=ago(3_600).isoformat()) == ([first], 1)
    assert await found(boss, limit="1", page="2") == ([second], 3)
    for name, value in (("status", "gone"), ("workspace_id", "x"), ("from", "9999-12-31T23:59:59-05:00")):
        assert (await boss.get(CALLS, params={name: value})).param == name
    assert (await boss.get(CALLS, params={"limit": "200", "page": "501"})).code == "too_deep"


async def test_a_call_in_the_list(api: Api, desks: tuple[Desk, Desk]) -> None:
    call_id = await desks[0].call(duration_seconds=61, cost_total=2, end_reason="silence", is_test=True)
    (told,) = (await (await api.admin()).get(CALLS)).body["calls"]
    del told["created_at"]
    assert told == {
        "id": call_id, "workspace_id": desks[0].workspace_id, "workspace_name": "Acme Dental",
        "agent_name": "Front desk", "caller_number": "+14155550100", "called_number": desks[0].number,
        "direction": "inbound", "status": "completed", "end_reason": "silence", "is_test": True, "carrier": "twilio",
        "duration_seconds": 61, "cost_total": 2.0, "started_at": None,
    }  # fmt: skip


async def test_live_calls_of_all_workspaces(api: Api, desks: tuple[Desk, Desk]) -> None:
    await desks[0].call()
    ringing = await desks[0].call(status="ringing")
    talking = await desks[1].call(status="in_progress", created_at=ago(60), answered_at=ago(50))
    live = (await (await api.admin("support")).get(f"{CALLS}/live")).body["active_calls"]
    assert [(one["id"], one["workspace_id"]) for one in live] == [
        (talking, desks[1].workspace_id), (ringing, desks[0].workspace_id),
    ]  # fmt: skip
    assert live[0]["duration_so_far"] >= 50 and live[1]["duration_so_far"] == 0


async def test_a_call_in_full(api: Api, desks: tuple[Desk, Desk]) -> None:
    boss = await api.admin("read_only")
    details: dict[str, Any] = {"usage": {"call_ms": 4_000}, "leg": 1}
    call_id = await desks[0].call(
        AgentSaid(0, "Hello.", 200, 900), CallerSaid(1, "Hi.", 1_000, 1_300), details=details, media_node="node-1",
        recording_key="r.wav", transcription="Hello. Hi.", end_detail="twilio",
    )  # fmt: skip
    told = (await boss.get(f"{CALLS}/{call_id}")).body
    assert told["workspace"] == {"id": desks[0].workspace_id, "name": "Acme Dental"}
    assert told["agent"] == {"id": desks[0].agent_id, "name": "Front desk"}
    call = told["call"]
    assert (call["id"], call["details"], call["media_node"]) == (call_id, details, "node-1")
    assert (call["has_recording"], call["transcription"], call["end_detail"]) == (True, "Hello. Hi.", "twilio")
    assert [(turn["agent"], turn["caller"]) for turn in call["turns"]] == [("Hello.", ""), ("", "Hi.")]
    assert "recording_key" not in call
    bare = (await boss.get(f"{CALLS}/{await desks[1].call(agent_id=None)}")).body
    assert (bare["agent"], bare["call"]["has_recording"], bare["call"]["turns"]) == (None, False, [])
    gone = await boss.get(f"{CALLS}/{new_id()}")
    assert (gone.status, gone.code) == (404, "call_not_found")


async def test_finance_has_no_need_of_callers_words(api: Api, desks: tuple[Desk, Desk]) -> None:
    call_id = await desks[0].call()
    paths = (CALLS, f"{CALLS}/live", f"{CALLS}/{call_id}")
    finance = await api.admin("finance")
    assert {(await finance.get(path)).code for path in paths} == {"role"}
    for role in ("super_admin", "support", "read_only"):
        reader = await api.admin(role)
        assert {(await reader.get(path)).status for path in paths} == {200}
    assert {(await desks[0].ann.get(path)).status for path in paths} == {401}
