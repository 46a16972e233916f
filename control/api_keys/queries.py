"""SQL for API keys and their secrets."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from control.api_keys.rules import ApiKey, KeySecret, NewSecret
from control.db.pool import Connection

_COLUMNS: Final = "id, workspace_id, name, scopes, expires_at, created_at"


async def select_all(db: Connection, workspace_id: UUID, limit: int) -> list[ApiKey]:
    """Return up to `limit` keys of a workspace without their secrets, newest first."""
    rows = await db.fetch(
        f"SELECT {_COLUMNS} FROM api_keys WHERE workspace_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2",
        workspace_id, limit,
    )  # fmt: skip
    return [_key(row) for row in rows]


async def select_one(db: Connection, workspace_id: UUID, key_id: UUID, *, lock: bool = False) -> ApiKey | None:
    """Return a key without its secrets, or None.

    Args:
        lock: Lock the row until the transaction ends.
    """
    locking = "FOR UPDATE" if lock else ""
    row = await db.fetchrow(
        f"SELECT {_COLUMNS} FROM api_keys WHERE workspace_id = $1 AND id = $2 {locking}", workspace_id, key_id
    )
    return None if row is None else _key(row)


async def select_secrets(db: Connection, workspace_id: UUID, keys: Sequence[UUID], now: datetime) -> list[KeySecret]:
    """Return the valid secrets of these keys, newest first.

    A key has few secrets, because all except the newest end within a week.
    """
    rows = await db.fetch(
        """
        SELECT s.key_id, s.prefix, u.email AS holder_email, s.created_at, s.expires_at, s.last_used_at,
               m.user_id IS NOT NULL AND u.is_active AS holder_is_member
        FROM api_key_secrets s
        JOIN users u ON u.id = s.holder_id
        LEFT JOIN workspace_members m ON m.workspace_id = s.workspace_id AND m.user_id = s.holder_id
        WHERE s.workspace_id = $1 AND s.key_id = ANY ($2) AND (s.expires_at IS NULL OR s.expires_at > $3)
        ORDER BY s.created_at DESC, s.expires_at DESC LIMIT 1000
        """,
        workspace_id, list(keys), now,
    )  # fmt: skip
    return [KeySecret(**row) for row in rows]


async def insert_key(db: Connection, key: ApiKey) -> None:
    """Insert a key without secrets."""
    await db.execute(
        f"INSERT INTO api_keys ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6)",
        key.id, key.workspace_id, key.name, list(key.scopes), key.expires_at, key.created_at,
    )  # fmt: skip


async def update_key(db: Connection, key: ApiKey) -> None:
    """Update name, scopes and expiry of a key."""
    await db.execute(
        "UPDATE api_keys SET name = $3, scopes = $4, expires_at = $5 WHERE workspace_id = $1 AND id = $2",
        key.workspace_id, key.id, key.name, list(key.scopes), key.expires_at,
    )  # fmt: skip


async def delete_key(db: Connection, workspace_id: UUID, key_id: UUID) -> None:
    """Delete a key with its secrets."""
    await db.execute("DELETE FROM api_keys WHERE workspace_id = $1 AND id = $2", workspace_id, key_id)


async def insert_secret(db: Connection, workspace_id: UUID, key_id: UUID, secret: NewSecret) -> None:
    """Insert a key's newest secret."""
    await db.execute(
        """
        INSERT INTO api_key_secrets (hash, key_id, workspace_id, holder_id, prefix, created_at)
        VALUES ($1, $2, $3, $4, $5, $6)
        """,
        secret.hash, key_id, workspace_id, secret.holder_id, secret.prefix, secret.created_at,
    )  # fmt: skip


async def end_secrets(db: Connection, workspace_id: UUID, key_id: UUID, at: datetime, now: datetime) -> None:
    """End all secrets of a key at `at`, except secrets that end sooner, and delete secrets that have already ended."""
    await db.execute(
        """
        UPDATE api_key_secrets SET expires_at = least(expires_at, $3) WHERE workspace_id = $1 AND key_id = $2
        """,
        workspace_id, key_id, at,
    )  # fmt: skip
    await db.execute(
        "DELETE FROM api_key_secrets WHERE workspace_id = $1 AND key_id = $2 AND expires_at <= $3",
        workspace_id, key_id, now,
    )  # fmt: skip


async def update_last_use(db: Connection, secret: bytes) -> None:
    """Record the use of a secret at most once a minute, unless another transaction has locked the row.

    Works in the scope in which the request ends, either the workspace's or the platform's. Uses the database's clock,
    like `authorise_api_key`, which reports that the record is due.
    """
    await db.execute(
        """
        UPDATE api_key_secrets SET last_used_at = now() WHERE hash IN (
            SELECT hash FROM api_key_secrets
            WHERE hash = $1 AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')
            FOR NO KEY UPDATE SKIP LOCKED)
        """,
        secret,
    )  # fmt: skip


async def lock_list(db: Connection, workspace_id: UUID) -> None:
    """Serialize transactions that count a workspace's keys before they add a key."""
    await db.execute("SELECT pg_advisory_xact_lock(hashtextextended('api_keys ' || $1::text, 0))", str(workspace_id))


def _key(row: Any) -> ApiKey:
    return ApiKey(
        id=row["id"],
        workspace_id=row["workspace_id"],
        name=row["name"],
        scopes=tuple(row["scopes"]),
        expires_at=row["expires_at"],
        created_at=row["created_at"],
    )
