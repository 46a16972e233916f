"""SQL of the staff's recovery codes."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from control.db.pool import Connection


async def replace(db: Connection, admin_id: UUID, hashes: Sequence[bytes], now: datetime) -> None:
    """Deletes the admin's codes and inserts these."""
    await delete(db, admin_id)
    await db.execute(
        "INSERT INTO admin_recovery_codes (admin_id, code_hash, created_at) SELECT $1, unnest($2::bytea[]), $3",
        admin_id, hashes, now,
    )  # fmt: skip


async def delete(db: Connection, admin_id: UUID) -> None:
    """Deletes all codes of an admin."""
    await db.execute("DELETE FROM admin_recovery_codes WHERE admin_id = $1", admin_id)


async def use(db: Connection, admin_id: UUID, hashes: Sequence[bytes], now: datetime) -> bool:
    """Marks the code with one of these hashes as used; False when no unused one has any."""
    done = await db.execute(
        "UPDATE admin_recovery_codes SET used_at = $3 "
        "WHERE admin_id = $1 AND code_hash = ANY($2::bytea[]) AND used_at IS NULL",
        admin_id, hashes, now,
    )  # fmt: skip
    return str(done) == "UPDATE 1"


async def count_unused(db: Connection, admin_id: UUID) -> int:
    """How many codes are unused."""
    left: int = await db.fetchval(
        "SELECT count(*) FROM admin_recovery_codes WHERE admin_id = $1 AND used_at IS NULL", admin_id
    )
    return left
