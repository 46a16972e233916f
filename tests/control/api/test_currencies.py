"""Currencies: exchange rates, tiers' prices, the currency of a workspace, and what all is converted into."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from control.analytics.rollups.service import roll_up_days
from control.billing.figures.service import explain_figure
from control.billing.ledger.rules import FinishedCall
from control.billing.ledger.service import record_minutes
from shared.ids import new_id
from tests.control.api.billing_workspace import platform_transaction
from tests.platform.api import Api, running_api
from tests.platform.clients import Staff

# What a minute costs on the tier starter, and a month; US dollars for one unit.
EURO = {"fee": 45.9, "minute": 0.11, "usd": 1.25}
RATES = "/admin/billing/exchange-rates"


@dataclass(frozen=True, slots=True)
class Market:
    """A platform with prices in euro and yen on the tiers trial and starter, not on growth."""

    api: Api
    finance: Staff

    async def set_price(self, tier: str, currency: str, fee: float, minute: float) -> Any:
        body = {"monthly_fee": fee, "price_per_minute": minute}
        return await self.finance.put(f"/admin/config/tiers/{tier}/prices/{currency}", body)


@pytest.fixture
async def market(database_url: str, valkey_url: str) -> AsyncIterator[Market]:
    async with running_api(database_url, valkey_url) as api:
        opened = Market(api, await api.admin("finance"))
        if not (await opened.finance.get(RATES)).body["exchange_rates"]:
            for currency, usd in (("eur", EURO["usd"]), ("jpy", 0.00625)):
                assert (await opened.finance.post(RATES, {"currency": currency, "usd": usd})).status == 201
            for tier, fee in (("trial", 0), ("starter", EURO["fee"])):
                assert (await opened.set_price(tier, "eur", fee, EURO["minute"])).status == 200
                assert (await opened.set_price(tier, "jpy", 100 * round(fee), 16)).status == 200
        yield opened


async def finish_call(db: Any, workspace_id: str, seconds: int) -> Decimal:
    """A call that is over is charged; returns its price."""
    call = FinishedCall(
        call_id=UUID(new_id()),
        workspace_id=UUID(workspace_id),
        agent_id=None,
        at=datetime.now(UTC),
        seconds=seconds,
        is_test=False,
        carrier="twilio",
        direction="inbound",
    )
    await db.execute(
        "INSERT INTO calls (id, workspace_id, direction, carrier, status, created_at) "
        "VALUES ($1, $2, 'inbound', 'twilio', 'completed', $3)",
        *(call.call_id, call.workspace_id, call.at),
    )
    price = (await record_minutes(db, [call]))[call.call_id]
    await db.execute("UPDATE calls SET cost_total = $2 WHERE id = $1", call.call_id, price)
    return price


async def test_a_workspace_is_charged_in_its_currency_and_the_platform_counts_dollars(
    market: Market, database_url: str
) -> None:
    owner = await market.api.sign_up()
    workspace_id = await owner.workspace(currency="eur")
    path = f"/workspaces/{workspace_id}"
    assert (await owner.get(f"{path}/billing/settings")).body["currency"] == "eur"
    before = (await market.finance.get("/admin/dashboard/revenue")).body
    staff = await market.api.admin("super_admin")
    edit = {"status": "active", "subscription_tier": "starter"}
    assert (await staff.put(f"/admin/workspaces/{workspace_id}", edit)).status == 200
    async with platform_transaction(database_url) as db:
        assert await finish_call(db, workspace_id, 600) == Decimal("1.1")
        while await roll_up_days(db, 200):
            pass
    current = (await owner.get(f"{path}/billing/current")).body
    assert current["current_period"]["currency"] == "eur"
    assert {one["currency"] for one in current["usage_breakdown"]} == {"eur"}
    assert [one["cost"] for one in current["usage_breakdown"] if one["resource_type"] == "call_minutes"] == [1.1]
    (call,) = (await owner.get(f"{path}/calls")).body["calls"]
    assert (call["cost_total"], call["currency"]) == (1.1, "eur")
    shown = (await staff.get(f"/admin/calls/{call['id']}")).body["call"]
    (minutes,) = (cost for cost in shown["costs"] if cost["resource_type"] == "call_minutes")
    assert (minutes["currency"], minutes["price"], minutes["price_currency"]) == ("usd", 1.1, "eur")
    line = (await staff.get(f"/admin/workspaces/{workspace_id}")).body["stats"]
    assert (line["total_revenue"], line["currency"]) == (1.1, "eur")
    after = (await market.finance.get("/admin/dashboard/revenue")).body
    assert after["total_revenue"] - before["total_revenue"] == pytest.approx(1.1 * EURO["usd"])
    assert after["mrr"] - before["mrr"] == pytest.approx(EURO["fee"] * EURO["usd"], abs=0.006)
    async with platform_transaction(database_url) as db:
        for name in ("total_revenue_month", "mrr"):
            assert not (await explain_figure(db, name, datetime.now(UTC))).difference
    balances = (await market.finance.get("/admin/billing/workspaces")).body["workspaces"]
    assert {balance["currency"] for balance in balances if balance["workspace_id"] == workspace_id} == {"eur"}


async def test_the_currency_is_fixed_once_something_has_an_amount(market: Market, database_url: str) -> None:
    owner = await market.api.sign_up()
    workspace_id = await owner.workspace()
    path = f"/admin/billing/workspaces/{workspace_id}/currency"
    unpriced = await market.finance.put(path, {"currency": "chf"})
    assert (unpriced.status, unpriced.code) == (409, "tier_not_priced")
    for currency in ("jpy", "eur", "eur", "jpy"):
        chosen = await market.finance.put(path, {"currency": currency})
        assert (chosen.status, chosen.body) == (200, {"currency": currency})
    settings = f"/workspaces/{workspace_id}/billing/settings"
    small = await owner.put(settings, {"usage_limit_monthly": 500.5})
    assert (small.code, small.param) == ("amount_invalid", "usage_limit_monthly"), "there is no half yen"
    assert (await owner.put(settings, {"usage_limit_monthly": 5_000_000})).status == 200
    assert (await market.finance.put(path, {"currency": "eur"})).code == "currency_in_use"
    assert (await owner.put(settings, {"usage_limit_monthly": None})).status == 200
    async with platform_transaction(database_url) as db:
        assert await finish_call(db, workspace_id, 90) == 24
    assert (await market.finance.put(path, {"currency": "eur"})).code == "currency_in_use"
    grant = await market.finance.post(
        f"/admin/billing/workspaces/{workspace_id}/credits", {"amount": 1_500, "reason": "Welcome"}
    )
    assert grant.body["credit"]["currency"] == "jpy"
    nobody = await market.finance.put(f"/admin/billing/workspaces/{new_id()}/currency", {"currency": "eur"})
    assert nobody.code == "workspace_not_found"


async def test_a_tier_without_a_price_in_the_currency_is_refused(market: Market) -> None:
    owner = await market.api.sign_up()
    workspace_id = await owner.workspace(currency="eur")
    staff = await market.api.admin("super_admin")
    refused = await staff.post(f"/admin/workspaces/{workspace_id}/change-tier", {"tier_name": "growth"})
    assert (refused.status, refused.code, refused.param) == (409, "tier_not_priced", "tier_name")
    unknown = await owner.post("/workspaces", {"name": "B", "currency": "chf"})
    assert (unknown.status, unknown.code) == (409, "tier_not_priced")
    setting = {"settings": [{"key": "default_currency", "value": "chf"}]}
    assert (await staff.put("/admin/config/settings", setting)).code == "tier_not_priced"
    setting = {"settings": [{"key": "default_currency", "value": "jpy"}]}
    assert (await staff.put("/admin/config/settings", setting)).status == 200
    chosen = await owner.workspace("C")
    assert (await owner.get(f"/workspaces/{chosen}/billing/settings")).body["currency"] == "jpy"
    setting = {"settings": [{"key": "default_currency", "value": "usd"}]}
    assert (await staff.put("/admin/config/settings", setting)).status == 200


async def test_rates_and_prices_are_versions(market: Market) -> None:
    tiers = (await market.finance.get("/admin/config/tiers")).body["tiers"]
    (starter,) = (tier for tier in tiers if tier["tier_name"] == "starter")
    assert [(other_price["currency"], other_price["price_per_minute"]) for other_price in starter["other_prices"]] == [
        ("eur", EURO["minute"]), ("jpy", 16),
    ]  # fmt: skip
    assert (await market.set_price("starter", "jpy", 7_350.5, 16)).code == "amount_invalid"
    assert (await market.set_price("starter", "usd", 1, 1)).code == "currency_fixed"
    assert (await market.set_price("nothing", "eur", 1, 1)).code == "tier_not_found"
    past = {"currency": "eur", "usd": 1.1, "valid_from": datetime.now(UTC).isoformat()}
    assert (await market.finance.post(RATES, past)).code == "valid_from_past"
    assert (await market.finance.post(RATES, {"currency": "usd", "usd": 1.1})).code == "currency_fixed"
    later = {"currency": "eur", "usd": 1.3, "valid_from": (datetime.now(UTC) + timedelta(days=1)).isoformat()}
    assert (await market.finance.post(RATES, later)).status == 201
    assert (await market.finance.post(RATES, later)).code == "exchange_rate_exists"
    rates = (await market.finance.get(RATES)).body["exchange_rates"]
    assert [rate["usd"] for rate in rates if rate["currency"] == "eur"] == [1.3, EURO["usd"]]


async def test_no_rate_goes_before_the_first(market: Market) -> None:
    """The first rate also holds before its time, so an earlier one would change what is converted by it."""
    now = datetime.now(UTC)
    times = [now + timedelta(days=days) for days in (30, 1, 31)]
    bodies = [{"currency": "sek", "usd": 0.1, "valid_from": at.isoformat()} for at in times]
    assert (await market.finance.post(RATES, bodies[0])).status == 201
    refused = await market.finance.post(RATES, bodies[1])
    assert (refused.status, refused.param, refused.code) == (422, "valid_from", "valid_from_past")
    assert (await market.finance.post(RATES, {"currency": "sek", "usd": 0.2})).code == "exchange_rate_exists"
    assert (await market.finance.post(RATES, bodies[2])).status == 201
