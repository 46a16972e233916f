"""SQL of the queue of deliveries, for the worker. Needs platform scope."""

from datetime import datetime
from typing import Any, Final

from control.db.pool import Connection
from control.outbound_webhooks import read_due_deliveries
from control.outbound_webhooks.model import (
    ClaimedDelivery,
    DeliveryAttempt,
    DeliveryPolicy,
    DeliveryStatus,
    FreeSlots,
    SealedSecrets,
)
from control.outbound_webhooks.store_deliveries import DELIVERY, make_event

_LEASE: Final = """
    UPDATE outbound_webhook_deliveries SET leased_until = $3
    WHERE id IN (
        SELECT id FROM outbound_webhook_deliveries
        WHERE id = ANY($1::uuid[]) AND status = 'pending' AND (leased_until IS NULL OR leased_until <= $2)
        FOR UPDATE SKIP LOCKED)
    RETURNING id
"""
_SELECT_LEASED: Final = f"""
    SELECT {DELIVERY}, d.failures, w.url, w.sealed_secret, w.sealed_old_secret, w.old_secret_until,
           w.failing_since IS NOT NULL AS is_failing
    FROM outbound_webhook_deliveries d
    JOIN outbound_webhook_events e ON e.id = d.event_id
    JOIN outbound_webhook_endpoints w ON w.id = d.endpoint_id
    WHERE d.id = ANY($1::uuid[])
"""
# Only for the attempt that the caller made: another worker may have made one after the lease was over.
_FINISH_ATTEMPT: Final = """
    WITH finished AS (
        UPDATE outbound_webhook_deliveries
        SET attempts = attempts + 1, failures = CASE WHEN $3 = 'delivered' THEN 0 ELSE failures + 1 END, status = $3,
            due_at = CASE WHEN $3 = 'pending' THEN $4 ELSE due_at END, leased_until = NULL,
            finished_at = CASE WHEN $3 = 'pending' THEN NULL ELSE $4 END
        WHERE id = $1 AND attempts = $2 AND status = 'pending'
        RETURNING id, workspace_id, attempts
    )
    INSERT INTO outbound_webhook_attempts (delivery_id, number, workspace_id, started_at, took_ms, status_code, error,
                                           answer)
    SELECT id, attempts, workspace_id, $5, $6, $7, $8, $9 FROM finished
"""
_EXPIRE: Final = """
    UPDATE outbound_webhook_deliveries SET status = 'failed', finished_at = $1, leased_until = NULL
    WHERE id IN (
        SELECT id FROM outbound_webhook_deliveries
        WHERE status = 'pending' AND expires_at <= $1 AND (leased_until IS NULL OR leased_until <= $1)
        ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)
"""


async def lease_due(db: Connection, slots: FreeSlots, policy: DeliveryPolicy, now: datetime) -> list[ClaimedDelivery]:
    """Due deliveries, leased to the caller; nobody else sends them until the lease is over."""
    due = await read_due_deliveries.select_due(db, slots, policy, now)
    if not due:
        return []
    leased = await db.fetch(_LEASE, due, now, now + policy.lease)
    return [_claimed(row) for row in await db.fetch(_SELECT_LEASED, [row["id"] for row in leased])]


async def finish_attempt(
    db: Connection, claimed: ClaimedDelivery, attempt: DeliveryAttempt, status: DeliveryStatus, at: datetime
) -> bool:
    """Stores an attempt with what follows. at: of the next attempt while it is pending, else when it was finished.
    False: the delivery is deleted, or another worker has made this attempt."""
    result = await db.execute(
        _FINISH_ATTEMPT,
        claimed.id,
        claimed.attempts,
        status,
        at,
        attempt.started_at,
        attempt.took_ms,
        attempt.status_code,
        attempt.error,
        attempt.answer,
    )
    return bool(result == "INSERT 0 1")


async def expire(db: Connection, now: datetime, most: int) -> int:
    """Fails up to `most` deliveries whose time is over, such as those of disabled endpoints; returns how many."""
    status = await db.execute(_EXPIRE, now, most)
    return int(status.split()[-1])


def _claimed(row: Any) -> ClaimedDelivery:
    return ClaimedDelivery(
        id=row["id"],
        attempts=row["attempts"],
        failures=row["failures"],
        expires_at=row["expires_at"],
        endpoint_id=row["endpoint_id"],
        url=row["url"],
        secrets=SealedSecrets(row["sealed_secret"], row["sealed_old_secret"], row["old_secret_until"]),
        is_failing=row["is_failing"],
        event=make_event(row),
    )
