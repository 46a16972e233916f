"""/admin/calls/…: calls of all workspaces, for the staff."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from shared.events import AgentSaid, CallerSaid
from shared.ids import new_id
from tests.control.api.call_workspace import CallWorkspace, ago, make_call_workspace
from tests.platform.api import Api, running_api
from tests.platform.clients import Staff

CALLS = "/admin/calls"
REASON = {"reason": "Ticket 1234"}


@pytest.fixture
async def api(fresh_database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(fresh_database_url, valkey_url) as running:
        yield running


@pytest.fixture
async def workspaces(api: Api) -> tuple[CallWorkspace, CallWorkspace]:
    return await make_call_workspace(api), await make_call_workspace(api)


async def listed_ids(admin: Staff, **query: str) -> tuple[list[str], int]:
    reply = await admin.get(CALLS, params=query)
    assert reply.status == 200, reply.body
    return [call["id"] for call in reply.body["calls"]], reply.body["total"]


async def test_list_spans_workspaces_and_has_filters(api: Api, workspaces: tuple[CallWorkspace, CallWorkspace]) -> None:
    admin = await api.admin("read_only")
    first_workspace, second_workspace = workspaces
    first = await first_workspace.insert_call(created_at=ago(7_200), status="failed")
    second = await second_workspace.insert_call(created_at=ago(3_600))
    third = await first_workspace.insert_call(direction="outbound", caller_number="+493012345")
    assert await listed_ids(admin) == ([third, second, first], 3)
    assert await listed_ids(admin, workspace_id=first_workspace.workspace_id) == ([third, first], 2)
    assert await listed_ids(admin, status="failed") == ([first], 1)
    assert await listed_ids(admin, direction="outbound") == ([third], 1)
    assert await listed_ids(admin, direction="inbound") == ([second, first], 2)
    assert await listed_ids(admin, caller_number="+493012345") == ([third], 1)
    assert await listed_ids(admin, agent_id=second_workspace.agent_id) == ([second], 1)
    own = {"workspace_id": first_workspace.workspace_id}
    assert await listed_ids(admin, agent_id=second_workspace.agent_id, **own) == ([], 0)
    assert await listed_ids(admin, agent_id=new_id()) == ([], 0)
    assert await listed_ids(admin, **{"from": ago(3_600).isoformat()}) == ([third, second], 2)
    assert await listed_ids(admin, to=ago(3_600).isoformat()) == ([first], 1)
    assert await listed_ids(admin, limit="1", page="2") == ([second], 3)
    for name, value in (
        ("status", "gone"),
        ("workspace_id", "x"),
        ("caller_number", "1"),
        ("direction", "up"),
        ("from", "9999-12-31T23:59:59-05:00"),
    ):
        assert (await admin.get(CALLS, params={name: value})).param == name
    assert (await admin.get(CALLS, params={"limit": "200", "page": "501"})).code == "too_deep"


async def test_fields_of_a_listed_call(api: Api, workspaces: tuple[CallWorkspace, CallWorkspace]) -> None:
    call_id = await workspaces[0].insert_call(duration_seconds=61, cost_total=2, end_reason="silence", is_test=True)
    (listed,) = (await (await api.admin()).get(CALLS)).body["calls"]
    del listed["created_at"]
    assert listed == {
        "id": call_id, "workspace_id": workspaces[0].workspace_id, "workspace_name": "Acme Dental",
        "agent_name": "Front desk", "caller_number": "+14155550100", "caller_withheld": False,
        "called_number": workspaces[0].number,
        "direction": "inbound", "status": "completed", "end_reason": "silence", "is_test": True, "carrier": "twilio",
        "duration_seconds": 61, "cost_total": 2.0, "cost_list": 2.0, "currency": "usd", "started_at": None,
        "variables": {}, "metadata": {},
    }  # fmt: skip


async def test_live_calls_span_workspaces(api: Api, workspaces: tuple[CallWorkspace, CallWorkspace]) -> None:
    await workspaces[0].insert_call()
    ringing = await workspaces[0].insert_call(status="ringing")
    in_progress = await workspaces[1].insert_call(status="in_progress", created_at=ago(60), answered_at=ago(50))
    live = (await (await api.admin("support")).get(f"{CALLS}/live")).body["active_calls"]
    assert [(call["id"], call["workspace_id"]) for call in live] == [
        (in_progress, workspaces[1].workspace_id), (ringing, workspaces[0].workspace_id),
    ]  # fmt: skip
    assert live[0]["duration_so_far"] >= 50 and live[1]["duration_so_far"] == 0


async def test_live_lists_of_staff_and_customers_have_the_same_fields(
    api: Api, workspaces: tuple[CallWorkspace, CallWorkspace]
) -> None:
    await workspaces[0].insert_call(status="in_progress", is_test=True)
    (staff,) = (await (await api.admin("support")).get(f"{CALLS}/live")).body["active_calls"]
    (own,) = (await workspaces[0].ann.get(f"{workspaces[0].calls_path}/live")).body["active_calls"]
    assert {name: value for name, value in staff.items() if name not in ("workspace_id", "workspace_name")} == own
    assert (staff["called_number"], staff["is_test"]) == (workspaces[0].number, True)


async def test_staff_end_calls_of_any_workspace(api: Api, workspaces: tuple[CallWorkspace, CallWorkspace]) -> None:
    support, mine = await api.admin("support"), workspaces[0]
    running = await mine.insert_call(status="in_progress")
    queued = await mine.insert_call(status="queued", direction="outbound", carrier_call_id=None)
    over = await mine.insert_call()
    body = {"reason": "Ticket 1234: toll fraud"}
    for call_id, outcome in ((running, "ending"), (queued, "ending"), (queued, "ended"), (over, "ended")):
        reply = await support.post(f"{CALLS}/{call_id}/end", body)
        assert (reply.status, reply.body) == (200, {"outcome": outcome})
    assert (await support.get(f"{CALLS}/{queued}")).body["call"]["end_reason"] == "admin"
    jobs = await api.owner.fetch("SELECT payload FROM pgqueuer WHERE entrypoint = 'calls.hang_up'")
    (job,) = [json.loads(row["payload"]) for row in jobs]
    assert (job["call_id"], job["reason"], job["polite"]) == (running, "admin", True)
    entries = await api.owner.fetch(
        "SELECT actor_email, workspace_id, details FROM audit_log WHERE action = 'call.end' ORDER BY at, id"
    )
    assert [(row["actor_email"], str(row["workspace_id"]), row["details"]["reason"]) for row in entries] == [
        (support.email, mine.workspace_id, body["reason"])
    ] * 2
    assert (await support.post(f"{CALLS}/{new_id()}/end", {})).code == "call_not_found"


async def test_roles_that_may_end_calls(api: Api, workspaces: tuple[CallWorkspace, CallWorkspace]) -> None:
    path = f"{CALLS}/{await workspaces[0].insert_call(status='in_progress')}/end"
    for role, status in (("finance", 403), ("read_only", 403), ("super_admin", 200), ("support", 200)):
        assert (await (await api.admin(role)).post(path, {})).status == status, role  # type: ignore[arg-type]
    assert (await workspaces[0].ann.post(path, {})).status == 401


async def test_fields_of_a_call(api: Api, workspaces: tuple[CallWorkspace, CallWorkspace]) -> None:
    admin = await api.admin("read_only")
    details: dict[str, Any] = {"usage": {"call_ms": 4_000}, "leg": 1}
    call_id = await workspaces[0].insert_call(
        AgentSaid(0, "Hello.", 200, 900), CallerSaid(1, "Hi.", 1_000, 1_300), details=details, media_node="node-1",
        recording_key="r.wav", transcription="Hello. Hi.", end_detail="twilio",
    )  # fmt: skip
    body = (await admin.get(f"{CALLS}/{call_id}", params=REASON)).body
    assert body["workspace"] == {"id": workspaces[0].workspace_id, "name": "Acme Dental"}
    assert body["agent"] == {"id": workspaces[0].agent_id, "name": "Front desk"}
    call = body["call"]
    assert (call["id"], call["details"], call["media_node"]) == (call_id, details, "node-1")
    assert (call["has_recording"], call["transcription"], call["end_detail"]) == (True, "Hello. Hi.", "twilio")
    assert [(turn["agent"], turn["caller"]) for turn in call["turns"]] == [("Hello.", ""), ("", "Hi.")]
    assert "recording_key" not in call
    without_agent = (await admin.get(f"{CALLS}/{await workspaces[1].insert_call(agent_id=None)}")).body
    assert (without_agent["agent"], without_agent["call"]["has_recording"], without_agent["call"]["turns"]) == (
        None,
        False,
        [],
    )
    missing = await admin.get(f"{CALLS}/{new_id()}")
    assert (missing.status, missing.code) == (404, "call_not_found")


async def test_call_is_found_by_its_carriers_id_and_its_events_are_read(
    api: Api, workspaces: tuple[CallWorkspace, CallWorkspace]
) -> None:
    admin = await api.admin("read_only")
    said = (AgentSaid(0, "Hello.", 200, 900), CallerSaid(1, "Hi.", 1_000, 1_300))
    call_id = await workspaces[1].insert_call(*said, carrier_call_id="v3:call+1")
    await workspaces[0].insert_call()
    assert await listed_ids(admin, carrier_call_id="v3:call+1") == ([call_id], 1)
    assert await listed_ids(admin, carrier_call_id="v3:call") == ([], 0)
    events = (await admin.get(f"{CALLS}/{call_id}/events", params=REASON)).body["events"]
    assert [event["event_type"] for event in events] == ["agent.said", "caller.said"]
    later = (await admin.get(f"{CALLS}/{call_id}/events", params=REASON | {"after_seq": str(events[0]["seq"])})).body[
        "events"
    ]
    assert later == events[1:]
    assert (await admin.get(f"{CALLS}/{new_id()}/events", params=REASON)).code == "call_not_found"


async def test_finance_cannot_read_calls(api: Api, workspaces: tuple[CallWorkspace, CallWorkspace]) -> None:
    call_id = await workspaces[0].insert_call()
    paths = (CALLS, f"{CALLS}/live", f"{CALLS}/{call_id}", f"{CALLS}/{call_id}/events?reason=Ticket+1")
    finance = await api.admin("finance")
    assert {(await finance.get(path)).code for path in paths} == {"role"}
    for role in ("super_admin", "support", "read_only"):
        reader = await api.admin(role)
        assert {(await reader.get(path)).status for path in paths} == {200}
    assert {(await workspaces[0].ann.get(path)).status for path in paths} == {401}


async def test_content_is_read_with_a_reason_that_the_owner_sees(
    api: Api, workspaces: tuple[CallWorkspace, CallWorkspace]
) -> None:
    mine, other = workspaces
    admin = await api.admin("support")
    said = (AgentSaid(0, "Hello.", 200, 900), CallerSaid(1, "Hi.", 1_000, 1_300))
    call_id = await mine.insert_call(*said, transcription="Hello. Hi.", summary="Greetings.")
    path, accesses = f"{CALLS}/{call_id}", f"{mine.path}/privacy/accesses"

    withheld = (await admin.get(path)).body["call"]
    assert (withheld["is_content_withheld"], withheld["id"]) == (True, call_id)
    assert (withheld["transcription"], withheld["summary"], withheld["turns"]) == (None, None, [])
    events = await admin.get(f"{path}/events")
    assert (events.status, events.param) == (422, "reason")
    for empty in ("", "  ", "x" * 501, "a\nb"):
        assert (await admin.get(path, params={"reason": empty})).param == "reason"
    assert (await mine.ann.get(accesses)).body["accesses"] == []

    read = (await admin.get(path, params=REASON)).body["call"]
    assert (read["is_content_withheld"], read["transcription"], len(read["turns"])) == (False, "Hello. Hi.", 2)
    assert (await admin.get(f"{path}/events", params={"reason": " Ticket 5 "})).status == 200
    listed = (await mine.ann.get(accesses)).body["accesses"]
    assert [(one["call_id"], one["content"], one["reason"]) for one in listed] == [
        (call_id, "events", "Ticket 5"), (call_id, "call", "Ticket 1234"),
    ]  # fmt: skip
    assert {one["reader"] for one in listed} == {admin.email}
    assert (await other.ann.get(f"{other.path}/privacy/accesses")).body["total"] == 0
    log = await api.owner.fetchrow("SELECT * FROM audit_log WHERE action = 'call.read' ORDER BY at LIMIT 1")
    assert (log["actor"], log["resource_id"], log["details"]["reason"]) == ("admin", call_id, "Ticket 1234")
