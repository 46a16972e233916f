"""SQL of plan_versions and tax_rates. Rows are only inserted."""

from collections.abc import Iterable
from datetime import datetime

from control.billing.plans import PlanVersion
from control.billing.taxes import TaxRate
from control.db.pool import Connection

# Versions of one currency; more would be a fault of whoever opens them.
MOST_VERSIONS = 10_000


async def select_plans(db: Connection, currency: str) -> list[PlanVersion]:
    """All versions of all tiers in one currency."""
    rows = await db.fetch(
        "SELECT id, tier_name, monthly_fee, included_minutes, currency, valid_from FROM plan_versions "
        "WHERE currency = $1 ORDER BY valid_from, id LIMIT $2",
        currency,
        MOST_VERSIONS,
    )
    return [PlanVersion(**row) for row in rows]


async def insert_plans(db: Connection, plans: Iterable[PlanVersion], now: datetime) -> None:
    """Inserts versions; their ids are not used."""
    await db.executemany(
        "INSERT INTO plan_versions (tier_name, monthly_fee, included_minutes, currency, valid_from, created_at) "
        "VALUES ($1, $2, $3, $4, $5, $6)",
        [(one.tier_name, one.monthly_fee, one.included_minutes, one.currency, one.valid_from, now) for one in plans],
    )


async def select_rates(db: Connection, country: str | None = None) -> list[TaxRate]:
    """All versions of the tax rates. country: only of this one."""
    rows = await db.fetch(
        "SELECT id, country, name, basis_points, is_inclusive, valid_from FROM tax_rates "
        "WHERE $1::text IS NULL OR country = $1 ORDER BY country, name, valid_from LIMIT $2",
        country,
        MOST_VERSIONS,
    )
    return [TaxRate(**row) for row in rows]


async def insert_rate(db: Connection, rate: TaxRate, now: datetime) -> TaxRate | None:
    """Returns the rate with its id; None if there is one of this country, name and time."""
    row = await db.fetchrow(
        "INSERT INTO tax_rates (country, name, basis_points, is_inclusive, valid_from, created_at) "
        "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING "
        "RETURNING id, country, name, basis_points, is_inclusive, valid_from",
        rate.country,
        rate.name,
        rate.basis_points,
        rate.is_inclusive,
        rate.valid_from,
        now,
    )
    return None if row is None else TaxRate(**row)
