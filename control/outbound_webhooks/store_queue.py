"""SQL of the queue of deliveries, for the worker. Needs platform scope."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from control.db.pool import Connection
from control.outbound_webhooks.model import (
    ClaimedDelivery,
    DeliveryAttempt,
    DeliveryPolicy,
    DeliveryStatus,
    SealedSecrets,
)
from control.outbound_webhooks.store_deliveries import DELIVERY, make_event

# Due deliveries of enabled endpoints. Of each endpoint as many as it has requests free, of each workspace as well; then
# each workspace's first ones before its second ones. Endpoints whose last attempt failed share few places of their
# own, because each of their requests may take the whole timeout. Per endpoint one search of an index: 1,000 endpoints
# of which nothing is due take 0.7 ms.
_SELECT_DUE: Final = """
    WITH busy AS (
        SELECT workspace_id, endpoint_id, count(*) AS requests FROM outbound_webhook_deliveries
        WHERE leased_until > $1 AND status = 'pending' GROUP BY workspace_id, endpoint_id
    ), due AS (
        SELECT d.id, d.due_at, d.turn, w.workspace_id, w.failing_since IS NOT NULL AS is_failing
        FROM outbound_webhook_endpoints w
        LEFT JOIN busy b ON b.endpoint_id = w.id
        CROSS JOIN LATERAL (
            SELECT q.id, q.due_at, row_number() OVER (ORDER BY q.due_at, q.id) AS turn
            FROM outbound_webhook_deliveries q
            WHERE q.endpoint_id = w.id AND q.status = 'pending' AND q.due_at <= $1
              AND (q.leased_until IS NULL OR q.leased_until <= $1)
            ORDER BY q.due_at, q.id
            LIMIT greatest(0, CASE WHEN w.failing_since IS NULL THEN $4::bigint ELSE 1 END - coalesce(b.requests, 0))
        ) d
        WHERE w.is_enabled
    ), shared AS (
        SELECT id, due_at, is_failing, row_number() OVER (PARTITION BY workspace_id ORDER BY is_failing, turn, due_at)
               + coalesce((SELECT sum(requests) FROM busy WHERE busy.workspace_id = due.workspace_id), 0) AS share
        FROM due
    ), placed AS (
        SELECT id, share, due_at, is_failing,
               row_number() OVER (PARTITION BY is_failing ORDER BY share, due_at) AS place
        FROM shared WHERE share <= $5
    )
    SELECT id FROM placed WHERE NOT is_failing OR place <= $3 ORDER BY is_failing, share, due_at LIMIT $2
"""
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


@dataclass(frozen=True, slots=True)
class FreeSlots:
    """Requests that a worker may begin. failing: of them to endpoints whose last attempt failed."""

    all: int
    failing: int


async def lease_due(db: Connection, slots: FreeSlots, policy: DeliveryPolicy, now: datetime) -> list[ClaimedDelivery]:
    """Due deliveries, leased to the caller; nobody else sends them until the lease is over."""
    rows = await db.fetch(_SELECT_DUE, now, slots.all, slots.failing, policy.per_endpoint, policy.per_workspace)
    if not rows:
        return []
    leased = await db.fetch(_LEASE, [row["id"] for row in rows], now, now + policy.lease)
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
