"""Customers, payment methods and refunds against localstripe, a simulator of Stripe that is not ours (a process of its
own): our provider does the same there as at ours."""

import asyncio
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from aiohttp import ClientError, ClientSession

from control.billing.payments.provider import BillingCustomer, BillingProviderError
from control.billing.stripe.client import StripeOptions
from control.billing.stripe.provider import StripeProvider
from simulator.stripe import customers, invoices
from simulator.stripe.account import StripeAccount
from simulator.stripe.server import running_stripe
from vocalized.free_port import free_port

KEY = "sk_test_simulated"
ACME = BillingCustomer(
    workspace_id=UUID(int=1), customer_id=None, name="Acme", email="ann@example.com", country=None, tax_id=""
)
CARD = {"type": "card", "card[number]": "4242424242424242", "card[exp_month]": "12", "card[exp_year]": "2034",
        "card[cvc]": "123"}  # fmt: skip


class LocalStripe:
    """Requests to localstripe that a browser would send."""

    def __init__(self, url: str, session: ClientSession) -> None:
        self.url, self._session = url, session

    async def post(self, path: str, fields: dict[str, str]) -> Any:
        headers = {"Authorization": f"Bearer {KEY}"}
        async with self._session.post(self.url + path, data=fields, headers=headers) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def add_card(self) -> str:
        return str((await self.post("/v1/payment_methods", CARD))["id"])


@pytest.fixture
async def local(tmp_path: Path) -> AsyncIterator[LocalStripe]:
    port = free_port()
    command = [sys.executable, "-m", "localstripe", "--from-scratch", "--port", str(port)]
    with (tmp_path / "log").open("wb") as output:
        process = await asyncio.create_subprocess_exec(*command, stdout=output, stderr=output)
    try:
        async with ClientSession() as session:
            url = f"http://127.0.0.1:{port}"
            while True:
                try:
                    async with session.get(url):
                        break
                except ClientError:
                    assert process.returncode is None, (tmp_path / "log").read_text()
                    await asyncio.sleep(0.05)
            yield LocalStripe(url, session)
    finally:
        process.kill()
        await process.wait()


@pytest.fixture
async def provider(local: LocalStripe) -> AsyncIterator[StripeProvider]:
    opened = StripeProvider(StripeOptions(KEY, local.url))
    yield opened
    await opened.close()


async def exercise_methods(provider: StripeProvider, cards: list[str]) -> list[Any]:
    """What the provider reports of a customer with two cards, of which one is removed, and of a thief."""
    customer_id = await provider.ensure_customer(ACME)
    same = await provider.ensure_customer(replace(ACME, customer_id=customer_id, name="Acme Ltd"))
    found: list[Any] = [same == customer_id, await provider.get_payment_method(customer_id)]
    for card in cards:
        added = await provider.set_payment_method(customer_id, card)
        found += [added.last4, added == await provider.get_payment_method(customer_id)]
    thief = await provider.ensure_customer(replace(ACME, workspace_id=UUID(int=2)))
    with pytest.raises(BillingProviderError):
        await provider.set_payment_method(thief, cards[-1])
    await provider.remove_payment_method(cards[-1])
    await provider.remove_payment_method(cards[-1])
    with pytest.raises(BillingProviderError):
        await provider.set_payment_method(customer_id, "pm_unknown")
    return found


async def test_customers_and_methods_are_the_same_at_both(local: LocalStripe, provider: StripeProvider) -> None:
    theirs = await exercise_methods(provider, [await local.add_card(), await local.add_card()])
    account = StripeAccount(0.0, KEY)
    async with running_stripe(account) as simulated:
        ours = StripeProvider(StripeOptions(KEY, simulated.url))
        cards = [customers.add_card(account, "pm_card_visa")["id"] for _ in range(2)]
        assert await exercise_methods(ours, cards) == theirs == [True, None, "4242", True, "4242", True]
        await ours.close()


async def test_a_refund_has_the_fields_that_localstripe_has(local: LocalStripe) -> None:
    intent = await local.post(
        "/v1/payment_intents", {"amount": "5000", "currency": "usd", "payment_method": await local.add_card()}
    )
    await local.post(f"/v1/payment_intents/{intent['id']}/confirm", {})
    theirs = await local.post("/v1/refunds", {"payment_intent": intent["id"], "amount": "1500"})
    account = StripeAccount(0.0)
    customer = customers.create_customer(account, {"name": "Acme"})
    method = customers.attach_payment_method(account, {"customer": customer["id"]}, "pm_card_visa")
    draft = invoices.create_invoice(account, {"customer": customer["id"]})
    invoices.create_invoice_item(account, {"customer": customer["id"], "invoice": draft["id"], "amount": "5000"})
    invoices.finalize_invoice(account, {}, draft["id"])
    invoices.pay_invoice(account, {"payment_method": method["id"]}, draft["id"])
    paid = account.all("payment_intent")[0]
    ours = invoices.create_refund(account, {"payment_intent": paid["id"], "amount": "1500"})
    shared = ("object", "amount", "currency", "status", "metadata")
    assert {name: theirs[name] for name in shared} == {name: ours[name] for name in shared}
