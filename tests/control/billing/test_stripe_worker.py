"""Invoices at a simulated Stripe: issued and charged once, whatever the worker, Stripe or the network do."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import pytest

from simulator.stripe.faults import StripeFault, StripeFaultKind
from tests.control.billing.stripe_worker import (
    NEXT_MONTH,
    StripeWorker,
    WorkerKilled,
    hours_later,
    open_stripe_worker,
)
from tests.control.calls.call_platform import NOW


@pytest.fixture
async def worker(database_url: str, valkey_url: str, tmp_path: Path) -> AsyncIterator[StripeWorker]:
    async with open_stripe_worker(database_url, valkey_url, tmp_path) as opened:
        yield opened


async def make_draft(worker: StripeWorker) -> UUID:
    """A workspace with a card whose first period is over, and which owes something."""
    worker.move_to(NOW)
    workspace_id = await worker.create_workspace()
    await worker.add_card(workspace_id)
    await worker.run()
    worker.move_to(NEXT_MONTH)
    return workspace_id


async def check_paid_once(worker: StripeWorker, workspace_id: UUID, charged_before: int) -> None:
    (invoice,) = await worker.invoices(workspace_id)
    assert (invoice["status"], invoice["sink"]) == ("paid", "stripe")
    assert invoice["amount"] == invoice["amount_paid"] == await worker.paid(workspace_id) > 0
    found = worker.invoices_at_stripe(invoice["id"])
    final = [one for one in found if one["status"] != "draft"]
    assert len(final) == 1 and (final[0]["id"], final[0]["number"]) == (invoice["stripe_invoice_id"], invoice["number"])
    assert worker.charged() - charged_before == final[0]["total"] == int(invoice["amount"] * 100)


@pytest.mark.parametrize("hours", [1, 25])
async def test_a_worker_killed_between_any_two_steps_charges_once(worker: StripeWorker, hours: int) -> None:
    """Before and after each request in turn. After 25 hours Stripe has forgotten the keys when the next worker
    comes."""
    kills, is_killed = 0, True
    while is_killed:
        workspace_id = await make_draft(worker)
        charged = worker.charged()
        worker.transport.steps, worker.transport.kill_at = 0, kills + 1
        try:
            await worker.run()
            is_killed = False
        except WorkerKilled:
            kills += 1
        worker.transport.kill_at = None
        worker.move_to(hours_later(NEXT_MONTH, hours))
        await worker.run()
        await check_paid_once(worker, workspace_id, charged)
    assert kills >= 20, "before and after each of at least ten requests"
    assert worker.failures == []


@pytest.mark.parametrize("kind", ["rate_limited", "conflict", "error", "error_after", "reset"])
async def test_each_request_may_fail(worker: StripeWorker, kind: StripeFaultKind) -> None:
    """All requests of an invoice fail once, then work."""
    workspace_id = await make_draft(worker)
    charged = worker.charged()
    for path in ("/customers", "/invoices", "/invoiceitems", "/finalize", "/pay"):
        worker.stripe.faults.add(StripeFault(kind, path, "POST"))
    for minute in range(8):
        worker.move_to(hours_later(NEXT_MONTH, minute / 60))
        await worker.run()
    await check_paid_once(worker, workspace_id, charged)
    assert worker.failures, "the faults came"


async def test_a_kept_decline_does_not_meet_another_card(worker: StripeWorker) -> None:
    """The worker is killed after a decline that it has not recorded; then the owner sets a card that works."""
    worker.move_to(NOW)
    workspace_id = await worker.create_workspace()
    await worker.add_card(workspace_id, "pm_card_chargeCustomerFail")
    await worker.run()
    worker.move_to(NEXT_MONTH)
    charged, worker.transport.kill_at, worker.transport.steps = worker.charged(), None, 0
    worker.stripe.faults.add(StripeFault("rate_limited", "/pay", "POST"))
    await worker.run()
    # The charge is left: it looks for the invoice (two steps), then sends the charge (two).
    worker.transport.kill_at, worker.transport.steps = 4, 0
    with pytest.raises(WorkerKilled):
        await worker.run_jobs()
    worker.transport.kill_at = None
    await worker.add_card(workspace_id)
    await worker.run()
    await check_paid_once(worker, workspace_id, charged)
