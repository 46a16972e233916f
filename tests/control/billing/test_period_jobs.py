"""The worker opens, closes and bills periods: once, whatever runs twice or dies between two steps."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from uuid import UUID

import asyncpg  # type: ignore[import-untyped]
import msgspec
import pytest
import structlog

from control.billing.accounts.service import keep_billing_facts, open_accounts
from control.billing.invoices import queries as invoices_queries
from control.billing.invoices import service as invoices_service
from control.billing.invoices import tasks as invoices_tasks
from control.billing.invoices.service import Invoices
from control.billing.invoices.tasks import CLOSE_PERIOD, ISSUE_INVOICE, period_tasks
from control.billing.periods.service import open_periods
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
    return period_tasks(platform.pool, platform.services[Invoices], lambda: now)


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
    assert await platform.in_platform(lambda db: invoices_queries.take_number(db, "2026")) == 2
    fees = await platform.in_platform(
        lambda db: db.fetch("SELECT price FROM usage_records WHERE resource_type = 'subscription'")
    )
    assert len(fees) == 1


async def test_a_purged_workspace_is_billed_once_more(platform: CallPlatform, workspace: LiveWorkspace) -> None:
    """Its first period was billed before, with a number, and not with an order that was cancelled; the second one is
    closed when workspace and numbers are gone."""
    at = {"workspace": workspace.workspace_id, "bought": NOW + timedelta(days=1), "released": NOW + timedelta(days=10)}
    await platform.in_platform(
        lambda db: db.execute(
            "INSERT INTO phone_numbers (id, workspace_id, phone_number, carrier, carrier_number_id, status, "
            "monthly_price, created_at, bought_at, released_at) "
            "SELECT gen_random_uuid(), $1, '+14155550177', 'twilio', carrier_id, 'released', 30, "
            "$2::timestamptz - interval '9 days', $2, $3 "
            "FROM unnest(ARRAY['PN1', NULL]) AS carrier_id",
            *at.values(),
        )
    )
    await run_duty(platform, "billing_periods", NOW)
    await run_duty(platform, "billing_periods", NEXT_MONTH)
    await close_queued(platform, NEXT_MONTH)
    await platform.in_platform(lambda db: purge(db, workspace.workspace_id))
    later = NEXT_MONTH + timedelta(days=31)
    await run_duty(platform, "billing_periods", later)
    await close_queued(platform, later)
    first, second = await invoices(platform)
    assert second["customer_name"] == first["customer_name"] != ""
    lines = await platform.in_platform(
        lambda db: db.fetch(
            "SELECT invoice_id, quantity, exact, is_adjustment FROM invoice_lines WHERE kind = 'number' "
            "ORDER BY invoice_id"
        )
    )
    assert [(line["invoice_id"], line["quantity"], line["is_adjustment"]) for line in lines] == [
        (first["id"], 5, False),
        (second["id"], 5, False),
    ], "the days of November and of December, each once, and nothing taken back"
    periods = await platform.in_platform(lambda db: db.fetch("SELECT id FROM billing_periods"))
    assert len(periods) == 2, "no further period begins"


async def close_queued(platform: CallPlatform, now: datetime) -> None:
    """Runs the queued jobs that close periods; those of closed ones do nothing."""
    for payload in await queued(platform, CLOSE_PERIOD):
        await tasks_at(platform, now).handlers[CLOSE_PERIOD](payload)


async def purge(db: Connection, workspace_id: UUID) -> None:
    """As the worker's duty does after the grace period."""
    await keep_billing_facts(db, workspace_id)
    await db.execute("DELETE FROM workspaces WHERE id = $1", workspace_id)


async def test_jobs_that_wait_keep_no_others_from_the_queue(
    platform: CallPlatform, workspace: LiveWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One at a time: the first workspace's job stays in the queue, the second one's is queued in the next run."""
    other = await platform.create_workspace()
    at = NOW + timedelta(minutes=1)
    await platform.in_platform(
        lambda db: db.execute("UPDATE workspaces SET created_at = $2 WHERE id = $1", other.workspace_id, at)
    )
    await run_duty(platform, "billing_periods", NOW + timedelta(minutes=2))
    monkeypatch.setattr(invoices_tasks, "BATCH", 1)
    found = []
    for _ in range(3):
        await run_duty(platform, "billing_periods", NEXT_MONTH)
        found.append(len(await queued(platform, CLOSE_PERIOD)))
    assert found == [1, 2, 2]


async def test_workspace_that_leaves_after_the_trial_is_not_billed(
    platform: CallPlatform, workspace: LiveWorkspace
) -> None:
    """Not even for the number that is kept until the workspace is purged."""
    number = (
        "INSERT INTO phone_numbers (id, workspace_id, phone_number, carrier, status, monthly_price, created_at) "
        "VALUES (gen_random_uuid(), $1, '+14155550178', 'twilio', 'active', 30, $2)"
    )
    ended = (
        "INSERT INTO workspace_changes (id, workspace_id, at, status, tier_name, monthly_fee) "
        "VALUES (gen_random_uuid(), $1, $2::timestamptz + interval '1 day', 'suspended', 'trial', 0)"
    )
    trial = "UPDATE workspace_changes SET status = 'trial', at = $2 WHERE workspace_id = $1"
    for statement in (trial, number, ended):
        await platform.in_platform(partial(_execute, statement, workspace.workspace_id))
    await run_duty(platform, "billing_periods", NOW)
    await run_duty(platform, "billing_periods", NEXT_MONTH)
    await close_queued(platform, NEXT_MONTH)
    assert await invoices(platform) == []


async def test_a_workspace_whose_period_fails_stops_no_other(platform: CallPlatform) -> None:
    """Not even where many fail: two are tried before the one that can be opened."""
    made = [await platform.create_workspace() for _ in range(3)]
    broken = [one.workspace_id for one in made[:2]]
    unknown = "UPDATE workspaces SET timezone = 'Mars/Olympus' WHERE id = ANY($1::uuid[])"
    await platform.in_platform(lambda db: db.execute(unknown, broken))
    await platform.in_platform(lambda db: open_accounts(db, 10))
    found = await platform.in_platform(lambda db: open_periods(db, NOW, 1, looked_at=10))
    assert found.opened == 1, "after those that fail"
    reported: list[int] = []
    tasks = period_tasks(platform.pool, platform.services[Invoices], lambda: NOW, report_unopened=reported.append)
    (duty,) = (one for one in tasks.duties if one.name == "billing_periods")
    with structlog.testing.capture_logs() as logs:
        assert await duty.run_once(platform.pool, NOW) == 0
    failed = {line["workspace_id"] for line in logs if line["event"] == "billing_period.open_failed"}
    assert failed == {str(one) for one in broken}
    assert reported == [2]


async def _execute(statement: str, workspace_id: UUID, db: Connection) -> None:
    await db.execute(statement, workspace_id, NOW)


async def test_invoices_that_are_issued_at_once_have_numbers_without_a_gap(
    platform: CallPlatform, workspace: LiveWorkspace
) -> None:
    """Two of the twelve jobs die before they commit."""
    made = await platform.in_platform(
        lambda db: db.fetch(
            "INSERT INTO invoices (id, workspace_id, amount, subtotal, tax, status, period_start, period_end, "
            "customer_name, timezone) SELECT gen_random_uuid(), $1, 1, 1, 0, 'draft', $2, $2, 'W', 'UTC' "
            "FROM generate_series(1, 12) RETURNING id",
            workspace.workspace_id,
            NOW,
        )
    )

    async def issue_and_die(db: Connection, invoice_id: UUID) -> None:
        await invoices_service.issue_own(db, invoice_id, NOW, 14)
        raise ConnectionResetError

    run = tasks_at(platform, NOW).handlers[ISSUE_INVOICE]
    dying = [platform.in_platform(partial(issue_and_die, invoice_id=row["id"])) for row in made[:2]]
    jobs = [run(msgspec.json.encode(invoices_tasks.IssueInvoiceJob(row["id"]))) for row in made[2:]]
    results = await asyncio.gather(*dying, *jobs, return_exceptions=True)
    assert [type(result) for result in results] == [ConnectionResetError] * 2 + [type(None)] * 10
    numbers = sorted(row["number"] for row in await invoices(platform) if row["number"])
    assert numbers == [f"2026-{place:06}" for place in range(1, 11)]
