"""SQL for users, their one-time tokens, accounts of the same person, and verified phone numbers."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from control.accounts.rules import User, VerifiedNumber
from control.db.keyset import Keyset, ListPage, PageRequest, cut_page
from control.db.pool import Connection

Purpose = Literal["verify_email", "reset_password"]


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user with the password hash.

    Attributes:
        has_totp: Whether a second factor is enabled.
    """

    user: User
    password_hash: str
    has_totp: bool


# --- Users -----------------------------------------------------------------------------------------------------------

_COLUMNS = "id, email, name, email_verified_at IS NOT NULL AS is_verified, is_active, created_at, last_login_at"
# $1 is an ILIKE pattern for address and name. Null matches all users.
_MATCHES: Final = "($1::text IS NULL OR email ILIKE $1 OR name ILIKE $1)"
_ORDER: Final = Keyset(("created_at", "id"), "SELECT created_at, id FROM users WHERE id = $1")


async def insert(
    db: Connection,
    user_id: UUID,
    email: str,
    name: str,
    password_hash: str,
    verified_at: datetime | None,
    now: datetime,
) -> User | None:
    """Insert a user. Return None if the address is taken. Waits for a concurrent sign-up with the same address."""
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
    """Return a user, or None."""
    row = await db.fetchrow(f"SELECT {_COLUMNS} FROM users WHERE id = $1", user_id)
    return _user(row) if row else None


async def lock(db: Connection, user_id: UUID) -> User | None:
    """Lock a user until the transaction ends and return the user, or None."""
    row = await db.fetchrow(f"SELECT {_COLUMNS} FROM users WHERE id = $1 FOR NO KEY UPDATE", user_id)
    return _user(row) if row else None


async def find_by_email(db: Connection, email: str) -> User | None:
    """Return the user with this address, or None."""
    row = await db.fetchrow(f"SELECT {_COLUMNS} FROM users WHERE email = $1", email)
    return _user(row) if row else None


async def find_credentials(db: Connection, email: str) -> Credentials | None:
    """Return the user with this address and the password hash, or None."""
    row = await db.fetchrow(f"SELECT {_COLUMNS}, password_hash, totp_enabled_at FROM users WHERE email = $1", email)
    return Credentials(_user(row), row["password_hash"], row["totp_enabled_at"] is not None) if row else None


async def set_password(db: Connection, user_id: UUID, password_hash: str, now: datetime) -> None:
    """Store a hash of a new password, or of the current password with new parameters."""
    await db.execute("UPDATE users SET password_hash = $2, updated_at = $3 WHERE id = $1", user_id, password_hash, now)


async def set_verified(db: Connection, user_id: UUID, email: str, now: datetime) -> None:
    """Mark the address as confirmed, if the account still has it."""
    await db.execute(
        """
        UPDATE users SET email_verified_at = $3, updated_at = $3
        WHERE id = $1 AND email = $2 AND email_verified_at IS NULL
        """,
        user_id, email, now,
    )  # fmt: skip


async def update(db: Connection, user_id: UUID, name: str, is_active: bool, now: datetime) -> None:
    """Update the fields that staff may change."""
    await db.execute(
        "UPDATE users SET name = $2, is_active = $3, updated_at = $4 WHERE id = $1", user_id, name, is_active, now
    )


async def delete(db: Connection, user_id: UUID) -> None:
    """Delete the user and, by cascade, their sessions, tokens and memberships."""
    await db.execute("DELETE FROM users WHERE id = $1", user_id)


async def select_users(db: Connection, pattern: str | None, page: PageRequest) -> ListPage[User]:
    """Return a page of users, newest first. Raises Invalid (code cursor_unknown).

    Args:
        pattern: ILIKE pattern, which the trigram index serves.
    """
    clause = await _ORDER.make_clause(db, page, (pattern,))
    rows = await db.fetch(f"SELECT {_COLUMNS} FROM users WHERE {_MATCHES} {clause.tail}", *clause.values)
    return cut_page([_user(row) for row in rows], page)


async def count(db: Connection, pattern: str | None) -> int:
    """Return the total for `select_users`."""
    total: int = await db.fetchval(f"SELECT count(*) FROM users WHERE {_MATCHES}", pattern)
    return total


def _user(row: Any) -> User:
    return User(
        row["id"], row["email"], row["name"], row["is_verified"], row["is_active"], row["created_at"],
        row["last_login_at"],
    )  # fmt: skip


# --- One-time tokens -------------------------------------------------------------------------------------------------


async def insert_token(
    db: Connection, token: bytes, purpose: Purpose, user: User, now: datetime, expires_at: datetime
) -> None:
    """Replace the open tokens of this purpose. The user's row must be locked."""
    await drop_tokens(db, user.id, purpose)
    await db.execute(
        """
        INSERT INTO one_time_tokens (token_hash, purpose, user_id, email, created_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6)
        """,
        token, purpose, user.id, user.email, now, expires_at,
    )  # fmt: skip


async def drop_tokens(db: Connection, user_id: UUID, purpose: Purpose) -> None:
    """Delete the unused tokens of this purpose. A used token stays until it expires."""
    await db.execute(
        "DELETE FROM one_time_tokens WHERE user_id = $1 AND purpose = $2 AND used_at IS NULL", user_id, purpose
    )


async def use_token(db: Connection, token: bytes, purpose: Purpose, now: datetime) -> tuple[UUID, str] | None:
    """Mark a valid token as used. Return its user and address. Only one of two concurrent uses succeeds."""
    row = await db.fetchrow(
        """
        UPDATE one_time_tokens SET used_at = $3
        WHERE token_hash = $1 AND purpose = $2 AND used_at IS NULL AND expires_at > $3
        RETURNING user_id, email
        """,
        token, purpose, now,
    )  # fmt: skip
    return (row["user_id"], row["email"]) if row else None


# --- Verified phone numbers ------------------------------------------------------------------------------------------

_INSERT_VERIFIED: Final = """
    INSERT INTO verified_numbers (id, user_id, phone_number, verified_at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (user_id, phone_number) DO UPDATE SET verified_at = excluded.verified_at
    RETURNING id, user_id, phone_number, verified_at
"""
# Keeps a digest of the number. Otherwise a person could remove a phone, verify it for another account, and count as a
# new person.
_DELETE_VERIFIED: Final = """
    WITH forgotten AS (DELETE FROM verified_numbers WHERE user_id = $1 AND id = $2 RETURNING user_id, phone_number)
    INSERT INTO former_users (user_id, identity) SELECT user_id, phone_identity(phone_number) FROM forgotten
    ON CONFLICT (user_id, identity) DO UPDATE SET deleted_at = excluded.deleted_at
"""


async def insert_verified(
    db: Connection, number_id: UUID, user_id: UUID, phone_number: str, now: datetime
) -> VerifiedNumber:
    """Store that a number belongs to the user. The verification time of an existing row is updated."""
    return VerifiedNumber(**await db.fetchrow(_INSERT_VERIFIED, number_id, user_id, phone_number, now))


async def count_others(db: Connection, user_id: UUID, phone_number: str) -> int:
    """Count the user's verified numbers except `phone_number`."""
    count: int = await db.fetchval(
        "SELECT count(*) FROM verified_numbers WHERE user_id = $1 AND phone_number <> $2", user_id, phone_number
    )
    return count


async def delete_verified(db: Connection, user_id: UUID, number_id: UUID) -> bool:
    """Delete a verified number. Return False if the user has no such number.

    Its digest stays for the limits per person (`lock_people`).
    """
    return bool(await db.execute(_DELETE_VERIFIED, user_id, number_id) == "INSERT 0 1")


# --- Accounts of the same person -------------------------------------------------------------------------------------

# Users $1, and all users who share a mailbox (with a confirmed address) or a verified phone with them, including
# deleted users. Unconfirmed addresses are ignored, because a sign-up with another person's address must not use up that
# person's limits.
_SELECT_PEOPLE: Final = """
    WITH identities AS (
        SELECT email_identity(email) AS identity FROM users
        WHERE id = ANY($1::uuid[]) AND email_verified_at IS NOT NULL
        UNION SELECT phone_identity(phone_number) FROM verified_numbers WHERE user_id = ANY($1::uuid[])
        UNION SELECT identity FROM former_users WHERE user_id = ANY($1::uuid[])
    )
    SELECT unnest($1::uuid[]) AS user_id
    UNION SELECT id FROM users
    WHERE email_verified_at IS NOT NULL AND email_identity(email) IN (SELECT identity FROM identities)
    UNION SELECT user_id FROM verified_numbers WHERE phone_identity(phone_number) IN (SELECT identity FROM identities)
    UNION SELECT user_id FROM former_users WHERE identity IN (SELECT identity FROM identities)
    LIMIT 10000
"""
# Stores the confirmed mailbox and the phones of a user before deletion.
_INSERT_FORMER: Final = """
    INSERT INTO former_users (user_id, identity)
    SELECT id, email_identity(email) FROM users WHERE id = $1 AND email_verified_at IS NOT NULL
    UNION SELECT user_id, phone_identity(phone_number) FROM verified_numbers WHERE user_id = $1
    ON CONFLICT DO NOTHING
"""
# PostgreSQL has 64 locks per connection for all transactions together (max_locks_per_transaction). A person with
# thousands of accounts for the same mailbox would take all locks, and all other requests would fail.
MOST_LOCKS: Final = 50
# Sorted, so that two transactions cannot deadlock.
_LOCK: Final = """
    SELECT pg_advisory_xact_lock(hashtextextended('person ' || person, 0)) FROM unnest($1::text[]) AS person
"""


async def select_people(db: Connection, user_ids: Collection[UUID]) -> set[UUID]:
    """Return these users and all users who are known to share a mailbox or a phone with one of them."""
    rows = await db.fetch(_SELECT_PEOPLE, list(user_ids))
    return {row["user_id"] for row in rows}


async def lock_people(db: Connection, user_ids: Collection[UUID]) -> None:
    """Serialize transactions that count what these users have and add to it.

    Locks the first MOST_LOCKS users, who are the same for all accounts of a mailbox.
    """
    await db.execute(_LOCK, sorted(map(str, user_ids))[:MOST_LOCKS])


async def insert_former(db: Connection, user_id: UUID) -> None:
    """Store the mailbox and the phones of a user who is about to be deleted."""
    await db.execute(_INSERT_FORMER, user_id)
