"""SQL of users and of their one-time tokens."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from control.accounts.model import User
from control.db.keyset import Keyset, ListPage, PageRequest, cut_page
from control.db.pool import Connection

Purpose = Literal["verify_email", "reset_password"]

_COLUMNS = "id, email, name, email_verified_at IS NOT NULL AS is_verified, is_active, created_at, last_login_at"
# For ILIKE on address and name; null for all users.
_MATCHES: Final = "($1::text IS NULL OR email ILIKE $1 OR name ILIKE $1)"
_ORDER: Final = Keyset(("created_at", "id"), "SELECT created_at, id FROM users WHERE id = $1")


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user with the hash of the password. has_totp: a second factor is enabled."""

    user: User
    password_hash: str
    has_totp: bool


async def insert(
    db: Connection,
    user_id: UUID,
    email: str,
    name: str,
    password_hash: str,
    verified_at: datetime | None,
    now: datetime,
) -> User | None:
    """Returns None when the address is taken; waits for a concurrent sign-up with it."""
    row = await db.fetchrow(
        f"""
        INSERT INTO users (id, email, name, password_hash, email_verified_at, created_at, updated_at)
        VALUES ($1, $2, $3, $4, $5, $6, $6)
        ON CONFLICT (email) DO NOTHING
        RETURNING {_COLUMNS}
        """,
        user_id, email, name, password_hash, verified_at, now,
    )  # fmt: skip
    return _user(row) if row else None


async def find(db: Connection, user_id: UUID) -> User | None:
    """By id."""
    row = await db.fetchrow(f"SELECT {_COLUMNS} FROM users WHERE id = $1", user_id)
    return _user(row) if row else None


async def lock(db: Connection, user_id: UUID) -> User | None:
    """By id; locked until the transaction ends."""
    row = await db.fetchrow(f"SELECT {_COLUMNS} FROM users WHERE id = $1 FOR NO KEY UPDATE", user_id)
    return _user(row) if row else None


async def find_by_email(db: Connection, email: str) -> User | None:
    """By address."""
    row = await db.fetchrow(f"SELECT {_COLUMNS} FROM users WHERE email = $1", email)
    return _user(row) if row else None


async def find_credentials(db: Connection, email: str) -> Credentials | None:
    """By address, with the hash of the password."""
    row = await db.fetchrow(f"SELECT {_COLUMNS}, password_hash, totp_enabled_at FROM users WHERE email = $1", email)
    return Credentials(_user(row), row["password_hash"], row["totp_enabled_at"] is not None) if row else None


async def set_password(db: Connection, user_id: UUID, password_hash: str, now: datetime) -> None:
    """Stores a hash: of a new password, or of the same one with new parameters."""
    await db.execute("UPDATE users SET password_hash = $2, updated_at = $3 WHERE id = $1", user_id, password_hash, now)


async def set_verified(db: Connection, user_id: UUID, email: str, now: datetime) -> None:
    """Marks the address as confirmed, if it is still the account's."""
    await db.execute(
        """
        UPDATE users SET email_verified_at = $3, updated_at = $3
        WHERE id = $1 AND email = $2 AND email_verified_at IS NULL
        """,
        user_id, email, now,
    )  # fmt: skip


async def update(db: Connection, user_id: UUID, name: str, is_active: bool, now: datetime) -> None:
    """Stores what the staff may change."""
    await db.execute(
        "UPDATE users SET name = $2, is_active = $3, updated_at = $4 WHERE id = $1", user_id, name, is_active, now
    )


async def delete(db: Connection, user_id: UUID) -> None:
    """Deletes the user and, by cascade, their sessions, tokens and memberships."""
    await db.execute("DELETE FROM users WHERE id = $1", user_id)


async def select_users(db: Connection, pattern: str | None, page: PageRequest) -> ListPage[User]:
    """Newest first. pattern: served by the trigram index. Raises Invalid (code cursor_unknown)."""
    clause = await _ORDER.make_clause(db, page, (pattern,))
    rows = await db.fetch(f"SELECT {_COLUMNS} FROM users WHERE {_MATCHES} {clause.tail}", *clause.values)
    return cut_page([_user(row) for row in rows], page)


async def count(db: Connection, pattern: str | None) -> int:
    """The total of `select_users`."""
    total: int = await db.fetchval(f"SELECT count(*) FROM users WHERE {_MATCHES}", pattern)
    return total


async def insert_token(
    db: Connection, token: bytes, purpose: Purpose, user: User, now: datetime, expires_at: datetime
) -> None:
    """Replaces the open tokens of this purpose; the user's row must be locked."""
    await drop_tokens(db, user.id, purpose)
    await db.execute(
        """
        INSERT INTO one_time_tokens (token_hash, purpose, user_id, email, created_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6)
        """,
        token, purpose, user.id, user.email, now, expires_at,
    )  # fmt: skip


async def drop_tokens(db: Connection, user_id: UUID, purpose: Purpose) -> None:
    """Deletes the unused tokens; a used one stays until it expires."""
    await db.execute(
        "DELETE FROM one_time_tokens WHERE user_id = $1 AND purpose = $2 AND used_at IS NULL", user_id, purpose
    )


async def use_token(db: Connection, token: bytes, purpose: Purpose, now: datetime) -> tuple[UUID, str] | None:
    """Marks a valid token as used and returns its user and address; of two concurrent uses only one succeeds."""
    row = await db.fetchrow(
        """
        UPDATE one_time_tokens SET used_at = $3
        WHERE token_hash = $1 AND purpose = $2 AND used_at IS NULL AND expires_at > $3
        RETURNING user_id, email
        """,
        token, purpose, now,
    )  # fmt: skip
    return (row["user_id"], row["email"]) if row else None


def _user(row: Any) -> User:
    return User(
        row["id"], row["email"], row["name"], row["is_verified"], row["is_active"], row["created_at"],
        row["last_login_at"],
    )  # fmt: skip
