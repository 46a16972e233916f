"""SQL for sessions and their refresh tokens."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from control.db.pool import Connection
from control.http.auth.access_tokens import Audience

# For each kind of session owner: the column of the session that refers to the owner, and the owner's table.
_OWNERS: Final[dict[Audience, tuple[str, str]]] = {"user": ("user_id", "users"), "admin": ("admin_id", "admins")}


@dataclass(frozen=True, slots=True)
class NewSession:
    """A session to insert.

    Attributes:
        token: Hash of the first refresh token.
        sso_workspace_id: The workspace whose provider signed the user in. None for a sign-in with a password.
    """

    id: UUID
    owner_id: UUID
    token: bytes
    token_expires_at: datetime
    expires_at: datetime
    address: str
    user_agent: str
    sso_workspace_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class PresentedRefreshToken:
    """A refused refresh token and its owner.

    Attributes:
        is_over: Whether the session has ended.
    """

    session_id: UUID
    session_expires_at: datetime
    used_at: datetime | None
    is_over: bool
    owner_id: UUID
    email: str
    is_active: bool


async def insert(db: Connection, audience: Audience, session: NewSession, now: datetime, known: str | None) -> bool:
    """Insert a session and its first refresh token, and update the owner's last sign-in, in one round trip.

    Returns False if the owner is deleted, inactive, or has another password hash than `known`. Locks the owner's row.
    """
    column, table = _OWNERS[audience]
    done: Any = await db.execute(
        f"""
        WITH owner AS (
            UPDATE {table} SET last_login_at = $8
            WHERE id = $2 AND is_active AND ($9::text IS NULL OR password_hash = $9) RETURNING id
        ),
        session AS (
            INSERT INTO sessions (id, {column}, created_at, expires_at, address, user_agent, sso_workspace_id)
            SELECT $1, id, $8, $5, $6, $7, $10 FROM owner RETURNING id
        )
        INSERT INTO refresh_tokens (token_hash, session_id, issued_at, expires_at) SELECT $3, id, $8, $4 FROM session
        """,
        *(session.id, session.owner_id, session.token, session.token_expires_at, session.expires_at),
        *(session.address or None, session.user_agent, now, known, session.sso_workspace_id),
    )
    return bool(done == "INSERT 0 1")


async def use_refresh(db: Connection, audience: Audience, token: bytes, now: datetime) -> tuple[UUID, datetime] | None:
    """Mark a valid token as used. Return its session and the session's end. Only one of two concurrent uses
    succeeds."""
    column, table = _OWNERS[audience]
    row = await db.fetchrow(
        f"""
        UPDATE refresh_tokens t SET used_at = $2
        FROM sessions s JOIN {table} o ON o.id = s.{column}
        WHERE t.token_hash = $1 AND t.used_at IS NULL AND t.expires_at > $2
          AND s.id = t.session_id AND s.revoked_at IS NULL AND s.expires_at > $2 AND o.is_active
        RETURNING s.id, s.expires_at
        """,
        token, now,
    )  # fmt: skip
    return (row["id"], row["expires_at"]) if row else None


async def find_refresh(db: Connection, audience: Audience, token: bytes, now: datetime) -> PresentedRefreshToken | None:
    """Return the data of a token that `use_refresh` refused, or None."""
    column, table = _OWNERS[audience]
    row = await db.fetchrow(
        f"""
        SELECT s.id, s.expires_at, t.used_at, o.id AS owner_id, o.email, o.is_active,
               s.revoked_at IS NOT NULL OR s.expires_at <= $2 AS is_over
        FROM refresh_tokens t JOIN sessions s ON s.id = t.session_id JOIN {table} o ON o.id = s.{column}
        WHERE t.token_hash = $1
        """,
        token, now,
    )  # fmt: skip
    if row is None:
        return None
    return PresentedRefreshToken(
        session_id=row["id"],
        session_expires_at=row["expires_at"],
        used_at=row["used_at"],
        is_over=row["is_over"],
        owner_id=row["owner_id"],
        email=row["email"],
        is_active=row["is_active"],
    )


async def insert_refresh(db: Connection, token: bytes, session_id: UUID, now: datetime, expires_at: datetime) -> None:
    """Insert a session's next refresh token."""
    await db.execute(
        "INSERT INTO refresh_tokens (token_hash, session_id, issued_at, expires_at) VALUES ($1, $2, $3, $4)",
        token, session_id, now, expires_at,
    )  # fmt: skip


async def revoke(db: Connection, session_id: UUID, why: str, now: datetime) -> None:
    """End a session."""
    await db.execute(
        "UPDATE sessions SET revoked_at = $3, revoked_why = $2 WHERE id = $1 AND revoked_at IS NULL",
        session_id, why, now,
    )  # fmt: skip


async def revoke_sso(db: Connection, user_ids: Collection[UUID], workspace_id: UUID, why: str, now: datetime) -> None:
    """End the sessions of these users that a workspace's provider started."""
    await db.execute(
        "UPDATE sessions SET revoked_at = $4, revoked_why = $3 "
        "WHERE user_id = ANY ($1::uuid[]) AND revoked_at IS NULL AND sso_workspace_id = $2",
        list(user_ids), workspace_id, why, now,
    )  # fmt: skip


async def revoke_all(db: Connection, audience: Audience, owner_id: UUID, why: str, now: datetime) -> None:
    """End all sessions of an owner."""
    column, _ = _OWNERS[audience]
    await db.execute(
        f"UPDATE sessions SET revoked_at = $3, revoked_why = $2 WHERE {column} = $1 AND revoked_at IS NULL",
        owner_id, why, now,
    )  # fmt: skip


async def purge(db: Connection, now: datetime, forget: datetime, most: int) -> int:
    """Delete up to `most` expired rows of each table. Return the total number of deleted rows."""
    return sum(
        [
            await _purge(db, "sessions", "id", "expires_at", now, most),
            await _purge(db, "refresh_tokens", "token_hash", "expires_at", now, most),
            await _purge(db, "one_time_tokens", "token_hash", "expires_at", now, most),
            await _purge(db, "failed_sign_ins", "(audience, address_hash)", "last_at", forget, most),
        ]
    )


async def _purge(db: Connection, table: str, key: str, column: str, before: datetime, most: int) -> int:
    columns = key.strip("()")
    done: Any = await db.execute(
        f"""
        DELETE FROM {table} WHERE {key} IN (
            SELECT {columns} FROM {table} WHERE {column} < $1 ORDER BY {column} LIMIT $2 FOR UPDATE SKIP LOCKED)
        """,
        before, most,
    )  # fmt: skip
    return int(str(done).rpartition(" ")[2])
