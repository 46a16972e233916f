"""Outbound and test calls: the rules for placing one."""

import asyncio
from typing import Any
from uuid import UUID

import msgspec
import pytest

from control.calls.outbound.service import PLACE_CALL, PlaceCallJob, load_limits
from control.platform.service import Platform
from shared.errors import Conflict, Invalid, NotFound, Problem, TooManyRequests
from tests.control.calls.call_platform import (
    NOW,
    STAFF,
    CallPlatform,
    LiveWorkspace,
    later,
)

CALLEE = "+12125550123"


async def refusal_of(
    platform: CallPlatform, workspace: LiveWorkspace, number: str = CALLEE, **options: Any
) -> tuple[type[Problem], str]:
    with pytest.raises(Problem) as raised:
        await platform.place(workspace, number, **options)
    return type(raised.value), raised.value.code


async def change_settings(platform: CallPlatform, **values: int) -> None:
    await platform.in_platform(lambda db: platform.services[Platform].change_settings(db, STAFF, values))


async def test_placed_call_has_a_row_and_a_job_at_once(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    call_id = await platform.place(workspace, CALLEE)
    row = await platform.call_row(call_id)
    assert (row["status"], row["direction"], row["is_test"]) == ("queued", "outbound", False)
    assert (row["caller_number"], row["called_number"], row["carrier"]) == (workspace.number, CALLEE, "twilio")
    assert (row["agent_id"], row["agent_version"], row["phone_number_id"]) == (
        workspace.agent_id,
        1,
        workspace.number_id,
    )
    assert PlaceCallJob(call_id) in [
        msgspec.json.decode(job, type=PlaceCallJob) for job in await platform.job_payloads(PLACE_CALL)
    ]
    logged = await platform.in_platform(
        lambda db: db.fetchval("SELECT details FROM audit_log WHERE resource_id = $1", str(call_id))
    )
    assert CALLEE not in str(logged)


async def test_refused_destinations_and_agents(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    assert await refusal_of(platform, workspace, "+1212") == (Invalid, "number_invalid")
    assert await refusal_of(platform, workspace, "+19005551234") == (Invalid, "number_refused")
    assert await refusal_of(platform, workspace, "+18765551234") == (Invalid, "country_not_allowed")
    assert await refusal_of(platform, workspace, workspace.number) == (Invalid, "number_is_own")
    other = await platform.create_workspace()
    stranger = LiveWorkspace(
        workspace.workspace_id, workspace.actor, other.agent_id, workspace.number_id, workspace.number
    )
    assert await refusal_of(platform, stranger) == (NotFound, "agent_not_found")
    await platform.in_platform(
        lambda db: db.execute("UPDATE phone_numbers SET status = 'released' WHERE id = $1", workspace.number_id)
    )
    assert await refusal_of(platform, workspace) == (Conflict, "no_number")
    await platform.in_platform(
        lambda db: db.execute("UPDATE workspaces SET status = 'suspended' WHERE id = $1", workspace.workspace_id)
    )
    assert await refusal_of(platform, workspace) == (Conflict, "workspace_suspended")
    assert not await platform.call_rows(workspace)


async def test_call_needs_an_agent_that_can_answer(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace(live=False)
    assert await refusal_of(platform, workspace) == (Conflict, "agent_not_live")
    call_id = await platform.place(workspace, CALLEE, test=True)
    assert (await platform.call_row(call_id))["is_test"]
    await platform.in_platform(
        lambda db: db.execute(
            "INSERT INTO workspace_providers (workspace_id, provider, is_enabled) "
            "SELECT $1, provider, false FROM providers",
            workspace.workspace_id,
        )
    )
    assert await refusal_of(platform, workspace, test=True) == (Conflict, "cannot_answer")


async def test_trial_tier_has_few_test_calls_only(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace(tier="trial")
    assert await refusal_of(platform, workspace) == (Conflict, "outbound_not_in_tier")
    await change_settings(platform, trial_test_calls_per_day=1)
    try:
        await platform.place(workspace, CALLEE, test=True)
        assert await refusal_of(platform, workspace, test=True) == (TooManyRequests, "trial_test_limit")
        assert await platform.place(workspace, CALLEE, test=True, at=later(86_401))
    finally:
        await change_settings(platform, trial_test_calls_per_day=20)


@pytest.mark.parametrize(
    ("key", "code", "passes_s"),
    [
        ("outbound_calls_per_minute", "outbound_rate", 61),
        ("outbound_calls_per_hour", "outbound_hourly_limit", 3_601),
        ("outbound_calls_per_day", "outbound_daily_limit", 86_401),
        ("outbound_repeats_per_day", "outbound_repeat_limit", 86_401),
    ],
)
async def test_limits_of_calls_per_minute_day_and_number(
    platform: CallPlatform, key: str, code: str, passes_s: int
) -> None:
    workspace = await platform.create_workspace()
    before = (await platform.in_platform(lambda db: load_limits(db, platform.services[Platform])))[key]
    await change_settings(platform, **{key: 2})
    try:
        await platform.place(workspace, CALLEE)
        await platform.place(workspace, CALLEE)
        assert await refusal_of(platform, workspace) == (TooManyRequests, code)
        await platform.place(workspace, CALLEE, at=later(passes_s))
        if code == "outbound_repeat_limit":
            await platform.place(workspace, "+12125550124")
    finally:
        await change_settings(platform, **{key: before})


async def test_limit_of_connected_minutes_per_day(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    call_id = await platform.place(workspace, CALLEE)
    await platform.in_platform(
        lambda db: db.execute("UPDATE calls SET status = 'completed', duration_seconds = 36000 WHERE id = $1", call_id)
    )
    assert await refusal_of(platform, workspace) == (TooManyRequests, "outbound_minutes_limit")
    await platform.place(workspace, CALLEE, at=later(86_401))


async def test_calls_of_paying_workspaces_are_limited(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    await platform.in_platform(
        lambda db: db.execute("UPDATE workspaces SET status = 'active' WHERE id = $1", workspace.workspace_id)
    )
    await change_settings(platform, test_calls_per_day=1)
    try:
        await platform.place(workspace, CALLEE, test=True)
        assert await refusal_of(platform, workspace, test=True) == (TooManyRequests, "test_limit")
        await platform.place(workspace, CALLEE)
        assert await platform.place(workspace, CALLEE, test=True, at=later(86_401))
    finally:
        await change_settings(platform, test_calls_per_day=100)


async def test_calls_in_progress_count_as_connected(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    call_id = await platform.place(workspace, CALLEE)
    await platform.in_platform(
        lambda db: db.execute("UPDATE calls SET status = 'in_progress', answered_at = $2 WHERE id = $1", call_id, NOW)
    )
    await platform.place(workspace, CALLEE, at=later(35_999))
    assert await refusal_of(platform, workspace, at=later(36_000)) == (TooManyRequests, "outbound_minutes_limit")


async def test_last_slot_is_given_once(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace(tier="starter")  # five at once
    answers = await asyncio.gather(
        *(platform.place(workspace, f"+1212555{index:04}") for index in range(8)), return_exceptions=True
    )
    assert sum(isinstance(answer, UUID) for answer in answers) == 5
    assert {answer.code for answer in answers if isinstance(answer, Conflict)} == {"call_limit"}


async def test_countries_of_a_workspace_can_be_set(platform: CallPlatform) -> None:
    workspace = await platform.create_workspace()
    assert await refusal_of(platform, workspace, "+442079460123") == (Invalid, "country_not_allowed")
    await platform.in_platform(
        lambda db: db.execute(
            "UPDATE workspaces SET settings = $2 WHERE id = $1", workspace.workspace_id, {"outbound_countries": ["GB"]}
        )
    )
    await platform.place(workspace, "+442079460123")
    assert await refusal_of(platform, workspace) == (Invalid, "country_not_allowed")
