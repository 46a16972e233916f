"""The simulated Stripe as its own SDK sees it."""

import time
from base64 import b64encode
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import stripe

from simulator.stripe.account import API_VERSION, StripeAccount
from simulator.stripe.faults import StripeFault
from simulator.stripe.idempotency import KEPT_S
from simulator.stripe.server import SimulatedStripe, running_stripe

# How the SDK passes a body to httpx.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


@pytest.fixture
async def simulated() -> AsyncIterator[SimulatedStripe]:
    async with running_stripe(StripeAccount(time.time())) as running:
        yield running


@pytest.fixture
async def sdk(simulated: SimulatedStripe) -> AsyncIterator[Any]:
    http = stripe.HTTPXClient(timeout=2)
    client = stripe.StripeClient(
        simulated.account.key, stripe_version=API_VERSION, max_network_retries=0, http_client=http,
        base_addresses={"api": simulated.url},
    )  # fmt: skip
    yield client.v1
    await http.close_async()  # type: ignore[no-untyped-call]


async def add_card(sdk: Any, card: str = "pm_card_visa") -> Any:
    """A customer with this card as the default."""
    customer = await sdk.customers.create_async({"name": "Acme", "metadata": {"workspace_id": "w1"}})
    intent = await sdk.setup_intents.create_async({"customer": customer.id, "usage": "off_session"})
    assert intent.status == "requires_payment_method" and intent.client_secret
    confirmed = await sdk.setup_intents.confirm_async(intent.id, {"payment_method": card})
    method = await sdk.payment_methods.retrieve_async(confirmed.payment_method)
    assert method.customer == customer.id, "a confirmed intent attaches"
    assert (await sdk.customers.retrieve_async(customer.id)).invoice_settings.default_payment_method is None
    settings = {"invoice_settings": {"default_payment_method": method.id}}
    return await sdk.customers.update_async(customer.id, settings)


async def add_invoice(sdk: Any, customer: Any, *amounts: int) -> Any:
    """A finalized invoice."""
    draft = await sdk.invoices.create_async({"customer": customer.id, "currency": "usd", "auto_advance": False})
    assert (draft.status, draft.number, draft.invoice_pdf) == ("draft", None, None)
    for amount in amounts:
        item = {"customer": customer.id, "invoice": draft.id, "amount": amount, "currency": "usd"}
        await sdk.invoice_items.create_async(item)
    return await sdk.invoices.finalize_invoice_async(draft.id)


async def test_an_invoice_is_charged_and_refunded(sdk: Any, simulated: SimulatedStripe) -> None:
    customer = await add_card(sdk)
    invoice = await add_invoice(sdk, customer, 12_000, -500)
    assert (invoice.status, invoice.total, len(invoice.lines.data)) == ("open", 11_500, 2)
    assert invoice.number and invoice.invoice_pdf
    paid = await sdk.invoices.pay_async(invoice.id)
    assert (paid.status, paid.amount_paid, paid.amount_remaining) == ("paid", 11_500, 0)
    (payment,) = (await sdk.invoice_payments.list_async({"invoice": invoice.id})).data
    intent = payment.payment.payment_intent
    await sdk.refunds.create_async({"payment_intent": intent, "amount": 1_500})
    with pytest.raises(stripe.InvalidRequestError):
        await sdk.refunds.create_async({"payment_intent": intent, "amount": 10_001})
    with pytest.raises(stripe.InvalidRequestError):
        await sdk.invoices.pay_async(invoice.id)
    with pytest.raises(stripe.InvalidRequestError):
        await sdk.invoices.void_invoice_async(invoice.id)
    kinds = [event["type"] for event in simulated.account.events]
    assert kinds.index("invoice.finalized") < kinds.index("invoice.paid") < kinds.index("refund.created")


async def test_a_declined_card_leaves_the_invoice_open(sdk: Any, simulated: SimulatedStripe) -> None:
    customer = await add_card(sdk, "pm_card_chargeCustomerFail")
    invoice = await add_invoice(sdk, customer, 5_000)
    with pytest.raises(stripe.CardError) as raised:
        await sdk.invoices.pay_async(invoice.id)
    assert raised.value.code == "card_declined"
    found = await sdk.invoices.retrieve_async(invoice.id)
    assert (found.status, found.attempt_count) == ("open", 1)
    assert simulated.account.events[-1]["type"] == "invoice.payment_failed"
    assert (await sdk.invoices.void_invoice_async(invoice.id)).status == "void"


async def test_small_amounts_are_paid_with_the_next_invoice(sdk: Any) -> None:
    customer = await add_card(sdk)
    small = await add_invoice(sdk, customer, 30)
    assert (small.status, small.amount_due) == ("paid", 0)
    large = await add_invoice(sdk, customer, 100)
    assert (large.total, large.amount_due) == (100, 130)


async def test_finished_invoices_cannot_be_edited(sdk: Any) -> None:
    customer = await add_card(sdk)
    invoice = await add_invoice(sdk, customer, 100)
    item = {"customer": customer.id, "invoice": invoice.id, "amount": 1, "currency": "usd"}
    for refused in (
        sdk.invoice_items.create_async(item),
        sdk.invoices.finalize_invoice_async(invoice.id),
        sdk.invoices.create_async({"customer": "cus_unknown"}),
        sdk.invoices.create_async({"customer": customer.id, "colour": "red"}),
    ):
        with pytest.raises(stripe.InvalidRequestError):
            await refused


async def test_lists_have_pages(sdk: Any) -> None:
    for number in range(5):
        await sdk.customers.create_async({"name": str(number)})
    page = await sdk.customers.list_async({"limit": 2})
    assert [one.name async for one in page.auto_paging_iter()] == ["4", "3", "2", "1", "0"]


async def test_keys_replay_the_first_answer_for_a_day(sdk: Any, simulated: SimulatedStripe) -> None:
    options = {"idempotency_key": "k1"}
    first = await sdk.customers.create_async({"name": "A"}, options)
    assert (await sdk.customers.create_async({"name": "A"}, options)).id == first.id
    with pytest.raises(stripe.IdempotencyError):
        await sdk.customers.create_async({"name": "B"}, options)
    simulated.account.advance(KEPT_S)
    assert (await sdk.customers.create_async({"name": "B"}, options)).id != first.id


async def test_errors_are_kept_under_a_key_but_not_refusals(sdk: Any, simulated: SimulatedStripe) -> None:
    """A 500 is replayed; a 429, a 409 and an unknown parameter leave the key free."""
    for kind in ("rate_limited", "conflict"):
        simulated.faults.add(StripeFault(kind))
        with pytest.raises(stripe.StripeError):
            await sdk.customers.create_async({"name": "A"}, {"idempotency_key": kind})
        assert (await sdk.customers.create_async({"name": "A"}, {"idempotency_key": kind})).id
    simulated.faults.add(StripeFault("error_after"))
    before = len(simulated.account.all("customer"))
    for _ in range(2):
        with pytest.raises(stripe.APIError) as raised:
            await sdk.customers.create_async({"name": "A"}, {"idempotency_key": "k2"})
    assert raised.value.headers is not None and raised.value.headers["idempotent-replayed"] == "true"
    assert len(simulated.account.all("customer")) == before + 1


async def test_lost_answers_took_effect_and_lost_connections_did_not(sdk: Any, simulated: SimulatedStripe) -> None:
    for kind, made in (("reset", 0), ("silence", 1)):
        simulated.faults.add(StripeFault(kind, "/v1/customers", "POST"))  # type: ignore[arg-type]
        with pytest.raises(stripe.APIConnectionError):
            await sdk.customers.create_async({"name": kind}, {"idempotency_key": kind})
        assert len(simulated.account.all("customer")) == made


async def test_methods_belong_to_one_customer(sdk: Any) -> None:
    first, second = await add_card(sdk), await sdk.customers.create_async({"name": "B"})
    method = first.invoice_settings.default_payment_method
    with pytest.raises(stripe.InvalidRequestError):
        await sdk.payment_methods.attach_async(method, {"customer": second.id})
    with pytest.raises(stripe.InvalidRequestError):
        await sdk.customers.update_async(second.id, {"invoice_settings": {"default_payment_method": method}})
    await sdk.payment_methods.detach_async(method)
    assert (await sdk.customers.retrieve_async(first.id)).invoice_settings.default_payment_method is None
    with pytest.raises(stripe.InvalidRequestError):
        await sdk.payment_methods.attach_async(method, {"customer": first.id})
    with pytest.raises(stripe.CardError):
        await sdk.payment_methods.attach_async("pm_card_chargeDeclined", {"customer": first.id})


@pytest.mark.parametrize(("key", "status"), [("right", 200), ("wrong", 401)])
async def test_accepts_the_key_as_user_name_of_basic(simulated: SimulatedStripe, key: str, status: int) -> None:
    """`curl -u KEY:` of Stripe's documents."""
    user = f"{simulated.account.key if key == 'right' else 'sk_test_other'}:"
    headers = {"Authorization": f"Basic {b64encode(user.encode()).decode()}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.get(f"{simulated.url}/v1/customers") as answer,
    ):
        assert answer.status == status
