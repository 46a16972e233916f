"""Invoices of a sink as the staff changes them: the sink first, outside of a transaction, then our records."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from control.billing import issuance, store_collection, store_invoices
from control.billing.administration import PaymentNotice, require_exact
from control.billing.collection import RefundOrder
from control.billing.invoices import Invoice
from control.billing.job_transactions import enqueue_once
from control.billing.payment_methods import sink_problems
from control.billing.receipts import OPEN
from control.billing.sink_jobs import REFUND, RefundJob
from control.billing.sinks import BillingSink
from control.db.pool import Connection
from control.platform.audit import Actor, Change, record_change
from shared.errors import Conflict, Invalid
from shared.ids import new_id


@dataclass(frozen=True, slots=True)
class SinkAdministration:
    """sink: where the platform's invoices are now; None: nowhere."""

    sink: BillingSink | None

    async def find_open(self, db: Connection, invoice_id: UUID) -> str | None:
        """The sink's id of an invoice that is open there; None where our records alone decide. Raises Conflict (code
        no_card_payments) for one of a sink that is not set up."""
        invoice = await store_invoices.select_invoice(db, invoice_id)
        if invoice is None or invoice.stripe_invoice_id is None or invoice.status not in OPEN:
            return None
        self._require_sink()
        return invoice.stripe_invoice_id

    async def void(self, external_id: str, reason: str) -> None:
        """Raises as `sink_problems` does."""
        with sink_problems():
            await self._require_sink().void_invoice(external_id, reason)

    async def settle(self, external_id: str) -> None:
        """Tells the sink that all of it was paid elsewhere. Raises as `sink_problems` does."""
        with sink_problems():
            await self._require_sink().settle_invoice(external_id)

    async def require_whole(self, db: Connection, invoice_id: UUID, amount: Decimal | None) -> None:
        """A sink takes no part payments from elsewhere. Raises Invalid (code amount_too_low)."""
        invoice = await issuance.lock_invoice(db, invoice_id)
        if amount is not None and amount < invoice.amount_due:
            raise Invalid(
                "The payment company has this invoice: only all of it can be recorded as paid elsewhere.",
                param="amount",
                code="amount_too_low",
            )

    async def order_refund(
        self, db: Connection, actor: Actor, invoice_id: UUID, notice: PaymentNotice, now: datetime
    ) -> Invoice | None:
        """Orders a refund, which a job has the sink pay back to the card; the invoice shows it once that is done. None:
        the invoice is not the sink's. Raises NotFound, Conflict (codes invoice_not_paid, no_card_payments), Invalid
        (codes amount_too_high, amount_invalid)."""
        invoice = await issuance.lock_invoice(db, invoice_id)
        if invoice.stripe_invoice_id is None:
            return None
        self._require_sink()
        orders = await store_collection.select_open_orders(db, invoice_id)
        left = invoice.amount_paid - invoice.amount_refunded - sum((one.amount for one in orders), Decimal(0))
        amount = left if notice.amount is None else require_exact(notice.amount, invoice.currency)
        if left <= 0:
            raise Conflict("Nothing was paid that could be paid back.", code="invoice_not_paid")
        if amount > left:
            raise Invalid(f"At most {left} can be paid back.", param="amount", code="amount_too_high")
        order = RefundOrder(UUID(new_id()), invoice.workspace_id, invoice.id, amount, notice.reason, actor.id)
        await store_collection.insert_order(db, order)
        await enqueue_once(db, REFUND, RefundJob(order.id))
        change = Change("invoice.order_refund", "invoice", str(invoice.id), invoice.workspace_id)
        await record_change(db, actor, change)
        return invoice

    async def resume(self, db: Connection, actor: Actor, invoice_id: UUID, now: datetime) -> Invoice:
        """Has an invoice issued or charged again that the sink refused. Raises NotFound, Conflict (code
        invoice_not_refused)."""
        invoice = await issuance.lock_invoice(db, invoice_id)
        if not await store_collection.resume_invoice(db, invoice_id, now):
            raise Conflict("The payment company has not refused this invoice.", code="invoice_not_refused")
        await record_change(db, actor, Change("invoice.resume", "invoice", str(invoice.id), invoice.workspace_id))
        return invoice

    def _require_sink(self) -> BillingSink:
        if self.sink is None:
            raise Conflict("The payment company of this invoice is not set up.", code="no_card_payments")
        return self.sink
