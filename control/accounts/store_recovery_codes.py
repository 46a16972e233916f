"""SQL of recovery codes, of users and of the staff alike."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from control.accounts.access_tokens import Audience
from control.db.pool import Connection

# The table, and its column that refers to the account.
_TABLES: Final[dict[Audience, tuple[str, str]]] = {
    "user": ("user_recovery_codes", "user_id"),
    "admin": ("admin_recovery_codes", "admin_id"),
}


async def replace(db: Connection, audience: Audience, owner_id: UUID, hashes: Sequence[bytes], now: datetime) -> None:
    """Deletes the account's codes and inserts these."""
    table, column = _TABLES[audience]
    await delete(db, audience, owner_id)
    await db.execute(
        f"INSERT INTO {table} ({column}, code_hash, created_at) SELECT $1, unnest($2::bytea[]), $3",
        owner_id, hashes, now,
    )  # fmt: skip


async def delete(db: Connection, audience: Audience, owner_id: UUID) -> None:
    """Deletes all codes of an account."""
    table, column = _TABLES[audience]
    await db.execute(f"DELETE FROM {table} WHERE {column} = $1", owner_id)


async def use(db: Connection, audience: Audience, owner_id: UUID, hashes: Sequence[bytes], now: datetime) -> bool:
    """Marks the code with one of these hashes as used; False when no unused one has any."""
    table, column = _TABLES[audience]
    done = await db.execute(
        f"UPDATE {table} SET used_at = $3 WHERE {column} = $1 AND code_hash = ANY($2::bytea[]) AND used_at IS NULL",
        owner_id, hashes, now,
    )  # fmt: skip
    return str(done) == "UPDATE 1"


async def count_unused(db: Connection, audience: Audience, owner_id: UUID) -> int:
    """How many codes are unused."""
    table, column = _TABLES[audience]
    left: int = await db.fetchval(f"SELECT count(*) FROM {table} WHERE {column} = $1 AND used_at IS NULL", owner_id)
    return left
