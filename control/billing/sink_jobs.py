"""The jobs that take invoices to a sink and bring back what became of them.

A job asks the sink outside of a transaction, and stores the result in one. Whatever dies in between, a repetition finds
what the sink has, and what we have: invoices are issued and charged once.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, TypeVar
from uuid import UUID

import msgspec
import structlog

from control.billing import issuance, store_collection, store_invoices
from control.billing.collection import Collection, after_decline
from control.billing.invoice_emails import declined_email, invoice_email
from control.billing.invoices import Invoice
from control.billing.job_transactions import decode_job, enqueue_once, transact
from control.billing.payment_methods import save_payment_method, sink_customer
from control.billing.period_jobs import Clock, IssueInvoiceJob
from control.billing.receipts import OPEN, SYSTEM, apply_receipt
from control.billing.service import Billing
from control.billing.sinks import (
    OWN,
    BillingSink,
    PaymentDeclined,
    SinkCustomer,
    SinkError,
    SinkInvoice,
    SinkLine,
    SinkReceipt,
    SinkUnavailable,
)
from control.db.jobs import JobFailed, JobHandler
from control.db.pool import Connection, Pool

CHARGE_INVOICE: Final = "billing.charge_invoice"
CHECK_INVOICE: Final = "billing.check_invoice"
CHECK_CUSTOMER: Final = "billing.check_customer"
CHECK_PAYMENT: Final = "billing.check_payment"
REFUND: Final = "billing.refund"
T = TypeVar("T")
log = structlog.get_logger()


class ChargeInvoiceJob(msgspec.Struct, frozen=True):
    """Payload of the job."""

    invoice_id: UUID


class CheckInvoiceJob(msgspec.Struct, frozen=True):
    """Payload of the job. external_id: the sink's."""

    external_id: str


class CheckPaymentJob(msgspec.Struct, frozen=True):
    """Payload of the job. payment_id: the sink's, of a charge."""

    payment_id: str


class CheckCustomerJob(msgspec.Struct, frozen=True):
    """Payload of the job. customer_id: the sink's."""

    customer_id: str


class RefundJob(msgspec.Struct, frozen=True):
    """Payload of the job."""

    order_id: UUID


@dataclass(frozen=True, slots=True)
class IssueRequest:
    """A draft that is to be issued, and who pays it."""

    invoice: SinkInvoice
    customer: SinkCustomer


class SinkJobs:
    """Handlers of the jobs. clock: the present moment."""

    def __init__(self, pool: Pool, billing: Billing, sink: BillingSink, clock: Clock) -> None:
        self._pool, self._billing, self._sink, self._clock = pool, billing, sink, clock

    def handler(self, kind: type[T], run: Callable[[T], Awaitable[None]]) -> JobHandler:
        """Of a method of this class. The job is retried while the sink is unavailable."""

        async def handle(payload: bytes) -> None:
            job = decode_job(payload, kind)
            try:
                await run(job)
            except SinkUnavailable as error:
                raise JobFailed(str(error)) from None

        return handle

    async def issue(self, job: IssueInvoiceJob) -> None:
        """Issues a draft; those of nothing are issued by the platform itself."""
        request = await transact(self._pool, lambda db: self._prepare(db, job.invoice_id))
        if request is None:
            return
        workspace_id = request.customer.workspace_id
        try:
            customer_id = await self._sink.ensure_customer(request.customer)
            known = request.customer.customer_id
            account = await transact(
                self._pool, lambda db: store_collection.insert_account(db, workspace_id, customer_id, known)
            )
            receipt = await self._sink.issue_invoice(replace(request.invoice, customer_id=account.customer_id))
        except SinkError as error:
            await self._refuse(job.invoice_id, error)
            raise JobFailed(str(error), is_permanent=True) from None
        await transact(self._pool, lambda db: self._record_issue(db, job.invoice_id, receipt))

    async def charge(self, job: ChargeInvoiceJob) -> None:
        """Charges an invoice whose next charge is due."""
        found = await transact(self._pool, lambda db: self._find_charge(db, job.invoice_id))
        if found is None:
            return
        external_id, method_id, attempt = found
        try:
            receipt = await self._sink.pay_invoice(external_id, method_id, attempt)
        except PaymentDeclined as declined:
            log.info("charge.declined", invoice_id=str(job.invoice_id), reason=declined.reason)
            await transact(self._pool, lambda db: self._record_decline(db, job.invoice_id, attempt, method_id))
            return
        except SinkError as error:
            await self._refuse(job.invoice_id, error, method_id)
            raise JobFailed(str(error), is_permanent=True) from None
        await transact(self._pool, lambda db: self._apply(db, job.invoice_id, receipt))

    async def check_invoice(self, job: CheckInvoiceJob) -> None:
        """Asks the sink what became of an invoice. One that is not ours, or not issued yet, is passed over."""
        find = store_collection.select_invoice_of
        invoice_id = await transact(self._pool, lambda db: find(db, job.external_id))
        if invoice_id is None:
            return
        try:
            receipt = await self._sink.get_invoice(job.external_id)
        except SinkError as error:
            now = self._clock()
            await transact(self._pool, lambda db: store_collection.defer_check(db, invoice_id, now))
            raise JobFailed(str(error), is_permanent=True) from None
        await transact(self._pool, lambda db: self._apply(db, invoice_id, receipt))

    async def check_payment(self, job: CheckPaymentJob) -> None:
        """Asks the sink what became of the invoice that a charge paid, such as after a refund or a dispute."""
        try:
            external_id = await self._sink.find_paid_invoice(job.payment_id)
        except SinkError as error:
            raise JobFailed(str(error), is_permanent=True) from None
        if external_id is not None:
            await self.check_invoice(CheckInvoiceJob(external_id))

    async def check_customer(self, job: CheckCustomerJob) -> None:
        """Asks the sink which payment method a customer has. What was stored since it was asked is newer: then the job
        is repeated."""
        find = store_collection.select_account_of
        account = await transact(self._pool, lambda db: find(db, job.customer_id))
        if account is None:
            return
        try:
            card = await self._sink.get_payment_method(job.customer_id)
        except SinkError as error:
            raise JobFailed(str(error), is_permanent=True) from None
        now = self._clock()

        async def save(db: Connection) -> None:
            stored = await store_collection.select_account(db, account.workspace_id, lock=True)
            if stored != account:
                raise JobFailed("the customer changed meanwhile")
            await save_payment_method(db, account.workspace_id, card, now)

        await transact(self._pool, save)

    async def refund(self, job: RefundJob) -> None:
        """Has the sink pay back what was ordered, and records it."""
        order = await transact(self._pool, lambda db: store_collection.select_order(db, job.order_id))
        if order is None:
            return
        invoice = await transact(self._pool, lambda db: store_invoices.select_invoice(db, order.invoice_id))
        assert invoice is not None and invoice.stripe_invoice_id is not None, "orders are of issued invoices"
        external_id, currency = invoice.stripe_invoice_id, invoice.currency
        try:
            reference = await self._sink.refund_invoice(external_id, order.id, order.amount, currency)
        except SinkError as error:
            reason = str(error)
            log.error("refund.refused", order_id=str(order.id), reason=reason)
            await transact(self._pool, lambda db: store_collection.close_order(db, order.id, reason))
            raise JobFailed(reason, is_permanent=True) from None
        await transact(self._pool, lambda db: self._record_refund(db, order.id, reference))

    async def _prepare(self, db: Connection, invoice_id: UUID) -> IssueRequest | None:
        """Assigns a draft to the sink, for good. None: nothing is left to do."""
        draft = await store_invoices.select_invoice(db, invoice_id, lock=True)
        if draft is None or draft.status != "draft":
            return None
        if draft.sink == OWN and draft.amount == 0:
            await self._billing.issue_invoice(db, invoice_id, self._clock())
            return None
        if draft.sink == OWN:
            draft = replace(draft, sink=self._sink.name)
            await store_invoices.update_state(db, draft)
        customer = await sink_customer(db, self._billing, draft.workspace_id, draft.customer_name)
        lines = await store_invoices.select_lines(db, draft.id, draft.workspace_id)
        return IssueRequest(
            SinkInvoice(
                id=draft.id,
                customer_id=customer.customer_id or "",
                currency=draft.currency,
                lines=[SinkLine(one.id, one.description, one.amount, one.since, one.until) for one in lines],
                total=draft.amount,
                period_start=draft.period_start,
                period_end=draft.period_end,
                due_at=draft.period_end,
            ),
            customer,
        )

    async def _record_issue(self, db: Connection, invoice_id: UUID, receipt: SinkReceipt) -> None:
        now, draft = self._clock(), await issuance.lock_invoice(db, invoice_id)
        if draft.status != "draft":
            return
        days = await self._billing.platform.setting(db, "invoice_due_days")
        issued = replace(
            draft,
            number=receipt.number,
            stripe_invoice_id=receipt.external_id,
            status="pending",
            issued_at=now,
            due_at=now + timedelta(days=days),
        )
        await issuance.save_state(db, issued)
        await store_collection.upsert_collection(db, Collection(issued.id, issued.workspace_id, 0, now, now))
        if (await apply_receipt(db, issued, receipt, now)).status == "pending":
            await self._billing.notify(db, issued, invoice_email)
            await enqueue_once(db, CHARGE_INVOICE, ChargeInvoiceJob(issued.id))

    async def _find_charge(self, db: Connection, invoice_id: UUID) -> tuple[str, str, int] | None:
        """The sink's ids of invoice and payment method, and the number of the attempt; None if no charge is due, or
        there is nothing to charge."""
        collection = await store_collection.select_collection(db, invoice_id, lock=True)
        invoice = await store_invoices.select_invoice(db, invoice_id)
        if collection is None or invoice is None or invoice.stripe_invoice_id is None:
            return None
        if not collection.is_due(self._clock()):
            return None
        if invoice.status not in OPEN:
            # Staff had it paid or void. Left due, it would be found again each minute, before others.
            await store_collection.upsert_collection(db, replace(collection, next_attempt_at=None))
            return None
        account = await store_collection.select_account(db, invoice.workspace_id)
        if account is None or account.payment_method_id is None:
            await store_collection.upsert_collection(db, replace(collection, next_attempt_at=None))
            return None
        return invoice.stripe_invoice_id, account.payment_method_id, collection.attempts

    async def _record_decline(self, db: Connection, invoice_id: UUID, attempt: int, method_id: str) -> None:
        """Counts a decline once, however often its job ran. A payment method that was set meanwhile is charged at
        once."""
        collection = await store_collection.select_collection(db, invoice_id, lock=True)
        invoice = await store_invoices.select_invoice(db, invoice_id)
        if collection is None or collection.attempts != attempt or invoice is None:
            return
        is_replaced = await self._is_replaced(db, invoice.workspace_id, method_id)
        declined = after_decline(collection, self._clock(), is_replaced=is_replaced)
        await store_collection.upsert_collection(db, declined)
        if not is_replaced:
            await self._billing.notify(db, invoice, declined_email)

    async def _is_replaced(self, db: Connection, workspace_id: UUID, method_id: str) -> bool:
        """Whether another payment method than this pays by now."""
        account = await store_collection.select_account(db, workspace_id)
        return account is not None and account.payment_method_id not in (None, method_id)

    async def _apply(self, db: Connection, invoice_id: UUID, receipt: SinkReceipt) -> Invoice:
        return await apply_receipt(db, await issuance.lock_invoice(db, invoice_id), receipt, self._clock())

    async def _record_refund(self, db: Connection, order_id: UUID, reference: str) -> None:
        order = await store_collection.select_order(db, order_id, lock=True)
        if order is None:
            return
        invoice = await issuance.lock_invoice(db, order.invoice_id)
        made = issuance.make_payment(
            invoice, -order.amount, invoice.sink, self._clock(), reference=reference, by=order.ordered_by
        )
        await issuance.refund_payment(db, SYSTEM, replace(made, id=order.id, reason=order.reason))
        await store_collection.close_order(db, order.id)

    async def _refuse(self, invoice_id: UUID, error: SinkError, method_id: str | None = None) -> None:
        """Records that the sink refused an invoice for good: nothing more is tried until staff resume it, or another
        payment method is set. method_id: the one that was to be charged; it may be gone at the sink, whose report of
        that may be lost, so the sink is asked."""
        now, reason = self._clock(), str(error)
        log.error("invoice.refused", invoice_id=str(invoice_id), reason=reason)

        async def work(db: Connection) -> None:
            invoice = await issuance.lock_invoice(db, invoice_id)
            stored = await store_collection.select_collection(db, invoice_id, lock=True)
            if method_id is not None:
                account = await store_collection.select_account(db, invoice.workspace_id)
                if account is not None:
                    await enqueue_once(db, CHECK_CUSTOMER, CheckCustomerJob(account.customer_id))
                if await self._is_replaced(db, invoice.workspace_id, method_id):
                    return
            kept = stored or Collection(invoice_id, invoice.workspace_id, 0, None, now)
            await store_collection.upsert_collection(db, replace(kept, next_attempt_at=None, last_error=reason))

        await transact(self._pool, work)
