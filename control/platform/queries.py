"""SQL for settings and tiers."""

from dataclasses import fields
from decimal import Decimal
from typing import Any, Final, Literal
from uuid import UUID

from control.db.pool import Connection
from control.platform.rules import CURRENCY, TIER_LIMITS, Setting, Tier, TierUse

_TIER_COLUMNS: Final = tuple(field.name for field in fields(Tier))
_TIER_LIST: Final = ", ".join(_TIER_COLUMNS)


def tier_values(tier: Tier) -> dict[str, Any]:
    """Return a tier's values by column name."""
    return {name: getattr(tier, name) for name in _TIER_COLUMNS}


async def select_setting(db: Connection, key: str) -> Setting | None:
    """Return a setting, or None if it was never stored."""
    row = await db.fetchrow("SELECT key, value, description, updated_at FROM settings WHERE key = $1", key)
    return None if row is None else Setting(**row)


async def select_settings(db: Connection) -> list[Setting]:
    """Return all stored settings."""
    rows = await db.fetch("SELECT key, value, description, updated_at FROM settings ORDER BY key")
    return [Setting(**row) for row in rows]


async def lock_settings(db: Connection) -> None:
    """Make concurrent changes of settings wait until the transaction ends. Reads do not wait."""
    await db.execute("SELECT pg_advisory_xact_lock(hashtext('settings'))")


async def upsert_setting(db: Connection, key: str, value: Any, description: str, admin_id: UUID | None) -> None:
    """Store a setting's value."""
    await db.execute(
        """
        INSERT INTO settings (key, value, description, updated_by) VALUES ($1, $2, $3, $4)
        ON CONFLICT (key) DO UPDATE SET value = $2, description = $3, updated_by = $4, updated_at = now()
        """,
        key,
        value,
        description,
        admin_id,
    )


async def insert_setting(db: Connection, key: str, value: Any, description: str) -> None:
    """Store an initial value. If the setting is stored, its value stays and only the description is updated."""
    await db.execute(
        """
        INSERT INTO settings (key, value, description) VALUES ($1, $2, $3)
        ON CONFLICT (key) DO UPDATE SET description = $3 WHERE settings.description <> $3
        """,
        key,
        value,
        description,
    )


async def select_tier(db: Connection, name: str, *, lock: Literal["", "SHARE", "UPDATE"] = "") -> Tier | None:
    """Return a tier, or None.

    Args:
        lock: The row lock, held until the transaction ends.
    """
    locking = f" FOR {lock}" if lock else ""
    row = await db.fetchrow(f"SELECT {_TIER_LIST} FROM tiers WHERE tier_name = $1{locking}", name)
    return None if row is None else Tier(**row)


async def select_tiers(db: Connection) -> list[Tier]:
    """Return all tiers in the order of the price list."""
    rows = await db.fetch(f"SELECT {_TIER_LIST} FROM tiers ORDER BY position, monthly_fee, tier_name LIMIT 1000")
    return [Tier(**row) for row in rows]


async def insert_tier(db: Connection, tier: Tier) -> bool:
    """Insert a tier. Return False if the name is taken."""
    values = tier_values(tier)
    places = ", ".join(f"${place}" for place in range(1, len(values) + 1))
    status = await db.execute(
        f"INSERT INTO tiers ({_TIER_LIST}) VALUES ({places}) ON CONFLICT (tier_name) DO NOTHING", *values.values()
    )
    return bool(status == "INSERT 0 1")


async def update_tier(db: Connection, tier: Tier) -> None:
    """Write all columns of a tier."""
    values = tier_values(tier)
    sets = ", ".join(f"{name} = ${place}" for place, name in enumerate(values, 1))
    await db.execute(f"UPDATE tiers SET {sets}, updated_at = now() WHERE tier_name = $1", *values.values())


async def is_priced(db: Connection, tier_name: str, currency: str) -> bool:
    """Return whether the tier has prices in the currency and the currency has an exchange rate.

    The platform's own currency always has both.
    """
    if currency == CURRENCY:
        return True
    found: bool = await db.fetchval(
        "SELECT EXISTS (SELECT FROM tier_prices WHERE tier_name = $1 AND currency = $2) "
        "AND EXISTS (SELECT FROM exchange_rates WHERE currency = $2)",
        tier_name,
        currency,
    )
    return found


async def select_minute_price(db: Connection, tier: Tier, currency: str) -> Decimal | None:
    """Returns what a minute of the tier costs in a currency; None for a currency without prices."""
    if currency == CURRENCY:
        return tier.price_per_minute
    price: Decimal | None = await db.fetchval(
        "SELECT price_per_minute FROM tier_prices WHERE tier_name = $1 AND currency = $2", tier.tier_name, currency
    )
    return price


async def select_account_currency(db: Connection, workspace_id: UUID) -> str:
    """Return the currency that a workspace is billed in."""
    found: str = await db.fetchval(
        "SELECT coalesce((SELECT currency FROM billing_accounts WHERE workspace_id = $1), $2)", workspace_id, CURRENCY
    )
    return found


async def select_tier_use(db: Connection, tier: Tier) -> TierUse:
    """Return, for each limit, the highest use by a workspace of the tier, and how many workspaces exceed the tier's
    limit.
    """
    row = await db.fetchrow(
        """
        WITH used AS (
            SELECT (SELECT count(*) FROM agents a WHERE a.workspace_id = w.id AND a.deleted_at IS NULL) AS max_agents,
                   (SELECT count(*) FROM workspace_members m WHERE m.workspace_id = w.id)
                   + (SELECT count(*) FROM invitations i WHERE i.workspace_id = w.id AND i.accepted_at IS NULL
                      AND i.revoked_at IS NULL AND i.expires_at > now()) AS max_members,
                   (SELECT count(*) FROM phone_numbers p WHERE p.workspace_id = w.id
                    AND p.status IN ('buying', 'active')) AS max_phone_numbers
            FROM workspaces w WHERE w.tier_name = $1 AND w.deleted_at IS NULL
        )
        SELECT coalesce(max(max_agents), 0) AS max_agents, count(*) FILTER (WHERE max_agents > $2) AS over_max_agents,
               coalesce(max(max_members), 0) AS max_members,
               count(*) FILTER (WHERE max_members > $3) AS over_max_members,
               coalesce(max(max_phone_numbers), 0) AS max_phone_numbers,
               count(*) FILTER (WHERE max_phone_numbers > $4) AS over_max_phone_numbers
        FROM used
        """,
        tier.tier_name,
        *(getattr(tier, name) for name in TIER_LIMITS),
    )
    return TierUse({name: row[name] for name in TIER_LIMITS}, {name: row[f"over_{name}"] for name in TIER_LIMITS})
