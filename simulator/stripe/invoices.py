"""Operations on invoice items, invoices, payments of invoices and refunds (docs.stripe.com/invoicing/overview)."""

from typing import Any

from simulator.stripe.account import StripeAccount, StripeObject, make_page, read_integer, read_text
from simulator.stripe.customers import find_customer
from simulator.stripe.errors import StripeFailure, declined_card, invalid_parameter

# The minimum charge in US cents (docs.stripe.com/currencies, minimum charge amounts).
MINIMUM_CHARGE = 50
# Maximum number of items per invoice (docs.stripe.com/changelog/2016-02-22/no-more-than-250-invoice-items).
MOST_ITEMS = 250


def create_invoice(account: StripeAccount, params: StripeObject) -> StripeObject:
    customer = find_customer(account, read_text(params, "customer"))
    method = params.get("collection_method", "charge_automatically")
    if method == "send_invoice" and not {"days_until_due", "due_date"} & params.keys():
        raise invalid_parameter("send_invoice needs days_until_due or due_date.", "days_until_due")
    made = account.add(
        "in",
        "invoice",
        {
            "customer": customer["id"],
            "currency": params.get("currency", "usd"),
            "collection_method": method,
            "auto_advance": params.get("auto_advance") == "true",
            "billing_reason": "manual",
            "description": params.get("description"),
            "metadata": params.get("metadata", {}),
            "status": "draft",
            "number": None,
            "hosted_invoice_url": None,
            "invoice_pdf": None,
            "due_date": None,
            "amount_paid": 0,
            "pre_payment_credit_notes_amount": 0,
            "post_payment_credit_notes_amount": 0,
            "attempt_count": 0,
            "attempted": False,
            "parent": None,
            "status_transitions": dict.fromkeys(("finalized_at", "paid_at", "voided_at", "marked_uncollectible_at")),
        },
    )
    _sum_up(account, made)
    account.emit("invoice.created", made)
    return made


def get_invoice(account: StripeAccount, params: StripeObject, invoice_id: str) -> StripeObject:
    return account.find("invoice", invoice_id)


def list_invoices(account: StripeAccount, params: StripeObject) -> StripeObject:
    since = read_integer(params.get("created", {}), "gte", 0)
    wanted = {name: params[name] for name in ("customer", "status") if name in params}
    found = [
        one
        for one in account.all("invoice")
        if one["status"] != "deleted"
        and one["created"] >= since
        and all(one[name] == value for name, value in wanted.items())
    ]
    return make_page(found, params, "/v1/invoices")


def delete_invoice(account: StripeAccount, params: StripeObject, invoice_id: str) -> StripeObject:
    invoice = find_invoice(account, invoice_id, "draft", verb="deleted")
    invoice["status"] = "deleted"
    return {"id": invoice_id, "object": "invoice", "deleted": True}


def create_invoice_item(account: StripeAccount, params: StripeObject) -> StripeObject:
    """Add an item to a draft invoice. Without `invoice`, the item waits for the customer's next invoice."""
    customer = find_customer(account, read_text(params, "customer"))
    invoice_id = params.get("invoice")
    amount, currency = read_integer(params, "amount"), params.get("currency", "usd")
    if invoice_id is not None:
        invoice = find_invoice(account, invoice_id, "draft", verb="edited", status=400)
        if invoice["customer"] != customer["id"] or invoice["currency"] != currency:
            raise StripeFailure("The invoice belongs to another customer or has another currency.", param="invoice")
        if sum(one["invoice"] == invoice_id for one in account.all("invoiceitem")) >= MOST_ITEMS:
            raise StripeFailure(f"You can add at most {MOST_ITEMS} invoice items to an invoice.", param="invoice")
    period = {name: read_integer(params.get("period", {}), name, int(account.now)) for name in ("start", "end")}
    made = account.add(
        "ii",
        "invoiceitem",
        {
            "customer": customer["id"],
            "invoice": invoice_id,
            "amount": amount,
            "currency": currency,
            "description": params.get("description"),
            "metadata": params.get("metadata", {}),
            "period": period,
        },
    )
    if invoice_id is not None:
        _sum_up(account, account.find("invoice", invoice_id))
    account.emit("invoiceitem.created", made)
    return made


def list_invoice_items(account: StripeAccount, params: StripeObject) -> StripeObject:
    found = [one for one in account.all("invoiceitem") if params.get("invoice") in (None, one["invoice"])]
    return make_page(found, params, "/v1/invoiceitems")


def finalize_invoice(account: StripeAccount, params: StripeObject, invoice_id: str) -> StripeObject:
    """Finalize an invoice.

    An amount below the minimum charge is added to the customer's balance and paid with the next invoice
    (docs.stripe.com/billing/customer/balance).
    """
    invoice = find_invoice(account, invoice_id, "draft", verb="finalized")
    customer = find_customer(account, invoice["customer"])
    due = invoice["total"] + customer["balance"]
    is_small = due < MINIMUM_CHARGE
    customer["balance"] = due if is_small else 0
    invoice["amount_due"] = invoice["amount_remaining"] = 0 if is_small else due
    invoice.update(
        status="open",
        number=account.take_invoice_number(),
        hosted_invoice_url=f"https://invoice.stripe.com/i/{invoice_id}",
        invoice_pdf=f"https://pay.stripe.com/invoice/{invoice_id}/pdf",
    )
    invoice["status_transitions"]["finalized_at"] = int(account.now)
    account.emit("invoice.finalized", invoice)
    if is_small:
        settle_invoice(account, invoice)
    return invoice


def pay_invoice(account: StripeAccount, params: StripeObject, invoice_id: str) -> StripeObject:
    """Charge the customer's default payment method, or mark the invoice as paid elsewhere (paid_out_of_band)."""
    if account.find("invoice", invoice_id)["status"] == "paid":
        raise StripeFailure("Invoice is already paid", code="invoice_already_paid")
    invoice = find_invoice(account, invoice_id, "open", "uncollectible", verb="paid")
    if params.get("paid_out_of_band") == "true":
        settle_invoice(account, invoice)
        return invoice
    customer = find_customer(account, invoice["customer"])
    method = params.get("payment_method") or customer["invoice_settings"]["default_payment_method"]
    if method is None:
        raise StripeFailure("There is no default_payment_method set on this Customer or Invoice.", code="missing")
    found = account.find("payment_method", method, status=400)
    if found["customer"] != customer["id"]:
        raise StripeFailure(
            f"The customer does not have a payment method with the ID {method}. The payment method must be attached to "
            "the customer.",
            code="resource_missing",
            param="payment_method",
        )
    _charge(account, invoice, found)
    return invoice


def void_invoice(account: StripeAccount, params: StripeObject, invoice_id: str) -> StripeObject:
    return _close(account, invoice_id, "void", "voided_at", "invoice.voided")


def mark_uncollectible(account: StripeAccount, params: StripeObject, invoice_id: str) -> StripeObject:
    return _close(account, invoice_id, "uncollectible", "marked_uncollectible_at", "invoice.marked_uncollectible")


def list_invoice_payments(account: StripeAccount, params: StripeObject) -> StripeObject:
    intent = params.get("payment", {}).get("payment_intent")
    found = [
        one
        for one in account.all("invoice_payment")
        if params.get("invoice") in (None, one["invoice"]) and intent in (None, one["payment"]["payment_intent"])
    ]
    return make_page(found, params, "/v1/invoice_payments")


def create_refund(account: StripeAccount, params: StripeObject) -> StripeObject:
    intent = account.find("payment_intent", read_text(params, "payment_intent"), status=400)
    left = intent["amount_received"] - intent["amount_refunded"]
    amount = read_integer(params, "amount", left)
    if left == 0:
        raise StripeFailure("Charge has already been refunded.", code="charge_already_refunded")
    if not 0 < amount <= left:
        raise StripeFailure(f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})")
    intent["amount_refunded"] += amount
    fields = {"amount": amount, "payment_intent": intent["id"], "currency": intent["currency"], "status": "succeeded"}
    made = account.add("re", "refund", {**fields, "metadata": params.get("metadata", {})})
    account.emit("refund.created", made)
    return made


def list_refunds(account: StripeAccount, params: StripeObject) -> StripeObject:
    intent = params.get("payment_intent")
    found = [one for one in account.all("refund") if intent in (None, one["payment_intent"])]
    return make_page(found, params, "/v1/refunds")


def list_events(account: StripeAccount, params: StripeObject) -> StripeObject:
    kind = params.get("type")
    return make_page([one for one in account.all("event") if kind in (None, one["type"])], params, "/v1/events")


def find_invoice(account: StripeAccount, invoice_id: str, *statuses: str, verb: str, status: int = 404) -> StripeObject:
    """Return an invoice. Raises StripeFailure unless it has one of the statuses."""
    invoice = account.find("invoice", invoice_id, status=status)
    if invoice["status"] not in statuses:
        raise StripeFailure(f"An invoice with the status {invoice['status']} can't be {verb}.")
    return invoice


def _close(account: StripeAccount, invoice_id: str, status: str, moment: str, event: str) -> StripeObject:
    invoice = find_invoice(account, invoice_id, "open", "uncollectible", verb=f"marked {status}")
    invoice["status"] = status
    invoice["status_transitions"][moment] = int(account.now)
    account.emit(event, invoice)
    return invoice


def _charge(account: StripeAccount, invoice: StripeObject, method: StripeObject) -> None:
    invoice["attempted"], invoice["attempt_count"] = True, invoice["attempt_count"] + 1
    last4 = method["card"]["last4"]
    if last4 == "3184":
        account.emit("invoice.payment_action_required", invoice)
        raise declined_card("authentication_required", "invoice_payment_intent_requires_action")
    if last4 == "0341" or method["id"] in account.declining:
        account.emit("invoice.payment_failed", invoice)
        raise declined_card("generic_decline")
    amount = invoice["amount_due"]
    intent = account.add(
        "pi",
        "payment_intent",
        {
            "customer": invoice["customer"],
            "amount": amount,
            "amount_received": amount,
            "amount_refunded": 0,
            "currency": invoice["currency"],
            "payment_method": method["id"],
            "status": "succeeded",
        },
    )
    paid = {"invoice": invoice["id"], "amount_paid": amount, "status": "paid", "currency": invoice["currency"]}
    account.add(
        "inpay",
        "invoice_payment",
        {**paid, "payment": {"type": "payment_intent", "payment_intent": intent["id"]}},
    )
    settle_invoice(account, invoice)


def settle_invoice(account: StripeAccount, invoice: StripeObject) -> None:
    """Mark the whole invoice as paid."""
    invoice.update(status="paid", amount_paid=invoice["amount_due"], amount_remaining=0)
    invoice["status_transitions"]["paid_at"] = int(account.now)
    account.emit("invoice.paid", invoice)
    account.emit("invoice.payment_succeeded", invoice)


def _sum_up(account: StripeAccount, invoice: StripeObject) -> None:
    """Calculate the invoice's amounts from its items."""
    items = [one for one in reversed(account.all("invoiceitem")) if one["invoice"] == invoice["id"]]
    total = sum(item["amount"] for item in items)
    due = max(total, 0)
    lines: list[Any] = [
        {**{name: item[name] for name in ("amount", "currency", "description", "metadata", "period")},
         "id": f"il_{item['id']}", "object": "line_item", "invoice": invoice["id"]}
        for item in items
    ]  # fmt: skip
    invoice["lines"] = make_page(lines, {}, f"/v1/invoices/{invoice['id']}/lines")
    invoice.update(total=total, subtotal=total, amount_due=due, amount_remaining=due)
