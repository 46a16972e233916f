"""The jobs that issue and charge invoices at the payment company, and the duties that find due work.

A job calls the payment company outside a transaction, and stores the result in a transaction. If a process dies in
between, the repeated job compares the payment company's state with ours, so that invoices are issued and charged only
once.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar
from uuid import UUID

import structlog

from control.billing.invoices import queries as invoices_queries
from control.billing.invoices import service as invoices_service
from control.billing.invoices.emails import declined_email, invoice_email
from control.billing.invoices.rules import OWN, Invoice
from control.billing.invoices.service import Invoices
from control.billing.invoices.tasks import IssueInvoiceJob, period_tasks
from control.billing.jobs import (
    BATCH,
    MOST_WAITING,
    Clock,
    enqueue_new,
    enqueue_once,
    ignore_count,
    transact,
)
from control.billing.payments import queries
from control.billing.payments.provider import (
    BillingCustomer,
    BillingProvider,
    BillingProviderError,
    BillingProviderUnavailable,
    InvoiceReceipt,
    PaymentDeclined,
    ProviderInvoice,
    ProviderInvoiceLine,
    UsageReading,
    UsageReceiver,
)
from control.billing.payments.rules import (
    CHARGE_INVOICE,
    CHECK_CUSTOMER,
    CHECK_INVOICE,
    CHECK_PAYMENT,
    REFUND,
    ChargeInvoiceJob,
    CheckCustomerJob,
    CheckInvoiceJob,
    CheckPaymentJob,
    Collection,
    RefundJob,
    after_decline,
)
from control.billing.payments.service import OPEN, SYSTEM, Payments, apply_receipt, save_payment_method
from control.db.duties import AnyDuty, Duty, OutsideDuty, WorkerTasks, join_tasks
from control.db.jobs import JobFailed, JobHandler, decode_payload
from control.db.pool import Connection, Pool

T = TypeVar("T")
log = structlog.get_logger()
METER_EVERY_S: Final = 3_600.0
MOST_READINGS: Final = 1_000
# Age of the oldest reading. Stripe accepts events of the last 35 days.
_KEPT: Final = timedelta(days=34)
# The run ends after this many failures, because the payment company is unavailable.
_MOST_FAILURES: Final = 3
# Interval at which open invoices are checked. Webhooks may be lost: Stripe stops retrying after three days.
CHECK_AFTER: Final = timedelta(hours=6)
# Interval at which paid invoices are checked, because refunds and disputes follow up to 120 days later
# (docs.stripe.com/disputes/how-disputes-work).
CHECK_PAID_AFTER: Final = timedelta(days=7)
CHECK_PAID_FOR: Final = timedelta(days=120)


# --- Jobs ----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class IssueRequest:
    """A draft to issue, with its customer."""

    invoice: ProviderInvoice
    customer: BillingCustomer


class ProviderJobs:
    """Handlers of the jobs that call the payment company."""

    def __init__(
        self, pool: Pool, invoices: Invoices, payments: Payments, provider: BillingProvider, clock: Clock
    ) -> None:
        self._pool, self._invoices, self._payments, self._provider, self._clock = (
            pool,
            invoices,
            payments,
            provider,
            clock,
        )

    def handler(self, kind: type[T], run: Callable[[T], Awaitable[None]]) -> JobHandler:
        """Create a job handler from a method. The job is retried while the payment company is unavailable."""

        async def handle(payload: bytes) -> None:
            job = decode_payload(payload, kind)
            try:
                await run(job)
            except BillingProviderUnavailable as error:
                raise JobFailed(str(error)) from None

        return handle

    async def issue(self, job: IssueInvoiceJob) -> None:
        """Issue a draft. Drafts with an amount of 0 are issued by the platform itself."""
        request = await transact(self._pool, lambda db: self._prepare(db, job.invoice_id))
        if request is None:
            return
        workspace_id = request.customer.workspace_id
        try:
            customer_id = await self._provider.ensure_customer(request.customer)
            known = request.customer.customer_id
            account = await transact(
                self._pool, lambda db: queries.insert_account(db, workspace_id, customer_id, known)
            )
            receipt = await self._provider.issue_invoice(replace(request.invoice, customer_id=account.customer_id))
        except BillingProviderError as error:
            await self._refuse(job.invoice_id, error)
            raise JobFailed(str(error), is_permanent=True) from None
        await transact(self._pool, lambda db: self._record_issue(db, job.invoice_id, receipt))

    async def charge(self, job: ChargeInvoiceJob) -> None:
        """Charge an invoice whose next charge is due."""
        found = await transact(self._pool, lambda db: self._find_charge(db, job.invoice_id))
        if found is None:
            return
        external_id, method_id, attempt = found
        try:
            receipt = await self._provider.pay_invoice(external_id, method_id, attempt)
        except PaymentDeclined as declined:
            log.info("charge.declined", invoice_id=str(job.invoice_id), reason=declined.reason)
            await transact(self._pool, lambda db: self._record_decline(db, job.invoice_id, attempt, method_id))
            return
        except BillingProviderError as error:
            await self._refuse(job.invoice_id, error, method_id)
            raise JobFailed(str(error), is_permanent=True) from None
        await transact(self._pool, lambda db: self._apply(db, job.invoice_id, receipt))

    async def check_invoice(self, job: CheckInvoiceJob) -> None:
        """Query the payment company for the state of an invoice.

        Invoices that are not ours, or not issued yet, are ignored.
        """
        find = queries.select_invoice_of
        invoice_id = await transact(self._pool, lambda db: find(db, job.external_id))
        if invoice_id is None:
            return
        try:
            receipt = await self._provider.get_invoice(job.external_id)
        except BillingProviderError as error:
            now = self._clock()
            await transact(self._pool, lambda db: queries.defer_check(db, invoice_id, now))
            raise JobFailed(str(error), is_permanent=True) from None
        await transact(self._pool, lambda db: self._apply(db, invoice_id, receipt))

    async def check_payment(self, job: CheckPaymentJob) -> None:
        """Check the invoice that a charge paid, for example after a refund or a dispute."""
        try:
            external_id = await self._provider.find_paid_invoice(job.payment_id)
        except BillingProviderError as error:
            raise JobFailed(str(error), is_permanent=True) from None
        if external_id is not None:
            await self.check_invoice(CheckInvoiceJob(external_id))

    async def check_customer(self, job: CheckCustomerJob) -> None:
        """Query the payment company for a customer's payment method.

        If another method was stored during the request, the job is repeated.
        """
        find = queries.select_account_of
        account = await transact(self._pool, lambda db: find(db, job.customer_id))
        if account is None:
            return
        try:
            card = await self._provider.get_payment_method(job.customer_id)
        except BillingProviderError as error:
            raise JobFailed(str(error), is_permanent=True) from None
        now = self._clock()

        async def save(db: Connection) -> None:
            stored = await queries.select_account(db, account.workspace_id, lock=True)
            if stored != account:
                raise JobFailed("the customer changed in the meantime")
            await save_payment_method(db, account.workspace_id, card, now)

        await transact(self._pool, save)

    async def refund(self, job: RefundJob) -> None:
        """Make an ordered refund at the payment company, and record it."""
        order = await transact(self._pool, lambda db: queries.select_order(db, job.order_id))
        if order is None:
            return
        invoice = await transact(self._pool, lambda db: invoices_queries.select_invoice(db, order.invoice_id))
        assert invoice is not None and invoice.stripe_invoice_id is not None, "orders belong to issued invoices"
        external_id, currency = invoice.stripe_invoice_id, invoice.currency
        try:
            reference = await self._provider.refund_invoice(external_id, order.id, order.amount, currency)
        except BillingProviderError as error:
            reason = str(error)
            log.error("refund.refused", order_id=str(order.id), reason=reason)
            await transact(self._pool, lambda db: queries.close_order(db, order.id, reason))
            raise JobFailed(reason, is_permanent=True) from None
        await transact(self._pool, lambda db: self._record_refund(db, order.id, reference))

    async def _prepare(self, db: Connection, invoice_id: UUID) -> IssueRequest | None:
        """Assign a draft permanently to the payment company. Return None if the invoice needs no further step."""
        draft = await invoices_queries.select_invoice(db, invoice_id, lock=True)
        if draft is None or draft.status != "draft":
            return None
        if draft.sink == OWN and draft.amount == 0:
            await self._invoices.issue(db, invoice_id, self._clock())
            return None
        if draft.sink == OWN:
            draft = replace(draft, sink=self._provider.name)
            await invoices_queries.update_state(db, draft)
        customer = await self._payments.make_customer(db, draft.workspace_id, draft.customer_name)
        lines = await invoices_queries.select_lines(db, draft.id, draft.workspace_id)
        return IssueRequest(
            ProviderInvoice(
                id=draft.id,
                customer_id=customer.customer_id or "",
                currency=draft.currency,
                lines=[
                    ProviderInvoiceLine(line.id, line.description, line.amount, line.since, line.until)
                    for line in lines
                ],
                total=draft.amount,
                period_start=draft.period_start,
                period_end=draft.period_end,
                due_at=draft.period_end,
            ),
            customer,
        )

    async def _record_issue(self, db: Connection, invoice_id: UUID, receipt: InvoiceReceipt) -> None:
        now, draft = self._clock(), await invoices_service.lock_invoice(db, invoice_id)
        if draft.status != "draft":
            return
        days = await self._invoices.platform.setting(db, "invoice_due_days")
        issued = replace(
            draft,
            number=receipt.number,
            stripe_invoice_id=receipt.external_id,
            status="pending",
            issued_at=now,
            due_at=now + timedelta(days=days),
        )
        await invoices_service.save_state(db, issued)
        await queries.upsert_collection(db, Collection(issued.id, issued.workspace_id, 0, now, now))
        if (await apply_receipt(db, issued, receipt, now)).status == "pending":
            await self._invoices.notify(db, issued, invoice_email)
            await enqueue_once(db, CHARGE_INVOICE, ChargeInvoiceJob(issued.id))

    async def _find_charge(self, db: Connection, invoice_id: UUID) -> tuple[str, str, int] | None:
        """Return the payment company's ids of invoice and payment method, and the number of the attempt.

        Returns None if no charge is due, or if there is no payment method.
        """
        collection = await queries.select_collection(db, invoice_id, lock=True)
        invoice = await invoices_queries.select_invoice(db, invoice_id)
        if collection is None or invoice is None or invoice.stripe_invoice_id is None:
            return None
        if not collection.is_due(self._clock()):
            return None
        if invoice.status not in OPEN:
            # The staff closed the invoice. If it stayed due, each run of the duty would find it before other invoices.
            await queries.upsert_collection(db, replace(collection, next_attempt_at=None))
            return None
        account = await queries.select_account(db, invoice.workspace_id)
        if account is None or account.payment_method_id is None:
            await queries.upsert_collection(db, replace(collection, next_attempt_at=None))
            return None
        return invoice.stripe_invoice_id, account.payment_method_id, collection.attempts

    async def _record_decline(self, db: Connection, invoice_id: UUID, attempt: int, method_id: str) -> None:
        """Count a decline once, even if its job is repeated.

        If another payment method was set in the meantime, it is charged immediately.
        """
        collection = await queries.select_collection(db, invoice_id, lock=True)
        invoice = await invoices_queries.select_invoice(db, invoice_id)
        if collection is None or collection.attempts != attempt or invoice is None:
            return
        is_replaced = await self._is_replaced(db, invoice.workspace_id, method_id)
        declined = after_decline(collection, self._clock(), is_replaced=is_replaced)
        await queries.upsert_collection(db, declined)
        if not is_replaced:
            await self._invoices.notify(db, invoice, declined_email)

    async def _is_replaced(self, db: Connection, workspace_id: UUID, method_id: str) -> bool:
        """Return whether another payment method was set."""
        account = await queries.select_account(db, workspace_id)
        return account is not None and account.payment_method_id not in (None, method_id)

    async def _apply(self, db: Connection, invoice_id: UUID, receipt: InvoiceReceipt) -> Invoice:
        return await apply_receipt(db, await invoices_service.lock_invoice(db, invoice_id), receipt, self._clock())

    async def _record_refund(self, db: Connection, order_id: UUID, reference: str) -> None:
        order = await queries.select_order(db, order_id, lock=True)
        if order is None:
            return
        invoice = await invoices_service.lock_invoice(db, order.invoice_id)
        made = invoices_service.make_payment(
            invoice, -order.amount, invoice.sink, self._clock(), reference=reference, by=order.ordered_by
        )
        await invoices_service.refund_payment(db, SYSTEM, replace(made, id=order.id, reason=order.reason))
        await queries.close_order(db, order.id)

    async def _refuse(self, invoice_id: UUID, error: BillingProviderError, method_id: str | None = None) -> None:
        """Record that the payment company refused an invoice permanently.

        The next attempt follows when staff resume the invoice or another payment method is set.

        Args:
            method_id: Id of the method that was charged. It may have been removed at the payment company, whose report
                may be lost; therefore the customer is checked.
        """
        now, reason = self._clock(), str(error)
        log.error("invoice.refused", invoice_id=str(invoice_id), reason=reason)

        async def work(db: Connection) -> None:
            invoice = await invoices_service.lock_invoice(db, invoice_id)
            stored = await queries.select_collection(db, invoice_id, lock=True)
            if method_id is not None:
                account = await queries.select_account(db, invoice.workspace_id)
                if account is not None:
                    await enqueue_once(db, CHECK_CUSTOMER, CheckCustomerJob(account.customer_id))
                if await self._is_replaced(db, invoice.workspace_id, method_id):
                    return
            kept = stored or Collection(invoice_id, invoice.workspace_id, 0, None, now)
            await queries.upsert_collection(db, replace(kept, next_attempt_at=None, last_error=reason))

        await transact(self._pool, work)


# --- Duties --------------------------------------------------------------------------------------------------------
def provider_tasks(
    pool: Pool,
    invoices: Invoices,
    payments: Payments,
    provider: BillingProvider,
    clock: Clock,
    *,
    report_unopened: Callable[[int], None] = ignore_count,
) -> WorkerTasks:
    """Return the tasks of `period_tasks`, with invoices issued by the payment company, and further jobs and duties.

    The jobs are `billing.charge_invoice`, `.check_invoice`, `.check_payment`, `.check_customer` and `.refund`. The
    duties are `invoice_charges`, `invoice_checks`, `refund_orders`, and `usage_meter` if the payment company receives
    usage.
    """
    jobs = ProviderJobs(pool, invoices, payments, provider, clock)

    async def invoice_charges(db: Connection, now: datetime) -> int:
        due = await queries.select_due(db, now, MOST_WAITING)
        return await enqueue_new(db, CHARGE_INVOICE, [ChargeInvoiceJob(invoice_id) for invoice_id in due], BATCH)

    async def invoice_checks(db: Connection, now: datetime) -> int:
        old = await queries.select_unchecked(db, now - CHECK_AFTER, MOST_WAITING)
        old += await queries.select_unchecked_paid(db, now - CHECK_PAID_FOR, now - CHECK_PAID_AFTER, MOST_WAITING)
        return await enqueue_new(db, CHECK_INVOICE, [CheckInvoiceJob(external_id) for external_id in old], BATCH)

    async def refund_orders(db: Connection, now: datetime) -> int:
        open_orders = await queries.select_orders(db, MOST_WAITING)
        return await enqueue_new(db, REFUND, [RefundJob(order_id) for order_id in open_orders], BATCH)

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
    if provider.usage_receiver is not None:
        duties.append(UsageMeterDuty(provider.usage_receiver).make_duty())
    issue = jobs.handler(IssueInvoiceJob, jobs.issue)
    periods = period_tasks(pool, invoices, clock, issue=issue, report_unopened=report_unopened)
    return join_tasks([periods, WorkerTasks(handlers=handlers, duties=duties)])


class UsageMeterDuty:
    """Sends how many seconds each workspace called on each day.

    A reading is stored with its revision before it is sent, so that the run after a crash sends the reading again
    unchanged.
    """

    def __init__(self, receiver: UsageReceiver) -> None:
        self._receiver = receiver

    def make_duty(self) -> OutsideDuty:
        """Return the duty `usage_meter`."""
        return OutsideDuty("usage_meter", METER_EVERY_S, self.run, MOST_READINGS)

    async def run(self, pool: Pool, now: datetime) -> int:
        """Send the readings. Return how many were accepted or refused."""
        since = (now.astimezone(UTC) - _KEPT).date()
        found = await transact(pool, lambda db: queries.select_readings(db, since, MOST_READINGS))
        done = failures = 0
        for reading in found:
            try:
                await self._send(pool, reading, now)
                done += 1
            except BillingProviderUnavailable as error:
                failures += 1
                log.warning("usage.not_delivered", workspace_id=str(reading.workspace_id), error=str(error))
                if failures == _MOST_FAILURES:
                    break
        return done

    async def _send(self, pool: Pool, reading: UsageReading, now: datetime) -> None:
        revision = await transact(pool, lambda db: queries.insert_reading(db, reading))
        sent, refused = replace(reading, revision=revision), None
        try:
            await self._receiver.record_usage(sent)
        except BillingProviderError as error:
            refused = str(error)
            log.error("usage.refused", workspace_id=str(reading.workspace_id), day=str(reading.day), reason=refused)
        await transact(pool, lambda db: queries.mark_delivered(db, sent, now, refused))
