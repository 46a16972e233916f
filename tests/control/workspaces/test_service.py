"""Creation, update, use, deletion and purge of workspaces."""

import asyncio
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from control.analytics.rollups.service import delete_workspace_marks
from control.billing.accounts.service import keep_billing_facts
from control.db.pool import Connection
from control.integrations.grants.service import enqueue_workspace_revocations
from control.privacy.purge import delete_workspace_rows
from control.workspaces import tasks as purge_module
from control.workspaces.rules import NewWorkspace, Workspace
from control.workspaces.tasks import purge_due
from shared.errors import Conflict, Forbidden, Invalid, NotFound
from shared.ids import new_id
from tests.control.workspaces.workspaces_platform import NOW, STAFF, WorkspacesPlatform, user_actor

DAY = timedelta(days=1)
NEW = NewWorkspace("Acme", "dental", "Europe/Berlin")


async def create(platform: WorkspacesPlatform, new: NewWorkspace = NEW, **owner_fields: Any) -> tuple[Any, Workspace]:
    owner = owner_fields.get("owner") or await platform.create_user()
    return owner, await platform.as_user(
        owner, lambda db: platform.workspaces.create(db, user_actor(owner), owner.id, new, NOW)
    )


async def purge(platform: WorkspacesPlatform) -> int:
    return await platform.as_staff(partial(purge_at, now=NOW + 30 * DAY))


async def purge_at(db: Connection, now: datetime) -> int:
    return await purge_due(
        db,
        now,
        100,
        delete_rows=delete_workspace_rows,
        delete_marks=delete_workspace_marks,
        keep_billing_facts=keep_billing_facts,
        revoke_grants=enqueue_workspace_revocations,
    )


async def test_new_workspace_is_on_trial_and_owned_by_its_creator(platform: WorkspacesPlatform) -> None:
    owner, workspace = await create(platform)
    assert (workspace.status, workspace.tier_name, workspace.trial_ends_at) == ("trial", "trial", NOW + 14 * DAY)
    assert await platform.roles(workspace.id) == {owner.id: "owner"}
    assert await platform.status_history(workspace.id) == [("trial", "trial")]
    assert [action for action, _ in await platform.audit_log(workspace.id)] == ["workspace.create"]
    (listed,) = await platform.as_user(owner, lambda db: platform.workspaces.memberships(db, owner.id))
    assert (listed.id, listed.name, listed.role, listed.subscription_tier) == (workspace.id, "Acme", "owner", "trial")


async def test_settings_determine_the_initial_status_and_tier(platform: WorkspacesPlatform) -> None:
    await platform.set_setting("trial_days", 0)
    await platform.set_setting("default_tier", "starter")
    _, workspace = await create(platform)
    assert (workspace.status, workspace.tier_name, workspace.trial_ends_at) == ("active", "starter", None)


async def test_unknown_time_zone_is_refused(platform: WorkspacesPlatform) -> None:
    with pytest.raises(Invalid) as error:
        await create(platform, NewWorkspace("Acme", None, "Mars/Olympus"))
    assert error.value.param == "timezone"


async def test_concurrent_creations_respect_the_limit(platform: WorkspacesPlatform) -> None:
    await platform.set_setting("max_workspaces_per_user", 3)
    owner = await platform.create_user()
    results = await asyncio.gather(*(create(platform, owner=owner) for _ in range(8)), return_exceptions=True)
    refused = [result for result in results if isinstance(result, BaseException)]
    assert len(refused) == 5
    assert all(isinstance(error, Conflict) and error.code == "workspace_limit" for error in refused)
    assert await platform.as_staff(lambda db: platform.workspaces.count_memberships(db, [owner.id])) == {owner.id: 3}


async def test_deleted_and_joined_workspaces_do_not_count(platform: WorkspacesPlatform) -> None:
    await platform.set_setting("max_workspaces_per_user", 1)
    owner = await platform.create_user()
    await platform.add_member(await platform.create_workspace(await platform.create_user()), "admin", owner)
    deleted = await platform.create_workspace(owner)
    await platform.as_member(owner, deleted, lambda db: platform.workspaces.delete(db, user_actor(owner), deleted, NOW))
    await platform.create_workspace(owner)


async def test_running_requires_a_verified_owner_and_no_suspension(platform: WorkspacesPlatform) -> None:
    owner = await platform.create_user(verified=False)
    workspace_id = await platform.create_workspace(owner)

    async def require() -> None:
        await platform.as_member(owner, workspace_id, lambda db: platform.workspaces.require_running(db, workspace_id))

    await platform.add_member(workspace_id, "admin")
    with pytest.raises(Conflict) as error:
        await require()
    assert error.value.code == "owner_unverified"
    await platform.add_member(workspace_id, "owner")
    await require()
    await platform.as_staff(
        lambda db: platform.workspaces.administration.suspend(db, STAFF, workspace_id, "unpaid", NOW)
    )
    with pytest.raises(Conflict) as error:
        await require()
    assert error.value.code == "workspace_suspended"
    await platform.as_staff(lambda db: platform.workspaces.administration.delete(db, STAFF, workspace_id, NOW))
    with pytest.raises(NotFound):
        await require()


async def test_update_changes_only_given_fields_and_a_repeat_is_not_audited(platform: WorkspacesPlatform) -> None:
    owner = await platform.create_user()
    workspace_id = await platform.create_workspace(owner)

    async def update(changes: dict[str, Any]) -> Workspace:
        return await platform.as_member(
            owner,
            workspace_id,
            lambda db: platform.workspaces.update(db, user_actor(owner), workspace_id, changes, NOW),
        )

    changed = await update({"name": "Zenith"})
    assert (changed.name, changed.industry, changed.timezone) == ("Zenith", "dental", "Europe/Berlin")
    assert (await update({"industry": None})).industry is None
    before = await platform.audit_log(workspace_id)
    await update({"name": "Zenith", "timezone": "Europe/Berlin"})
    assert await platform.audit_log(workspace_id) == before
    assert before[-2] == ("workspace.update", {"before": {"name": "Acme"}, "after": {"name": "Zenith"}})
    with pytest.raises(Invalid):
        await update({"timezone": "Nowhere"})
    await platform.as_staff(
        lambda db: platform.workspaces.administration.suspend(db, STAFF, workspace_id, "unpaid", NOW)
    )
    with pytest.raises(Conflict):
        await update({"name": "Other"})


async def test_only_an_owner_deletes(platform: WorkspacesPlatform) -> None:
    workspace_id = await platform.create_workspace(await platform.create_user())
    admin = await platform.add_member(workspace_id, "admin")
    with pytest.raises(Forbidden):
        await platform.as_member(
            admin, workspace_id, lambda db: platform.workspaces.delete(db, user_actor(admin), workspace_id, NOW)
        )


async def test_subscription_counts_use(platform: WorkspacesPlatform) -> None:
    owner = await platform.create_user()
    workspace_id = await platform.create_workspace(owner, tier="starter")
    await platform.add_member(workspace_id, "viewer")
    await platform.invite(owner, workspace_id, "x@example.com")
    await platform.as_staff(lambda db: _insert_rows(db, workspace_id, agents=2, numbers=1))
    day = NOW.date()
    for at, seconds in ((day, 90), (day.replace(day=1) - DAY, 6_000)):
        await platform.as_staff(partial(_daily, workspace_id=workspace_id, day=at, seconds=seconds))
    found = await platform.as_member(
        owner, workspace_id, lambda db: platform.workspaces.subscription(db, workspace_id, NOW)
    )
    use = found.use
    assert (use.agents, use.members, use.invitations, use.phone_numbers) == (2, 2, 1, 1)
    assert (found.tier.tier_name, found.tier.max_agents, found.minutes) == ("starter", 3, 1.5)


async def test_deleted_workspace_is_not_found_until_restored(platform: WorkspacesPlatform) -> None:
    owner = await platform.create_user()
    workspace_id = await platform.create_workspace(owner)
    await platform.as_member(
        owner, workspace_id, lambda db: platform.workspaces.delete(db, user_actor(owner), workspace_id, NOW)
    )
    assert await platform.as_user(owner, lambda db: platform.workspaces.memberships(db, owner.id)) == []
    with pytest.raises(NotFound):
        await platform.as_member(owner, workspace_id, lambda db: platform.workspaces.get(db, workspace_id))
    deleted = await platform.get_workspace(workspace_id)
    assert deleted.purge_after == NOW + 30 * DAY
    assert await platform.as_staff(partial(purge_at, now=NOW + 29 * DAY)) == 0
    await platform.as_staff(lambda db: platform.workspaces.administration.restore(db, STAFF, workspace_id, NOW))
    assert (await platform.get_workspace(workspace_id)).deleted_at is None
    assert [status for status, _ in await platform.status_history(workspace_id)] == [
        "trial",
        "trial",
        "deleted",
        "trial",
    ]
    with pytest.raises(Conflict):
        await platform.as_staff(lambda db: platform.workspaces.administration.restore(db, STAFF, workspace_id, NOW))


async def test_purge_deletes_in_batches_and_keeps_ledger_and_audit_log(
    platform: WorkspacesPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    await purge(platform)
    monkeypatch.setattr(purge_module, "ROWS_PER_RUN", 3)
    owner = await platform.create_user()
    workspace_id, other_id = await platform.create_workspace(owner), await platform.create_workspace(owner)
    for filled_id in (workspace_id, other_id):
        await platform.as_staff(partial(_insert_rows, workspace_id=filled_id, agents=1, calls=4))
    await platform.as_staff(lambda db: platform.workspaces.administration.delete(db, STAFF, workspace_id, NOW))

    assert [await purge(platform) for _ in range(3)] == [3, 2, 0]
    remaining = await _rows(platform, workspace_id)
    assert {name for name, rows in remaining.items() if rows} == {"usage_records", "workspace_changes", "audit_log"}
    assert all(rows for name, rows in (await _rows(platform, other_id)).items() if name != "rollup_dirty")
    with pytest.raises(NotFound):
        await platform.get_workspace(workspace_id)
    assert (await platform.audit_log(workspace_id))[-1][0] == "workspace.purge"


async def test_paid_number_blocks_the_purge(platform: WorkspacesPlatform) -> None:
    workspace_id = await platform.create_workspace(await platform.create_user())
    await platform.as_staff(lambda db: _insert_rows(db, workspace_id, numbers=1))
    await platform.as_staff(lambda db: platform.workspaces.administration.delete(db, STAFF, workspace_id, NOW))
    await purge(platform)
    assert (await platform.get_workspace(workspace_id)).deleted_at == NOW
    await platform.as_staff(
        lambda db: db.execute("UPDATE phone_numbers SET status = 'released' WHERE workspace_id = $1", workspace_id)
    )
    assert await purge(platform) == 1


async def test_concurrent_workers_purge_a_workspace_once(platform: WorkspacesPlatform) -> None:
    await purge(platform)
    workspace_id = await platform.create_workspace(await platform.create_user())
    await platform.as_staff(lambda db: platform.workspaces.administration.delete(db, STAFF, workspace_id, NOW))
    assert sum(await asyncio.gather(*(purge(platform) for _ in range(4)))) == 1


async def _insert_rows(db: Any, workspace_id: UUID, *, agents: int = 0, numbers: int = 0, calls: int = 0) -> None:
    for index in range(agents):
        agent_id = UUID(new_id())
        await db.execute(
            "INSERT INTO agents (id, workspace_id, name) VALUES ($1, $2, $3)", agent_id, workspace_id, f"A{index}"
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


async def _rows(platform: WorkspacesPlatform, workspace_id: UUID) -> dict[str, int]:
    """Counts the workspace's rows by table."""
    tables = (
        "workspace_members", "agents", "agent_versions", "calls", "call_words", "call_events", "rollup_dirty",
        "usage_records", "workspace_changes", "audit_log",
    )  # fmt: skip
    return {name: await platform.as_staff(partial(_count, table=name, workspace_id=workspace_id)) for name in tables}


async def _count(db: Any, table: str, workspace_id: UUID) -> int:
    total: int = await db.fetchval(f"SELECT count(*) FROM {table} WHERE workspace_id = $1", workspace_id)
    return total
