"""Brings our records of invoices to what their sink reports of them."""

from dataclasses import replace
from datetime import datetime
from typing import Final

import structlog

from control.billing import issuance, store_collection, store_invoices
from control.billing.invoices import Invoice
from control.billing.sinks import SinkReceipt
from control.db.pool import Connection
from control.platform.audit import Actor

OPEN: Final = ("pending", "overdue")
SYSTEM: Final = Actor("system")
log = structlog.get_logger()


async def apply_receipt(db: Connection, invoice: Invoice, receipt: SinkReceipt, now: datetime) -> Invoice:
    """Reports may come in any order and twice: what is paid or void stays so; an uncollectible invoice may still be
    paid. invoice: locked, and issued. Needs platform scope."""
    match receipt.status:
        case "paid" if invoice.status in (*OPEN, "uncollectible"):
            invoice = await _settle(db, invoice, receipt, now)
        case "paid" if invoice.status == "void":
            log.error("invoice.paid_after_void", invoice_id=str(invoice.id), workspace_id=str(invoice.workspace_id))
        case "void" if invoice.status in (*OPEN, "uncollectible") and invoice.amount_paid == 0:
            invoice = await _reopen(db, invoice)
            invoice = await issuance.void_invoice(db, SYSTEM, invoice.id, f"Void at {invoice.sink}.", now)
        case "uncollectible" if invoice.status in OPEN:
            invoice = replace(invoice, status="uncollectible")
            await store_invoices.update_state(db, invoice)
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
    await store_invoices.update_state(db, invoice)
    return invoice
