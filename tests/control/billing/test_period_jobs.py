"""The worker opens, closes and bills periods: once, whatever runs twice or dies between two steps."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]
import pytest

from control.billing import store_invoices
from control.billing.period_jobs import CLOSE_PERIOD, ISSUE_INVOICE, period_tasks
from control.db.duties import WorkerTasks
from control.db.pool import Connection
from tests.control.calls.call_platform import NOW, CallPlatform, LiveWorkspace, open_call_platform

# After the month of NOW and the time in which late usage still counts.
NEXT_MONTH = datetime(2026, 12, 2, 1, tzinfo=UTC)


@pytest.fixture
async def platform(fresh_database_url: str, valkey_url: str, tmp_path: Path) -> AsyncIterator[CallPlatform]:
    async with open_call_platform(fresh_database_url, valkey_url, tmp_path) as opened:
        yield opened


@pytest.fixture
async def workspace(platform: CallPlatform) -> LiveWorkspace:
    """On the tier growth, active since NOW."""
    made = await platform.create_workspace()

    async def activate(db: Connection) -> None:
        await db.execute("UPDATE workspace_changes SET status = 'active' WHERE workspace_id = $1", made.workspace_id)
        await db.execute("UPDATE workspaces SET created_at = $2 WHERE id = $1", made.workspace_id, NOW)
        await db.execute("UPDATE billing_accounts SET opened_at = $2 WHERE workspace_id = $1", made.workspace_id, NOW)

    await platform.in_platform(activate)
    return made


def tasks_at(platform: CallPlatform, now: datetime) -> WorkerTasks:
    """Of a worker whose clock says so."""
    return period_tasks(platform.pool, platform.services.billing, lambda: now)


async def run_duty(platform: CallPlatform, name: str, now: datetime) -> int:
    (duty,) = (one for one in tasks_at(platform, now).duties if one.name == name)
    return await duty.run_once(platform.pool, now)


async def queued(platform: CallPlatform, job: str) -> list[bytes]:
    rows = await platform.in_platform(
        lambda db: db.fetch("SELECT payload FROM pgqueuer WHERE entrypoint = $1 ORDER BY id", job)
    )
    return [row["payload"] for row in rows]


async def invoices(platform: CallPlatform) -> list[asyncpg.Record]:
    found: list[asyncpg.Record] = await platform.in_platform(
        lambda db: db.fetch("SELECT * FROM invoices ORDER BY created_at, id")
    )
    return found


@asynccontextmanager
async def failing_writes(platform: CallPlatform, table: str) -> AsyncIterator[None]:
    """Within the block each write to the table fails."""
    await run_as_owner(platform, f"CREATE TRIGGER fail BEFORE INSERT OR UPDATE ON {table} "
                                 "FOR EACH ROW EXECUTE FUNCTION refuse_change()")  # fmt: skip
    yield
    await run_as_owner(platform, f"DROP TRIGGER fail ON {table}")


async def run_as_owner(platform: CallPlatform, statement: str) -> None:
    async with platform.pool.transaction() as db:
        await db.execute("RESET ROLE")
        await db.execute(statement)
        await db.execute("SET ROLE vocalized_app")


async def test_a_period_is_opened_closed_and_billed_once(platform: CallPlatform, workspace: LiveWorkspace) -> None:
    assert await run_duty(platform, "billing_periods", NOW) == 2, "the account and its first period"
    assert await run_duty(platform, "billing_periods", NOW) == 0
    assert await queued(platform, CLOSE_PERIOD) == []
    # At the end of the month the next period is opened; late usage may still come.
    assert await run_duty(platform, "billing_periods", NEXT_MONTH - timedelta(hours=24)) == 1
    assert await queued(platform, CLOSE_PERIOD) == []
    for _ in range(2):
        await run_duty(platform, "billing_periods", NEXT_MONTH)
    (payload,) = await queued(platform, CLOSE_PERIOD)
    handlers = tasks_at(platform, NEXT_MONTH).handlers
    await asyncio.gather(*(handlers[CLOSE_PERIOD](payload) for _ in range(3)))
    (draft,) = await invoices(platform)
    assert (draft["status"], draft["number"]) == ("draft", None)
    (issuing,) = await queued(platform, ISSUE_INVOICE)
    await asyncio.gather(*(handlers[ISSUE_INVOICE](issuing) for _ in range(3)))
    (issued,) = await invoices(platform)
    assert (issued["status"], issued["number"]) == ("pending", "2026-000001")
    assert issued["due_at"] == NEXT_MONTH + timedelta(days=14)
    assert len(await queued(platform, "mail.send")) == 1
    assert await run_duty(platform, "overdue_invoices", NEXT_MONTH + timedelta(days=13)) == 0
    assert await run_duty(platform, "overdue_invoices", NEXT_MONTH + timedelta(days=15)) == 1
    assert (await invoices(platform))[0]["status"] == "overdue"


async def test_a_worker_that_dies_leaves_nothing_half_done(platform: CallPlatform, workspace: LiveWorkspace) -> None:
    """Each write of the jobs fails in turn; then another worker does them."""
    await run_duty(platform, "billing_periods", NOW)
    await run_duty(platform, "billing_periods", NEXT_MONTH)
    (payload,) = await queued(platform, CLOSE_PERIOD)
    handlers = tasks_at(platform, NEXT_MONTH).handlers
    for table in ("invoices", "invoice_lines", "usage_records", "billing_periods", "pgqueuer"):
        async with failing_writes(platform, table):
            with pytest.raises(asyncpg.PostgresError):
                await handlers[CLOSE_PERIOD](payload)
        assert await invoices(platform) == [] and await queued(platform, ISSUE_INVOICE) == []
    await handlers[CLOSE_PERIOD](payload)
    (issuing,) = await queued(platform, ISSUE_INVOICE)
    for table in ("invoice_numbers", "invoices", "pgqueuer"):
        async with failing_writes(platform, table):
            with pytest.raises(asyncpg.PostgresError):
                await handlers[ISSUE_INVOICE](issuing)
    await handlers[ISSUE_INVOICE](issuing)
    (issued,) = await invoices(platform)
    assert issued["number"] == "2026-000001", "no number is lost to a transaction that failed"
    assert await platform.in_platform(lambda db: store_invoices.take_number(db, "2026")) == 2
    fees = await platform.in_platform(
        lambda db: db.fetch("SELECT price FROM usage_records WHERE resource_type = 'subscription'")
    )
    assert len(fees) == 1


async def test_a_deleted_workspace_is_billed_once_more(platform: CallPlatform, workspace: LiveWorkspace) -> None:
    """Also when it was purged before its last period is over: then the invoice has no name."""
    await run_duty(platform, "billing_periods", NOW)
    await platform.in_platform(lambda db: db.execute("DELETE FROM workspaces WHERE id = $1", workspace.workspace_id))
    await run_duty(platform, "billing_periods", NEXT_MONTH)
    (payload,) = await queued(platform, CLOSE_PERIOD)
    await tasks_at(platform, NEXT_MONTH).handlers[CLOSE_PERIOD](payload)
    (invoice,) = await invoices(platform)
    assert (invoice["workspace_id"], invoice["customer_name"]) == (workspace.workspace_id, "")
    periods = await platform.in_platform(lambda db: db.fetch("SELECT id FROM billing_periods"))
    assert len(periods) == 1, "no further period begins"
