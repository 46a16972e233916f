"""Administration of workspaces by the staff."""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from control.db.keyset import PageRequest
from control.db.pool import Connection
from control.workspaces.administration import WorkspaceUpdate
from control.workspaces.rules import WorkspaceFilter, WorkspaceListing
from shared.errors import Conflict, Problem
from shared.ids import new_id
from tests.control.workspaces.workspaces_platform import NOW, STAFF, WorkspacesPlatform, user_actor

DAY = timedelta(days=1)


async def problem_code(action: Awaitable[object]) -> str:
    with pytest.raises(Problem) as error:
        await action
    return error.value.code


async def suspend(platform: WorkspacesPlatform, workspace_id: UUID, reason: str = "unpaid") -> None:
    await platform.as_staff(lambda db: platform.workspaces.administration.suspend(db, STAFF, workspace_id, reason, NOW))


async def activate(platform: WorkspacesPlatform, workspace_id: UUID, now: Any = NOW) -> None:
    await platform.as_staff(lambda db: platform.workspaces.administration.activate(db, STAFF, workspace_id, now))


async def change_tier(platform: WorkspacesPlatform, workspace_id: UUID, tier: str) -> None:
    await platform.as_staff(
        lambda db: platform.workspaces.administration.change_tier(db, STAFF, workspace_id, tier, NOW)
    )


async def update(platform: WorkspacesPlatform, workspace_id: UUID, edit: WorkspaceUpdate) -> None:
    await platform.as_staff(lambda db: platform.workspaces.administration.update(db, STAFF, workspace_id, edit, NOW))


async def find(
    platform: WorkspacesPlatform, workspace_filter: WorkspaceFilter, offset: int = 0, limit: int = 50
) -> tuple[list[WorkspaceListing], int]:
    page = PageRequest(limit, offset)
    found = await platform.as_staff(lambda db: platform.workspaces.administration.find(db, workspace_filter, page=page))
    return found.rows, found.total or 0


async def add_agents(db: Connection, workspace_id: UUID, count: int) -> None:
    for index in range(count):
        await db.execute(
            "INSERT INTO agents (id, workspace_id, name, status) VALUES ($1, $2, $3, 'live')",
            UUID(new_id()), workspace_id, f"Agent {index}",
        )  # fmt: skip


async def test_suspension_is_stored_audited_and_ended(platform: WorkspacesPlatform) -> None:
    workspace_id = await platform.create_workspace(await platform.create_user())
    await suspend(platform, workspace_id)
    suspended = await platform.get_workspace(workspace_id)
    assert (suspended.status, suspended.status_before, suspended.suspended_why) == ("suspended", "trial", "unpaid")
    assert (await platform.audit_log(workspace_id))[-1] == (
        "workspace.suspend",
        {
            "before": {"status": "trial", "suspended_why": None},
            "after": {"status": "suspended", "suspended_why": "unpaid"},
            "reason": "unpaid",
        },
    )
    await suspend(platform, workspace_id, "fraud")
    await activate(platform, workspace_id)
    await activate(platform, workspace_id)
    assert (await platform.get_workspace(workspace_id)).status == "trial"
    assert await platform.status_history(workspace_id) == [
        ("trial", "trial"), ("trial", "growth"), ("suspended", "growth"), ("trial", "growth"),
    ]  # fmt: skip
    actions = [action for action, _ in await platform.audit_log(workspace_id)]
    assert actions[-3:] == ["workspace.suspend", "workspace.suspend", "workspace.activate"]


async def test_members_can_read_a_suspended_workspace(platform: WorkspacesPlatform) -> None:
    owner = await platform.create_user()
    workspace_id = await platform.create_workspace(owner)
    await suspend(platform, workspace_id)
    pages = await platform.as_member(owner, workspace_id, lambda db: platform.workspaces.get(db, workspace_id))
    assert pages.status == "suspended"
    (listed,) = await platform.as_user(owner, lambda db: platform.workspaces.memberships(db, owner.id))
    assert listed.status == "suspended"


async def test_tier_must_exist_be_offered_and_large_enough(platform: WorkspacesPlatform) -> None:
    owner = await platform.create_user()
    workspace_id = await platform.create_workspace(owner)
    await platform.as_staff(lambda db: add_agents(db, workspace_id, 4))
    for _ in range(4):
        await platform.add_member(workspace_id, "viewer")
    await platform.invite(owner, workspace_id, "x@example.com")
    with pytest.raises(Conflict) as error:
        await change_tier(platform, workspace_id, "starter")
    assert error.value.code == "tier_too_small"
    assert "4 agents where 3 are allowed" in error.value.message
    assert "6 members and open invitations where 5 are allowed" in error.value.message
    assert await problem_code(change_tier(platform, workspace_id, "nosuch")) == "tier_unknown"
    await platform.as_staff(lambda db: db.execute("UPDATE tiers SET is_available = false WHERE tier_name = 'business'"))
    assert await problem_code(change_tier(platform, workspace_id, "business")) == "tier_unavailable"
    await platform.as_staff(lambda db: db.execute("UPDATE tiers SET is_available = true WHERE tier_name = 'business'"))
    await change_tier(platform, workspace_id, "business")
    await change_tier(platform, workspace_id, "business")
    assert [tier for _, tier in await platform.status_history(workspace_id)] == ["trial", "growth", "business"]


async def test_concurrent_smaller_tier_and_invitation_never_both_succeed(platform: WorkspacesPlatform) -> None:
    for _ in range(4):
        owner = await platform.create_user()
        workspace_id = await platform.create_workspace(owner)
        for _ in range(2):
            await platform.add_member(workspace_id, "viewer")
        results = await asyncio.gather(
            change_tier(platform, workspace_id, "trial"),
            platform.invite(owner, workspace_id, "x@example.com"),
            return_exceptions=True,
        )
        assert sum(isinstance(result, Conflict) for result in results) == 1


async def test_smaller_tier_waits_for_a_concurrent_agent(platform: WorkspacesPlatform) -> None:
    owner = await platform.create_user()
    workspace_id = await platform.create_workspace(owner)
    counted, proceed = asyncio.Event(), asyncio.Event()

    async def add(db: Connection) -> None:
        assert (await platform.workspaces.limits(db, workspace_id, hold=True)).max_agents == 15
        counted.set()
        await proceed.wait()
        await add_agents(db, workspace_id, 3)

    adding = asyncio.create_task(platform.as_member(owner, workspace_id, add))
    await counted.wait()
    changing = asyncio.create_task(change_tier(platform, workspace_id, "trial"))
    await _wait_for_blocked_transaction(platform)
    proceed.set()
    await adding
    assert await problem_code(changing) == "tier_too_small"


async def test_update_is_atomic_and_one_audit_entry(platform: WorkspacesPlatform) -> None:
    workspace_id = await platform.create_workspace(await platform.create_user())
    await platform.as_staff(lambda db: add_agents(db, workspace_id, 4))
    assert (
        await problem_code(update(platform, workspace_id, WorkspaceUpdate("Zenith", "active", "starter")))
        == "tier_too_small"
    )
    assert (await platform.get_workspace(workspace_id)).name == "Acme"
    await update(platform, workspace_id, WorkspaceUpdate("Zenith", "active", "business"))
    assert (await platform.audit_log(workspace_id))[-1] == (
        "workspace.update",
        {
            "before": {"name": "Acme", "status": "trial", "tier_name": "growth"},
            "after": {"name": "Zenith", "status": "active", "tier_name": "business"},
        },
    )
    await update(platform, workspace_id, WorkspaceUpdate(status="suspended"))
    await update(platform, workspace_id, WorkspaceUpdate(status="trial"))
    found = await platform.get_workspace(workspace_id)
    assert (found.status, found.trial_ends_at) == ("trial", NOW + 14 * DAY)
    await update(platform, workspace_id, WorkspaceUpdate(status="active"))
    await platform.set_setting("trial_days", 0)
    assert await problem_code(update(platform, workspace_id, WorkspaceUpdate(status="trial"))) == "trials_off"


async def test_trials_end_if_the_setting_says_so(platform: WorkspacesPlatform) -> None:
    ended, running, paid = [
        await platform.create_workspace(await platform.create_user(), now=NOW + days * DAY) for days in (0, 1, 0)
    ]
    await update(platform, paid, WorkspaceUpdate(status="active"))
    trial_end = NOW + 14 * DAY
    await platform.set_setting("trial_end_action", "keep")
    assert await platform.as_staff(lambda db: platform.workspaces.administration.end_trials(db, trial_end, 1_000)) == 0
    await platform.set_setting("trial_end_action", "suspend")
    await platform.as_staff(lambda db: platform.workspaces.administration.end_trials(db, trial_end, 1_000))
    assert [(await platform.get_workspace(each)).status for each in (ended, running, paid)] == [
        "suspended",
        "trial",
        "active",
    ]
    assert await platform.as_staff(lambda db: platform.workspaces.administration.end_trials(db, trial_end, 1_000)) == 0
    await activate(platform, ended, trial_end)
    assert (await platform.get_workspace(ended)).status == "active"


async def test_list_filters_by_name_owner_and_status(platform: WorkspacesPlatform) -> None:
    owner = await platform.create_user()
    first_id, second_id = (
        await platform.create_workspace(owner, "100% Dental_Care"),
        await platform.create_workspace(owner, "Bakery", now=NOW + DAY),
    )
    later = await platform.add_member(first_id, "owner")
    assert [line.id for line in (await find(platform, WorkspaceFilter(search=owner.email)))[0]] == [second_id, first_id]
    assert [line.id for line in (await find(platform, WorkspaceFilter(search=later.email[:20].upper())))[0]] == [
        first_id
    ]
    assert [line.id for line in (await find(platform, WorkspaceFilter(search="0% dental_")))[0]] == [first_id]
    assert (await find(platform, WorkspaceFilter(search="0_ Dental%")))[1] == 0
    await suspend(platform, first_id)
    assert await _ids(platform, owner.email, "suspended") == [first_id]
    assert await _ids(platform, owner.email, "trial") == [second_id]
    await platform.as_member(
        owner, second_id, lambda db: platform.workspaces.delete(db, user_actor(owner), second_id, NOW)
    )
    assert await _ids(platform, owner.email, None) == [first_id]
    assert await _ids(platform, owner.email, "deleted") == [second_id]


async def test_list_shows_the_first_owner_and_figures(platform: WorkspacesPlatform) -> None:
    owner = await platform.create_user()
    workspace_id = await platform.create_workspace(owner)
    await platform.add_member(workspace_id, "owner")
    lines, _ = await find(platform, WorkspaceFilter(search=owner.email))
    assert (lines[0].total_calls, lines[0].total_revenue) == (0, Decimal(0))
    await platform.as_staff(
        lambda db: db.execute(
            "INSERT INTO workspace_totals (workspace_id, calls, seconds, price, cost) VALUES ($1, 7, 60, 1.25, 0.5)",
            workspace_id,
        )
    )
    await platform.as_staff(lambda db: add_agents(db, workspace_id, 2))
    (line,), total = await find(platform, WorkspaceFilter(search=owner.email))
    assert (line.owner_email, line.total_calls, line.total_revenue) == (owner.email, 7, Decimal("1.25"))
    assert (line.subscription_tier, total) == ("growth", 1)
    stats = await platform.as_staff(lambda db: platform.workspaces.administration.stats(db, workspace_id))
    assert (stats.total_calls, stats.total_revenue, stats.active_agents) == (7, Decimal("1.25"), 2)
    first = await platform.as_staff(lambda db: platform.workspaces.administration.owner(db, workspace_id))
    assert first is not None and first.user_id == owner.id


async def test_pages_have_no_gaps_or_repeats(platform: WorkspacesPlatform) -> None:
    owner = await platform.create_user()
    created = [await platform.create_workspace(owner, now=NOW + index * DAY) for index in range(5)]
    pages = [await find(platform, WorkspaceFilter(search=owner.email), offset, 2) for offset in (0, 2, 4, 6)]
    assert [line.id for lines, _ in pages for line in lines] == created[::-1]
    assert {total for _, total in pages} == {5}


async def _ids(platform: WorkspacesPlatform, search: str, status: Any) -> list[UUID]:
    lines, total = await find(platform, WorkspaceFilter(status, search))
    assert total == len(lines)
    return [line.id for line in lines]


async def _wait_for_blocked_transaction(platform: WorkspacesPlatform) -> None:
    waits = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted) FROM pg_sleep(0.01)"
    async with asyncio.timeout(30), platform.base.pool.acquire() as db:
        while not await db.fetchval(waits):
            pass
