"""What staff correct in Stripe's dashboard is mirrored in our books: refunds, credit notes, disputes, voids."""

from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from control.billing.invoices.rules import PaymentNotice
from control.billing.jobs import enqueue_once
from control.billing.payments.rules import CHECK_PAYMENT, CheckPaymentJob
from control.db.pool import Connection
from simulator.stripe import corrections, invoices
from tests.control.billing.stripe_worker import NEXT_MONTH, StripeWorker, open_stripe_worker
from tests.control.calls.call_platform import NOW, STAFF


@pytest.fixture
async def worker(database_url: str, valkey_url: str, tmp_path: Path) -> AsyncIterator[StripeWorker]:
    async with open_stripe_worker(database_url, valkey_url, tmp_path) as opened:
        yield opened


async def make_invoice(worker: StripeWorker, *, is_paid: bool) -> UUID:
    worker.move_to(NOW)
    workspace_id = await worker.create_workspace()
    if is_paid:
        await worker.add_card(workspace_id)
    await worker.run()
    worker.move_to(NEXT_MONTH)
    await worker.run()
    (invoice,) = await worker.invoices(workspace_id)
    assert invoice["status"] == ("paid" if is_paid else "pending")
    return workspace_id


async def ask(worker: StripeWorker) -> None:
    """As the webhook of a refund, a dispute or a credit note has it done, twice."""
    for intent in worker.account.all("payment_intent"):
        job = CheckPaymentJob(intent["id"])
        await worker.platform.in_platform(partial(enqueue_once, name=CHECK_PAYMENT, job=job))
    worker.move_to(worker.now + timedelta(hours=7))
    for _ in range(2):
        await worker.run()


async def ledger(worker: StripeWorker, workspace_id: UUID) -> Decimal:
    async def read(db: Connection) -> Decimal:
        found: Decimal = await db.fetchval("SELECT sum(price) FROM usage_records WHERE workspace_id = $1", workspace_id)
        return found

    return await worker.platform.in_platform(read)


def assert_close(found: Decimal, expected: Decimal) -> None:
    """Each row has nine places."""
    assert abs(found - expected) < Decimal("1e-8")


def unexpected(worker: StripeWorker) -> list[str]:
    """Failures but of invoices of the tests before, which this Stripe does not know."""
    return [failure for failure in worker.failures if "404" not in failure]


async def read_invoice(worker: StripeWorker, workspace_id: UUID) -> Any:
    return (await worker.invoices(workspace_id))[0]


async def test_refunds_of_the_dashboard_are_recorded_once_and_taken_back_when_they_fail(worker: StripeWorker) -> None:
    workspace_id = await make_invoice(worker, is_paid=True)
    total = (await read_invoice(worker, workspace_id))["amount"]
    intent = worker.account.all("payment_intent")[0]["id"]
    refunds = [invoices.create_refund(worker.account, {"payment_intent": intent, "amount": cents}) for cents in
               ("700", "300")]  # fmt: skip
    await ask(worker)
    assert await worker.paid(workspace_id) == total - 10 == Decimal(worker.charged()) / 100
    corrections.fail_refund(worker.account, refunds[0]["id"])
    await ask(worker)
    await ask(worker)
    invoice = await read_invoice(worker, workspace_id)
    assert (invoice["amount_refunded"], invoice["status"]) == (3, "paid")
    assert await worker.paid(workspace_id) == total - 3 == Decimal(worker.charged()) / 100
    assert unexpected(worker) == []


async def test_a_lost_report_of_a_refund_is_made_up_for_within_a_week(worker: StripeWorker) -> None:
    workspace_id = await make_invoice(worker, is_paid=True)
    intent = worker.account.all("payment_intent")[0]["id"]
    invoices.create_refund(worker.account, {"payment_intent": intent, "amount": "500"})
    for days, refunded in ((6, 0), (8, 5)):
        worker.move_to(NEXT_MONTH + timedelta(days=days))
        await worker.run()
        assert (await read_invoice(worker, workspace_id))["amount_refunded"] == refunded


async def test_an_order_of_ours_that_the_check_finds_first_is_recorded_once(worker: StripeWorker) -> None:
    """The worker died after Stripe had paid back; the webhook comes before the job is repeated."""
    workspace_id = await make_invoice(worker, is_paid=True)
    invoice = await read_invoice(worker, workspace_id)
    notice = PaymentNotice(Decimal(5), "stripe", "", "Goodwill")
    await worker.platform.in_platform(lambda db: worker.payments.order_refund(db, STAFF, invoice["id"], notice))
    (order,) = await worker.platform.in_platform(lambda db: db.fetch("SELECT * FROM refund_orders WHERE status='open'"))
    await worker.provider.refund_invoice(invoice["stripe_invoice_id"], order["id"], Decimal(5), "usd")
    jobs = await worker.jobs()
    await worker.platform.in_platform(lambda db: db.execute("DELETE FROM pgqueuer"))
    await ask(worker)
    for job in jobs:
        await worker.tasks.handlers[job["entrypoint"]](job["payload"])
    rows = await worker.platform.in_platform(
        lambda db: db.fetch(
            "SELECT amount, reason FROM payments WHERE kind = 'refund' AND workspace_id = $1", workspace_id
        )
    )
    assert [(row["amount"], row["reason"]) for row in rows] == [(-5, "Goodwill")]
    assert (await read_invoice(worker, workspace_id))["amount_refunded"] == 5


@pytest.mark.parametrize(("status", "refunded"), [("won", False), ("lost", True)])
async def test_a_dispute_that_is_lost_is_a_refund(worker: StripeWorker, status: str, refunded: bool) -> None:
    workspace_id = await make_invoice(worker, is_paid=True)
    corrections.dispute_charge(worker.account, worker.account.all("payment_intent")[0]["id"], status=status)
    await ask(worker)
    invoice = await read_invoice(worker, workspace_id)
    assert invoice["amount_refunded"] == (invoice["amount"] if refunded else 0)


async def test_a_credit_note_of_a_paid_invoice_is_a_refund(worker: StripeWorker) -> None:
    """10 to the card, 4 to the balance at Stripe: both are recorded, each once."""
    workspace_id = await make_invoice(worker, is_paid=True)
    external_id = (await read_invoice(worker, workspace_id))["stripe_invoice_id"]
    note = {"invoice": external_id, "amount": "1400", "refund_amount": "1000", "credit_amount": "400"}
    corrections.create_credit_note(worker.account, note)
    before = await ledger(worker, workspace_id)
    await ask(worker)
    await ask(worker)
    rows = await worker.platform.in_platform(
        lambda db: db.fetch("SELECT amount FROM payments WHERE kind = 'refund' AND workspace_id = $1", workspace_id)
    )
    assert sorted(row["amount"] for row in rows) == [-10, -4]
    assert await ledger(worker, workspace_id) == before


@pytest.mark.parametrize("end", ["paid", "note void", "invoice void", "credited whole"])
async def test_a_credit_note_of_an_open_invoice_lowers_what_is_due(worker: StripeWorker, end: str) -> None:
    """Its share of the charges is reversed in the ledger; the card then pays the rest."""
    workspace_id = await make_invoice(worker, is_paid=False)
    invoice = await read_invoice(worker, workspace_id)
    total, external_id, whole = invoice["amount"], invoice["stripe_invoice_id"], await ledger(worker, workspace_id)
    cents = int(total * 100) if end == "credited whole" else 1000
    note = corrections.create_credit_note(worker.account, {"invoice": external_id, "amount": str(cents)})
    charged = worker.charged()
    if end != "paid":
        await ask(worker)
        assert await worker.paid(workspace_id) == Decimal(cents) / 100
        assert_close(await ledger(worker, workspace_id), whole * (1 - Decimal(cents) / 100 / total))
    if end == "note void":
        corrections.void_credit_note(worker.account, {}, note["id"])
    if end == "invoice void":
        invoices.void_invoice(worker.account, {}, external_id)
    if end == "paid":
        # Charged before anybody has heard of the credit note.
        await worker.add_card(workspace_id)
    await ask(worker)
    invoice = await read_invoice(worker, workspace_id)
    due = invoice["amount"] - invoice["amount_paid"] + invoice["amount_refunded"]
    match end:
        case "paid":
            assert (invoice["status"], worker.charged() - charged) == ("paid", int((total - 10) * 100))
            assert_close(await ledger(worker, workspace_id), whole * (1 - 10 / total))
        case "credited whole":
            assert (invoice["status"], worker.charged() - charged) == ("paid", 0)
        case "note void":
            assert (invoice["status"], due) == ("pending", total)
            assert await ledger(worker, workspace_id) == whole
        case "invoice void":
            assert invoice["status"] == "void" and await ledger(worker, workspace_id) == 0
    assert unexpected(worker) == []
