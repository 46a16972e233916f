"""The event `call.refused`: which refused calls customers' systems are notified of, by the real admission."""

from datetime import UTC, datetime
from typing import Any, get_args
from uuid import UUID

import pytest

from control.calls.admission.service import save_refusal
from control.calls.blocked_callers.service import BlockedCallers
from control.calls.live.service import record_media_node
from control.calls.records.refusals import RefusalReason, RefusedCall
from control.outbound_webhooks.event_types import EVENT_DESCRIPTIONS
from control.outbound_webhooks.service import delete_call_events
from tests.control.calls.call_platform import NOW, LiveWorkspace, later
from tests.control.outbound_webhooks.reported_bodies import document, reported
from tests.control.outbound_webhooks.webhook_workspace import WebhookDesk

CALLER = "+14155550100"
NIGHT = datetime(2026, 11, 25, 23, 30, tzinfo=UTC)  # NOW is the same day, 12:00
HOURS = {"weekly": {"wednesday": [{"opens": "09:00", "closes": "17:00"}]}}
CLOSED = {"action": "hang_up", "text": "Closed."}
# After these an inbound call is not refused: it stays open, or has no row.
NEVER_REPORTED = {"cut_off", "code_call"}
# The refusals that are decided once the call rings.
LATE = ("spend_limit", "all_busy", "unusable", "suspended")


def of(desk: WebhookDesk, workspace: LiveWorkspace) -> WebhookDesk:
    return WebhookDesk(desk.platform, workspace, desk.sender)


async def refuse(desk: WebhookDesk, call_id: UUID, reason: RefusalReason) -> None:
    await desk.platform.in_platform(lambda db: save_refusal(db, call_id, reason, later(1)))


def refused_data(workspace: LiveWorkspace, call_id: UUID | None, reason: str, number: str | None = CALLER) -> Any:
    return {
        "call_id": str(call_id), "agent_id": str(workspace.agent_id), "caller_number": number, "reason": reason,
    }  # fmt: skip


@pytest.mark.parametrize("reason", ["blocked", "suspended", "unknown_number", "outside_hours", "over_limit"])
async def test_call_that_is_refused_as_it_comes_is_reported_once(desk: WebhookDesk, reason: str) -> None:
    platform = desk.platform
    workspace = await platform.create_workspace(
        tier="trial", live=reason != "unknown_number", hours=HOURS, outside_hours=CLOSED
    )
    theirs = of(desk, workspace)
    endpoint, _ = await theirs.add_endpoint("http://127.0.0.1:9/")
    here, at = workspace.workspace_id, NIGHT if reason == "outside_hours" else NOW
    if reason == "blocked":
        blocked = platform.services[BlockedCallers]
        await platform.in_workspace(workspace, lambda db: blocked.block(db, here, workspace.actor, CALLER, "", NOW))
    elif reason == "suspended":
        await platform.in_platform(
            lambda db: db.execute("UPDATE workspaces SET status = 'suspended' WHERE id = $1", here)
        )
    elif reason == "over_limit":
        for _ in range(2):  # as many as a trial may have at once
            await platform.admit(workspace)
    refusals = [await platform.ring(workspace, f"CA-{reason}", at=at) for _ in range(2)]  # carriers repeat requests
    assert all(isinstance(refusal, RefusedCall) and refusal.reason == reason for refusal in refusals), refusals
    (body,) = await reported(theirs, endpoint)
    assert (body["type"], body["object_id"]) == ("call.refused", str(refusals[0].call_id))
    assert body["data"] == refused_data(workspace, refusals[0].call_id, reason)
    assert datetime.fromisoformat(body["timestamp"]) == at


@pytest.mark.parametrize("reason", LATE)
async def test_call_that_is_refused_while_it_rings_is_reported_before_its_end(
    desk: WebhookDesk, reason: RefusalReason
) -> None:
    endpoint, _ = await desk.add_endpoint("http://127.0.0.1:9/")
    call_id = (await desk.platform.admit(desk.workspace)).call_id
    for _ in range(2):
        await refuse(desk, call_id, reason)
    refused, ended = await reported(desk, endpoint)
    assert (refused["type"], ended["type"]) == ("call.refused", "call.ended")
    assert refused["data"] == refused_data(desk.workspace, call_id, reason)
    assert refused["timestamp"] == ended["data"]["ended_at"]


async def test_call_for_which_no_plan_can_be_made_is_reported(desk: WebhookDesk) -> None:
    endpoint, _ = await desk.add_endpoint("http://127.0.0.1:9/", "call.refused")
    await desk.platform.in_platform(
        lambda db: db.execute(
            "INSERT INTO workspace_providers (workspace_id, provider, is_enabled) "
            "SELECT $1, provider, false FROM providers",
            desk.workspace.workspace_id,
        )
    )
    refusal = await desk.platform.ring(desk.workspace)
    (body,) = await reported(desk, endpoint)
    assert body["data"] == refused_data(desk.workspace, refusal.call_id, "unusable")


async def test_withheld_number_is_null(desk: WebhookDesk) -> None:
    workspace = await desk.platform.create_workspace(live=False)
    theirs = of(desk, workspace)
    endpoint, _ = await theirs.add_endpoint("http://127.0.0.1:9/")
    refusal = await desk.platform.ring(workspace, caller="+266696687")
    (body,) = await reported(theirs, endpoint)
    assert body["data"] == refused_data(workspace, refusal.call_id, "unknown_number", None)


async def test_call_that_an_agent_had_is_not_reported_as_refused(desk: WebhookDesk) -> None:
    """It is refused when its next media stream finds no node."""
    endpoint, _ = await desk.add_endpoint("http://127.0.0.1:9/")
    call = await desk.platform.admit(desk.workspace)
    await desk.platform.in_platform(lambda db: record_media_node(db, call, "node-1"))
    await refuse(desk, call.call_id, "all_busy")
    assert [body["type"] for body in await reported(desk, endpoint)] == ["call.ended"]


async def test_call_that_stays_open_is_not_reported_as_refused(desk: WebhookDesk) -> None:
    endpoint, _ = await desk.add_endpoint("http://127.0.0.1:9/")
    await refuse(desk, (await desk.platform.admit(desk.workspace)).call_id, "cut_off")
    assert await reported(desk, endpoint) == []


async def test_outbound_call_is_not_reported_as_refused(desk: WebhookDesk) -> None:
    endpoint, _ = await desk.add_endpoint("http://127.0.0.1:9/")
    call_id = await desk.platform.place(desk.workspace, "+12125550123")
    await refuse(desk, call_id, "all_busy")
    assert [body["type"] for body in await reported(desk, endpoint)] == ["call.ended"]


async def test_number_without_an_agent_is_reported_without_one(desk: WebhookDesk) -> None:
    endpoint, _ = await desk.add_endpoint("http://127.0.0.1:9/")
    await desk.platform.in_platform(
        lambda db: db.execute("UPDATE phone_numbers SET agent_id = NULL WHERE id = $1", desk.workspace.number_id)
    )
    refusal = await desk.platform.ring(desk.workspace)
    (body,) = await reported(desk, endpoint)
    expected = refused_data(desk.workspace, refusal.call_id, "unknown_number")
    assert body["data"] == {**expected, "agent_id": None}


async def test_number_is_deleted_with_the_data_of_its_caller(desk: WebhookDesk) -> None:
    endpoint, _ = await desk.add_endpoint("http://127.0.0.1:9/", "call.refused")
    call_id = (await desk.platform.admit(desk.workspace)).call_id
    await refuse(desk, call_id, "all_busy")
    here = desk.workspace.workspace_id
    assert await desk.platform.in_platform(lambda db: delete_call_events(db, here, [call_id])) == 1
    assert await reported(desk, endpoint) == []


def test_the_document_explains_each_reason() -> None:
    assert EVENT_DESCRIPTIONS["call.refused"].data.__name__ in document()["components"]["schemas"]
    data = document()["components"]["schemas"]["RefusalEventData"]
    missing = [arg for arg in get_args(RefusalReason) if arg not in data["properties"]["reason"]["description"]]
    assert set(missing) == NEVER_REPORTED
