"""Changes of prices: a new version of each price that differs from the newest one. No version is ever changed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from control.billing import read_tiers, store_plans, store_prices
from control.billing.model import NewPrice, Source, StoredPrice
from control.billing.plans import PlanVersion, TierPrice
from control.billing.prices import ANY_MODEL, PRICE_UNITS, PriceKey, candidate_keys
from control.billing.read_tiers import TierPlan
from control.db.pool import Connection
from control.platform.audit import Actor, Change, record_change
from control.voice.catalogue import list_catalogue
from shared.errors import Invalid

# A price that replaces another holds from so long after the change on. The change is committed by then (a transaction
# may wait for 30 s at most), so no event of the new price's time is priced by the old one.
LEAD: Final = timedelta(seconds=60)
# Versions of one plan have different times.
_TICK: Final = timedelta(microseconds=1)
HIGHEST_PRICE: Final = Decimal(1_000_000)
CARRIERS: Final = ("twilio", "telnyx", "browser", "simulated")
_SYSTEM: Final = Actor("system")
DIRECTIONS: Final = ("inbound", "outbound", ANY_MODEL)


async def seed_prices(db: Connection, shipped: Iterable[Mapping[str, Any]], now: datetime) -> None:
    """Opens versions of the prices that the product ships with, and of the tiers'; `migrate` calls this.

    shipped: provider, role, model, unit, price each. A shipped price that did not change opens no version, and none
    replaces what an operator set. Needs platform scope.
    """
    await store_prices.lock_prices(db)
    prices = {_cost_key(one): Decimal(one["price"]) for one in shipped}
    await _open_versions(db, prices, "shipped", now)
    await follow_tier_prices(db, now)


async def follow_tier_prices(db: Connection, now: datetime) -> None:
    """Opens a version for each tier and currency whose price of a minute is not the newest version's, and a plan
    version for each whose fee or included minutes are not. Needs platform scope."""
    await store_prices.lock_prices(db)
    tiers = await read_tiers.select_tier_plans(db)
    await _follow_tier_plans(db, tiers, now)
    prices = {_minute_key(one.price): one.price.price_per_minute for one in tiers}
    await _open_versions(db, prices, "tier", now)


async def _follow_tier_plans(db: Connection, tiers: Sequence[TierPlan], now: datetime) -> None:
    """A plan version begins at once: nothing but a later statement is computed by it."""
    currencies = sorted({one.price.currency for one in tiers})
    plans = [plan for currency in currencies for plan in await store_plans.select_plans(db, currency)]
    newest = {(plan.tier_name, plan.currency): plan for plan in plans}
    new = [
        _make_plan(one, before, now)
        for one in tiers
        if (before := newest.get((one.price.tier_name, one.price.currency))) is None
        or (before.monthly_fee, before.included_minutes) != (one.price.monthly_fee, one.included_minutes)
    ]
    if new:
        await store_plans.insert_plans(db, new, now)


def _make_plan(tier: TierPlan, before: PlanVersion | None, now: datetime) -> PlanVersion:
    begins = now if before is None else max(now, before.valid_from + _TICK)
    price = tier.price
    return PlanVersion(0, price.tier_name, price.monthly_fee, tier.included_minutes, price.currency, begins)


def _minute_key(price: TierPrice) -> PriceKey:
    return PriceKey("price", price.tier_name, "call_minutes", ANY_MODEL, "minute", price.currency)


async def set_costs(
    db: Connection, actor: Actor, prices: Mapping[PriceKey, Decimal], now: datetime
) -> list[StoredPrice]:
    """As `set_cost`, of several prices. Raises Invalid."""
    return [await set_cost(db, key, price, now, actor) for key, price in prices.items()]


async def set_cost(db: Connection, key: PriceKey, price: Decimal, now: datetime, actor: Actor = _SYSTEM) -> StoredPrice:
    """Opens a version of what a provider or carrier costs us, recorded in the audit log; returns the newest version,
    which is the one before where the price is the same. Raises Invalid. Needs platform scope."""
    await _require_key(db, key)
    if not 0 <= price <= HIGHEST_PRICE or price != round(price, 9):
        raise Invalid(f"from 0 to {HIGHEST_PRICE} US dollars, with at most nine decimal places", param="price")
    await store_prices.lock_prices(db)
    newest = _newest(await store_prices.select_newest(db, key.provider))
    before = newest.get(key)
    if before is not None and before.version.price == price:
        return before
    await store_prices.insert_versions(db, [NewPrice(key, price, "operator", _begin(key, newest, now))], now)
    after = _newest(await store_prices.select_newest(db, key.provider))[key]
    await record_change(db, actor, _audited(before, after))
    return after


async def list_prices(db: Connection, provider: str | None = None) -> list[StoredPrice]:
    """The newest version of each price, also one that does not hold yet. Needs platform scope."""
    return await store_prices.select_newest(db, provider)


async def _open_versions(db: Connection, prices: Mapping[PriceKey, Decimal], source: Source, now: datetime) -> None:
    newest = _newest(await store_prices.select_newest(db))
    new = [
        NewPrice(key, price, source, _begin(key, newest, now))
        for key, price in prices.items()
        if key not in newest or (newest[key].source == source and newest[key].version.price != price)
    ]
    if new:
        await store_prices.insert_versions(db, new, now)


def _begin(key: PriceKey, newest: Mapping[PriceKey, StoredPrice], now: datetime) -> datetime:
    """When a new version begins: at once where nothing held before it, not even the price of any model."""
    if key in newest:
        return max(now, newest[key].version.valid_from) + LEAD
    return now + LEAD if any(one in newest for one in candidate_keys(key)) else now


def _newest(prices: Iterable[StoredPrice]) -> dict[PriceKey, StoredPrice]:
    return {price.version.key: price for price in prices}


def _cost_key(price: Mapping[str, Any]) -> PriceKey:
    return PriceKey("cost", price["provider"], price["role"], price["model"], price["unit"])


async def _require_key(db: Connection, key: PriceKey) -> None:
    """Raises Invalid for a price that no usage would ever meet."""
    if key.unit not in PRICE_UNITS[key.role]:
        raise Invalid(f"the price of {key.role} is per {' or '.join(PRICE_UNITS[key.role])}", param="unit")
    if key.role == "telephony":
        if key.provider not in CARRIERS:
            raise Invalid(f"the carriers are {', '.join(CARRIERS)}", param="provider")
        if key.model not in DIRECTIONS:
            raise Invalid(f"the model of telephony is one of {', '.join(DIRECTIONS)}", param="model")
    elif not any(one.provider == key.provider and key.role in one.kinds for one in await list_catalogue(db)):
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
