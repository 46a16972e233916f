"""Phone numbers of workspaces that are billed, where a billing provider takes payment methods: a simulated Stripe."""

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from uuid import UUID

import pytest

from control.billing.stripe.client import StripeOptions
from simulator.stripe.account import StripeAccount
from simulator.stripe.server import SimulatedStripe, running_stripe
from tests.control.api.test_payment_methods import set_up_card
from tests.platform.api import Api, running_api
from tests.platform.clients import User
from tests.platform.regulated_network import RegulatedNetwork, running_regulated_network


@dataclass(frozen=True, slots=True)
class Buyer:
    """The owner of a workspace that is on trial at first."""

    api: Api
    stripe: SimulatedStripe
    regulated: RegulatedNetwork
    owner: User
    workspace_id: str

    @property
    def billing(self) -> str:
        return f"/workspaces/{self.workspace_id}/billing"

    async def buy(self, phone_number: str) -> tuple[int, str]:
        """Orders a number; returns status and error code."""
        reply = await self.owner.post(f"/workspaces/{self.workspace_id}/phone-numbers", {"phone_number": phone_number})
        return reply.status, reply.code if reply.status >= 400 else ""

    async def end_trial(self) -> None:
        """As the staff's change of the status does."""
        await self.api.owner.execute("UPDATE workspaces SET status = 'active' WHERE id = $1", UUID(self.workspace_id))

    async def add_card(self) -> None:
        """As the owner's browser does."""
        method_id = await set_up_card(self.owner, self.billing, self.stripe)
        reply = await self.owner.post(f"{self.billing}/payment-method", {"stripe_payment_method_id": method_id})
        assert reply.status == 200, reply.body


@pytest.fixture
async def buyer(database_url: str, valkey_url: str) -> AsyncIterator[Buyer]:
    async with AsyncExitStack() as stack:
        stripe = await stack.enter_async_context(running_stripe(StripeAccount(time.time())))
        regulated = await stack.enter_async_context(running_regulated_network())
        options = StripeOptions(stripe.account.key, stripe.url, timeout_s=20)
        api = await stack.enter_async_context(
            running_api(database_url, valkey_url, carriers=regulated.options, stripe=options)
        )
        await api.owner.execute("UPDATE tiers SET max_phone_numbers = 9")
        owner = await api.sign_up()
        yield Buyer(api, stripe, regulated, owner, await owner.workspace())


async def test_a_workspace_that_is_billed_buys_numbers_only_with_a_payment_method(buyer: Buyer) -> None:
    required = (409, "payment_method_required")
    assert await buyer.buy("+14155553001") == (201, ""), "nothing is billed on trial"
    await buyer.end_trial()
    reply = await buyer.owner.post(f"/workspaces/{buyer.workspace_id}/phone-numbers", {"phone_number": "+14155553002"})
    assert (reply.status, reply.code) == required
    assert f"POST {buyer.billing}/payment-method/setup" in reply.body["error"]["message"]
    assert (await buyer.owner.post(f"{buyer.billing}/payment-method/setup")).status == 200
    assert await buyer.buy("+14155553002") == required, "a customer without a payment method"
    await buyer.add_card()
    assert await buyer.buy("+14155553002") == (201, "")
    assert (await buyer.owner.delete(f"{buyer.billing}/payment-method")).status == 204
    assert await buyer.buy("+14155553003") == required


async def test_staff_exempt_a_workspace_and_import_numbers_without_a_payment_method(buyer: Buyer) -> None:
    await buyer.end_trial()
    support, finance = await buyer.api.admin("support"), await buyer.api.admin("finance")
    buyer.regulated.own("twilio", "+14155553011")
    wanted = {"workspace_id": buyer.workspace_id, "phone_number": "+14155553011"}
    assert (await support.post("/admin/phone-numbers/import", wanted)).status == 201
    path = f"/admin/billing/workspaces/{buyer.workspace_id}/payment-method-exemption"
    assert (await support.put(path, {"is_payment_method_exempt": True})).status == 403
    for exempt, answer in ((True, (201, "")), (False, (409, "payment_method_required"))):
        assert (await finance.put(path, {"is_payment_method_exempt": exempt, "reason": "Transfers"})).status == 204
        settings = await buyer.owner.put(f"{buyer.billing}/settings", {"legal_name": f"Acme {exempt}"})
        assert settings.status == 200, settings.body
        assert await buyer.buy(f"+1415555302{exempt:d}") == answer
    rows = await buyer.api.owner.fetch(
        "SELECT actor, details FROM audit_log WHERE action = 'billing.payment_method_exempt' AND resource_id = $1 "
        "ORDER BY at, id",
        buyer.workspace_id,
    )
    changes = [[row["details"][side]["is_payment_method_exempt"] for side in ("before", "after")] for row in rows]
    assert ([row["actor"] for row in rows], changes) == (["admin"] * 2, [[False, True], [True, False]])
    nowhere = path.replace(buyer.workspace_id, str(UUID(int=1)))
    assert (await finance.put(nowhere, {"is_payment_method_exempt": True, "reason": "x"})).code == "workspace_not_found"
