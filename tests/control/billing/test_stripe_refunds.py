"""Refunds by Stripe, and invoices that it refuses."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from control.billing.invoices.rules import PaymentNotice
from control.billing.payments.provider import (
    BillingCustomer,
    BillingProviderError,
    ProviderInvoice,
    ProviderInvoiceLine,
)
from control.billing.stripe.client import to_minor
from control.billing.stripe.provider import MOST_ITEMS
from shared.errors import Conflict, Invalid
from simulator.stripe.faults import StripeFault
from simulator.stripe.invoices import create_invoice_item
from tests.control.billing.stripe_worker import NEXT_MONTH, StripeWorker, open_stripe_worker
from tests.control.calls.call_platform import STAFF

NOBODY: dict[str, Any] = {
    "workspace_id": UUID(int=1), "customer_id": None, "name": "Acme", "email": None, "country": None, "tax_id": ""
}  # fmt: skip
FIVE = PaymentNotice(Decimal(5), "stripe", "", "Goodwill")


@pytest.fixture
async def worker(database_url: str, valkey_url: str, tmp_path: Path) -> AsyncIterator[StripeWorker]:
    async with open_stripe_worker(database_url, valkey_url, tmp_path) as opened:
        yield opened


async def make_paid_invoice(worker: StripeWorker) -> UUID:
    workspace_id = await worker.create_workspace()
    await worker.add_card(workspace_id)
    await worker.run()
    worker.move_to(NEXT_MONTH)
    await worker.run()
    (invoice,) = await worker.invoices(workspace_id)
    assert invoice["status"] == "paid"
    return workspace_id


async def order(worker: StripeWorker, workspace_id: UUID, notice: PaymentNotice) -> None:
    (invoice,) = await worker.invoices(workspace_id)
    await worker.platform.in_platform(lambda db: worker.payments.order_refund(db, STAFF, invoice["id"], notice))


async def test_money_is_paid_back_once(worker: StripeWorker) -> None:
    """Also where Stripe fails after it has paid back, and the job is repeated."""
    workspace_id = await make_paid_invoice(worker)
    charged = worker.charged()
    await order(worker, workspace_id, FIVE)
    (invoice,) = await worker.invoices(workspace_id)
    assert invoice["amount_refunded"] == 0, "only once it is done"
    with pytest.raises(Invalid):
        await order(worker, workspace_id, replace(FIVE, amount=invoice["amount"] - 4))
    worker.stripe.faults.add(StripeFault("error_after", "/refunds", "POST"))
    for _ in range(3):
        await worker.run()
    (invoice,) = await worker.invoices(workspace_id)
    assert (invoice["amount_refunded"], charged - worker.charged()) == (5, 500)
    assert await worker.paid(workspace_id) == invoice["amount"] - 5
    await order(worker, workspace_id, replace(FIVE, amount=None))
    await worker.run()
    assert await worker.paid(workspace_id) == worker.charged() == 0


async def test_a_refused_invoice_waits_for_staff(worker: StripeWorker) -> None:
    """Somebody adds an item to its draft at Stripe: one job fails for good, and no duty begins it again."""
    workspace_id = await worker.create_workspace()
    await worker.run()

    async def add_item(method: str, url: str, cents: int = 100) -> None:
        drafts = [one for one in worker.account.all("invoice") if one["status"] == "draft"]
        if drafts and (cents < 0 or len(worker.account.all("invoiceitem")) == 0):
            item = {"customer": drafts[0]["customer"], "invoice": drafts[0]["id"], "amount": str(cents)}
            create_invoice_item(worker.account, item)

    worker.transport.after = add_item
    worker.move_to(NEXT_MONTH)
    for _ in range(3):
        await worker.run()
    (invoice,) = await worker.invoices(workspace_id)
    assert invoice["status"] == "draft" and len(worker.failures) == 1
    error = await worker.platform.in_platform(
        lambda db: db.fetchval("SELECT last_error FROM sink_invoices WHERE invoice_id = $1", invoice["id"])
    )
    assert "total at Stripe" in error
    await add_item("", "", -100)
    await worker.platform.in_platform(lambda db: worker.payments.resume(db, STAFF, invoice["id"], worker.now))
    await worker.run()
    assert (await worker.invoices(workspace_id))[0]["status"] == "pending"
    with pytest.raises(Conflict):
        await worker.platform.in_platform(lambda db: worker.payments.resume(db, STAFF, invoice["id"], worker.now))


async def test_a_total_that_differs_is_never_finalized(worker: StripeWorker) -> None:
    """Here an item that somebody added to the draft at Stripe would change it."""
    customer_id = await worker.provider.ensure_customer(BillingCustomer(**NOBODY))
    line = ProviderInvoiceLine(uuid4(), "Fee", Decimal("49.00"), None, None)
    start, end = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
    invoice = ProviderInvoice(
        id=uuid4(), customer_id=customer_id, currency="usd", lines=[line], total=Decimal("48.99"), period_start=start,
        period_end=end, due_at=end,
    )  # fmt: skip
    worker.move_to(NEXT_MONTH)
    with pytest.raises(BillingProviderError, match="4900"):
        await worker.provider.issue_invoice(invoice)
    (draft,) = worker.invoices_at_stripe(invoice.id)
    assert draft["status"] == "draft"
    receipt = await worker.provider.issue_invoice(replace(invoice, total=Decimal(49)))
    assert (receipt.external_id, receipt.status) == (draft["id"], "pending")
    assert len(draft["lines"]["data"]) == 1, "the second run found the item of the first"


async def test_more_lines_than_an_invoice_may_have_are_summed_up(worker: StripeWorker) -> None:
    """Such as one for each of 300 numbers."""
    customer_id = await worker.provider.ensure_customer(BillingCustomer(**NOBODY))
    lines = [
        ProviderInvoiceLine(uuid4(), f"Number {number}", Decimal(1), None, None) for number in range(MOST_ITEMS + 50)
    ]
    start, end = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
    invoice = ProviderInvoice(
        id=uuid4(), customer_id=customer_id, currency="usd", lines=lines, total=Decimal(len(lines)), period_start=start,
        period_end=end, due_at=end,
    )  # fmt: skip
    worker.move_to(NEXT_MONTH)
    receipt = await worker.provider.issue_invoice(invoice)
    items = [one for one in worker.account.all("invoiceitem") if one["invoice"] == receipt.external_id]
    assert (len(items), sum(one["amount"] for one in items)) == (MOST_ITEMS, 100 * len(lines))
    assert (items[0]["description"], items[0]["amount"]) == ("51 further lines", 5_100)


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("49.00", "usd", 4900), ("-0.01", "eur", -1), ("500", "jpy", 500), ("5.120", "kwd", 5120), ("5", "isk", 500),
        ("20", "ugx", 2000),
    ],
)  # fmt: skip
def test_amounts_are_in_the_smallest_unit(amount: str, currency: str, minor: int) -> None:
    assert to_minor(Decimal(amount), currency) == minor


@pytest.mark.parametrize(
    ("amount", "currency"), [("0.001", "usd"), ("1.005", "kwd"), ("1", "iqd"), ("1", "huf"), ("0.5", "jpy")]
)
def test_amounts_that_stripe_cannot_have_are_refused(amount: str, currency: str) -> None:
    with pytest.raises(BillingProviderError):
        to_minor(Decimal(amount), currency)
