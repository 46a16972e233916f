"""Brings our records of invoices to what their sink reports of them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Final

import structlog

from control.billing import issuance, store_collection, store_payments
from control.billing.invoices import Invoice, Payment
from control.billing.reported_invoices import store_state
from control.billing.sinks import SinkAmount, SinkReceipt
from control.db.pool import Connection
from control.platform.audit import Actor

OPEN: Final = ("pending", "overdue")
SYSTEM: Final = Actor("system")
# The method of payments by a credit note: no money moved.
CREDIT_NOTE: Final = "credit_note"
log = structlog.get_logger()


async def apply_receipt(db: Connection, invoice: Invoice, receipt: SinkReceipt, now: datetime) -> Invoice:
    """Reports may come in any order and twice: what is paid or void stays so; an uncollectible invoice may still be
    paid. Credit notes come first: of a void invoice all charges are given up, so that none counts. invoice: locked, and
    issued. Needs platform scope."""
    credited = () if receipt.status == "void" else receipt.credited
    invoice = await _apply_credits(db, invoice, credited, now)
    match receipt.status:
        case "paid" if invoice.status in (*OPEN, "uncollectible"):
            invoice = await _settle(db, invoice, receipt, now)
        case "paid" if invoice.status == "void":
            log.error("invoice.paid_after_void", invoice_id=str(invoice.id), workspace_id=str(invoice.workspace_id))
        case "void" if invoice.status in (*OPEN, "uncollectible") and _is_unpaid(invoice):
            invoice = await _reopen(db, invoice)
            invoice = await issuance.void_invoice(db, SYSTEM, invoice.id, f"Void at {invoice.sink}.", now)
        case "uncollectible" if invoice.status in OPEN:
            invoice = replace(invoice, status="uncollectible")
            await store_state(db, invoice)
    if receipt.refunded is not None and invoice.amount_paid:
        invoice = await _apply_refunds(db, invoice, receipt.refunded, now)
    await store_collection.mark_checked(db, invoice.id, now, is_over=invoice.status not in OPEN)
    return invoice


async def _settle(db: Connection, invoice: Invoice, receipt: SinkReceipt, now: datetime) -> Invoice:
    """The sink took all that was open."""
    invoice = await _reopen(db, invoice)
    payment = issuance.make_payment(invoice, invoice.amount_due, invoice.sink, now, reference=receipt.external_id)
    return await issuance.record_payment(db, SYSTEM, payment)


async def _reopen(db: Connection, invoice: Invoice) -> Invoice:
    """An uncollectible invoice is to be paid again, so that it can be paid or void."""
    if invoice.status != "uncollectible":
        return invoice
    invoice = replace(invoice, status="pending")
    await store_state(db, invoice)
    return invoice


def _is_unpaid(invoice: Invoice) -> bool:
    return invoice.amount_paid <= invoice.amount_refunded


async def _apply_credits(db: Connection, invoice: Invoice, reported: Sequence[SinkAmount], now: datetime) -> Invoice:
    """Records credit notes that are new, and those that became void."""
    payments = await store_payments.select_payments(db, invoice.id, invoice.workspace_id)
    recorded = _sum_by_reference([one for one in payments if one.method == CREDIT_NOTE])
    for one in reported:
        if recorded.pop(one.reference, Decimal(0)) == 0 and one.amount <= invoice.amount_due:
            credit = issuance.make_payment(invoice, one.amount, CREDIT_NOTE, now, reference=one.reference)
            invoice = await issuance.credit_invoice(db, SYSTEM, replace(credit, reason=one.reason))
    for reference, amount in recorded.items():
        if amount > 0 and invoice.status in OPEN:
            gone = issuance.make_payment(invoice, -amount, CREDIT_NOTE, now, reference=reference)
            invoice = await issuance.cancel_credit(db, SYSTEM, replace(gone, reason="The credit note is void."))
    return invoice


async def _apply_refunds(db: Connection, invoice: Invoice, reported: Sequence[SinkAmount], now: datetime) -> Invoice:
    """Records what was paid back since, by staff at the sink or by an order of ours, and what came back."""
    payments = await store_payments.select_payments(db, invoice.id, invoice.workspace_id)
    refunds = {one.reference for one in payments if one.kind == "refund" and one.method == invoice.sink}
    recorded = _sum_by_reference([one for one in payments if one.method == invoice.sink and one.reference in refunds])
    for one in reported:
        if recorded.pop(one.reference, Decimal(0)) == 0:
            invoice = await _record_refund(db, invoice, one, now)
    for reference, amount in recorded.items():
        if amount < 0:
            back = issuance.make_payment(invoice, -amount, invoice.sink, now, reference=reference)
            invoice = await issuance.cancel_refund(db, SYSTEM, replace(back, reason="The refund failed."))
    return invoice


async def _record_refund(db: Connection, invoice: Invoice, one: SinkAmount, now: datetime) -> Invoice:
    if one.amount > invoice.amount_paid - invoice.amount_refunded:
        log.error("refund.too_high", invoice_id=str(invoice.id), reference=one.reference)
        return invoice
    order = await store_collection.select_order(db, one.order_id, lock=True) if one.order_id else None
    refund = issuance.make_payment(invoice, -one.amount, invoice.sink, now, reference=one.reference)
    if order is not None:
        refund = replace(refund, recorded_by=order.ordered_by)
        await store_collection.close_order(db, order.id)
    reason = order.reason if order is not None else one.reason
    return await issuance.refund_payment(db, SYSTEM, replace(refund, reason=reason))


def _sum_by_reference(payments: Sequence[Payment]) -> dict[str, Decimal]:
    """A reference occurs twice where something was taken back."""
    sums: dict[str, Decimal] = {}
    for one in payments:
        sums[one.reference] = sums.get(one.reference, Decimal(0)) + one.amount
    return sums
