"""What the staff sees of workspaces and may do to them."""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from control.db.pool import Connection
from control.workspaces.model import Line, Wanted
from control.workspaces.staff import Edit
from shared.errors import Conflict, Problem
from shared.ids import new_id
from tests.control.workspaces.stage import NOW, STAFF, World, actor

DAY = timedelta(days=1)


async def refused(what: Awaitable[object]) -> str:
    with pytest.raises(Problem) as fault:
        await what
    return fault.value.code


async def suspend(of: World, workspace_id: UUID, reason: str = "unpaid") -> None:
    await of.staff(lambda db: of.rooms.staff.suspend(db, STAFF, workspace_id, reason, NOW))


async def activate(of: World, workspace_id: UUID, now: Any = NOW) -> None:
    await of.staff(lambda db: of.rooms.staff.activate(db, STAFF, workspace_id, now))


async def change_tier(of: World, workspace_id: UUID, tier: str) -> None:
    await of.staff(lambda db: of.rooms.staff.change_tier(db, STAFF, workspace_id, tier, NOW))


async def update(of: World, workspace_id: UUID, edit: Edit) -> None:
    await of.staff(lambda db: of.rooms.staff.update(db, STAFF, workspace_id, edit, NOW))


async def find(of: World, wanted: Wanted, offset: int = 0, limit: int = 50) -> tuple[list[Line], int]:
    return await of.staff(lambda db: of.rooms.staff.find(db, wanted, offset=offset, limit=limit))


async def add_agents(db: Connection, workspace_id: UUID, many: int) -> None:
    for place in range(many):
        await db.execute(
            "INSERT INTO agents (id, workspace_id, name, status) VALUES ($1, $2, $3, 'live')",
            UUID(new_id()), workspace_id, f"Agent {place}",
        )  # fmt: skip


async def test_a_suspension_is_remembered_told_and_taken_back(of: World) -> None:
    workspace_id = await of.workspace(await of.person())
    await suspend(of, workspace_id)
    asleep = await of.get(workspace_id)
    assert (asleep.status, asleep.status_before, asleep.suspended_why) == ("suspended", "trial", "unpaid")
    assert (await of.log(workspace_id))[-1] == (
        "workspace.suspend",
        {
            "before": {"status": "trial", "suspended_why": None},
            "after": {"status": "suspended", "suspended_why": "unpaid"},
            "reason": "unpaid",
        },
    )
    await suspend(of, workspace_id, "fraud")
    await activate(of, workspace_id)
    await activate(of, workspace_id)
    assert (await of.get(workspace_id)).status == "trial"
    assert await of.story(workspace_id) == [
        ("trial", "trial"), ("trial", "growth"), ("suspended", "growth"), ("trial", "growth"),
    ]  # fmt: skip
    actions = [action for action, _ in await of.log(workspace_id)]
    assert actions[-3:] == ["workspace.suspend", "workspace.suspend", "workspace.activate"]


async def test_members_of_a_suspended_workspace_can_read(of: World) -> None:
    owner = await of.person()
    workspace_id = await of.workspace(owner)
    await suspend(of, workspace_id)
    seen = await of.member(owner, workspace_id, lambda db: of.rooms.get(db, workspace_id))
    assert seen.status == "suspended"
    (listed,) = await of.user(owner, lambda db: of.rooms.of_user(db, owner.id))
    assert listed.status == "suspended"


async def test_a_tier_must_be_there_on_offer_and_large_enough(of: World) -> None:
    owner = await of.person()
    workspace_id = await of.workspace(owner)
    await of.staff(lambda db: add_agents(db, workspace_id, 4))
    for _ in range(4):
        await of.join(workspace_id, "viewer")
    await of.invite(owner, workspace_id, "x@example.com")
    with pytest.raises(Conflict) as fault:
        await change_tier(of, workspace_id, "starter")
    assert fault.value.code == "tier_too_small"
    assert "4 agents where 3 are allowed" in fault.value.message
    assert "6 members and open invitations where 5 are allowed" in fault.value.message
    assert await refused(change_tier(of, workspace_id, "nosuch")) == "tier_unknown"
    await of.staff(lambda db: db.execute("UPDATE tiers SET is_available = false WHERE tier_name = 'business'"))
    assert await refused(change_tier(of, workspace_id, "business")) == "tier_unavailable"
    await of.staff(lambda db: db.execute("UPDATE tiers SET is_available = true WHERE tier_name = 'business'"))
    await change_tier(of, workspace_id, "business")
    await change_tier(of, workspace_id, "business")
    assert [tier for _, tier in await of.story(workspace_id)] == ["trial", "growth", "business"]


async def test_a_smaller_tier_and_an_invitation_at_once_never_both(of: World) -> None:
    for _ in range(4):
        owner = await of.person()
        workspace_id = await of.workspace(owner)
        for _ in range(2):
            await of.join(workspace_id, "viewer")
        results = await asyncio.gather(
            change_tier(of, workspace_id, "trial"),
            of.invite(owner, workspace_id, "x@example.com"),
            return_exceptions=True,
        )
        assert sum(isinstance(result, Conflict) for result in results) == 1


async def test_a_smaller_tier_waits_for_an_agent_that_is_being_added(of: World) -> None:
    owner = await of.person()
    workspace_id = await of.workspace(owner)
    counted, go = asyncio.Event(), asyncio.Event()

    async def add(db: Connection) -> None:
        assert (await of.rooms.limits(db, workspace_id, hold=True)).max_agents == 15
        counted.set()
        await go.wait()
        await add_agents(db, workspace_id, 3)

    adding = asyncio.create_task(of.member(owner, workspace_id, add))
    await counted.wait()
    changing = asyncio.create_task(change_tier(of, workspace_id, "trial"))
    await _until_one_waits(of)
    go.set()
    await adding
    assert await refused(changing) == "tier_too_small"


async def test_an_update_is_whole_or_nothing_and_one_line_in_the_log(of: World) -> None:
    workspace_id = await of.workspace(await of.person())
    await of.staff(lambda db: add_agents(db, workspace_id, 4))
    assert await refused(update(of, workspace_id, Edit("Zenith", "active", "starter"))) == "tier_too_small"
    assert (await of.get(workspace_id)).name == "Acme"
    await update(of, workspace_id, Edit("Zenith", "active", "business"))
    assert (await of.log(workspace_id))[-1] == (
        "workspace.update",
        {
            "before": {"name": "Acme", "status": "trial", "tier_name": "growth"},
            "after": {"name": "Zenith", "status": "active", "tier_name": "business"},
        },
    )
    await update(of, workspace_id, Edit(status="suspended"))
    await update(of, workspace_id, Edit(status="trial"))
    found = await of.get(workspace_id)
    assert (found.status, found.trial_ends_at) == ("trial", NOW + 14 * DAY)
    await update(of, workspace_id, Edit(status="active"))
    await of.setting("trial_days", 0)
    assert await refused(update(of, workspace_id, Edit(status="trial"))) == "trials_off"


async def test_trials_end_if_the_setting_says_so(of: World) -> None:
    ended, going, paid = [await of.workspace(await of.person(), now=NOW + days * DAY) for days in (0, 1, 0)]
    await update(of, paid, Edit(status="active"))
    at = NOW + 14 * DAY
    await of.setting("trial_end_action", "keep")
    assert await of.staff(lambda db: of.rooms.staff.end_trials(db, at, 1_000)) == 0
    await of.setting("trial_end_action", "suspend")
    await of.staff(lambda db: of.rooms.staff.end_trials(db, at, 1_000))
    assert [(await of.get(each)).status for each in (ended, going, paid)] == ["suspended", "trial", "active"]
    assert await of.staff(lambda db: of.rooms.staff.end_trials(db, at, 1_000)) == 0
    await activate(of, ended, at)
    assert (await of.get(ended)).status == "active"


async def test_the_list_finds_by_name_owner_and_status(of: World) -> None:
    owner = await of.person()
    one, two = await of.workspace(owner, "100% Dental_Care"), await of.workspace(owner, "Bakery", now=NOW + DAY)
    later = await of.join(one, "owner")
    assert [line.id for line in (await find(of, Wanted(search=owner.email)))[0]] == [two, one]
    assert [line.id for line in (await find(of, Wanted(search=later.email[:20].upper())))[0]] == [one]
    assert [line.id for line in (await find(of, Wanted(search="0% dental_")))[0]] == [one]
    assert (await find(of, Wanted(search="0_ Dental%")))[1] == 0
    await suspend(of, one)
    assert await _ids(of, owner.email, "suspended") == [one]
    assert await _ids(of, owner.email, "trial") == [two]
    await of.member(owner, two, lambda db: of.rooms.delete(db, actor(owner), two, NOW))
    assert await _ids(of, owner.email, None) == [one]
    assert await _ids(of, owner.email, "deleted") == [two]


async def test_a_line_has_the_first_owner_and_the_figures(of: World) -> None:
    owner = await of.person()
    workspace_id = await of.workspace(owner)
    await of.join(workspace_id, "owner")
    lines, _ = await find(of, Wanted(search=owner.email))
    assert (lines[0].total_calls, lines[0].total_revenue) == (0, Decimal(0))
    await of.staff(
        lambda db: db.execute(
            "INSERT INTO workspace_totals (workspace_id, calls, seconds, price, cost) VALUES ($1, 7, 60, 1.25, 0.5)",
            workspace_id,
        )
    )
    await of.staff(lambda db: add_agents(db, workspace_id, 2))
    (line,), total = await find(of, Wanted(search=owner.email))
    assert (line.owner_email, line.total_calls, line.total_revenue) == (owner.email, 7, Decimal("1.25"))
    assert (line.subscription_tier, total) == ("growth", 1)
    stats = await of.staff(lambda db: of.rooms.staff.stats(db, workspace_id))
    assert (stats.total_calls, stats.total_revenue, stats.active_agents) == (7, Decimal("1.25"), 2)
    first = await of.staff(lambda db: of.rooms.staff.owner(db, workspace_id))
    assert first is not None and first.user_id == owner.id


async def test_pages_follow_one_another_without_gap_or_repeat(of: World) -> None:
    owner = await of.person()
    made = [await of.workspace(owner, now=NOW + place * DAY) for place in range(5)]
    seen = [await find(of, Wanted(search=owner.email), offset, 2) for offset in (0, 2, 4, 6)]
    assert [line.id for lines, _ in seen for line in lines] == made[::-1]
    assert {total for _, total in seen} == {5}


async def _ids(of: World, search: str, status: Any) -> list[UUID]:
    lines, total = await find(of, Wanted(status, search))
    assert total == len(lines)
    return [line.id for line in lines]


async def _until_one_waits(of: World) -> None:
    waits = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted) FROM pg_sleep(0.01)"
    async with asyncio.timeout(10), of.on.pool.acquire() as db:
        while not await db.fetchval(waits):
            pass
