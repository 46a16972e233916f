"""What changes at Stripe, or here, while a job of the billing provider runs: nothing newer is lost, nobody is
charged twice.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from control.billing.invoices.service import void_invoice
from control.billing.jobs import enqueue_once
from control.billing.payments import queries as payments_queries
from control.billing.payments.provider import BillingProviderError, PaymentCard
from control.billing.payments.rules import CHECK_CUSTOMER, CheckCustomerJob
from control.billing.payments.service import AddedMethod, save_added, save_removed
from control.db.pool import Connection
from shared.errors import Conflict
from simulator.stripe import customers, invoices
from tests.control.billing.stripe_worker import NEXT_MONTH, StripeWorker, open_stripe_worker
from tests.control.calls.call_platform import NOW, STAFF


@pytest.fixture
async def worker(database_url: str, valkey_url: str, tmp_path: Path) -> AsyncIterator[StripeWorker]:
    async with open_stripe_worker(database_url, valkey_url, tmp_path) as opened:
        yield opened


@dataclass(slots=True)
class Interruption:
    """Runs `act` once, after Stripe has answered a request whose path ends so."""

    worker: StripeWorker
    path: str
    act: Callable[[], Awaitable[Any]]
    happened: list[str] = field(default_factory=list)

    async def __call__(self, method: str, url: str) -> None:
        if not self.happened and url.split("?")[0].endswith(self.path):
            self.happened.append(url)
            await self.act()


def interrupt(worker: StripeWorker, path: str, act: Callable[[], Awaitable[Any]]) -> Interruption:
    made = worker.transport.after = Interruption(worker, path, act)
    return made


async def make_workspace(worker: StripeWorker, card: str = "pm_card_visa") -> UUID:
    """With a card, and a first period that ends."""
    worker.move_to(NOW)
    workspace_id = await worker.create_workspace()
    await worker.add_card(workspace_id, card)
    await worker.run()
    worker.move_to(NEXT_MONTH)
    return workspace_id


async def stored_method(worker: StripeWorker, workspace_id: UUID) -> str | None:
    account = await worker.platform.in_platform(lambda db: payments_queries.select_account(db, workspace_id))
    return account.payment_method_id if account else None


async def select_collection(worker: StripeWorker, invoice_id: UUID) -> Any:
    return await worker.platform.in_platform(lambda db: payments_queries.select_collection(db, invoice_id))


async def test_a_change_while_its_check_runs_is_checked_again(worker: StripeWorker) -> None:
    """The running job may have asked before the change: its row in the queue must not swallow the next one."""
    job = CheckCustomerJob("cus_1")

    async def change(db: Connection) -> int:
        await enqueue_once(db, CHECK_CUSTOMER, job)
        await enqueue_once(db, CHECK_CUSTOMER, job)
        await db.execute("UPDATE pgqueuer SET status = 'picked' WHERE entrypoint = $1", CHECK_CUSTOMER)
        await enqueue_once(db, CHECK_CUSTOMER, job)
        found: int = await db.fetchval("SELECT count(*) FROM pgqueuer WHERE entrypoint = $1", CHECK_CUSTOMER)
        await db.execute("DELETE FROM pgqueuer")
        return found

    assert await worker.platform.in_platform(change) == 2


async def test_an_old_answer_does_not_replace_a_newer_card(worker: StripeWorker) -> None:
    """A check asks which card pays; before it stores the answer, the owner sets another card."""
    workspace_id = await make_workspace(worker)
    (customer,) = [one["id"] for one in worker.account.all("customer")]
    await worker.platform.in_platform(lambda db: enqueue_once(db, CHECK_CUSTOMER, CheckCustomerJob(customer)))
    came = interrupt(worker, f"/customers/{customer}", lambda: worker.add_card(workspace_id, "pm_card_mastercard"))
    await worker.run_jobs()
    newest = worker.account.find("customer", customer)["invoice_settings"]["default_payment_method"]
    assert came.happened and await stored_method(worker, workspace_id) == newest
    assert worker.failures == ["the customer changed in the meantime"]
    await worker.run_jobs()
    assert await stored_method(worker, workspace_id) == newest


@pytest.mark.parametrize("is_detached", [False, True])
async def test_a_card_set_while_the_old_one_is_charged_is_charged_at_once(
    worker: StripeWorker, is_detached: bool
) -> None:
    """The old card is declined, or no longer attached and refused for good; the new one was set before that was
    stored."""
    workspace_id = await make_workspace(worker, "pm_card_chargeCustomerFail")
    old = await stored_method(worker, workspace_id)
    assert old is not None
    if is_detached:
        customers.detach_payment_method(worker.account, {}, old)
    before = worker.charged()
    came = interrupt(worker, "/pay", lambda: worker.add_card(workspace_id))
    await worker.run()
    await worker.run()
    (invoice,) = await worker.invoices(workspace_id)
    assert came.happened and invoice["status"] == "paid"
    assert worker.charged() - before == int(invoice["amount"] * 100)


async def test_a_card_that_is_gone_at_stripe_is_noticed_when_it_is_charged(worker: StripeWorker) -> None:
    """The webhook of its removal was lost; another card was made the default one at Stripe."""
    workspace_id = await make_workspace(worker)
    old = await stored_method(worker, workspace_id)
    assert old is not None
    (customer,) = [one["id"] for one in worker.account.all("customer")]
    customers.detach_payment_method(worker.account, {}, old)
    method = customers.attach_payment_method(worker.account, {"customer": customer}, "pm_card_mastercard")
    settings = {"invoice_settings": {"default_payment_method": method["id"]}}
    customers.update_customer(worker.account, settings, customer)
    for _ in range(3):
        await worker.run()
    assert await stored_method(worker, workspace_id) == method["id"]
    assert (await worker.invoices(workspace_id))[0]["status"] == "paid"


async def test_removing_a_card_does_not_remove_the_next_one(worker: StripeWorker) -> None:
    workspace_id = await make_workspace(worker)
    old = await stored_method(worker, workspace_id)
    assert old is not None
    new = await worker.add_card(workspace_id, "pm_card_mastercard")
    await worker.platform.in_platform(lambda db: save_removed(db, STAFF, workspace_id, old, worker.now))
    assert await stored_method(worker, workspace_id) == new
    await worker.platform.in_platform(lambda db: save_removed(db, STAFF, workspace_id, new, worker.now))
    assert await stored_method(worker, workspace_id) is None


async def test_a_card_of_a_customer_that_is_not_stored_is_refused(worker: StripeWorker) -> None:
    """Two first requests made a customer each: the card of the one that is not stored would never pay."""
    workspace_id = await worker.create_workspace()
    first = await worker.platform.in_platform(lambda db: worker.payments.make_customer(db, workspace_id, "Acme"))
    await worker.platform.in_platform(lambda db: payments_queries.insert_account(db, workspace_id, "cus_first"))
    added = AddedMethod("cus_second", PaymentCard("pm_2", "4242", "visa"))
    with pytest.raises(Conflict):
        await worker.platform.in_platform(lambda db: save_added(db, STAFF, first, added, worker.now))
    assert await stored_method(worker, workspace_id) is None


async def test_an_invoice_that_a_card_pays_meanwhile_is_not_settled_by_hand(worker: StripeWorker) -> None:
    """Staff record a bank transfer while the card is charged: the customer has paid twice, and staff are told."""
    workspace_id = await make_workspace(worker)
    await worker.run()
    (invoice,) = await worker.invoices(workspace_id)
    assert invoice["status"] == "paid"
    with pytest.raises(BillingProviderError, match="card"):
        await worker.provider.settle_invoice(invoice["stripe_invoice_id"])


async def test_payments_closed_by_staff_are_no_longer_due(worker: StripeWorker) -> None:
    """Its webhook was lost: the charge that was due would be found each minute, before those of others."""
    workspace_id = await make_workspace(worker, "pm_card_chargeCustomerFail")
    await worker.run()
    (invoice,) = await worker.invoices(workspace_id)
    worker.move_to(worker.now.replace(day=8))
    invoices.void_invoice(worker.account, {}, invoice["stripe_invoice_id"])
    await worker.platform.in_platform(lambda db: void_invoice(db, STAFF, invoice["id"], "Wrong", worker.now))
    assert (await select_collection(worker, invoice["id"])).is_due(worker.now)
    await worker.run()
    assert (await select_collection(worker, invoice["id"])).next_attempt_at is None


async def test_a_deleted_customer_is_made_again(worker: StripeWorker) -> None:
    workspace_id = await make_workspace(worker)
    (customer,) = [one["id"] for one in worker.account.all("customer")]
    customers.delete_customer(worker.account, {}, customer)
    await worker.run()
    (invoice,) = await worker.invoices(workspace_id)
    assert invoice["status"] == "pending" and await stored_method(worker, workspace_id) is None
    await worker.add_card(workspace_id)
    await worker.run()
    assert (await worker.invoices(workspace_id))[0]["status"] == "paid"
