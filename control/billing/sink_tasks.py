"""The worker's tasks for a sink: jobs, and duties that find what is due."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from control.billing import store_collection
from control.billing.job_transactions import enqueue_new
from control.billing.period_jobs import BATCH, MOST_WAITING, Clock, IssueInvoiceJob, ignore_count, period_tasks
from control.billing.service import Billing
from control.billing.sink_jobs import (
    CHARGE_INVOICE,
    CHECK_CUSTOMER,
    CHECK_INVOICE,
    CHECK_PAYMENT,
    REFUND,
    ChargeInvoiceJob,
    CheckCustomerJob,
    CheckInvoiceJob,
    CheckPaymentJob,
    RefundJob,
    SinkJobs,
)
from control.billing.sinks import BillingSink
from control.billing.usage_meter import UsageMeterDuty
from control.db.duties import AnyDuty, Duty, WorkerTasks, join_tasks
from control.db.pool import Connection, Pool

# Open invoices are asked about so often, because webhooks may be lost: Stripe gives one up after three days.
CHECK_AFTER: Final = timedelta(hours=6)
# Paid ones, because of refunds and disputes, which come up to 120 days later
# (docs.stripe.com/disputes/how-disputes-work).
CHECK_PAID_AFTER: Final = timedelta(days=7)
CHECK_PAID_FOR: Final = timedelta(days=120)


def sink_tasks(
    pool: Pool,
    billing: Billing,
    sink: BillingSink,
    clock: Clock,
    *,
    report_unopened: Callable[[int], None] = ignore_count,
) -> WorkerTasks:
    """`period_tasks`, whose invoices the sink issues; jobs `billing.charge_invoice`, `.check_invoice`,
    `.check_payment`, `.check_customer` and `.refund`; duties `invoice_charges`, `invoice_checks`, `refund_orders`, and
    `usage_meter` if the sink takes usage. report_unopened: see there."""
    jobs = SinkJobs(pool, billing, sink, clock)

    async def invoice_charges(db: Connection, now: datetime) -> int:
        due = await store_collection.select_due(db, now, MOST_WAITING)
        return await enqueue_new(db, CHARGE_INVOICE, [ChargeInvoiceJob(one) for one in due], BATCH)

    async def invoice_checks(db: Connection, now: datetime) -> int:
        old = await store_collection.select_unchecked(db, now - CHECK_AFTER, MOST_WAITING)
        old += await store_collection.select_unchecked_paid(
            db, now - CHECK_PAID_FOR, now - CHECK_PAID_AFTER, MOST_WAITING
        )
        return await enqueue_new(db, CHECK_INVOICE, [CheckInvoiceJob(one) for one in old], BATCH)

    async def refund_orders(db: Connection, now: datetime) -> int:
        open_orders = await store_collection.select_orders(db, MOST_WAITING)
        return await enqueue_new(db, REFUND, [RefundJob(one) for one in open_orders], BATCH)

    handlers = {
        CHARGE_INVOICE: jobs.handler(ChargeInvoiceJob, jobs.charge),
        CHECK_INVOICE: jobs.handler(CheckInvoiceJob, jobs.check_invoice),
        CHECK_PAYMENT: jobs.handler(CheckPaymentJob, jobs.check_payment),
        CHECK_CUSTOMER: jobs.handler(CheckCustomerJob, jobs.check_customer),
        REFUND: jobs.handler(RefundJob, jobs.refund),
    }
    duties: list[AnyDuty] = [
        Duty("invoice_charges", 60, invoice_charges, BATCH),
        Duty("invoice_checks", 600, invoice_checks, BATCH),
        Duty("refund_orders", 300, refund_orders, BATCH),
    ]
    if sink.usage_sink is not None:
        duties.append(UsageMeterDuty(sink.usage_sink).make_duty())
    issue = jobs.handler(IssueInvoiceJob, jobs.issue)
    periods = period_tasks(pool, billing, clock, issue=issue, report_unopened=report_unopened)
    return join_tasks([periods, WorkerTasks(handlers=handlers, duties=duties)])
