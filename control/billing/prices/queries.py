"""SQL for price_versions, plan_versions, tier_prices and exchange_rates, and for the prices of tiers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from control.billing.prices.rules import (
    ExchangeRate,
    NewPrice,
    PlanVersion,
    PriceKey,
    PriceVersion,
    RateHistory,
    Side,
    StoredPrice,
    TierPrice,
)
from control.db.pool import Connection
from control.platform.rules import CURRENCY

# --- price_versions ------------------------------------------------------------------------------------------------
_KEY: Final = "side, provider, role, model, unit, currency"
_VERSION: Final = f"id, {_KEY}, price, valid_from"
# Selects the newest version of each key, even if it begins later. $1: return only prices of this provider, if not null.
_SELECT_NEWEST: Final = f"""
    SELECT DISTINCT ON ({_KEY}) {_VERSION}, source FROM price_versions
    WHERE $1::text IS NULL OR provider = $1 ORDER BY {_KEY}, valid_from DESC
"""


async def lock_prices(db: Connection) -> None:
    """Block other changes of prices until the transaction ends. Reads do not wait."""
    await db.execute("SELECT pg_advisory_xact_lock(hashtext('price_versions'))")


async def select_versions(db: Connection, side: Side, providers: Iterable[str]) -> list[PriceVersion]:
    """Return all versions of these providers' costs, or of these tiers' prices in all currencies."""
    rows = await db.fetch(
        f"SELECT {_VERSION} FROM price_versions WHERE side = $1 AND provider = ANY($2::text[])",
        side,
        sorted(set(providers)),
    )
    return [_version(row) for row in rows]


async def select_newest(db: Connection, provider: str | None = None) -> list[StoredPrice]:
    """Return the newest version of each price, even if it begins later.

    Args:
        provider: Return only prices of this provider; None for all.
    """
    rows = await db.fetch(_SELECT_NEWEST, provider)
    return [StoredPrice(_version(row), row["source"]) for row in rows]


async def insert_versions(db: Connection, prices: Sequence[NewPrice], now: datetime) -> None:
    """Insert versions. The prices must be locked."""
    keys = [price.key for price in prices]
    await db.execute(
        f"""
        INSERT INTO price_versions ({_KEY}, price, source, valid_from, created_at)
        SELECT n.*, $10::timestamptz FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
                                                 $7::numeric[], $8::text[], $9::timestamptz[]) AS n
        """,
        *([getattr(key, name) for key in keys] for name in PriceKey.__slots__ if name != "currency"),
        [key.currency.upper() for key in keys],
        [price.price for price in prices],
        [price.source for price in prices],
        [price.valid_from for price in prices],
        now,
    )


def _version(row: Any) -> PriceVersion:
    """Convert a row to a version. The table contains currencies in upper case."""
    key = PriceKey(**{**{name: row[name] for name in PriceKey.__slots__}, "currency": row["currency"].lower()})
    return PriceVersion(row["id"], key, row["price"], row["valid_from"])


# --- plan_versions -------------------------------------------------------------------------------------------------
# Maximum number of versions that are read.
MOST_VERSIONS = 10_000


async def select_plans(db: Connection, currency: str) -> list[PlanVersion]:
    """Return the plan versions of all tiers in one currency."""
    rows = await db.fetch(
        "SELECT id, tier_name, monthly_fee, included_minutes, currency, valid_from FROM plan_versions "
        "WHERE currency = $1 ORDER BY valid_from, id LIMIT $2",
        currency,
        MOST_VERSIONS,
    )
    return [PlanVersion(**row) for row in rows]


async def insert_plans(db: Connection, plans: Iterable[PlanVersion], now: datetime) -> None:
    """Insert plan versions. Their ids are ignored."""
    await db.executemany(
        "INSERT INTO plan_versions (tier_name, monthly_fee, included_minutes, currency, valid_from, created_at) "
        "VALUES ($1, $2, $3, $4, $5, $6)",
        [
            (plan.tier_name, plan.monthly_fee, plan.included_minutes, plan.currency, plan.valid_from, now)
            for plan in plans
        ],
    )


# --- Tiers ---------------------------------------------------------------------------------------------------------
_SELECT_PLANS: Final = """
    SELECT tier_name, $1 AS currency, monthly_fee, price_per_minute, included_minutes FROM tiers
    UNION ALL
    SELECT tier_name, p.currency, p.monthly_fee, p.price_per_minute, t.included_minutes
    FROM tier_prices p JOIN tiers t USING (tier_name)
    ORDER BY 1, 2 LIMIT 10000
"""


@dataclass(frozen=True, slots=True)
class TierPlan:
    """A tier's prices in one currency, with its included minutes."""

    price: TierPrice
    included_minutes: int


async def select_tier_plans(db: Connection) -> list[TierPlan]:
    """Return the prices of each tier in each of its currencies."""
    rows = await db.fetch(_SELECT_PLANS, CURRENCY)
    return [
        TierPlan(
            TierPrice(row["tier_name"], row["currency"], row["monthly_fee"], row["price_per_minute"]),
            row["included_minutes"],
        )
        for row in rows
    ]


async def select_tier_prices(db: Connection) -> Sequence[TierPrice]:
    """Return the tiers' prices in currencies other than the platform's, by tier and currency."""
    rows = await db.fetch(
        "SELECT tier_name, currency, monthly_fee, price_per_minute FROM tier_prices "
        "ORDER BY tier_name, currency LIMIT 10000"
    )
    return [TierPrice(**row) for row in rows]


async def upsert_tier_price(db: Connection, price: TierPrice, now: datetime) -> None:
    """Insert or replace a tier's price. The tier must exist."""
    await db.execute(
        "INSERT INTO tier_prices (tier_name, currency, monthly_fee, price_per_minute, updated_at) "
        "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (tier_name, currency) DO UPDATE "
        "SET monthly_fee = $3, price_per_minute = $4, updated_at = $5",
        *(price.tier_name, price.currency, price.monthly_fee, price.price_per_minute, now),
    )


# --- exchange_rates ------------------------------------------------------------------------------------------------
# Maximum number of rates of a currency: a rate a day for 27 years.
MOST_RATES: Final = 10_000


async def load_rates(db: Connection, currency: str) -> RateHistory:
    """Return the exchange rates of a currency."""
    return RateHistory(currency, [] if currency == CURRENCY else await select_exchange_rates(db, currency))


async def select_exchange_rates(db: Connection, currency: str | None = None) -> list[ExchangeRate]:
    """Return the newest 10,000 exchange rates by currency, newest first.

    Args:
        currency: Return only rates of this currency; None for all.
    """
    rows = await db.fetch(
        "SELECT id, currency, usd, valid_from FROM exchange_rates WHERE $1::text IS NULL OR currency = $1 "
        "ORDER BY currency, valid_from DESC LIMIT $2",
        currency,
        MOST_RATES,
    )
    return [ExchangeRate(**row) for row in rows]


async def insert_exchange_rate(db: Connection, rate: ExchangeRate, now: datetime) -> ExchangeRate | None:
    """Insert a rate. Return it with its id, or None if a rate for this currency and time exists."""
    row = await db.fetchrow(
        "INSERT INTO exchange_rates (currency, usd, valid_from, created_at) VALUES ($1, $2, $3, $4) "
        "ON CONFLICT DO NOTHING RETURNING id, currency, usd, valid_from",
        *(rate.currency, rate.usd, rate.valid_from, now),
    )
    return None if row is None else ExchangeRate(**row)
