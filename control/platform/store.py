"""All SQL of settings, tiers and the audit log."""

from dataclasses import fields
from typing import Any, Final, Literal
from uuid import UUID

from control.db.pool import Connection
from control.platform.model import LogEntry, LogFilter, Setting, Tier
from control.platform.tier_changes import LIMITS, TierUse

_TIER_COLUMNS: Final = tuple(field.name for field in fields(Tier))
_TIER_LIST: Final = ", ".join(_TIER_COLUMNS)
_LOG_LIST: Final = ", ".join(field.name for field in fields(LogEntry))


def columns(tier: Tier) -> dict[str, Any]:
    """A tier's values by the names of its columns."""
    return {name: getattr(tier, name) for name in _TIER_COLUMNS}


async def select_setting(db: Connection, key: str) -> Setting | None:
    """As stored; None when it never was."""
    row = await db.fetchrow("SELECT key, value, description, updated_at FROM settings WHERE key = $1", key)
    return None if row is None else Setting(**row)


async def select_settings(db: Connection) -> list[Setting]:
    """All that are stored."""
    rows = await db.fetch("SELECT key, value, description, updated_at FROM settings ORDER BY key")
    return [Setting(**row) for row in rows]


async def lock_settings(db: Connection) -> None:
    """Who changes settings at the same time waits; who reads them doesn't."""
    await db.execute("SELECT pg_advisory_xact_lock(hashtext('settings'))")


async def upsert_setting(db: Connection, key: str, value: Any, description: str, admin_id: UUID | None) -> None:
    """Stores a value."""
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
    """Stores a first value; one that is there stays, but is described anew."""
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
    """One tier, if it is there; `lock` holds it until the transaction ends."""
    held = f" FOR {lock}" if lock else ""
    row = await db.fetchrow(f"SELECT {_TIER_LIST} FROM tiers WHERE tier_name = $1{held}", name)
    return None if row is None else Tier(**row)


async def select_tiers(db: Connection) -> list[Tier]:
    """All, in the order of the price list."""
    rows = await db.fetch(f"SELECT {_TIER_LIST} FROM tiers ORDER BY position, monthly_fee, tier_name LIMIT 1000")
    return [Tier(**row) for row in rows]


async def insert_tier(db: Connection, tier: Tier) -> bool:
    """False: the name is taken."""
    values = columns(tier)
    places = ", ".join(f"${place}" for place in range(1, len(values) + 1))
    status = await db.execute(
        f"INSERT INTO tiers ({_TIER_LIST}) VALUES ({places}) ON CONFLICT (tier_name) DO NOTHING", *values.values()
    )
    return bool(status == "INSERT 0 1")


async def update_tier(db: Connection, tier: Tier) -> None:
    """Writes all columns."""
    values = columns(tier)
    sets = ", ".join(f"{name} = ${place}" for place, name in enumerate(values, 1))
    await db.execute(f"UPDATE tiers SET {sets}, updated_at = now() WHERE tier_name = $1", *values.values())


async def select_tier_use(db: Connection, tier: Tier) -> TierUse:
    """What the workspaces of a tier use of each limit, measured against the limits of `tier`.

    Counts rows of rooms above this one: the only question here whose answer lies outside.
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
        *(getattr(tier, name) for name in LIMITS),
    )
    return TierUse({name: row[name] for name in LIMITS}, {name: row[f"over_{name}"] for name in LIMITS})


async def select_log(db: Connection, wanted: LogFilter, offset: int, limit: int) -> list[LogEntry]:
    """A page, newest first."""
    where, values = _log_where(wanted)
    rows = await db.fetch(
        f"SELECT {_LOG_LIST} FROM audit_log {where} ORDER BY at DESC, id DESC "
        f"OFFSET ${len(values) + 1} LIMIT ${len(values) + 2}",
        *values,
        offset,
        limit,
    )
    return [LogEntry(**row) for row in rows]


async def count_log(db: Connection, wanted: LogFilter, most: int) -> int:
    """How many lines there are of what is wanted; no more than `most` are counted."""
    where, values = _log_where(wanted)
    return int(
        await db.fetchval(
            f"SELECT count(*) FROM (SELECT FROM audit_log {where} LIMIT ${len(values) + 1}) AS found", *values, most
        )
    )


def _log_where(wanted: LogFilter) -> tuple[str, list[Any]]:
    """Only the conditions asked for, so that each combination gets the index that fits it."""
    asked = {
        "actor_id = ${}": wanted.admin_id,
        "action = ${}": wanted.action,
        "at >= ${}": wanted.since,
        "at < ${}": wanted.until,
    }
    given = [(text, value) for text, value in asked.items() if value is not None]
    conditions = [text.format(place) for place, (text, _) in enumerate(given, 1)]
    return ("WHERE " + " AND ".join(conditions) if conditions else ""), [value for _, value in given]
