"""Operations on credit notes and disputes, and refunds that fail later.

Source: docs.stripe.com/invoicing/dashboard/credit-notes.
"""

from simulator.stripe.account import StripeAccount, StripeObject, make_page, read_integer, read_text
from simulator.stripe.errors import StripeFailure
from simulator.stripe.invoices import create_refund, find_invoice, settle_invoice


def create_credit_note(account: StripeAccount, params: StripeObject) -> StripeObject:
    """Reduce the open amount by `amount`.

    For a paid invoice, the money goes back to the card (refund_amount), to the customer's balance (credit_amount), or
    is paid back elsewhere (out_of_band_amount).
    """
    invoice = find_invoice(account, read_text(params, "invoice"), "open", "paid", verb="credited", status=400)
    amount = read_integer(params, "amount")
    before = min(amount, invoice["amount_remaining"])
    parts = {name: read_integer(params, name, 0) for name in ("refund_amount", "credit_amount", "out_of_band_amount")}
    if amount <= 0 or sum(parts.values()) != amount - before:
        raise StripeFailure("The sum of refund, credit and out of band amount must equal the post-payment amount.")
    refunds = _refund(account, invoice, parts["refund_amount"]) if parts["refund_amount"] else []
    account.find("customer", invoice["customer"])["balance"] -= parts["credit_amount"]
    number = len(account.all("credit_note")) + 1
    note = account.add(
        "cn",
        "credit_note",
        {
            "invoice": invoice["id"],
            "customer": invoice["customer"],
            "number": f"{invoice['number']}-CN-{number:02}",
            "currency": invoice["currency"],
            "amount": amount,
            "total": amount,
            "pre_payment_amount": before,
            "post_payment_amount": amount - before,
            "out_of_band_amount": parts["out_of_band_amount"] or None,
            "refunds": refunds,
            "reason": params.get("reason"),
            "status": "issued",
        },
    )
    _change_credit(invoice, before, amount - before)
    account.emit("credit_note.created", note)
    if invoice["status"] == "open" and not invoice["amount_remaining"]:
        settle_invoice(account, invoice)
    return note


def void_credit_note(account: StripeAccount, params: StripeObject, note_id: str) -> StripeObject:
    """Void a credit note. Raises StripeFailure unless its invoice is open."""
    note = account.find("credit_note", note_id)
    invoice = account.find("invoice", note["invoice"])
    if note["status"] == "void" or invoice["status"] != "open":
        raise StripeFailure("Only credit notes of open invoices can be voided.")
    note["status"] = "void"
    _change_credit(invoice, -note["pre_payment_amount"], 0)
    account.emit("credit_note.voided", note)
    return note


def list_credit_notes(account: StripeAccount, params: StripeObject) -> StripeObject:
    found = [one for one in account.all("credit_note") if params.get("invoice") in (None, one["invoice"])]
    return make_page(found, params, "/v1/credit_notes")


def list_disputes(account: StripeAccount, params: StripeObject) -> StripeObject:
    intent = params.get("payment_intent")
    found = [one for one in account.all("dispute") if intent in (None, one["payment_intent"])]
    return make_page(found, params, "/v1/disputes")


def dispute_charge(account: StripeAccount, intent_id: str, *, status: str) -> StripeObject:
    """Dispute a charge, as the customer's bank does. `status` is the outcome: won by the merchant, or lost."""
    intent = account.find("payment_intent", intent_id)
    fields = {"payment_intent": intent_id, "amount": intent["amount"], "currency": intent["currency"]}
    dispute = account.add("dp", "dispute", {**fields, "status": "needs_response"})
    account.emit("charge.dispute.created", dispute)
    dispute["status"] = status
    intent["amount_refunded"] += intent["amount"] if status == "lost" else 0
    account.emit("charge.dispute.closed", dispute)
    return dispute


def fail_refund(account: StripeAccount, refund_id: str) -> None:
    """Fail a refund because the customer's bank returned the money, for example if the account is closed."""
    refund = account.find("refund", refund_id)
    refund["status"] = "failed"
    account.find("payment_intent", refund["payment_intent"])["amount_refunded"] -= refund["amount"]
    account.emit("refund.failed", refund)


def _refund(account: StripeAccount, invoice: StripeObject, amount: int) -> list[StripeObject]:
    payments = [one for one in account.all("invoice_payment") if one["invoice"] == invoice["id"]]
    if not payments:
        raise StripeFailure("The invoice has no payment that could be refunded.", param="refund_amount")
    intent = payments[0]["payment"]["payment_intent"]
    refund = create_refund(account, {"payment_intent": intent, "amount": str(amount)})
    return [{"refund": refund["id"], "amount_refunded": amount, "type": "refund"}]


def _change_credit(invoice: StripeObject, before: int, after: int) -> None:
    invoice["pre_payment_credit_notes_amount"] += before
    invoice["post_payment_credit_notes_amount"] += after
    invoice["amount_due"] -= before
    invoice["amount_remaining"] -= before
