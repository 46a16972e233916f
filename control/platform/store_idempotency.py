"""SQL of stored responses to requests with an Idempotency-Key."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from control.db.pool import Connection

# Longer than any client repeats a request.
RETENTION: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """The response to the first request under a key. request_hash: of that request."""

    request_hash: bytes
    status: int
    body: bytes


async def lock_key(db: Connection, scope: str, key: str) -> bool:
    """Locks the key until the transaction ends. False, without waiting, when another request holds it."""
    return bool(await db.fetchval("SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0))", f"{scope} {key}"))


async def find_response(db: Connection, scope: str, key: str) -> StoredResponse | None:
    """None when the key was not used yet."""
    row = await db.fetchrow(
        "SELECT request_hash, status, answer FROM idempotency_keys WHERE scope = $1 AND key = $2", scope, key
    )
    return None if row is None else StoredResponse(row["request_hash"], row["status"], row["answer"])


async def insert_response(db: Connection, scope: str, key: str, response: StoredResponse) -> None:
    """Raises asyncpg.UniqueViolationError when the key was used."""
    await db.execute(
        "INSERT INTO idempotency_keys (scope, key, request_hash, status, answer) VALUES ($1, $2, $3, $4, $5)",
        scope,
        key,
        response.request_hash,
        response.status,
        response.body,
    )


async def delete_old_responses(db: Connection, now: datetime, limit: int) -> int:
    """Deletes up to `limit` responses older than RETENTION, the oldest first; returns how many."""
    status = await db.execute(
        """
        DELETE FROM idempotency_keys WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM idempotency_keys WHERE created_at < $1 ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED
        ))
        """,
        now - RETENTION,
        limit,
    )
    return int(status.split()[-1])
