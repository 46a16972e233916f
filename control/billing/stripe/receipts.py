"""Reads the state of an invoice from Stripe: its status, credit notes and refunds."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from control.billing.payments.provider import BillingProviderError, InvoiceReceipt, ProviderAmount, ReceiptStatus
from control.billing.stripe.client import StripeApi, StripeInvoice, call_stripe, each_object, metadata_of, to_major

STATUSES: Final[Mapping[str, ReceiptStatus]] = {
    "open": "pending",
    "paid": "paid",
    "void": "void",
    "uncollectible": "uncollectible",
}
# Statuses of refunds that did not happen.
_FAILED: Final = ("failed", "canceled")


async def read_receipt(api: StripeApi, invoice: StripeInvoice, *, has_refunds: bool = False) -> InvoiceReceipt:
    """Return the state of an invoice. Raises BillingProviderError for a draft, and BillingProviderUnavailable.

    Args:
        has_refunds: Whether to query refunds, too.
    """
    status = STATUSES.get(invoice.status or "")
    if status is None or invoice.number is None:
        raise BillingProviderError(f"the invoice is {invoice.status} at Stripe")
    has_notes = invoice.pre_payment_credit_notes_amount or invoice.post_payment_credit_notes_amount
    notes = await _list_notes(api, invoice.id) if has_notes else []
    return InvoiceReceipt(
        external_id=invoice.id,
        number=invoice.number,
        status=status,
        due_at=None,
        pdf_url=None,
        credited=[_make_credit(note) for note in notes if note.pre_payment_amount],
        refunded=await _list_refunds(api, invoice, notes) if has_refunds else None,
    )


async def list_intents(api: StripeApi, invoice_id: str) -> list[str]:
    """Return the ids of the charges that paid an invoice."""
    page = await call_stripe(
        lambda: api.v1.invoice_payments.list_async({"invoice": invoice_id, "status": "paid", "limit": 100})
    )
    return [str(intent.payment.payment_intent) async for intent in each_object(page) if intent.payment.payment_intent]


async def find_invoice_of(api: StripeApi, payment_intent: str) -> str | None:
    """Return the id of the invoice that a charge paid, or None."""
    page = await call_stripe(
        lambda: api.v1.invoice_payments.list_async(
            {"payment": {"type": "payment_intent", "payment_intent": payment_intent}, "limit": 1}
        )
    )
    return str(page.data[0].invoice) if page.data else None


async def _list_notes(api: StripeApi, invoice_id: str) -> list[Any]:
    page = await call_stripe(lambda: api.v1.credit_notes.list_async({"invoice": invoice_id, "limit": 100}))
    return [note async for note in each_object(page) if note.status == "issued"]


async def _list_refunds(api: StripeApi, invoice: StripeInvoice, notes: list[Any]) -> list[ProviderAmount]:
    """Return refunds, disputes that the customer won, and other repayments by credit notes."""
    found = [amount for note in notes if (amount := _make_other_refund(note)).amount > 0]
    for intent in await list_intents(api, invoice.id):
        found += await _list_refunds_of(api, intent)
    return found


async def _list_refunds_of(api: StripeApi, intent: str) -> list[ProviderAmount]:
    refunds = await call_stripe(lambda: api.v1.refunds.list_async({"payment_intent": intent, "limit": 100}))
    disputes = await call_stripe(lambda: api.v1.disputes.list_async({"payment_intent": intent, "limit": 100}))
    found = [_make_refund(refund) async for refund in each_object(refunds) if refund.status not in _FAILED]
    return found + [
        ProviderAmount(dispute.id, to_major(dispute.amount, dispute.currency), "The customer won a dispute.")
        async for dispute in each_object(disputes)
        if dispute.status == "lost"
    ]


def _make_credit(note: Any) -> ProviderAmount:
    """Return the amount that a credit note deducted from the amount due."""
    return ProviderAmount(note.id, to_major(note.pre_payment_amount, note.currency), f"Credit note {note.number}")


def _make_other_refund(note: Any) -> ProviderAmount:
    """Return the amount of a paid invoice's credit note that was credited to the balance at Stripe or refunded
    elsewhere.
    """
    by_card = sum(refund.amount_refunded or 0 for refund in note.refunds)
    amount = to_major(note.post_payment_amount - by_card, note.currency)
    return ProviderAmount(note.id, amount, f"Credit note {note.number}")


def _make_refund(refund: Any) -> ProviderAmount:
    """Convert a refund. Its `order_id` is the id of our order, if we ordered the refund."""
    order_id = metadata_of(refund).get("refund_id")
    amount: Decimal = to_major(refund.amount, refund.currency)
    return ProviderAmount(refund.id, amount, "Refunded at Stripe.", UUID(order_id) if order_id else None)
