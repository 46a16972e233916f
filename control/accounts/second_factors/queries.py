"""SQL for second factors and recovery codes of users and staff."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from control.db.pool import Connection
from control.http.auth.access_tokens import Audience

_TABLES: Final[dict[Audience, str]] = {"user": "users", "admin": "admins"}


@dataclass(frozen=True, slots=True)
class FactorHolder:
    """An account with its second factor.

    Attributes:
        sealed: The sealed secret, in effect once it is enabled. None if there is no secret.
    """

    id: UUID
    email: str
    sealed: bytes | None
    is_enabled: bool


async def lock(db: Connection, audience: Audience, owner_id: UUID) -> FactorHolder | None:
    """Lock the account until the transaction ends and return its second factor, or None."""
    row = await db.fetchrow(
        f"SELECT id, email, totp_secret, totp_enabled_at FROM {_TABLES[audience]} WHERE id = $1 FOR NO KEY UPDATE",
        owner_id,
    )
    if row is None:
        return None
    return FactorHolder(row["id"], row["email"], row["totp_secret"], row["totp_enabled_at"] is not None)


async def offer(db: Connection, audience: Audience, owner_id: UUID, sealed: bytes, now: datetime) -> bool:
    """Store an unconfirmed secret. Return False if a second factor is enabled."""
    done = await db.execute(
        f"UPDATE {_TABLES[audience]} SET totp_secret = $2, updated_at = $3 WHERE id = $1 AND totp_enabled_at IS NULL",
        owner_id, sealed, now,
    )  # fmt: skip
    return str(done) == "UPDATE 1"


async def use_step(db: Connection, audience: Audience, owner_id: UUID, step: int) -> bool:
    """Mark a code's time step as used. Return False if this step or a later step was used before."""
    done = await db.execute(
        f"UPDATE {_TABLES[audience]} SET totp_last_step = $2 WHERE id = $1 AND totp_last_step < $2", owner_id, step
    )
    return str(done) == "UPDATE 1"


async def enable(db: Connection, audience: Audience, owner_id: UUID, now: datetime) -> None:
    """Enable the second factor, so that each sign-in needs a code."""
    await db.execute(
        f"UPDATE {_TABLES[audience]} SET totp_enabled_at = $2, updated_at = $2 "
        "WHERE id = $1 AND totp_enabled_at IS NULL",
        owner_id, now,
    )  # fmt: skip


async def remove(db: Connection, audience: Audience, owner_id: UUID, now: datetime) -> None:
    """Remove the second factor."""
    await db.execute(
        f"UPDATE {_TABLES[audience]} SET totp_secret = NULL, totp_enabled_at = NULL, updated_at = $2 WHERE id = $1",
        owner_id, now,
    )  # fmt: skip


# The table of recovery codes, and its column that refers to the account.
_CODE_TABLES: Final[dict[Audience, tuple[str, str]]] = {
    "user": ("user_recovery_codes", "user_id"),
    "admin": ("admin_recovery_codes", "admin_id"),
}


async def replace_codes(
    db: Connection, audience: Audience, owner_id: UUID, hashes: Sequence[bytes], now: datetime
) -> None:
    """Replace the account's recovery codes."""
    table, column = _CODE_TABLES[audience]
    await delete_codes(db, audience, owner_id)
    await db.execute(
        f"INSERT INTO {table} ({column}, code_hash, created_at) SELECT $1, unnest($2::bytea[]), $3",
        owner_id, hashes, now,
    )  # fmt: skip


async def delete_codes(db: Connection, audience: Audience, owner_id: UUID) -> None:
    """Delete all recovery codes of an account."""
    table, column = _CODE_TABLES[audience]
    await db.execute(f"DELETE FROM {table} WHERE {column} = $1", owner_id)


async def use_code(db: Connection, audience: Audience, owner_id: UUID, hashes: Sequence[bytes], now: datetime) -> bool:
    """Mark the unused code with one of these hashes as used. Return False if there is none."""
    table, column = _CODE_TABLES[audience]
    done = await db.execute(
        f"UPDATE {table} SET used_at = $3 WHERE {column} = $1 AND code_hash = ANY($2::bytea[]) AND used_at IS NULL",
        owner_id, hashes, now,
    )  # fmt: skip
    return str(done) == "UPDATE 1"


async def count_unused_codes(db: Connection, audience: Audience, owner_id: UUID) -> int:
    """Return the number of unused recovery codes."""
    table, column = _CODE_TABLES[audience]
    left: int = await db.fetchval(f"SELECT count(*) FROM {table} WHERE {column} = $1 AND used_at IS NULL", owner_id)
    return left
