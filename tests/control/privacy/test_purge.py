"""A purge of a workspace leaves nothing of it: no rows but those of money, no recordings, nothing in Redis."""

from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

import asyncpg  # type: ignore[import-untyped]
import pytest

from control.analytics.rollups.service import delete_workspace_marks
from control.billing.accounts.service import keep_billing_facts
from control.db.duties import AnyDuty
from control.integrations.grants.service import enqueue_workspace_revocations
from control.privacy.purge import delete_workspace_objects, delete_workspace_rows
from control.privacy.service import Privacy
from control.workspaces.service import Workspaces
from control.workspaces.tasks import workspaces_tasks
from shared.storage import StorageUnavailable
from tests.control.calls.call_platform import CallPlatform
from tests.control.privacy.filled_workspace import (
    NOTE,
    SPOKEN,
    FilledWorkspace,
    make_filled_workspace,
    run_all,
)
from tests.control.privacy.remains import search_database, search_files

CALLER: Final = "+491511234567"
NOW: Final = datetime.now(UTC)
# What a purge leaves: books, figures without names, and the log of what was done.
KEPT: Final = {
    "accruals", "agent_daily", "agent_totals", "audit_log", "billing_accounts", "billing_periods", "call_intervals",
    "credit_grants", "invoice_lines", "invoices", "meter_days", "payments", "provider_daily", "refund_orders",
    "rented_numbers", "sink_customers", "sink_invoices", "usage_daily", "usage_intervals", "usage_records",
    "workspace_changes", "workspace_daily", "workspace_monthly", "workspace_totals",
}  # fmt: skip
# What purge_due deletes itself. The tables of the calls' contents go with the calls.
DELETED: Final = {"call_events", "rollup_dirty"}


def duty(platform: CallPlatform) -> AnyDuty:
    tasks = workspaces_tasks(
        platform.services[Workspaces],
        delete_rows=delete_workspace_rows,
        delete_marks=delete_workspace_marks,
        keep_billing_facts=keep_billing_facts,
        revoke_grants=enqueue_workspace_revocations,
        delete_objects=partial(delete_workspace_objects, platform.storage),
    )
    (found,) = (one for one in tasks.duties if one.name == "deleted_workspaces")
    return found


async def delete(filled: FilledWorkspace) -> None:
    async def mark(db: object) -> None:
        await db.execute("UPDATE phone_numbers SET status = 'released'")  # type: ignore[attr-defined]
        await db.execute(  # type: ignore[attr-defined]
            "UPDATE workspaces SET deleted_at = $2, purge_after = $2 WHERE id = $1", filled.id, NOW - timedelta(days=2)
        )

    await filled.platform.in_platform(mark)


async def tables_of_workspaces(database_url: str) -> dict[str, bool]:
    """Tables with a workspace_id, and whether their rows are deleted with the workspace's by foreign keys."""
    connection = await asyncpg.connect(database_url)
    try:
        rows = await connection.fetch(
            """
            WITH RECURSIVE reached (id) AS (
                SELECT 'workspaces'::regclass::oid
                UNION SELECT c.conrelid FROM pg_constraint c JOIN reached r ON c.confrelid = r.id
                WHERE c.contype = 'f' AND c.confdeltype = 'c'
            )
            SELECT p.relname, p.oid IN (SELECT id FROM reached) AS cascades
            FROM pg_attribute a JOIN pg_class p ON p.oid = a.attrelid
            WHERE a.attname = 'workspace_id' AND p.relkind IN ('r', 'p') AND NOT p.relispartition
              AND p.relnamespace = 'public'::regnamespace
            """
        )
        return {row["relname"]: row["cascades"] for row in rows}
    finally:
        await connection.close()


async def test_each_table_of_workspaces_is_purged_or_kept_on_purpose(database_url: str) -> None:
    tables = await tables_of_workspaces(database_url)
    assert {name for name, cascades in tables.items() if not cascades} == KEPT | DELETED


async def test_nothing_of_a_purged_workspace_is_left(platform: CallPlatform, database_url: str, tmp_path: Path) -> None:
    filled, other = await make_filled_workspace(platform), await make_filled_workspace(platform)
    await filled.fill(CALLER, NOW - timedelta(days=5))
    kept = await other.record(await other.insert_call("+14155550177", at=NOW, word="salad"))
    await filled.add_document("A crown costs 480 dollars.")
    exports, workspace = platform.services[Privacy].exports, filled.workspace
    await platform.in_workspace(workspace, lambda db: exports.request(db, workspace.actor, filled.id, NOW))
    await run_all(platform)
    await delete(filled)
    assert search_files(tmp_path, [str(filled.id)])
    while await duty(platform).run_once(platform.pool, NOW):
        pass
    left = {column.partition(".")[0] for column in await search_database(database_url, [str(filled.id)])}
    assert left == {"audit_log"}
    # Webhooks and stored responses name no workspace: they are deleted after 30 days and after one, and so before a
    # purge, where deletion_grace_days is 30.
    words = await search_database(database_url, [SPOKEN, NOTE, CALLER])
    assert words == {"webhook_events.payload", "idempotency_keys.answer"}
    assert search_files(tmp_path, [str(filled.id)]) == set()
    assert await platform.storage.get(kept)
    connection = await asyncpg.connect(database_url)
    for table in await tables_of_workspaces(database_url):
        if table not in KEPT:
            assert not await connection.fetchval(f"SELECT count(*) FROM {table} WHERE workspace_id = $1", filled.id)
    await connection.close()


async def test_workspace_stays_while_storage_is_away(platform: CallPlatform, monkeypatch: pytest.MonkeyPatch) -> None:
    filled = await make_filled_workspace(platform)
    await filled.record(await filled.insert_call(CALLER, at=NOW - timedelta(days=5)))
    await delete(filled)

    async def fail(folder: str) -> int:
        raise StorageUnavailable("ConnectError")

    with monkeypatch.context() as patched:
        patched.setattr(platform.storage, "delete_folder", fail)
        with pytest.raises(StorageUnavailable):
            await duty(platform).run_once(platform.pool, NOW)
    exists = "SELECT EXISTS (SELECT FROM workspaces WHERE id = $1)"
    assert await platform.in_platform(lambda db: db.fetchval(exists, filled.id))
    assert await duty(platform).run_once(platform.pool, NOW)
    assert not await platform.in_platform(lambda db: db.fetchval(exists, filled.id))
    assert await platform.storage.list_keys() == []


async def test_webhook_events_of_a_purged_workspace_go_in_batches(platform: CallPlatform) -> None:
    """A million of them in the statement that deletes the workspace would exceed its timeout at each attempt."""
    purged, other = [await platform.create_workspace() for _ in range(2)]
    insert = (
        "INSERT INTO outbound_webhook_events SELECT gen_random_uuid(), $1, 'call.ended', '', gen_random_uuid(), NULL,"
        " now(), 1, '{}', now() FROM generate_series(1, 3)"
    )
    for one in (purged, other):
        await platform.in_platform(lambda db, one=one: db.execute(insert, one.workspace_id))  # type: ignore[misc]
    batches = [
        await platform.in_platform(lambda db: delete_workspace_rows(db, purged.workspace_id, 2)) for _ in range(3)
    ]
    assert batches == [2, 1, 0]
    left = "SELECT count(*) FROM outbound_webhook_events WHERE workspace_id = $1"
    assert await platform.in_platform(lambda db: db.fetchval(left, other.workspace_id)) == 3
