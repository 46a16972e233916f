"""Customers' tax ids at a simulated Stripe."""

from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID

import pytest

from control.billing.payments.provider import BillingCustomer, BillingProviderUnavailable
from control.billing.stripe.client import StripeOptions
from control.billing.stripe.provider import StripeProvider
from simulator.stripe.account import StripeAccount
from simulator.stripe.faults import StripeFault
from simulator.stripe.server import SimulatedStripe, running_stripe

ACME = BillingCustomer(
    workspace_id=UUID(int=1), customer_id=None, name="Acme", email=None, country="DE", tax_id="DE 123 456 789"
)


@pytest.fixture
async def stripe() -> AsyncIterator[SimulatedStripe]:
    async with running_stripe(StripeAccount(0.0)) as running:
        yield running


@pytest.fixture
async def provider(stripe: SimulatedStripe) -> AsyncIterator[StripeProvider]:
    opened = StripeProvider(StripeOptions(stripe.account.key, stripe.url))
    yield opened
    await opened.close()


def tax_ids(stripe: SimulatedStripe, customer_id: str) -> list[tuple[str, str]]:
    return [(one["type"], one["value"]) for one in stripe.account.all("tax_id") if one["customer"] == customer_id]


async def test_a_tax_id_is_sent_once_replaced_and_taken(stripe: SimulatedStripe, provider: StripeProvider) -> None:
    customer_id = await provider.ensure_customer(ACME)
    known = replace(ACME, customer_id=customer_id)
    for written in ("DE123456789", "de 123.456.789"):
        await provider.ensure_customer(replace(known, tax_id=written))
    assert tax_ids(stripe, customer_id) == [("eu_vat", "DE123456789")], "another way of writing makes no other one"
    await provider.ensure_customer(replace(known, country="GB", tax_id="GB123456789"))
    assert len(tax_ids(stripe, customer_id)) == 2, "of another kind: somebody may have added it at Stripe"
    await provider.ensure_customer(replace(known, country="GB", tax_id="GB999999999"))
    assert ("gb_vat", "GB123456789") not in tax_ids(stripe, customer_id)
    await provider.ensure_customer(replace(known, country="GB", tax_id=""))
    assert tax_ids(stripe, customer_id) == [("eu_vat", "DE123456789")]


@pytest.mark.parametrize(("country", "tax_id"), [("DE", "not yet"), ("KP", "1"), (None, "DE123456789"), ("DE", "")])
async def test_what_stripe_would_refuse_keeps_no_customer_from_being_made(
    stripe: SimulatedStripe, provider: StripeProvider, country: str | None, tax_id: str
) -> None:
    customer_id = await provider.ensure_customer(replace(ACME, country=country, tax_id=tax_id))
    assert tax_ids(stripe, customer_id) == []


async def test_a_request_that_fails_is_repeated_without_a_second_tax_id(
    stripe: SimulatedStripe, provider: StripeProvider
) -> None:
    stripe.faults.add(StripeFault("error_after", "/tax_ids", "POST"))
    compact = replace(ACME, tax_id="DE123456789")
    with pytest.raises(BillingProviderUnavailable):
        await provider.ensure_customer(compact)
    customer_id = await provider.ensure_customer(compact)
    assert tax_ids(stripe, customer_id) == [("eu_vat", "DE123456789")]
