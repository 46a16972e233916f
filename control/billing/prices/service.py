"""Prices and exchange rates, as operators and staff change them.

Versions are never changed: a new version replaces an old one from a later time on.
All functions need platform scope. The audit log records changes by people.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from control.audit.service import Actor, Change, record_change
from control.billing.money import round_money
from control.billing.prices import queries
from control.billing.prices.queries import TierPlan
from control.billing.prices.rules import (
    ANY_MODEL,
    PRICE_UNITS,
    Consumption,
    ExchangeRate,
    LedgerUnit,
    NewPrice,
    PlanVersion,
    PriceKey,
    PriceList,
    Role,
    Source,
    StoredPrice,
    TierPrice,
    candidate_keys,
)
from control.db.pool import Connection
from control.platform.rules import CURRENCY
from control.voice.catalog.service import list_catalog, save_estimated_costs
from control.voice.routing.rules import KINDS, Kind, ProviderOffer
from shared.errors import Conflict, Invalid

# --- Opening versions ----------------------------------------------------------------------------------------------
# How long after a change a new price takes effect. The change is committed by then (a transaction may wait for at most
# 30 s), so that no event after this moment has the old price.
LEAD: Final = timedelta(seconds=60)
# Versions of one plan begin at different times.
_TICK: Final = timedelta(microseconds=1)


async def seed_prices(db: Connection, shipped: Iterable[Mapping[str, Any]], now: datetime) -> None:
    """Open versions for changed prices of the product's data and of tiers. `migrate` calls this. Needs platform scope.

    Args:
        shipped: Prices with provider, role, model, unit and price. They do not replace prices that an operator set.
    """
    await queries.lock_prices(db)
    prices = {_cost_key(price): Decimal(price["price"]) for price in shipped}
    await _open_versions(db, prices, "shipped", now)
    await follow_tier_prices(db, now)


async def follow_tier_prices(db: Connection, now: datetime) -> None:
    """Open a version for each changed price per minute, and a plan version for each changed fee or number of included
    minutes.

    Needs platform scope.
    """
    await queries.lock_prices(db)
    tiers = await queries.select_tier_plans(db)
    await _follow_tier_plans(db, tiers, now)
    prices = {_minute_key(tier.price): tier.price.price_per_minute for tier in tiers}
    await _open_versions(db, prices, "tier", now)


async def _follow_tier_plans(db: Connection, tiers: Sequence[TierPlan], now: datetime) -> None:
    """Open plan versions. They begin immediately, because only later statements use them."""
    currencies = sorted({tier.price.currency for tier in tiers})
    plans = [plan for currency in currencies for plan in await queries.select_plans(db, currency)]
    newest = {(plan.tier_name, plan.currency): plan for plan in plans}
    new = [
        _make_plan(tier, before, now)
        for tier in tiers
        if (before := newest.get((tier.price.tier_name, tier.price.currency))) is None
        or (before.monthly_fee, before.included_minutes) != (tier.price.monthly_fee, tier.included_minutes)
    ]
    if new:
        await queries.insert_plans(db, new, now)


def _make_plan(tier: TierPlan, before: PlanVersion | None, now: datetime) -> PlanVersion:
    begins = now if before is None else max(now, before.valid_from + _TICK)
    price = tier.price
    return PlanVersion(0, price.tier_name, price.monthly_fee, tier.included_minutes, price.currency, begins)


def _minute_key(price: TierPrice) -> PriceKey:
    return PriceKey("price", price.tier_name, "call_minutes", ANY_MODEL, "minute", price.currency)


async def _open_versions(db: Connection, prices: Mapping[PriceKey, Decimal], source: Source, now: datetime) -> None:
    newest = _newest(await queries.select_newest(db))
    new = [
        NewPrice(key, price, source, _begin(key, newest, now))
        for key, price in prices.items()
        if key not in newest or (newest[key].source == source and newest[key].version.price != price)
    ]
    if new:
        await queries.insert_versions(db, new, now)


def _begin(key: PriceKey, newest: Mapping[PriceKey, StoredPrice], now: datetime) -> datetime:
    """Return when a new version begins: immediately, unless it replaces a price, including a price for any model."""
    if key in newest:
        return max(now, newest[key].version.valid_from) + LEAD
    return now + LEAD if any(candidate in newest for candidate in candidate_keys(key)) else now


def _newest(prices: Iterable[StoredPrice]) -> dict[PriceKey, StoredPrice]:
    return {price.version.key: price for price in prices}


def _cost_key(price: Mapping[str, Any]) -> PriceKey:
    return PriceKey("cost", price["provider"], price["role"], price["model"], price["unit"])


# --- Costs ---------------------------------------------------------------------------------------------------------
HIGHEST_PRICE: Final = Decimal(1_000_000)
CARRIERS: Final = ("twilio", "telnyx", "browser", "simulated")
DIRECTIONS: Final = ("inbound", "outbound", ANY_MODEL)
_SYSTEM: Final = Actor("system")


async def set_costs(
    db: Connection, actor: Actor, prices: Mapping[PriceKey, Decimal], now: datetime
) -> list[StoredPrice]:
    """Set several prices like `set_cost`. Raises Invalid."""
    return [await set_cost(db, key, price, now, actor) for key, price in prices.items()]


async def set_cost(db: Connection, key: PriceKey, price: Decimal, now: datetime, actor: Actor = _SYSTEM) -> StoredPrice:
    """Open a version of a cost of a provider or carrier, and record it in the audit log. Needs platform scope.

    Returns the newest version, which is the previous version if the price is unchanged. Raises Invalid.
    """
    await _require_key(db, key)
    if not 0 <= price <= HIGHEST_PRICE or price != round(price, 9):
        raise Invalid(f"from 0 to {HIGHEST_PRICE} US dollars, with at most nine decimal places", param="price")
    await queries.lock_prices(db)
    newest = _newest(await queries.select_newest(db, key.provider))
    before = newest.get(key)
    if before is not None and before.version.price == price:
        return before
    await queries.insert_versions(db, [NewPrice(key, price, "operator", _begin(key, newest, now))], now)
    after = _newest(await queries.select_newest(db, key.provider))[key]
    await record_change(db, actor, _audited(before, after))
    return after


async def _require_key(db: Connection, key: PriceKey) -> None:
    """Raise Invalid for a price that applies to no usage."""
    if key.unit not in PRICE_UNITS[key.role]:
        raise Invalid(f"the price of {key.role} is per {' or '.join(PRICE_UNITS[key.role])}", param="unit")
    if key.role == "telephony":
        if key.provider not in CARRIERS:
            raise Invalid(f"the carriers are {', '.join(CARRIERS)}", param="provider")
        if key.model not in DIRECTIONS:
            raise Invalid(f"the model of telephony is one of {', '.join(DIRECTIONS)}", param="model")
    elif not any(offer.provider == key.provider and key.role in offer.kinds for offer in await list_catalog(db)):
        raise Invalid(f"there is no {key.role} provider {key.provider!r}", param="provider")


def _audited(before: StoredPrice | None, after: StoredPrice) -> Change:
    key, version = after.version.key, after.version
    return Change(
        "price.set",
        "price",
        f"{key.provider} {key.role} {key.model} {key.unit}",
        before=None if before is None else {"price": str(before.version.price)},
        after={**asdict(key), "price": str(version.price), "valid_from": version.valid_from.isoformat()},
    )


async def list_prices(db: Connection, provider: str | None = None) -> list[StoredPrice]:
    """Return the newest version of each price, even if it begins later. Needs platform scope."""
    return await queries.select_newest(db, provider)


async def load_costs(db: Connection, providers: Iterable[str]) -> PriceList:
    """Return all versions of these providers' costs, in US dollars. Needs platform scope."""
    return PriceList(await queries.select_versions(db, "cost", providers))


# --- Currencies ----------------------------------------------------------------------------------------------------
HIGHEST_RATE: Final = Decimal(1_000_000)


async def add_exchange_rate(
    db: Connection, actor: Actor, currency: str, usd: Decimal, valid_from: datetime | None, now: datetime
) -> ExchangeRate:
    """Open a version of an exchange rate.

    Args:
        valid_from: At least a minute from now, because the current rate is in use, and not before the currency's first
            rate. None: as soon as possible, which is immediately for a currency without a rate.

    Raises:
        Invalid: Codes currency_fixed, valid_from_past.
        Conflict: Code exchange_rate_exists.
    """
    _require_other(currency)
    await queries.lock_prices(db)
    versions = await queries.select_exchange_rates(db, currency)
    # The first rate also converts earlier amounts, which must not change.
    earliest = max(now + LEAD, versions[-1].valid_from) if versions else now
    if valid_from is not None and valid_from < earliest:
        raise Invalid(
            "A rate takes effect at least a minute after it is set, and not before the currency's first rate.",
            param="valid_from",
            code="valid_from_past",
        )
    stored = await queries.insert_exchange_rate(db, ExchangeRate(0, currency, usd, valid_from or earliest), now)
    if stored is None:
        raise Conflict("A rate for this currency and time already exists.", code="exchange_rate_exists")
    after = {"usd": str(stored.usd), "valid_from": stored.valid_from.isoformat()}
    await record_change(db, actor, Change("exchange_rate.add", "exchange_rate", currency, after=after))
    return stored


async def list_tier_prices(db: Connection) -> Sequence[TierPrice]:
    """Return the tiers' prices in currencies other than the platform's, by tier and currency."""
    return await queries.select_tier_prices(db)


async def set_tier_price(db: Connection, actor: Actor, price: TierPrice, now: datetime) -> TierPrice:
    """Set a tier's price in a currency other than the platform's. The tier must exist.

    The price per minute applies to calls that begin a minute later. The fee applies to running periods from now on.
    Raises Invalid (codes currency_fixed, amount_invalid).
    """
    _require_other(price.currency)
    if price.monthly_fee != round_money(price.monthly_fee, price.currency):
        message = f"The amount is smaller than the smallest unit of {price.currency.upper()}."
        raise Invalid(message, param="monthly_fee", code="amount_invalid")
    await queries.lock_prices(db)
    before = {(stored.tier_name, stored.currency): stored for stored in await queries.select_tier_prices(db)}
    old = before.get((price.tier_name, price.currency))
    if old != price:
        await queries.upsert_tier_price(db, price, now)
        await follow_tier_prices(db, now)
        await record_change(db, actor, _price_change(old, price))
    return price


def _require_other(currency: str) -> None:
    if currency == CURRENCY:
        message = "This is the platform's own currency. Its prices are set in the tier."
        raise Invalid(message, param="currency", code="currency_fixed")


def _price_change(before: TierPrice | None, after: TierPrice) -> Change:
    old, new = (
        None
        if price is None
        else {"monthly_fee": str(price.monthly_fee), "price_per_minute": str(price.price_per_minute)}
        for price in (before, after)
    )
    return Change("tier.price", "tier", f"{after.tier_name} {after.currency}", before=old, after=new)


# --- Estimates -----------------------------------------------------------------------------------------------------
# An ordinary minute: all of it is recognized, the agent speaks half of it (450 characters), and the model is called
# three times, with 1,500 tokens of prompt and conversation each.
ORDINARY_MINUTE: Final[Mapping[Kind, Mapping[LedgerUnit, int]]] = {
    "stt": {"ms": 60_000},
    "llm": {"prompt_tokens": 4_500, "completion_tokens": 150},
    "tts": {"characters": 450},
}


async def update_estimates(db: Connection, now: datetime) -> int:
    """Compute the cost estimates from current prices. Return the number of providers. Needs platform scope."""
    offers = await list_catalog(db)
    versions = await queries.select_versions(db, "cost", (offer.provider for offer in offers))
    estimates = estimate_costs(offers, PriceList(versions), now)
    await save_estimated_costs(db, estimates)
    return len(estimates)


def estimate_costs(offers: Iterable[ProviderOffer], prices: PriceList, at: datetime) -> dict[str, dict[str, float]]:
    """Return US dollars per minute by provider and role, with the provider's default model.

    Roles without a price are left out.
    """
    return {
        offer.provider: {
            kind: float(cost)
            for kind in KINDS
            if kind in offer.kinds and (cost := _minute_cost(offer, kind, prices, at)) is not None
        }
        for offer in offers
    }


def _minute_cost(offer: ProviderOffer, role: Kind, prices: PriceList, at: datetime) -> Decimal | None:
    model = str(offer.defaults(role).get("model", ""))
    amounts = [
        prices.calculate(_consumption(offer.provider, role, model, unit, quantity), at).value
        for unit, quantity in ORDINARY_MINUTE[role].items()
    ]
    return None if None in amounts else sum((amount for amount in amounts if amount is not None), Decimal(0))


def _consumption(provider: str, role: Role, model: str, unit: LedgerUnit, quantity: int) -> Consumption:
    return Consumption("cost", provider, role, model, unit, quantity)
