"""The jobs that close a period and issue its invoice. Each is one transaction and may be repeated at any point."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
import structlog

from control.billing import issuance, store_invoices, store_periods
from control.billing.closure import close_period, open_accounts, open_periods
from control.billing.invoice_emails import overdue_email
from control.billing.job_transactions import decode_job, enqueue_new, enqueue_once, transact
from control.billing.service import Billing
from control.db.duties import Duty, WorkerTasks
from control.db.jobs import JobHandler
from control.db.pool import Connection, Pool

CLOSE_PERIOD: Final = "billing.close_period"
ISSUE_INVOICE: Final = "billing.issue_invoice"
# What one run of a duty does at most.
BATCH: Final = 200
# Periods and drafts that it looks at for those whose job is not queued: many more than BATCH, so that jobs which fail
# again and again keep no others from being queued.
MOST_WAITING: Final = 20_000
Clock = Callable[[], datetime]

log = structlog.get_logger()


class ClosePeriodJob(msgspec.Struct, frozen=True):
    """Payload of the job."""

    period_id: UUID


class IssueInvoiceJob(msgspec.Struct, frozen=True):
    """Payload of the job."""

    invoice_id: UUID


def utc_now() -> datetime:
    """The present moment."""
    return datetime.now(UTC)


def ignore_count(_: int) -> None:
    """For those who report no metric."""


def period_tasks(
    pool: Pool,
    billing: Billing,
    clock: Clock = utc_now,
    *,
    issue: JobHandler | None = None,
    report_unopened: Callable[[int], None] = ignore_count,
) -> WorkerTasks:
    """Jobs `billing.close_period` and `billing.issue_invoice`; duties `billing_periods`, which opens periods and
    enqueues both, and `overdue_invoices`. clock: of the jobs. issue: the second job; by default the platform issues
    all invoices itself. report_unopened: takes how many periods the last run could not open."""

    async def billing_periods(db: Connection, now: datetime) -> int:
        accounts = await open_accounts(db, BATCH)
        periods = await open_periods(db, now, BATCH, looked_at=MOST_WAITING)
        report_unopened(periods.failed)
        delay = timedelta(hours=await billing.platform.setting(db, "billing_close_delay_hours"))
        due = await store_periods.select_due(db, now - delay, MOST_WAITING)
        await enqueue_new(db, CLOSE_PERIOD, [ClosePeriodJob(one) for one in due], BATCH)
        drafts = await store_invoices.select_drafts(db, MOST_WAITING)
        await enqueue_new(db, ISSUE_INVOICE, [IssueInvoiceJob(one) for one in drafts], BATCH)
        return accounts + periods.opened

    async def overdue_invoices(db: Connection, now: datetime) -> int:
        late = await issuance.mark_overdue(db, now, BATCH)
        for invoice in late:
            await billing.notify(db, invoice, overdue_email)
        return len(late)

    return WorkerTasks(
        handlers={
            CLOSE_PERIOD: _make_closing(pool, clock),
            ISSUE_INVOICE: issue or _make_issuing(pool, billing, clock),
        },
        duties=[
            Duty("billing_periods", 60, billing_periods, BATCH),
            Duty("overdue_invoices", 600, overdue_invoices, BATCH),
        ],
    )


def _make_closing(pool: Pool, clock: Clock) -> JobHandler:
    """The invoice's job is part of the transaction that closes the period."""

    async def work(db: Connection, job: ClosePeriodJob) -> None:
        closed = await close_period(db, job.period_id, clock())
        if closed is None:
            return
        log.info("billing_period.closed", period_id=str(job.period_id), workspace_id=str(closed.workspace_id))
        if closed.invoice_id is not None:
            await enqueue_once(db, ISSUE_INVOICE, IssueInvoiceJob(closed.invoice_id))

    async def run(payload: bytes) -> None:
        job = decode_job(payload, ClosePeriodJob)
        await transact(pool, lambda db: work(db, job))

    return run


def _make_issuing(pool: Pool, billing: Billing, clock: Clock) -> JobHandler:
    """The e-mail's job is part of the transaction that issues the invoice."""

    async def run(payload: bytes) -> None:
        job = decode_job(payload, IssueInvoiceJob)
        await transact(pool, lambda db: billing.issue_invoice(db, job.invoice_id, clock()))

    return run
