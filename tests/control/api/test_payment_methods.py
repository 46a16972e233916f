"""Cards, and invoices at Stripe, by the API: a simulated Stripe is asked over a socket."""

import time
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from control.billing.stripe.client import StripeOptions
from simulator.stripe import customers, invoices
from simulator.stripe.account import StripeAccount
from simulator.stripe.faults import StripeFault
from simulator.stripe.server import SimulatedStripe, running_stripe
from tests.control.api.billing_workspace import FEE, BillingWorkspace, make_billing_workspace
from tests.platform.api import Api, running_api
from tests.platform.clients import User


@pytest.fixture
async def stripe() -> AsyncIterator[SimulatedStripe]:
    async with running_stripe(StripeAccount(time.time())) as running:
        yield running


@pytest.fixture
async def api(database_url: str, valkey_url: str, stripe: SimulatedStripe) -> AsyncIterator[Api]:
    options = StripeOptions(stripe.account.key, stripe.url, timeout_s=20)
    async with running_api(database_url, valkey_url, stripe=options) as running:
        yield running


async def set_up_card(owner: User, path: str, stripe: SimulatedStripe, card: str = "pm_card_visa") -> str:
    """As the owner's browser does; returns the payment method's id."""
    started = await owner.post(f"{path}/payment-method/setup")
    assert started.status == 200, started.body
    confirmed = customers.confirm_setup_intent(
        stripe.account, {"payment_method": card}, started.body["setup_intent_id"]
    )
    assert started.body["client_secret"] == confirmed["client_secret"]
    method_id: str = confirmed["payment_method"]
    return method_id


async def test_a_card_is_added_replaced_and_removed(api: Api, stripe: SimulatedStripe) -> None:
    owner = await api.sign_up()
    workspace_id = await owner.workspace()
    path = f"/workspaces/{workspace_id}/billing"
    for card, last4 in (("pm_card_visa", "4242"), ("pm_card_mastercard", "4444")):
        method_id = await set_up_card(owner, path, stripe, card)
        reply = await owner.post(f"{path}/payment-method", {"stripe_payment_method_id": method_id})
        assert (reply.status, reply.body["payment_method_last4"]) == (200, last4)
    (customer,) = stripe.account.all("customer")
    assert customer["metadata"]["workspace_id"] == workspace_id
    assert customer["invoice_settings"]["default_payment_method"] == method_id
    assert (await owner.delete(f"{path}/payment-method")).status == 204
    assert (await owner.get(f"{path}/settings")).body["payment_method_last4"] is None
    assert stripe.account.find("payment_method", method_id)["customer"] is None
    assert (await owner.delete(f"{path}/payment-method")).status == 204
    viewer = await api.member(workspace_id, "admin")
    assert (await viewer.post(f"{path}/payment-method/setup")).status == 403


async def test_foreign_unknown_and_unreachable_cards_are_refused(api: Api, stripe: SimulatedStripe) -> None:
    ann, bob = await api.sign_up(), await api.sign_up()
    hers, his = [f"/workspaces/{await one.workspace()}/billing" for one in (ann, bob)]
    stolen = await set_up_card(ann, hers, stripe)
    for method_id in (stolen, "pm_unknown"):
        reply = await bob.post(f"{his}/payment-method", {"stripe_payment_method_id": method_id})
        error = reply.body["error"]
        assert (reply.status, error["code"]) == (422, "payment_method_unknown")
        assert error["param"] == "stripe_payment_method_id"
    reply = await bob.post(f"{his}/payment-method", {"stripe_payment_method_id": "4242424242424242"})
    assert (reply.status, reply.body["error"]["param"]) == (422, "stripe_payment_method_id")
    stripe.faults.add(StripeFault("reset"))
    assert (await bob.post(f"{his}/payment-method/setup")).status == 503
    assert (await bob.get(f"{his}/settings")).body["payment_method_last4"] is None


async def test_without_stripe_no_cards_are_taken(database_url: str, valkey_url: str) -> None:
    async with running_api(database_url, valkey_url) as api:
        owner = await api.sign_up()
        path = f"/workspaces/{await owner.workspace()}/billing/payment-method"
        body = {"stripe_payment_method_id": "pm_1"}
        for reply in (await owner.post(f"{path}/setup"), await owner.post(path, body), await owner.delete(path)):
            assert (reply.status, reply.body["error"]["code"]) == (409, "no_card_payments")


async def move_to_stripe(api: Api, workspace: BillingWorkspace, stripe: SimulatedStripe) -> str:
    """Issues the workspace's invoice at Stripe instead; returns its id there."""
    customer = customers.create_customer(stripe.account, {"name": "Acme"})
    made = invoices.create_invoice(stripe.account, {"customer": customer["id"], "currency": "usd"})
    item = {"customer": customer["id"], "invoice": made["id"], "amount": str(int((FEE + 12) * 100)), "currency": "usd"}
    invoices.create_invoice_item(stripe.account, item)
    invoices.finalize_invoice(stripe.account, {}, made["id"])
    await api.owner.execute(
        "UPDATE invoices SET sink = 'stripe', stripe_invoice_id = $2 WHERE id = $1",
        UUID(workspace.invoice_id), made["id"],
    )  # fmt: skip
    external_id: str = made["id"]
    return external_id


@pytest.mark.parametrize(
    ("route", "body", "status"), [("void", {"reason": "Wrong company"}, "void"), ("payments", {}, "paid")]
)
async def test_staff_changes_are_made_at_stripe_too(
    api: Api, database_url: str, stripe: SimulatedStripe, route: str, body: dict[str, str], status: str
) -> None:
    workspace = await make_billing_workspace(api, database_url)
    external_id = await move_to_stripe(api, workspace, stripe)
    finance = await api.admin("finance")
    path = f"/admin/billing/invoices/{workspace.invoice_id}"
    part = await finance.post(f"{path}/payments", {"amount": 1})
    assert (part.status, part.body["error"]["code"]) == (422, "amount_too_low")
    stripe.faults.add(StripeFault("error"))
    assert (await finance.post(f"{path}/{route}", body)).status == 503
    assert stripe.account.find("invoice", external_id)["status"] == "open"
    reply = await finance.post(f"{path}/{route}", body)
    assert (reply.status, reply.body["invoice"]["status"]) == (200, status)
    assert stripe.account.find("invoice", external_id)["status"] == status
