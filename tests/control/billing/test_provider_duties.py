"""The duties of a billing provider: which jobs they enqueue, and that jobs which fail keep no others from being
enqueued.
"""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from control.billing.invoices import tasks as invoices_tasks
from control.billing.jobs import enqueue_new
from control.billing.payments import tasks as payments_tasks
from control.billing.payments.rules import CHECK_INVOICE, CheckInvoiceJob
from control.db.pool import Connection
from control.workspaces.service import Workspaces
from simulator.stripe import invoices
from tests.control.billing.stripe_worker import NEXT_MONTH, StripeWorker, open_stripe_worker


@pytest.fixture
async def worker(fresh_database_url: str, valkey_url: str, tmp_path: Path) -> AsyncIterator[StripeWorker]:
    async with open_stripe_worker(fresh_database_url, valkey_url, tmp_path) as opened:
        yield opened


async def make_open_invoices(worker: StripeWorker, number: int) -> list[UUID]:
    """Of workspaces without a card; their workspaces."""
    made = [await worker.create_workspace() for _ in range(number)]
    await worker.run()
    worker.move_to(NEXT_MONTH)
    await worker.run()
    return made


async def queued(worker: StripeWorker) -> list[str]:
    return [msgspec.json.decode(job["payload"], type=CheckInvoiceJob).external_id for job in await worker.jobs()]


async def test_new_jobs_are_those_that_are_not_queued(worker: StripeWorker) -> None:
    """At most so many, and also behind those that wait."""
    wanted = [CheckInvoiceJob(f"in_{number}") for number in range(5)]

    async def enqueue(db: Connection) -> list[int]:
        return [await enqueue_new(db, CHECK_INVOICE, wanted[:count], 2) for count in (0, 1, 5, 5, 5)]

    assert await worker.platform.in_platform(enqueue) == [0, 1, 2, 2, 0]
    assert await queued(worker) == [one.external_id for one in wanted]


async def run_checks(worker: StripeWorker) -> list[str]:
    """Runs the duty; returns what it enqueued."""
    (duty,) = (one for one in worker.tasks.duties if one.name == "invoice_checks")
    await duty.run_once(worker.platform.pool, worker.now)
    return await queued(worker)


async def test_an_invoice_that_stripe_does_not_know_lets_others_be_asked_about(
    worker: StripeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of another account, such as after the key was replaced by one of another account: its check fails for good.
    The duty enqueues one at a time here, and is run again at once after a full batch."""
    monkeypatch.setattr(payments_tasks, "BATCH", 1)
    await make_open_invoices(worker, 2)
    ids = [one["id"] for one in reversed(worker.account.all("invoice"))]
    lost = worker.account.find("invoice", ids[0])
    lost["status"] = "draft"  # so that the provider refuses to report it
    invoices.mark_uncollectible(worker.account, {}, ids[1])
    worker.move_to(worker.now + timedelta(hours=7))
    asked = []
    for _ in range(2):
        asked += await run_checks(worker)
        await worker.run_jobs()
    assert sorted(asked) == sorted(ids), "each once"
    assert await run_checks(worker) == [], "not again and again"
    states = await worker.platform.in_platform(lambda db: db.fetch("SELECT status FROM invoices ORDER BY status"))
    assert [state["status"] for state in states] == ["pending", "uncollectible"]


async def workspace_status(worker: StripeWorker, workspace_id: UUID) -> str:
    found: str = await worker.platform.in_platform(
        lambda db: db.fetchval("SELECT status FROM workspaces WHERE id = $1", workspace_id)
    )
    return found


async def test_nobody_is_suspended_while_stripe_cannot_be_asked(worker: StripeWorker) -> None:
    """The key was revoked for a month; the customer had paid on Stripe's page, and its webhook was refused."""
    (workspace_id,) = await make_open_invoices(worker, 1)
    (invoice,) = await worker.invoices(workspace_id)
    worker.account.key = "sk_another"
    for days in (15, 29, 30):
        worker.move_to(NEXT_MONTH + timedelta(days=days))
        await worker.run()
    assert (await worker.invoices(workspace_id))[0]["status"] == "overdue"
    assert await workspace_status(worker, workspace_id) == "active"
    invoices.pay_invoice(worker.account, {"paid_out_of_band": "true"}, invoice["stripe_invoice_id"])
    worker.account.key = "sk_test_simulated"
    for _ in range(2):
        worker.move_to(worker.now + timedelta(minutes=10))
        await worker.run()
    assert (await worker.invoices(workspace_id))[0]["status"] == "paid"
    assert await workspace_status(worker, workspace_id) == "active"


@pytest.mark.parametrize("later", ["void", "paid"])
async def test_giving_an_invoice_up_does_not_resume_its_workspace(worker: StripeWorker, later: str) -> None:
    """Marked uncollectible at Stripe, its workspace stays suspended until the invoice is void or paid."""
    (workspace_id,) = await make_open_invoices(worker, 1)
    external_id = (await worker.invoices(workspace_id))[0]["stripe_invoice_id"]
    for minutes in (0, 10):
        worker.move_to(NEXT_MONTH + timedelta(days=29, minutes=minutes))
        await worker.run()
    assert await workspace_status(worker, workspace_id) == "suspended"
    invoices.mark_uncollectible(worker.account, {}, external_id)
    workspaces = worker.platform.services[Workspaces]
    worker.move_to(worker.now + timedelta(hours=7))
    await worker.run()
    await worker.platform.in_platform(lambda db: invoices_tasks.resume_paid(db, workspaces, worker.now, 10))
    assert (await worker.invoices(workspace_id))[0]["status"] == "uncollectible"
    assert await workspace_status(worker, workspace_id) == "suspended"
    if later == "void":
        invoices.void_invoice(worker.account, {}, external_id)
    else:
        invoices.pay_invoice(worker.account, {"paid_out_of_band": "true"}, external_id)
    await worker.platform.in_platform(lambda db: enqueue_new(db, CHECK_INVOICE, [CheckInvoiceJob(external_id)], 1))
    await worker.run_jobs()
    assert (await worker.invoices(workspace_id))[0]["status"] == later
    await worker.platform.in_platform(lambda db: invoices_tasks.resume_paid(db, workspaces, worker.now, 10))
    assert await workspace_status(worker, workspace_id) == "active"
