"""The life of a subscription at a simulated Stripe: trial, active, overdue, suspended, paid, cancelled; its webhooks
come twice, in the wrong order, late, or never. The clock moves over period ends."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest
from aiohttp import ClientSession, web

from control.billing.stripe.client import API_VERSION
from control.db.pool import Connection
from control.http.cors import Cors
from control.http.headers import default_headers
from control.http.metrics import HttpMetrics
from control.http.middleware import EdgeMiddleware
from control.http.origin import OriginReader
from control.inbound_webhooks.routes import Webhooks
from control.inbound_webhooks.source import WebhookOptions
from control.workspaces.administration import WorkspaceUpdate
from control.workspaces.service import Workspaces
from simulator.stripe import invoices
from simulator.stripe.account import StripeObject
from simulator.stripe.webhooks import StripeWebhooks, sign_payload
from tests.control.billing.stripe_worker import NEXT_MONTH, StripeWorker, open_stripe_worker
from tests.control.calls.call_platform import STAFF
from tests.platform.api import listening

OLD, NEW = "whsec_old", "whsec_new"


@dataclass(slots=True)
class StripeLink:
    """The worker's Stripe sends its webhooks to the platform."""

    worker: StripeWorker
    webhooks: StripeWebhooks
    session: ClientSession
    url: str

    async def deliver(self, *, reverse: bool = False, times: int = 1) -> None:
        """All that wait, then runs the jobs."""
        waiting = list(self.webhooks.waiting)
        for _ in range(times):
            order = reversed(waiting) if reverse else waiting
            assert set(await self.webhooks.deliver(self.session, order)) <= {200}
        await self.worker.run_jobs()


@pytest.fixture
async def link(database_url: str, valkey_url: str, tmp_path: Path) -> AsyncIterator[StripeLink]:
    async with open_stripe_worker(database_url, valkey_url, tmp_path) as worker, ClientSession() as session:
        options = WebhookOptions("http://localhost", stripe_secrets=(OLD, NEW))
        platform = worker.platform
        received = Webhooks(platform.pool, platform.services, options, clock=lambda: worker.now)
        edge = EdgeMiddleware(OriginReader(()), Cors(()), default_headers("http://localhost"), HttpMetrics())
        app = web.Application(middlewares=[edge.middleware()])
        received.add_to(app.router)
        async with listening(app) as url:
            address = f"{url}/webhooks/stripe"
            yield StripeLink(worker, StripeWebhooks(worker.account, address, (NEW,)), session, address)
        await received.close()


async def run_at(worker: StripeWorker, moment: datetime) -> None:
    worker.move_to(moment)
    await worker.run()


async def workspace_status(worker: StripeWorker, workspace_id: UUID) -> str:
    found: str = await worker.platform.in_platform(
        lambda db: db.fetchval("SELECT status FROM workspaces WHERE id = $1", workspace_id)
    )
    return found


async def check_books(worker: StripeWorker, workspace_id: UUID) -> None:
    """Ledger and lines agree to the last digit; what Stripe took is what we recorded."""

    async def sums(db: Connection) -> tuple[Decimal, Decimal]:
        ledger = "SELECT coalesce(sum(price), 0) FROM usage_records WHERE workspace_id = $1"
        lines = "SELECT coalesce(sum(exact), 0) FROM invoice_lines WHERE workspace_id = $1 AND kind <> 'tax'"
        return await db.fetchval(ledger, workspace_id), await db.fetchval(lines, workspace_id)

    ledger, lines = await worker.platform.in_platform(sums)
    assert ledger == lines
    assert worker.charged() == int(await worker.paid(workspace_id) * 100)


async def test_trial_active_overdue_paid_cancelled(link: StripeLink) -> None:
    worker, administration = link.worker, link.worker.platform.services[Workspaces].administration
    workspace_id = await worker.create_workspace(status="trial")
    await worker.run()
    await run_at(worker, NEXT_MONTH)
    assert [invoice["amount"] for invoice in await worker.invoices(workspace_id)] in ([], [0]), "a trial costs nothing"

    worker.move_to(datetime(2026, 12, 5, tzinfo=UTC))
    change = WorkspaceUpdate(status="active")
    await worker.platform.in_platform(lambda db: administration.update(db, STAFF, workspace_id, change, worker.now))
    january = datetime(2027, 1, 2, 1, tzinfo=UTC)
    await run_at(worker, january)
    *_, december = await worker.invoices(workspace_id)
    assert (december["status"], december["sink"]) == ("pending", "stripe") and december["amount"] > 0
    await link.deliver(reverse=True, times=2)

    await run_at(worker, january + timedelta(days=15))
    *_, december = await worker.invoices(workspace_id)
    assert december["status"] == "overdue"
    assert await workspace_status(worker, workspace_id) == "active", "in the time of grace"
    await run_at(worker, january + timedelta(days=29))
    assert await workspace_status(worker, workspace_id) == "active", "Stripe has not been asked for two weeks"
    await run_at(worker, january + timedelta(days=29, minutes=1))
    assert await workspace_status(worker, workspace_id) == "suspended"

    # A card that is declined, then one that pays.
    await worker.add_card(workspace_id, "pm_card_chargeCustomerFail")
    await worker.run()
    assert worker.charged() == 0
    await worker.add_card(workspace_id, "pm_card_mastercard")
    await worker.run()
    await worker.run()
    *_, december = await worker.invoices(workspace_id)
    assert december["status"] == "paid" and worker.charged() == int(december["amount"] * 100)
    assert await workspace_status(worker, workspace_id) == "active"
    await link.deliver(reverse=True, times=2)
    await check_books(worker, workspace_id)

    # Cancelled in February: January and the rest are billed, then nothing more.
    await run_at(worker, datetime(2027, 2, 3, tzinfo=UTC))
    await worker.platform.in_platform(lambda db: administration.delete(db, STAFF, workspace_id, worker.now))
    for month in (3, 4, 5):
        await run_at(worker, datetime(2027, month, 3, tzinfo=UTC))
        await link.deliver(times=2)
    found = await worker.invoices(workspace_id)
    assert {one["status"] for one in found} == {"paid"}
    assert max(one["period_start"] for one in found) < datetime(2027, 3, 1, tzinfo=UTC)
    assert worker.charged() == sum(int(one["amount"] * 100) for one in found)
    await check_books(worker, workspace_id)
    assert worker.failures == []


async def make_open_invoice(worker: StripeWorker) -> tuple[UUID, str]:
    """Of a workspace without a card: our id of the workspace, and Stripe's of the invoice."""
    workspace_id = await worker.create_workspace()
    await worker.run()
    await run_at(worker, NEXT_MONTH)
    (invoice,) = await worker.invoices(workspace_id)
    assert invoice["status"] == "pending"
    return workspace_id, invoice["stripe_invoice_id"]


async def test_the_object_counts_and_not_the_order_of_events(link: StripeLink) -> None:
    """Paid on Stripe's page: `paid` comes before `finalized`, everything comes three times, and once more a day
    later."""
    worker = link.worker
    workspace_id, external_id = await make_open_invoice(worker)
    invoices.pay_invoice(worker.account, {"paid_out_of_band": "true"}, external_id)
    sent = list(link.webhooks.waiting)
    await link.deliver(reverse=True, times=3)
    (paid,) = await worker.invoices(workspace_id)
    assert paid["status"] == "paid" and await worker.paid(workspace_id) == paid["amount"]
    worker.move_to(worker.now + timedelta(days=1))
    assert set(await link.webhooks.deliver(link.session, sent)) == {200}
    await worker.run()
    assert await worker.paid(workspace_id) == paid["amount"]


@pytest.mark.parametrize("change", [invoices.void_invoice, invoices.mark_uncollectible])
async def test_lost_events_are_made_up_for(link: StripeLink, change: Callable[..., StripeObject]) -> None:
    worker = link.worker
    workspace_id, external_id = await make_open_invoice(worker)
    change(worker.account, {}, external_id)
    link.webhooks.lose()
    await run_at(worker, worker.now + timedelta(hours=5))
    assert (await worker.invoices(workspace_id))[0]["status"] == "pending"
    await run_at(worker, worker.now + timedelta(hours=2))
    expected = worker.account.find("invoice", external_id)["status"]
    assert (await worker.invoices(workspace_id))[0]["status"] == expected


async def test_events_may_be_as_long_as_stripes_longest(link: StripeLink) -> None:
    """Which no carrier's are: an invoice with ten lines, all with as much metadata as Stripe keeps."""
    worker = link.worker
    metadata = {f"{number:040}": "x" * 500 for number in range(50)}
    longest = {"id": "in_long", "object": "invoice", "lines": [{"metadata": metadata} for _ in range(10)]}
    for invoice, status in ((longest, 200), ({**longest, "more": "x" * 524_288}, 413)):
        worker.account.emit("invoice.paid", invoice | {"metadata": metadata})
        assert await link.webhooks.send(link.session, link.webhooks.waiting[-1]) == status
    link.webhooks.lose()


async def test_only_stripe_is_heard(link: StripeLink) -> None:
    """Each of two secrets verifies; a wrong, a missing, an old and a future signature do not."""
    worker = link.worker
    worker.account.emit("invoice.paid", {"id": "in_unknown", "object": "invoice"})
    event, now = link.webhooks.waiting[-1], worker.now.timestamp()
    assert event["api_version"] == API_VERSION
    for secrets in ((OLD,), ("whsec_other", NEW)):
        assert await StripeWebhooks(worker.account, link.url, secrets).send(link.session, event) == 200
    for secret, at in (("whsec_other", now), (NEW, now - 301), (NEW, now + 301)):
        sender = StripeWebhooks(worker.account, link.url, (secret,))
        assert await sender.send(link.session, event, at=at) == 403
    for header in ({}, {"Stripe-Signature": sign_payload(b"other", (NEW,), now)}):
        async with link.session.post(link.url, json={}, headers=header) as response:
            assert response.status == 403
    await worker.run_jobs()
    stored = await worker.platform.in_platform(
        lambda db: db.fetch("SELECT payload FROM webhook_events WHERE event_id = $1", event["id"])
    )
    assert [dict(one["payload"]) for one in stored] == [{"subject": "invoice", "subject_id": "in_unknown"}]
