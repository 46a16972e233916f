"""SQL of deliveries as members see them: lists, attempts, replays."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from control.db.keyset import Keyset, ListPage, PageRequest, cut_page
from control.db.pool import Connection
from control.outbound_webhooks.model import DeliveryAttempt, DeliveryStatus, OutboundEvent, WebhookDelivery

DELIVERY: Final = (
    "d.id, d.endpoint_id, d.status, d.attempts, d.due_at, d.expires_at, d.created_at, d.finished_at, "
    "e.id AS event_id, e.workspace_id, e.type, e.api_version, e.object_id, e.occurred_at, e.sequence, e.data"
)
_SELECT: Final = f"""
    SELECT {DELIVERY} FROM outbound_webhook_deliveries d JOIN outbound_webhook_events e ON e.id = d.event_id
    WHERE d.workspace_id = $1 AND d.endpoint_id = $2
"""
_STATUS: Final = "AND ($3::text IS NULL OR d.status = $3)"
_ORDER: Final = Keyset(
    ("d.created_at", "d.id"),
    "SELECT created_at, id FROM outbound_webhook_deliveries WHERE id = $1 AND workspace_id = $2 AND endpoint_id = $3",
)
_COUNT: Final = (
    f"SELECT count(*) FROM outbound_webhook_deliveries d WHERE workspace_id = $1 AND endpoint_id = $2 {_STATUS}"
)
_ATTEMPTS: Final = """
    SELECT number, started_at, took_ms, status_code, error, answer FROM outbound_webhook_attempts
    WHERE workspace_id = $1 AND delivery_id = $2 ORDER BY number DESC LIMIT $3
"""
_REPLAY: Final = """
    UPDATE outbound_webhook_deliveries
    SET status = 'pending', failures = 0, due_at = $4, expires_at = $5, finished_at = NULL
    WHERE workspace_id = $1 AND endpoint_id = $2 AND id = $3
"""
# What another replay or a worker has locked is being sent as it is.
_REPLAY_SINCE: Final = """
    UPDATE outbound_webhook_deliveries d
    SET status = 'pending', failures = 0, due_at = $5, expires_at = $6, finished_at = NULL
    WHERE d.id IN (
        SELECT c.id FROM outbound_webhook_deliveries c
        WHERE c.workspace_id = $1 AND c.endpoint_id = $2 AND c.created_at >= $3 AND c.status = ANY($4::text[])
        ORDER BY c.created_at, c.id LIMIT $7 FOR UPDATE SKIP LOCKED)
"""


async def select_page(
    db: Connection, workspace_id: UUID, endpoint_id: UUID, status: DeliveryStatus | None, page: PageRequest
) -> ListPage[WebhookDelivery]:
    """A page, newest first. Raises Invalid (code cursor_unknown)."""
    values = (workspace_id, endpoint_id, status)
    clause = await _ORDER.make_clause(db, page, values, (workspace_id, endpoint_id))
    rows = await db.fetch(f"{_SELECT} {_STATUS} {clause.tail}", *clause.values)
    return cut_page([_delivery(row) for row in rows], page)


async def count(db: Connection, workspace_id: UUID, endpoint_id: UUID, status: DeliveryStatus | None) -> int:
    """How many there are; None: of any status."""
    found: int = await db.fetchval(_COUNT, workspace_id, endpoint_id, status)
    return found


async def select_one(
    db: Connection, workspace_id: UUID, endpoint_id: UUID, delivery_id: UUID
) -> WebhookDelivery | None:
    """None: the endpoint has no such delivery."""
    row = await db.fetchrow(f"{_SELECT} AND d.id = $3", workspace_id, endpoint_id, delivery_id)
    return None if row is None else _delivery(row)


async def select_attempts(db: Connection, workspace_id: UUID, delivery_id: UUID, limit: int) -> list[DeliveryAttempt]:
    """The latest first."""
    return [DeliveryAttempt(*row) for row in await db.fetch(_ATTEMPTS, workspace_id, delivery_id, limit)]


async def replay(
    db: Connection, workspace_id: UUID, endpoint_id: UUID, delivery_id: UUID, now: datetime, expires_at: datetime
) -> None:
    """Has it sent again, at once."""
    await db.execute(_REPLAY, workspace_id, endpoint_id, delivery_id, now, expires_at)


async def replay_since(
    db: Connection,
    workspace_id: UUID,
    endpoint_id: UUID,
    *,
    since: datetime,
    statuses: list[DeliveryStatus],
    now: datetime,
    expires_at: datetime,
    most: int,
) -> int:
    """Has up to `most` of those that were enqueued since then sent again, the oldest first; returns how many."""
    status = await db.execute(_REPLAY_SINCE, workspace_id, endpoint_id, since, statuses, now, expires_at, most)
    return int(status.split()[-1])


def make_event(row: Any) -> OutboundEvent:
    """Of a row with the columns of DELIVERY."""
    return OutboundEvent(
        id=row["event_id"],
        workspace_id=row["workspace_id"],
        type=row["type"],
        api_version=row["api_version"],
        object_id=row["object_id"],
        occurred_at=row["occurred_at"],
        sequence=row["sequence"],
        data=row["data"],
    )


def _delivery(row: Any) -> WebhookDelivery:
    return WebhookDelivery(
        id=row["id"],
        endpoint_id=row["endpoint_id"],
        status=row["status"],
        attempts=row["attempts"],
        due_at=row["due_at"],
        expires_at=row["expires_at"],
        created_at=row["created_at"],
        finished_at=row["finished_at"],
        event=make_event(row),
    )
