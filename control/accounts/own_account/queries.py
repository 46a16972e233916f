"""SQL for the own accounts of users and staff: password and sessions."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from control.accounts.rules import ListedSession, OwnPassword
from control.db.pool import Connection
from control.http.auth.access_tokens import Audience

# For each kind of session owner: the column of the session that refers to the owner, and the owner's table.
_OWNERS: Final[dict[Audience, tuple[str, str]]] = {"user": ("user_id", "users"), "admin": ("admin_id", "admins")}
# Maximum number of listed sessions. A person usually has a few.
MOST_LISTED: Final = 200


async def find_password(db: Connection, audience: Audience, owner_id: UUID) -> OwnPassword | None:
    """Return the password hash of an account, or None."""
    _, table = _OWNERS[audience]
    row = await db.fetchrow(f"SELECT email, name, password_hash FROM {table} WHERE id = $1", owner_id)
    return None if row is None else OwnPassword(row["email"], row["name"], row["password_hash"])


async def set_password(db: Connection, audience: Audience, owner_id: UUID, known: str, new: str, now: datetime) -> bool:
    """Replace the hash `known`. Return False if the account has another hash, because it changed meanwhile."""
    _, table = _OWNERS[audience]
    done = await db.execute(
        f"UPDATE {table} SET password_hash = $3, updated_at = $4 WHERE id = $1 AND password_hash = $2",
        owner_id, known, new, now,
    )  # fmt: skip
    return str(done) == "UPDATE 1"


async def select_sessions(db: Connection, audience: Audience, owner_id: UUID, now: datetime) -> list[ListedSession]:
    """Return the sessions that can still be refreshed, last used first."""
    column, _ = _OWNERS[audience]
    rows = await db.fetch(
        f"""
        SELECT s.id, s.created_at, t.last_used_at, t.expires_at, host(s.address) AS address, s.user_agent
        FROM sessions s, LATERAL (
            SELECT max(issued_at) AS last_used_at, max(expires_at) AS expires_at
            FROM refresh_tokens WHERE session_id = s.id) AS t
        WHERE s.{column} = $1 AND s.revoked_at IS NULL AND s.expires_at > $2 AND t.expires_at > $2
        ORDER BY t.last_used_at DESC, s.id LIMIT {MOST_LISTED}
        """,
        owner_id, now,
    )  # fmt: skip
    return [ListedSession(**row) for row in rows]


async def revoke_session(
    db: Connection, audience: Audience, owner_id: UUID, session_id: UUID, why: str, now: datetime
) -> bool:
    """End a session of this owner. Return False if the owner has no open session with this id."""
    column, _ = _OWNERS[audience]
    done = await db.execute(
        f"UPDATE sessions SET revoked_at = $4, revoked_why = $3 WHERE id = $2 AND {column} = $1 AND revoked_at IS NULL",
        owner_id, session_id, why, now,
    )  # fmt: skip
    return str(done) == "UPDATE 1"


async def revoke_others(db: Connection, audience: Audience, owner_id: UUID, kept: UUID, why: str, now: datetime) -> int:
    """End all sessions of this owner except `kept`. Return the number of ended sessions."""
    column, _ = _OWNERS[audience]
    done: Any = await db.execute(
        f"UPDATE sessions SET revoked_at = $4, revoked_why = $3 "
        f"WHERE {column} = $1 AND id <> $2 AND revoked_at IS NULL",
        owner_id, kept, why, now,
    )  # fmt: skip
    return int(str(done).rpartition(" ")[2])


async def set_authenticated(db: Connection, session_id: UUID, now: datetime) -> None:
    """Record that the session's owner has proved their identity again with the password or a code."""
    await db.execute("UPDATE sessions SET authenticated_at = $2 WHERE id = $1", session_id, now)


async def select_authenticated(db: Connection, session_id: UUID) -> datetime | None:
    """Return when the session's owner last proved their identity with the password or a code, including the sign-in."""
    found: datetime | None = await db.fetchval(
        "SELECT coalesce(authenticated_at, created_at) FROM sessions WHERE id = $1", session_id
    )
    return found
