"""Admission of blocked callers, and of calls outside the opening hours."""

from datetime import UTC, datetime
from typing import Any

import pytest

from control.calls.blocked_callers.service import BlockedCallers
from control.calls.records.callers import ANONYMOUS, IncomingCall
from control.calls.records.refusals import RefusedCall
from control.calls.records.running_calls import AdmittedCall
from control.calls.records.service import find_open
from control.db.pool import Connection
from shared.ids import new_id
from tests.control.calls.call_platform import NOW, CallPlatform, LiveWorkspace, later, make_checkpoint

CALLER = "+14155550100"
NIGHT = datetime(2026, 11, 25, 23, 30, tzinfo=UTC)  # NOW is the same day, 12:00
HOURS = {"weekly": {"wednesday": [{"opens": "09:00", "closes": "17:00"}]}}


async def ring(
    platform: CallPlatform, workspace: LiveWorkspace, caller: str = CALLER, at: datetime = NOW, name: str = ""
) -> AdmittedCall | RefusedCall:
    incoming = IncomingCall("twilio", name or f"CA{new_id()}", caller, workspace.number)
    return await platform.in_platform(lambda db: platform.admission.admit_inbound(db, incoming, at))


async def block(platform: CallPlatform, workspace: LiveWorkspace, caller: str) -> None:
    blocked = platform.services[BlockedCallers]
    await platform.in_workspace(
        workspace, lambda db: blocked.block(db, workspace.workspace_id, workspace.actor, caller, "", NOW)
    )


async def test_blocked_caller_is_refused_in_this_workspace_only(platform: CallPlatform) -> None:
    workspace, other = await platform.create_workspace(), await platform.create_workspace()
    await block(platform, workspace, CALLER)
    refused = await ring(platform, workspace, name="CA-blocked")
    assert isinstance(refused, RefusedCall)
    assert (refused.reason, refused.announcement) == ("blocked", "")
    again = await ring(platform, workspace, name="CA-blocked", at=later(1))
    assert isinstance(again, RefusedCall) and (again.reason, again.call_id) == ("blocked", refused.call_id)
    (row,) = await platform.call_rows(workspace)
    assert (row["status"], row["end_detail"], row["caller_number"]) == ("failed", "blocked", CALLER)
    assert (row["duration_seconds"], row["cost_total"]) == (0, 0)
    assert isinstance(await ring(platform, workspace, "+14155550101"), AdmittedCall)
    assert isinstance(await ring(platform, other), AdmittedCall)


@pytest.mark.parametrize("caller", ["anonymous", "+266696687", ""])
async def test_anonymous_callers_are_blocked_together(platform: CallPlatform, caller: str) -> None:
    workspace = await platform.create_workspace()
    assert isinstance(await ring(platform, workspace, caller), AdmittedCall)
    await block(platform, workspace, ANONYMOUS)
    refused = await ring(platform, workspace, caller)
    assert isinstance(refused, RefusedCall) and refused.reason == "blocked"
    assert isinstance(await ring(platform, workspace), AdmittedCall)


async def test_a_block_goes_before_all_refusals_that_cost(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace(live=False)
    await block(platform, workspace, CALLER)
    refused = await ring(platform, workspace)
    assert isinstance(refused, RefusedCall) and refused.reason == "blocked"


async def test_call_outside_the_hours_is_hung_up_on_in_the_agents_words(platform: CallPlatform) -> None:
    outside = {"action": "hang_up", "text": "Wir haben geschlossen."}
    workspace = await platform.create_workspace(hours=HOURS, outside_hours=outside, language="de")
    assert isinstance(await ring(platform, workspace), AdmittedCall)
    refused = await ring(platform, workspace, at=NIGHT, name="CA-night")
    assert isinstance(refused, RefusedCall)
    assert (refused.reason, refused.announcement, refused.language) == ("outside_hours", outside["text"], "de")
    assert refused.call_id is not None
    row = await platform.call_row(refused.call_id)
    assert (row["status"], row["end_detail"], row["ended_at"]) == ("failed", "outside_hours", NIGHT)
    # Telnyx answers such a call in order to speak, and asks again.
    repeated = await platform.in_platform(
        lambda db: platform.admission.admit_answered(db, "twilio", "CA-night", None, later(86_400))
    )
    assert repeated == refused


async def test_hours_are_in_the_workspaces_time_zone(platform: CallPlatform) -> None:
    outside = {"action": "hang_up", "text": "Closed."}
    workspace = await platform.create_workspace(hours=HOURS, outside_hours=outside)
    await platform.in_platform(
        lambda db: db.execute(
            "UPDATE workspaces SET timezone = 'America/Los_Angeles' WHERE id = $1", workspace.workspace_id
        )
    )
    assert isinstance(await ring(platform, workspace), RefusedCall)  # 04:00 there
    assert isinstance(await ring(platform, workspace, at=NIGHT), AdmittedCall)  # 15:30


async def test_a_call_keeps_the_answer_with_which_it_began(platform: CallPlatform) -> None:
    """A webhook that is repeated after closing time, and a call that is resumed then."""
    workspace = await platform.create_workspace(hours=HOURS, outside_hours={"action": "message", "text": "Closed."})
    first = await ring(platform, workspace, name="CA-long")
    assert isinstance(first, AdmittedCall) and first.plan.agent.greeting == "Hello."
    assert await ring(platform, workspace, name="CA-long", at=NIGHT) == first

    async def resume(db: Connection) -> Any:
        open_call = await find_open(db, "twilio", "CA-long", NIGHT)
        assert open_call is not None
        return await platform.admission.resume(db, open_call, make_checkpoint(first.call_id), NIGHT)

    resumed = await platform.in_platform(resume)
    assert isinstance(resumed, AdmittedCall) and "take_message" not in str(resumed.plan.tools)
    closed = await ring(platform, workspace, at=NIGHT)
    assert isinstance(closed, AdmittedCall)
    assert closed.plan.agent.greeting == "Closed." and "take_message" in str(closed.plan.tools)


async def test_outbound_calls_do_not_follow_the_hours(platform: CallPlatform) -> None:
    outside = {"action": "hang_up", "text": "Closed."}
    workspace = await platform.create_workspace(hours=HOURS, outside_hours=outside)
    call_id = await platform.place(workspace, "+12125550123", at=NIGHT)
    admitted = await platform.in_platform(
        lambda db: platform.admission.admit_answered(db, "twilio", "CA-out", call_id, NIGHT)
    )
    assert isinstance(admitted, AdmittedCall) and admitted.plan.agent.greeting == "Hello."
