"""The jobs that close a period and issue its invoice, and the duties that find due periods and invoices.

Each job is one transaction and can be repeated at any point.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
import structlog

from control.audit.service import Actor
from control.billing.accounts.service import open_accounts
from control.billing.invoices import queries, service
from control.billing.invoices.emails import overdue_email
from control.billing.invoices.service import Invoices, close_period
from control.billing.jobs import (
    BATCH,
    MOST_WAITING,
    Clock,
    enqueue_new,
    enqueue_once,
    ignore_count,
    transact,
    utc_now,
)
from control.billing.periods import queries as periods_queries
from control.billing.periods.service import open_periods
from control.db.duties import Duty, WorkerTasks
from control.db.jobs import JobHandler, decode_payload
from control.db.pool import Connection, Pool
from control.platform.service import Platform
from control.workspaces.rules import OVERDUE_REASON
from control.workspaces.service import Workspaces

CLOSE_PERIOD: Final = "billing.close_period"
ISSUE_INVOICE: Final = "billing.issue_invoice"

log = structlog.get_logger()


class ClosePeriodJob(msgspec.Struct, frozen=True):
    """Payload of the job that closes a period."""

    period_id: UUID


class IssueInvoiceJob(msgspec.Struct, frozen=True):
    """Payload of the job that issues an invoice."""

    invoice_id: UUID


def period_tasks(
    pool: Pool,
    invoices: Invoices,
    clock: Clock = utc_now,
    *,
    issue: JobHandler | None = None,
    report_unopened: Callable[[int], None] = ignore_count,
) -> WorkerTasks:
    """Return the jobs and duties of periods and invoices.

    The job `billing.close_period` closes a period, and `billing.issue_invoice` issues its invoice. The duty
    `billing_periods` opens periods and enqueues both jobs, and `overdue_invoices` marks overdue invoices.

    Args:
        clock: The clock of the jobs.
        issue: The job that issues invoices; None if the platform issues all invoices itself.
        report_unopened: Receives the number of periods that the last run could not open.
    """

    async def billing_periods(db: Connection, now: datetime) -> int:
        accounts = await open_accounts(db, BATCH)
        periods = await open_periods(db, now, BATCH, looked_at=MOST_WAITING)
        report_unopened(periods.failed)
        delay = timedelta(hours=await invoices.platform.setting(db, "billing_close_delay_hours"))
        due = await periods_queries.select_due(db, now - delay, MOST_WAITING)
        await enqueue_new(db, CLOSE_PERIOD, [ClosePeriodJob(period_id) for period_id in due], BATCH)
        drafts = await queries.select_drafts(db, MOST_WAITING)
        await enqueue_new(db, ISSUE_INVOICE, [IssueInvoiceJob(invoice_id) for invoice_id in drafts], BATCH)
        return accounts + periods.opened

    async def overdue_invoices(db: Connection, now: datetime) -> int:
        late = await service.mark_overdue(db, now, BATCH)
        for invoice in late:
            await invoices.notify(db, invoice, overdue_email)
        return len(late)

    return WorkerTasks(
        handlers={
            CLOSE_PERIOD: _make_closing(pool, clock),
            ISSUE_INVOICE: issue or _make_issuing(pool, invoices, clock),
        },
        duties=[
            Duty("billing_periods", 60, billing_periods, BATCH),
            Duty("overdue_invoices", 600, overdue_invoices, BATCH),
        ],
    )


def _make_closing(pool: Pool, clock: Clock) -> JobHandler:
    """Return the job that closes a period and enqueues the invoice's job in the same transaction."""

    async def work(db: Connection, job: ClosePeriodJob) -> None:
        closed = await close_period(db, job.period_id, clock())
        if closed is None:
            return
        log.info("billing_period.closed", period_id=str(job.period_id), workspace_id=str(closed.workspace_id))
        if closed.invoice_id is not None:
            await enqueue_once(db, ISSUE_INVOICE, IssueInvoiceJob(closed.invoice_id))

    async def run(payload: bytes) -> None:
        job = decode_payload(payload, ClosePeriodJob)
        await transact(pool, lambda db: work(db, job))

    return run


def _make_issuing(pool: Pool, invoices: Invoices, clock: Clock) -> JobHandler:
    """Return the job that issues an invoice and enqueues its e-mail in the same transaction."""

    async def run(payload: bytes) -> None:
        job = decode_payload(payload, IssueInvoiceJob)
        await transact(pool, lambda db: invoices.issue(db, job.invoice_id, clock()))

    return run


_SYSTEM: Final = Actor("system")
# A payment company is queried about open invoices every six hours. Without an answer within this time, no workspace is
# suspended, because it may have paid.
_ANSWERED_WITHIN: Final = timedelta(days=1)


async def suspend_overdue(db: Connection, platform: Platform, workspaces: Workspaces, now: datetime, most: int) -> int:
    """Suspend workspaces that have not paid an overdue invoice. Return how many. Needs platform scope.

    The invoice must have been overdue for the days of the setting `overdue_grace_days`, and the setting
    `overdue_action` must be `suspend`. Invoices of a payment company that has not answered for a day do not count.
    """
    if await platform.setting(db, "overdue_action") != "suspend":
        return 0
    grace = timedelta(days=await platform.setting(db, "overdue_grace_days"))
    found = await queries.select_late(db, now - grace, now - _ANSWERED_WITHIN, most)
    for workspace_id in found:
        await workspaces.administration.suspend(db, _SYSTEM, workspace_id, OVERDUE_REASON, now)
        log.warning("workspace.suspended_overdue", workspace_id=str(workspace_id))
    return len(found)


async def resume_paid(db: Connection, workspaces: Workspaces, now: datetime, most: int) -> int:
    """End the suspension of workspaces without overdue invoices. Return how many. Needs platform scope."""
    found = await queries.select_settled(db, OVERDUE_REASON, most)
    for workspace_id in found:
        await workspaces.administration.activate(db, _SYSTEM, workspace_id, now)
        log.info("workspace.resumed_paid", workspace_id=str(workspace_id))
    return len(found)
