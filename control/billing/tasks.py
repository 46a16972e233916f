"""All jobs and duties of billing, for the worker."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from control.billing.accruals.tasks import make_accruals_duty
from control.billing.invoices.service import Invoices
from control.billing.invoices.tasks import period_tasks, resume_paid, suspend_overdue
from control.billing.jobs import BATCH, Clock, ignore_count, utc_now
from control.billing.ledger import queries as ledger_queries
from control.billing.ledger.rules import UnpricedUsage
from control.billing.ledger.tasks import make_record_embedding_job
from control.billing.limits.service import EndTransfer, SpendGuard, TransferLimits
from control.billing.limits.tasks import SpendLimitDuty
from control.billing.payments.service import Payments
from control.billing.payments.tasks import provider_tasks
from control.billing.prices.service import update_estimates
from control.db.duties import AnyDuty, Duty, WorkerTasks, join_tasks
from control.db.pool import Connection, Pool
from control.knowledge.embedder import RECORD_EMBEDDING
from control.workspaces.service import Workspaces

# How long usage without a price is reported.
REPORTED: Final = timedelta(days=1)


def billing_tasks(
    pool: Pool,
    workspaces: Workspaces,
    invoices: Invoices,
    payments: Payments,
    guard: SpendGuard,
    report: Callable[[Sequence[UnpricedUsage]], None],
    end_transfer: EndTransfer,
    clock: Clock = utc_now,
    *,
    report_unopened: Callable[[int], None] = ignore_count,
    ahead: timedelta = timedelta(0),
) -> WorkerTasks:
    """Return all jobs and duties of billing.

    These are the job `billing.record_embedding`, the duties `unpriced_usage`, `cost_estimates`, `accruals`,
    `overdue_workspaces` and `spend_limits`, and the tasks of `period_tasks` or `provider_tasks`.

    Args:
        report: Receives the usage without a price of the last day.
        end_transfer: Enqueues a job that ends a transferred call.
        report_unopened: Receives the number of periods that could not be opened.
        ahead: For rehearsals: periods, charges and suspensions are due by a clock that is this much ahead.
    """

    async def count_unpriced(db: Connection, now: datetime) -> int:
        found = await ledger_queries.count_unpriced(db, now - REPORTED)
        report(found)
        return sum(usage.rows for usage in found)

    async def overdue_workspaces(db: Connection, now: datetime) -> int:
        resumed = await resume_paid(db, workspaces, now, BATCH)
        return resumed + await suspend_overdue(db, invoices.platform, workspaces, now, BATCH)

    duties: list[AnyDuty] = [
        Duty("unpriced_usage", 60, count_unpriced, 1 << 62),
        Duty("cost_estimates", 60, update_estimates, 1 << 62),
        make_accruals_duty(),
        SpendLimitDuty(invoices.mail, guard, TransferLimits(end_transfer)).make_duty(),
    ]
    later: Clock = clock if not ahead else lambda: clock() + ahead
    if payments.provider is None:
        periods = period_tasks(pool, invoices, later, report_unopened=report_unopened)
    else:
        periods = provider_tasks(pool, invoices, payments, payments.provider, later, report_unopened=report_unopened)
    dunning = WorkerTasks(duties=[Duty("overdue_workspaces", 60, overdue_workspaces, 2 * BATCH)])
    dated = join_tasks([dunning, periods])
    moved = [_move(duty, ahead) for duty in dated.duties] if ahead else dated.duties
    handlers = {RECORD_EMBEDDING: make_record_embedding_job(pool)}
    return join_tasks([WorkerTasks(handlers=handlers, duties=duties), replace(dated, duties=moved)])


def _move(duty: AnyDuty, ahead: timedelta) -> AnyDuty:
    """Return the duty with a clock that is `ahead`."""
    run: Callable[[Any, datetime], Awaitable[int]] = duty.run
    return replace(duty, run=lambda place, now: run(place, now + ahead))
