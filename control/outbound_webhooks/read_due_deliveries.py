"""Read model of the deliveries that a worker may begin. Needs platform scope."""

from datetime import datetime
from typing import Final
from uuid import UUID

from control.db.pool import Connection
from control.outbound_webhooks.model import DeliveryPolicy, FreeSlots

# Due deliveries of enabled endpoints whose workspace is not deleted. Of each endpoint as many as it has requests free,
# of each workspace as well; then each workspace's first ones before its second ones. Endpoints whose last attempt
# failed share few places of their own, because each of their requests may take the whole timeout. Per endpoint one
# search of an index: 1,000 endpoints of which nothing is due take 0.7 ms.
_SELECT_DUE: Final = """
    WITH busy AS (
        SELECT workspace_id, endpoint_id, count(*) AS requests FROM outbound_webhook_deliveries
        WHERE leased_until > $1 AND status = 'pending' GROUP BY workspace_id, endpoint_id
    ), due AS (
        SELECT d.id, d.due_at, d.turn, w.workspace_id, w.failing_since IS NOT NULL AS is_failing
        FROM outbound_webhook_endpoints w
        JOIN workspaces o ON o.id = w.workspace_id AND o.deleted_at IS NULL
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
# Of endpoints that work: what waits for others is late by their own fault. One search of an index per endpoint.
_SELECT_OLDEST: Final = """
    SELECT min(d.due_at)
    FROM outbound_webhook_endpoints w
    JOIN workspaces o ON o.id = w.workspace_id AND o.deleted_at IS NULL
    CROSS JOIN LATERAL (
        SELECT q.due_at FROM outbound_webhook_deliveries q
        WHERE q.endpoint_id = w.id AND q.status = 'pending' AND q.due_at <= $1
        ORDER BY q.due_at, q.id LIMIT 1
    ) d
    WHERE w.is_enabled AND w.failing_since IS NULL
"""


async def select_due(db: Connection, slots: FreeSlots, policy: DeliveryPolicy, now: datetime) -> list[UUID]:
    """Those whose turn it is, as many as there are slots; nothing is locked. Deliveries of a deleted workspace wait
    until it is restored, or their time is over."""
    rows = await db.fetch(_SELECT_DUE, now, slots.all, slots.failing, policy.per_endpoint, policy.per_workspace)
    return [row["id"] for row in rows]


async def select_oldest(db: Connection, now: datetime) -> datetime | None:
    """Since when the oldest delivery is due of all whose endpoints work; None: none is due."""
    oldest: datetime | None = await db.fetchval(_SELECT_OLDEST, now)
    return oldest
