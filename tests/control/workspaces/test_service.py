"""Making workspaces, what they use, whether their agents may answer, and how they end."""

import asyncio
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from control.workspaces import service
from control.workspaces.model import NewWorkspace, Workspace
from shared.errors import Conflict, Forbidden, Invalid, Missing
from shared.ids import new_id
from tests.control.workspaces.stage import NOW, STAFF, World, actor

DAY = timedelta(days=1)
NEW = NewWorkspace("Acme", "dental", "Europe/Berlin")


async def create(of: World, new: NewWorkspace = NEW, **who: Any) -> tuple[Any, Workspace]:
    owner = who.get("owner") or await of.person()
    return owner, await of.user(owner, lambda db: of.rooms.create(db, actor(owner), owner.id, new, NOW))


async def purge(of: World) -> int:
    return await of.staff(lambda db: of.rooms.purge_due(db, NOW + 30 * DAY, 100))


async def test_a_new_workspace_is_on_trial_and_its_makers(of: World) -> None:
    owner, made = await create(of)
    assert (made.status, made.tier_name, made.trial_ends_at) == ("trial", "trial", NOW + 14 * DAY)
    assert await of.roles(made.id) == {owner.id: "owner"}
    assert await of.story(made.id) == [("trial", "trial")]
    assert [action for action, _ in await of.log(made.id)] == ["workspace.create"]
    (listed,) = await of.user(owner, lambda db: of.rooms.of_user(db, owner.id))
    assert (listed.id, listed.name, listed.role, listed.subscription_tier) == (made.id, "Acme", "owner", "trial")


async def test_settings_say_how_it_begins(of: World) -> None:
    await of.setting("trial_days", 0)
    await of.setting("default_tier", "starter")
    _, made = await create(of)
    assert (made.status, made.tier_name, made.trial_ends_at) == ("active", "starter", None)


async def test_a_time_zone_that_does_not_exist_is_refused(of: World) -> None:
    with pytest.raises(Invalid) as fault:
        await create(of, NewWorkspace("Acme", None, "Mars/Olympus"))
    assert fault.value.param == "timezone"


async def test_of_many_made_at_once_only_as_many_as_allowed_are_there(of: World) -> None:
    await of.setting("max_workspaces_per_user", 3)
    owner = await of.person()
    results = await asyncio.gather(*(create(of, owner=owner) for _ in range(8)), return_exceptions=True)
    refused = [result for result in results if isinstance(result, BaseException)]
    assert len(refused) == 5
    assert all(isinstance(fault, Conflict) and fault.code == "workspace_limit" for fault in refused)
    assert await of.staff(lambda db: of.rooms.counts_of(db, [owner.id])) == {owner.id: 3}


async def test_deleted_workspaces_and_those_of_others_do_not_count(of: World) -> None:
    await of.setting("max_workspaces_per_user", 1)
    owner = await of.person()
    await of.join(await of.workspace(await of.person()), "admin", owner)
    gone = await of.workspace(owner)
    await of.member(owner, gone, lambda db: of.rooms.delete(db, actor(owner), gone, NOW))
    await of.workspace(owner)


async def test_agents_answer_once_an_owner_is_known_and_until_a_suspension(of: World) -> None:
    owner = await of.person(verified=False)
    workspace_id = await of.workspace(owner)

    async def require() -> None:
        await of.member(owner, workspace_id, lambda db: of.rooms.require_running(db, workspace_id))

    await of.join(workspace_id, "admin")
    with pytest.raises(Conflict) as fault:
        await require()
    assert fault.value.code == "owner_unverified"
    await of.join(workspace_id, "owner")
    await require()
    await of.staff(lambda db: of.rooms.staff.suspend(db, STAFF, workspace_id, "unpaid", NOW))
    with pytest.raises(Conflict) as fault:
        await require()
    assert fault.value.code == "workspace_suspended"
    await of.staff(lambda db: of.rooms.staff.delete(db, STAFF, workspace_id, NOW))
    with pytest.raises(Missing):
        await require()


async def test_only_what_is_told_changes_and_a_repeat_is_no_change(of: World) -> None:
    owner = await of.person()
    workspace_id = await of.workspace(owner)

    async def update(changes: dict[str, Any]) -> Workspace:
        return await of.member(
            owner, workspace_id, lambda db: of.rooms.update(db, actor(owner), workspace_id, changes, NOW)
        )

    changed = await update({"name": "Zenith"})
    assert (changed.name, changed.industry, changed.timezone) == ("Zenith", "dental", "Europe/Berlin")
    assert (await update({"industry": None})).industry is None
    before = await of.log(workspace_id)
    await update({"name": "Zenith", "timezone": "Europe/Berlin"})
    assert await of.log(workspace_id) == before
    assert before[-2] == ("workspace.update", {"before": {"name": "Acme"}, "after": {"name": "Zenith"}})
    with pytest.raises(Invalid):
        await update({"timezone": "Nowhere"})
    await of.staff(lambda db: of.rooms.staff.suspend(db, STAFF, workspace_id, "unpaid", NOW))
    with pytest.raises(Conflict):
        await update({"name": "Other"})


async def test_only_an_owner_deletes_even_one_who_was_an_owner_a_moment_ago(of: World) -> None:
    workspace_id = await of.workspace(await of.person())
    admin = await of.join(workspace_id, "admin")
    with pytest.raises(Forbidden):
        await of.member(admin, workspace_id, lambda db: of.rooms.delete(db, actor(admin), workspace_id, NOW))


async def test_usage_counts_what_is_there(of: World) -> None:
    owner = await of.person()
    workspace_id = await of.workspace(owner, tier="starter")
    await of.join(workspace_id, "viewer")
    await of.invite(owner, workspace_id, "x@example.com")
    await of.staff(lambda db: _fill(db, workspace_id, agents=2, numbers=1))
    day = NOW.date()
    for at, seconds in ((day, 90), (day.replace(day=1) - DAY, 6_000)):
        await of.staff(partial(_daily, workspace_id=workspace_id, day=at, seconds=seconds))
    found = await of.member(owner, workspace_id, lambda db: of.rooms.subscription(db, workspace_id, NOW))
    use = found.use
    assert (use.agents, use.members, use.invitations, use.phone_numbers) == (2, 2, 1, 1)
    assert (found.tier.tier_name, found.tier.max_agents, found.minutes) == ("starter", 3, 1.5)


async def test_a_deleted_workspace_is_gone_until_it_is_restored(of: World) -> None:
    owner = await of.person()
    workspace_id = await of.workspace(owner)
    await of.member(owner, workspace_id, lambda db: of.rooms.delete(db, actor(owner), workspace_id, NOW))
    assert await of.user(owner, lambda db: of.rooms.of_user(db, owner.id)) == []
    with pytest.raises(Missing):
        await of.member(owner, workspace_id, lambda db: of.rooms.get(db, workspace_id))
    gone = await of.get(workspace_id)
    assert gone.purge_after == NOW + 30 * DAY
    assert await of.staff(lambda db: of.rooms.purge_due(db, NOW + 29 * DAY, 100)) == 0
    await of.staff(lambda db: of.rooms.staff.restore(db, STAFF, workspace_id, NOW))
    assert (await of.get(workspace_id)).deleted_at is None
    assert [status for status, _ in await of.story(workspace_id)] == ["trial", "trial", "deleted", "trial"]
    with pytest.raises(Conflict):
        await of.staff(lambda db: of.rooms.staff.restore(db, STAFF, workspace_id, NOW))


async def test_the_purge_takes_everything_but_money_and_proof_bit_by_bit(
    of: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await purge(of)
    monkeypatch.setattr(service, "CALLS_A_ROUND", 3)
    owner = await of.person()
    workspace_id, kept = await of.workspace(owner), await of.workspace(owner)
    for each in (workspace_id, kept):
        await of.staff(partial(_fill, workspace_id=each, agents=1, calls=4))
    await of.staff(lambda db: of.rooms.staff.delete(db, STAFF, workspace_id, NOW))

    assert [await purge(of) for _ in range(3)] == [3, 2, 0]
    left = await _rows(of, workspace_id)
    assert {name for name, rows in left.items() if rows} == {"usage_records", "workspace_changes", "audit_log"}
    assert all(rows for name, rows in (await _rows(of, kept)).items() if name != "rollup_dirty")
    with pytest.raises(Missing):
        await of.get(workspace_id)
    assert (await of.log(workspace_id))[-1][0] == "workspace.purge"


async def test_a_number_that_is_paid_for_stops_the_purge(of: World) -> None:
    workspace_id = await of.workspace(await of.person())
    await of.staff(lambda db: _fill(db, workspace_id, numbers=1))
    await of.staff(lambda db: of.rooms.staff.delete(db, STAFF, workspace_id, NOW))
    await purge(of)
    assert (await of.get(workspace_id)).deleted_at == NOW
    await of.staff(
        lambda db: db.execute("UPDATE phone_numbers SET status = 'released' WHERE workspace_id = $1", workspace_id)
    )
    assert await purge(of) == 1


async def test_two_workers_purge_a_workspace_once(of: World) -> None:
    await purge(of)
    workspace_id = await of.workspace(await of.person())
    await of.staff(lambda db: of.rooms.staff.delete(db, STAFF, workspace_id, NOW))
    assert sum(await asyncio.gather(*(purge(of) for _ in range(4)))) == 1


async def _fill(db: Any, workspace_id: UUID, *, agents: int = 0, numbers: int = 0, calls: int = 0) -> None:
    for place in range(agents):
        agent_id = UUID(new_id())
        await db.execute(
            "INSERT INTO agents (id, workspace_id, name) VALUES ($1, $2, $3)", agent_id, workspace_id, f"A{place}"
        )
        await db.execute(
            "INSERT INTO agent_versions (agent_id, version, workspace_id, name, config) VALUES ($1, 1, $2, 'A', '{}')",
            agent_id, workspace_id,
        )  # fmt: skip
    for _ in range(numbers):
        number_id = UUID(new_id())
        await db.execute(
            "INSERT INTO phone_numbers (id, workspace_id, phone_number, carrier, status) "
            "VALUES ($1, $2, $3, 'simulated', 'active')",
            number_id, workspace_id, f"+1{number_id.int % 10**9 + 10**9}",
        )  # fmt: skip
    for _ in range(calls):
        await _call(db, workspace_id)


async def _call(db: Any, workspace_id: UUID) -> None:
    call_id = UUID(new_id())
    await db.execute(
        "INSERT INTO calls (id, workspace_id, direction, carrier, status) "
        "VALUES ($1, $2, 'inbound', 'simulated', 'completed')",
        call_id, workspace_id,
    )  # fmt: skip
    words = "INSERT INTO call_words (call_id, workspace_id, words) VALUES ($1, $2, '[]')"
    await db.execute(words, call_id, workspace_id)
    await db.execute(
        "INSERT INTO call_events (call_id, seq, workspace_id, at, event_type, event_data) "
        "VALUES ($1, 0, $2, now(), 'x', '{}')",
        call_id, workspace_id,
    )  # fmt: skip
    await db.execute(
        "INSERT INTO usage_records (id, workspace_id, call_id, at, resource_type, quantity, unit, cost, price) "
        "VALUES ($1, $2, $1, now(), 'stt', 1, 's', 1, 1)",
        call_id, workspace_id,
    )  # fmt: skip
    await db.execute("INSERT INTO rollup_dirty (workspace_id, day) VALUES ($1, '2026-11-25')", workspace_id)


async def _daily(db: Any, workspace_id: UUID, day: Any, seconds: int) -> None:
    await db.execute(
        "INSERT INTO workspace_daily (workspace_id, day, calls, seconds, price, cost, by_status, by_direction, "
        "by_carrier, by_hour) VALUES ($1, $2, 1, $3, 0, 0, '{}', '{}', '{}', array_fill(0, ARRAY[24]))",
        workspace_id, day, seconds,
    )  # fmt: skip


async def _rows(of: World, workspace_id: UUID) -> dict[str, int]:
    """How many rows each table has of the workspace."""
    tables = (
        "workspace_members", "agents", "agent_versions", "calls", "call_words", "call_events", "rollup_dirty",
        "usage_records", "workspace_changes", "audit_log",
    )  # fmt: skip
    return {name: await of.staff(partial(_count, table=name, workspace_id=workspace_id)) for name in tables}


async def _count(db: Any, table: str, workspace_id: UUID) -> int:
    total: int = await db.fetchval(f"SELECT count(*) FROM {table} WHERE workspace_id = $1", workspace_id)
    return total
