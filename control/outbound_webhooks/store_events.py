"""SQL of events for customers' systems."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from control.db.pool import Connection
from control.outbound_webhooks.event_types import API_VERSION, EventData, EventType
from control.outbound_webhooks.model import WINDOW

# Events with their deliveries. The sequence is the time in microseconds, which tells nobody how many events others
# have, or one more than that of the object's event before, should the clock have been set back.
_INSERT: Final = """
    WITH given AS (
        SELECT * FROM jsonb_to_recordset($1) AS g (
            id uuid, workspace_id uuid, type text, object_id uuid, call_id uuid, at timestamptz, data jsonb,
            endpoint_ids uuid[], is_unique boolean, place integer)
    ), stored AS (
        INSERT INTO outbound_webhook_events (id, workspace_id, type, api_version, object_id, call_id, occurred_at,
                                             sequence, data, created_at)
        SELECT g.id, g.workspace_id, g.type, $2, g.object_id, g.call_id, g.at,
               g.place + greatest((extract(epoch FROM clock_timestamp()) * 1000000)::bigint,
                                  coalesce((SELECT max(e.sequence) + 1 FROM outbound_webhook_events e
                                            WHERE e.workspace_id = g.workspace_id AND e.object_id = g.object_id), 0)),
               g.data, $3
        FROM given g
        WHERE NOT (g.is_unique AND EXISTS (
            SELECT FROM outbound_webhook_events e
            WHERE e.workspace_id = g.workspace_id AND e.object_id = g.object_id AND e.type = g.type))
        RETURNING id
    )
    INSERT INTO outbound_webhook_deliveries (id, workspace_id, endpoint_id, event_id, status, attempts, failures,
                                             due_at, expires_at, created_at)
    SELECT gen_random_uuid(), g.workspace_id, e.endpoint_id, g.id, 'pending', 0, 0, $3, $4, $3
    FROM given g JOIN stored s ON s.id = g.id CROSS JOIN unnest(g.endpoint_ids) AS e (endpoint_id)
"""
_DELETE_OF_CALLS: Final = """
    DELETE FROM outbound_webhook_events
    WHERE workspace_id = $1 AND call_id = ANY($2::uuid[]) AND ($3::text[] IS NULL OR type = ANY($3::text[]))
"""
_DELETE_OF_WORKSPACE: Final = """
    DELETE FROM outbound_webhook_events WHERE id IN (
        SELECT id FROM outbound_webhook_events WHERE workspace_id = $1 LIMIT $2)
"""
_DELETE_OLD: Final = """
    DELETE FROM outbound_webhook_events WHERE id IN (
        SELECT e.id FROM outbound_webhook_events e
        WHERE e.created_at < $1 AND NOT EXISTS (
            SELECT FROM outbound_webhook_deliveries d WHERE d.event_id = e.id AND d.status = 'pending')
        ORDER BY e.created_at LIMIT $2)
"""


@dataclass(frozen=True, slots=True)
class NewOutboundEvent:
    """An event to store. endpoint_ids: to which it is delivered. is_unique: see ReportedFact."""

    id: UUID
    workspace_id: UUID
    type: EventType
    object_id: UUID
    call_id: UUID | None
    at: datetime
    data: EventData
    endpoint_ids: Sequence[UUID]
    is_unique: bool


async def insert_events(db: Connection, new: Sequence[NewOutboundEvent], now: datetime) -> None:
    """Stores events, each with a delivery to each of its endpoints."""
    rows = [
        {
            "id": one.id,
            "workspace_id": one.workspace_id,
            "type": one.type,
            "object_id": one.object_id,
            "call_id": one.call_id,
            "at": one.at,
            "data": one.data,
            "endpoint_ids": list(one.endpoint_ids),
            "is_unique": one.is_unique,
            "place": place,
        }
        for place, one in enumerate(new)
    ]
    await db.execute(_INSERT, rows, API_VERSION, now, now + WINDOW)


async def delete_of_calls(
    db: Connection, workspace_id: UUID, call_ids: Sequence[UUID], types: Sequence[EventType] | None = None
) -> int:
    """Deletes these calls' events, delivered or not, with deliveries and attempts; returns how many. types: None for
    all."""
    status = await db.execute(_DELETE_OF_CALLS, workspace_id, list(call_ids), types)
    return int(status.split()[-1])


async def delete_of_workspace(db: Connection, workspace_id: UUID, most: int) -> int:
    """Deletes up to `most` events of a workspace with deliveries and attempts; returns how many."""
    status = await db.execute(_DELETE_OF_WORKSPACE, workspace_id, most)
    return int(status.split()[-1])


async def delete_old(db: Connection, now: datetime, kept: timedelta, most: int) -> int:
    """Deletes up to `most` events that were stored longer ago and wait for nobody; returns how many."""
    status = await db.execute(_DELETE_OLD, now - kept, most)
    return int(status.split()[-1])
