"""Currencies as the staff keep them: exchange rates, tiers' prices in other currencies, the currency of a workspace.
Each function needs platform scope; changes are written to the audit log."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from control.billing import read_billed_workspaces, store_accounts, store_currencies, store_periods, store_prices
from control.billing.accounts import BillingAccount
from control.billing.closure import load_account
from control.billing.exchange_rates import ExchangeRate
from control.billing.money import round_money
from control.billing.plans import TierPrice
from control.billing.price_changes import LEAD, follow_tier_prices
from control.db.pool import Connection
from control.platform.audit import Actor, Change, record_change
from control.platform.currencies import require_priced
from control.platform.model import CURRENCY
from shared.errors import Conflict, Invalid, NotFound

HIGHEST_RATE: Final = Decimal(1_000_000)


async def list_exchange_rates(db: Connection) -> list[ExchangeRate]:
    """By currency, the newest first."""
    return await store_currencies.select_rates(db)


async def list_tier_prices(db: Connection) -> Sequence[TierPrice]:
    """What tiers cost in other currencies than the platform's, by tier and currency."""
    return await store_currencies.select_tier_prices(db)


async def add_exchange_rate(
    db: Connection, actor: Actor, currency: str, usd: Decimal, valid_from: datetime | None, now: datetime
) -> ExchangeRate:
    """Opens a version. valid_from: at least a minute from now, because a rate that holds is in use, and not before the
    currency's first rate; None: as soon as possible, which is at once for a currency without any. Raises Invalid (codes
    currency_fixed, valid_from_past), Conflict (code exchange_rate_exists)."""
    _require_other(currency)
    await store_prices.lock_prices(db)
    versions = await store_currencies.select_rates(db, currency)
    # What is earlier than the first rate is converted by it, and must not change.
    earliest = max(now + LEAD, versions[-1].valid_from) if versions else now
    if valid_from is not None and valid_from < earliest:
        raise Invalid(
            "A rate holds from a minute after it was set at the earliest, and not from before the currency's first.",
            param="valid_from",
            code="valid_from_past",
        )
    stored = await store_currencies.insert_rate(db, ExchangeRate(0, currency, usd, valid_from or earliest), now)
    if stored is None:
        raise Conflict("There is a rate of this currency and time.", code="exchange_rate_exists")
    after = {"usd": str(stored.usd), "valid_from": stored.valid_from.isoformat()}
    await record_change(db, actor, Change("exchange_rate.add", "exchange_rate", currency, after=after))
    return stored


async def set_tier_price(db: Connection, actor: Actor, price: TierPrice, now: datetime) -> TierPrice:
    """What a tier costs in another currency than the platform's. Minutes have the new price for calls that begin a
    minute later, running periods the new fee from now on. The tier must exist. Raises Invalid (codes currency_fixed,
    amount_invalid)."""
    _require_other(price.currency)
    if price.monthly_fee != round_money(price.monthly_fee, price.currency):
        message = f"{price.currency.upper()} has no amounts that small."
        raise Invalid(message, param="monthly_fee", code="amount_invalid")
    await store_prices.lock_prices(db)
    before = {(one.tier_name, one.currency): one for one in await store_currencies.select_tier_prices(db)}
    old = before.get((price.tier_name, price.currency))
    if old != price:
        await store_currencies.upsert_tier_price(db, price, now)
        await follow_tier_prices(db, now)
        await record_change(db, actor, _price_change(old, price))
    return price


async def open_account(db: Connection, workspace_id: UUID, tier_name: str, currency: str, now: datetime) -> None:
    """Has a new workspace billed in this currency. In any scope. Raises Conflict (code tier_not_priced)."""
    if currency == CURRENCY:
        return  # the worker opens the account
    await require_priced(db, tier_name, currency, "currency")
    account = BillingAccount(workspace_id=workspace_id, currency=currency, opened_at=now)
    await store_accounts.insert_account(db, account)


async def set_currency(db: Connection, actor: Actor, workspace_id: UUID, currency: str) -> BillingAccount:
    """Has a workspace billed in another currency. What has an amount cannot be converted: refused once it has calls,
    invoices, credits or a limit. Raises NotFound (code workspace_not_found), Conflict (codes currency_in_use,
    tier_not_priced)."""
    tier_name = await read_billed_workspaces.lock_tier(db, workspace_id)
    if tier_name is None:
        raise NotFound("There is no such workspace.", code="workspace_not_found")
    await store_accounts.insert_account(db, await load_account(db, workspace_id))
    before = await store_accounts.select_account(db, workspace_id, lock=True)
    assert before is not None, "it was just inserted"
    if before.currency == currency:
        return before
    await require_priced(db, tier_name, currency, "currency")
    # The last query, because it sees what was committed before it: calls last longer than what follows.
    if await read_billed_workspaces.has_amounts(db, workspace_id):
        raise Conflict("This workspace has calls, invoices, credits or a limit already.", code="currency_in_use")
    await store_accounts.update_currency(db, workspace_id, currency)
    await store_periods.update_currency(db, workspace_id, currency)
    change = Change(
        "billing.currency",
        "billing_account",
        str(workspace_id),
        workspace_id,
        before={"currency": before.currency},
        after={"currency": currency},
    )
    await record_change(db, actor, change)
    return replace(before, currency=currency)


def _require_other(currency: str) -> None:
    if currency == CURRENCY:
        message = "This is the platform's own currency, whose prices are those of the tier."
        raise Invalid(message, param="currency", code="currency_fixed")


def _price_change(before: TierPrice | None, after: TierPrice) -> Change:
    old, new = (
        None if one is None else {"monthly_fee": str(one.monthly_fee), "price_per_minute": str(one.price_per_minute)}
        for one in (before, after)
    )
    return Change("tier.price", "tier", f"{after.tier_name} {after.currency}", before=old, after=new)
