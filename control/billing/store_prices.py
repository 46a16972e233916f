"""SQL of price_versions. Versions are only inserted."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from control.billing.model import NewPrice, StoredPrice
from control.billing.prices import PriceKey, PriceVersion, Side
from control.db.pool import Connection

_KEY: Final = "side, provider, role, model, unit, currency"
_VERSION: Final = f"id, {_KEY}, price, valid_from"

# The newest version of each key, also one that does not hold yet; $1: only of this provider, if not null.
_SELECT_NEWEST: Final = f"""
    SELECT DISTINCT ON ({_KEY}) {_VERSION}, source FROM price_versions
    WHERE $1::text IS NULL OR provider = $1 ORDER BY {_KEY}, valid_from DESC
"""


async def lock_prices(db: Connection) -> None:
    """Makes other changes of prices wait until the transaction ends; reads do not wait."""
    await db.execute("SELECT pg_advisory_xact_lock(hashtext('price_versions'))")


async def select_versions(db: Connection, side: Side, providers: Iterable[str]) -> list[PriceVersion]:
    """All versions of these providers' costs, or of these tiers' prices in all currencies."""
    rows = await db.fetch(
        f"SELECT {_VERSION} FROM price_versions WHERE side = $1 AND provider = ANY($2::text[])",
        side,
        sorted(set(providers)),
    )
    return [_version(row) for row in rows]


async def select_newest(db: Connection, provider: str | None = None) -> list[StoredPrice]:
    """The newest version of each price, also one that does not hold yet. provider: only of this one."""
    rows = await db.fetch(_SELECT_NEWEST, provider)
    return [StoredPrice(_version(row), row["source"]) for row in rows]


async def insert_versions(db: Connection, prices: Sequence[NewPrice], now: datetime) -> None:
    """Prices must be locked."""
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
    """The table writes currencies in upper case."""
    key = PriceKey(**{**{name: row[name] for name in PriceKey.__slots__}, "currency": row["currency"].lower()})
    return PriceVersion(row["id"], key, row["price"], row["valid_from"])
