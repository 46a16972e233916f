"""SQL for requests with an Idempotency-Key and their stored responses."""

from datetime import datetime, timedelta
from typing import Final

from control.db.pool import Connection
from control.idempotency.rules import StoredRequest, StoredResponse

# Longer than any client repeats a request.
RETENTION: Final = timedelta(hours=24)


async def lock_key(db: Connection, scope: str, key: str) -> bool:
    """Lock the key until the transaction ends. Return False, without waiting, if another request holds the lock."""
    return bool(await db.fetchval("SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0))", f"{scope} {key}"))


async def find_request(db: Connection, scope: str, key: str) -> StoredRequest | None:
    """Return the first request under the key, or None if the key is unused."""
    row = await db.fetchrow(
        "SELECT request_hash, request_id::text, status, answer FROM idempotency_keys WHERE scope = $1 AND key = $2",
        scope,
        key,
    )
    if row is None:
        return None
    response = None if row["status"] is None else StoredResponse(row["status"], row["answer"])
    return StoredRequest(row["request_hash"], row["request_id"] or "", response)


async def insert_request(db: Connection, scope: str, key: str, request: StoredRequest) -> None:
    """Store the first request under a key. Raises asyncpg.UniqueViolationError if the key is used."""
    await db.execute(
        """
        INSERT INTO idempotency_keys (scope, key, request_hash, request_id, status, answer)
        VALUES ($1, $2, $3, $4::text::uuid, $5, $6)
        """,
        scope,
        key,
        request.request_hash,
        request.request_id,
        request.response and request.response.status,
        request.response and request.response.body,
    )


async def complete_request(db: Connection, scope: str, key: str, response: StoredResponse) -> None:
    """Store the response of an open key. A key that already has a response keeps it."""
    await db.execute(
        "UPDATE idempotency_keys SET status = $3, answer = $4 WHERE scope = $1 AND key = $2 AND status IS NULL",
        scope,
        key,
        response.status,
        response.body,
    )


async def delete_old_responses(db: Connection, now: datetime, limit: int) -> int:
    """Delete up to `limit` keys older than RETENTION, oldest first. Return how many."""
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


async def delete_responses_with(db: Connection, text: str) -> int:
    """Delete keys whose response contains the text. Return how many. Reads all responses, which cover one day."""
    status = await db.execute("DELETE FROM idempotency_keys WHERE position(convert_to($1, 'UTF8') IN answer) > 0", text)
    return int(status.split()[-1])
