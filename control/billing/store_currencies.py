"""SQL of exchange_rates and tier_prices. Rates are only inserted."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from control.billing.exchange_rates import ExchangeRate, RateHistory
from control.billing.plans import TierPrice
from control.db.pool import Connection
from control.platform.model import CURRENCY

# Versions of one currency: a rate a day for 27 years.
MOST_RATES: Final = 10_000


async def load_history(db: Connection, currency: str) -> RateHistory:
    """All rates of a currency."""
    return RateHistory(currency, [] if currency == CURRENCY else await select_rates(db, currency))


async def select_rates(db: Connection, currency: str | None = None) -> list[ExchangeRate]:
    """By currency, the newest first; the newest 10,000. currency: only of this one."""
    rows = await db.fetch(
        "SELECT id, currency, usd, valid_from FROM exchange_rates WHERE $1::text IS NULL OR currency = $1 "
        "ORDER BY currency, valid_from DESC LIMIT $2",
        currency,
        MOST_RATES,
    )
    return [ExchangeRate(**row) for row in rows]


async def insert_rate(db: Connection, rate: ExchangeRate, now: datetime) -> ExchangeRate | None:
    """Returns the rate with its id; None if there is one of this currency and time."""
    row = await db.fetchrow(
        "INSERT INTO exchange_rates (currency, usd, valid_from, created_at) VALUES ($1, $2, $3, $4) "
        "ON CONFLICT DO NOTHING RETURNING id, currency, usd, valid_from",
        *(rate.currency, rate.usd, rate.valid_from, now),
    )
    return None if row is None else ExchangeRate(**row)


async def select_tier_prices(db: Connection) -> Sequence[TierPrice]:
    """What tiers cost in other currencies than the platform's, by tier and currency."""
    rows = await db.fetch(
        "SELECT tier_name, currency, monthly_fee, price_per_minute FROM tier_prices "
        "ORDER BY tier_name, currency LIMIT 10000"
    )
    return [TierPrice(**row) for row in rows]


async def upsert_tier_price(db: Connection, price: TierPrice, now: datetime) -> None:
    """The tier must exist."""
    await db.execute(
        "INSERT INTO tier_prices (tier_name, currency, monthly_fee, price_per_minute, updated_at) "
        "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (tier_name, currency) DO UPDATE "
        "SET monthly_fee = $3, price_per_minute = $4, updated_at = $5",
        *(price.tier_name, price.currency, price.monthly_fee, price.price_per_minute, now),
    )
