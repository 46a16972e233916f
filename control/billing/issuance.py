"""Invoices that the platform issues itself: numbered without gaps, then paid, overdue or void."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from control.analytics.rollup import WorkspaceDay, mark_days
from control.billing import store_charges, store_invoices, store_payments, store_periods
from control.billing.invoices import Invoice, Payment
from control.billing.model import PeriodCharge
from control.billing.prices import round_amount
from control.billing.reported_invoices import store_state
from control.billing.sinks import OWN
from control.db.pool import Connection
from control.platform.audit import Actor, Change, record_change
from shared.errors import Conflict, Invalid, NotFound
from shared.ids import new_id

_OPEN: Final = ("pending", "overdue")
_INSTANT: Final = timedelta(microseconds=1)
_ZERO: Final = Decimal(0)


async def issue_own(db: Connection, invoice_id: UUID, now: datetime, due_days: int) -> Invoice | None:
    """Gives a draft its number and makes it due. None: it is issued already, or a sink issues it. Needs platform scope.

    The series is the year in the customer's time zone, as tax offices want it. One whose total is 0 is paid at once.
    """
    draft = await store_invoices.select_invoice(db, invoice_id, lock=True)
    if draft is None or draft.status != "draft" or draft.sink != OWN:
        return None
    series = f"{now.astimezone(ZoneInfo(draft.timezone)):%Y}"
    number = f"{series}-{await store_invoices.take_number(db, series):06}"
    is_paid = draft.amount == 0
    issued = replace(
        draft,
        number=number,
        status="paid" if is_paid else "pending",
        issued_at=now,
        due_at=now + timedelta(days=due_days),
        paid_at=now if is_paid else None,
    )
    await save_state(db, issued)
    return issued


async def mark_overdue(db: Connection, now: datetime, most: int) -> list[Invoice]:
    """Pending invoices whose time to pay is over become overdue; returns them. Needs platform scope."""
    late = [replace(one, status="overdue") for one in await store_invoices.lock_overdue(db, now, most)]
    for invoice in late:
        await save_state(db, invoice)
    return late


async def record_payment(db: Connection, actor: Actor, payment: Payment) -> Invoice:
    """Records money that came in; the invoice is paid once all of it did. Repeated with the same method and reference
    it changes nothing. Raises NotFound, Conflict (codes invoice_not_open, reference_used), Invalid (code
    amount_too_high)."""
    invoice = await lock_invoice(db, payment.invoice_id)
    if not await _insert(db, payment):
        return invoice
    if invoice.status not in _OPEN:
        raise Conflict(f"This invoice is {invoice.status}: nothing is to be paid.", code="invoice_not_open")
    if payment.amount > invoice.amount_due:
        raise Invalid(f"At most {invoice.amount_due} is to be paid.", param="amount", code="amount_too_high")
    paid = replace(invoice, amount_paid=invoice.amount_paid + payment.amount)
    if paid.amount_due == 0:
        paid = replace(paid, status="paid", paid_at=payment.at)
    await save_state(db, paid)
    await _audit(db, actor, "invoice.payment", invoice, paid, payment.reason)
    return paid


async def refund_payment(db: Connection, actor: Actor, refund: Payment) -> Invoice:
    """Records that money was paid back: a payment of its own with a negative amount. A paid invoice stays paid; of an
    open one, which was paid in part, as much is due again. Raises NotFound, Conflict (codes invoice_not_paid,
    reference_used), Invalid (code amount_too_high)."""
    invoice = await lock_invoice(db, refund.invoice_id)
    if not await _insert(db, refund):
        return invoice
    left = invoice.amount_paid - invoice.amount_refunded
    if left <= 0:
        raise Conflict("Nothing was paid that could be paid back.", code="invoice_not_paid")
    if -refund.amount > left:
        raise Invalid(f"At most {left} can be paid back.", param="amount", code="amount_too_high")
    refunded = replace(invoice, amount_refunded=invoice.amount_refunded - refund.amount)
    await save_state(db, refunded)
    await _audit(db, actor, "invoice.refund", invoice, refunded, refund.reason)
    return refunded


async def void_invoice(db: Connection, actor: Actor, invoice_id: UUID, reason: str, now: datetime) -> Invoice:
    """Declares an issued invoice void: its charges are given up, and reversed in the ledger. Credits that it used are
    free again. Raises NotFound, Conflict (code invoice_not_open): a paid one is refunded."""
    invoice = await lock_invoice(db, invoice_id)
    if invoice.status == "void":
        return invoice
    if invoice.status not in _OPEN or invoice.amount_paid > invoice.amount_refunded:
        raise Conflict(
            "Only an invoice that is issued and not paid can be void; refund a paid one.", code="invoice_not_open"
        )
    void = replace(invoice, status="void", voided_at=now, voided_why=reason)
    await save_state(db, void)
    await _reverse(db, invoice, Decimal(1))
    await _audit(db, actor, "invoice.void", invoice, void, reason)
    return void


async def credit_invoice(db: Connection, actor: Actor, credit: Payment) -> Invoice:
    """Records a credit note: so much of an open invoice is not to be paid any more. Its share of the charges is given
    up, and reversed in the ledger. Raises as `record_payment` does."""
    invoice = await lock_invoice(db, credit.invoice_id)
    credited = await record_payment(db, actor, credit)
    await _reverse(db, invoice, credit.amount / invoice.amount)
    return credited


async def cancel_credit(db: Connection, actor: Actor, cancelled: Payment) -> Invoice:
    """Records that a credit note became void: as much is due again. cancelled: with the negative amount. Raises as
    `refund_payment` does."""
    invoice = await lock_invoice(db, cancelled.invoice_id)
    due = await refund_payment(db, actor, cancelled)
    await _reverse(db, invoice, cancelled.amount / invoice.amount)
    return due


async def cancel_refund(db: Connection, actor: Actor, returned: Payment) -> Invoice:
    """Records that money which was paid back came back, because the customer's bank did not take it. Repeated with the
    same method and reference it changes nothing. Raises NotFound, Conflict (code reference_used)."""
    invoice = await lock_invoice(db, returned.invoice_id)
    if not await _insert(db, returned):
        return invoice
    after = replace(invoice, amount_refunded=invoice.amount_refunded - returned.amount)
    await save_state(db, after)
    await _audit(db, actor, "invoice.cancel_refund", invoice, after, returned.reason)
    return after


async def lock_invoice(db: Connection, invoice_id: UUID) -> Invoice:
    """An invoice, locked until the transaction ends. Raises NotFound (code invoice_not_found). Needs platform scope."""
    invoice = await store_invoices.select_invoice(db, invoice_id, lock=True)
    if invoice is None:
        raise NotFound("There is no such invoice.", code="invoice_not_found")
    return invoice


async def save_state(db: Connection, invoice: Invoice) -> None:
    """Stores an invoice's state, and that of its period, which is the same. The invoice must be locked."""
    await store_state(db, invoice)
    if invoice.billing_period_id is not None and invoice.status in ("pending", "paid", "overdue", "void"):
        await store_periods.update_status(db, invoice.billing_period_id, invoice.status)


async def _insert(db: Connection, payment: Payment) -> bool:
    """Returns False if it was recorded before. Raises Invalid, and Conflict if another amount was."""
    if payment.amount == 0:
        raise Invalid("The amount is 0.", param="amount", code="amount_too_low")
    if await store_payments.insert_payment(db, payment):
        return True
    recorded = await store_payments.select_amount(db, payment)
    if recorded != payment.amount:
        message = f"The reference {payment.reference!r} is that of {recorded} already: give this one another."
        raise Conflict(message, code="reference_used", param="reference")
    return False


async def _reverse(db: Connection, invoice: Invoice, share: Decimal) -> None:
    """A row of the ledger for each line, in the period that the line billed: with the share 1 their sum is 0."""
    charges = [
        PeriodCharge(
            at=(line.until or invoice.period_end) - _INSTANT,
            resource_type="credit",
            quantity=Decimal(1),
            unit="invoice",
            cost=_ZERO,
            price=-round_amount(line.exact * share),
            is_adjustment=True,
            line_id=line.id,
        )
        for line in await store_invoices.select_lines(db, invoice.id, invoice.workspace_id)
        if line.kind != "tax" and line.exact
    ]
    await store_charges.insert_charges(db, invoice.workspace_id, charges)
    await mark_days(db, [WorkspaceDay(invoice.workspace_id, one.at.date()) for one in charges])


async def _audit(db: Connection, actor: Actor, action: str, before: Invoice, after: Invoice, reason: str) -> None:
    old, new = _audited(before), _audited(after)
    await record_change(
        db, actor, Change(action, "invoice", str(after.id), after.workspace_id, old, new, reason or None)
    )


def _audited(invoice: Invoice) -> dict[str, str]:
    return {
        "status": invoice.status,
        "amount_paid": str(invoice.amount_paid),
        "amount_refunded": str(invoice.amount_refunded),
    }


def make_payment(
    invoice: Invoice, amount: Decimal, method: str, at: datetime, *, reference: str = "", by: UUID | None = None
) -> Payment:
    """A payment for an invoice, or a refund where the amount is negative."""
    return Payment(
        id=UUID(new_id()),
        workspace_id=invoice.workspace_id,
        invoice_id=invoice.id,
        kind="payment" if amount > 0 else "refund",
        amount=amount,
        currency=invoice.currency,
        method=method,
        reference=reference,
        recorded_by=by,
        at=at,
    )
