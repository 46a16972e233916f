"""SQL for endpoints, events and deliveries of outbound webhooks."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from control.db.keyset import Keyset, ListPage, PageRequest, cut_page
from control.db.pool import Connection
from control.outbound_webhooks.event_types import API_VERSION, EventData, EventType
from control.outbound_webhooks.rules import (
    WINDOW,
    ClaimedDelivery,
    DeliveryAttempt,
    DeliveryPolicy,
    DeliveryStatus,
    DisabledReason,
    FreeSlots,
    OutboundEvent,
    SealedSecrets,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookOwner,
)

# -- Endpoints --

_SELECT_ENDPOINTS: Final = """
    SELECT id, workspace_id, url, description, event_types, is_enabled, disabled_reason, sealed_secret,
           sealed_old_secret, old_secret_until, failing_since, created_at, updated_at
    FROM outbound_webhook_endpoints
"""
_INSERT_ENDPOINT: Final = """
    INSERT INTO outbound_webhook_endpoints (id, workspace_id, url, description, event_types, is_enabled, sealed_secret,
                                            created_at, updated_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)
"""
_UPDATE_ENDPOINT: Final = """
    UPDATE outbound_webhook_endpoints
    SET url = $3, description = $4, event_types = $5, is_enabled = $6, disabled_reason = $7, failing_since = $8,
        updated_at = $9
    WHERE workspace_id = $1 AND id = $2
"""
_UPDATE_SECRETS: Final = """
    UPDATE outbound_webhook_endpoints
    SET sealed_secret = $3, sealed_old_secret = $4, old_secret_until = $5, updated_at = $6
    WHERE workspace_id = $1 AND id = $2
"""
# Updates the row only if the endpoint was failing, so that working endpoints cause no writes.
_MARK_WORKING: Final = """
    UPDATE outbound_webhook_endpoints SET failing_since = NULL
    WHERE workspace_id = $1 AND id = $2 AND failing_since IS NOT NULL
"""
# Restart `failing_since` if the previous failure is older than $4, because nothing was sent in between. Overlapping
# attempts may be recorded in either order.
_MARK_FAILING: Final = """
    UPDATE outbound_webhook_endpoints
    SET failing_since = CASE WHEN failed_at >= $4 THEN least(failing_since, $3) ELSE $3 END,
        failed_at = greatest(failed_at, $3)
    WHERE workspace_id = $1 AND id = $2
"""
# Disable the endpoint only if its address is still the address that failed: a member may have changed it during the
# request.
_DISABLE_ENDPOINT: Final = """
    UPDATE outbound_webhook_endpoints SET is_enabled = false, disabled_reason = $4, updated_at = $5
    WHERE workspace_id = $1 AND id = $2 AND url = $6 AND is_enabled
      AND ($3::timestamptz IS NULL OR failing_since <= $3)
"""
MOST_OWNERS: Final = 10
_SELECT_OWNERS: Final = """
    SELECT w.name, u.email
    FROM workspace_members m JOIN users u ON u.id = m.user_id JOIN workspaces w ON w.id = m.workspace_id
    WHERE m.workspace_id = $1 AND m.role = 'owner' AND u.is_active AND u.email_verified_at IS NOT NULL
      AND w.deleted_at IS NULL
    ORDER BY m.joined_at, m.user_id LIMIT $2
"""


async def lock_endpoints(db: Connection, workspace_id: UUID) -> None:
    """Serialize transactions that count a workspace's endpoints before they add an endpoint."""
    key = f"outbound_webhook_endpoints {workspace_id}"
    await db.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", key)


async def select_endpoints(db: Connection, workspace_id: UUID, limit: int) -> list[WebhookEndpoint]:
    """Return up to `limit` endpoints of a workspace, oldest first."""
    rows = await db.fetch(
        f"{_SELECT_ENDPOINTS} WHERE workspace_id = $1 ORDER BY created_at, id LIMIT $2", workspace_id, limit
    )
    return [_make_endpoint(row) for row in rows]


async def select_endpoint(
    db: Connection, workspace_id: UUID, endpoint_id: UUID, *, lock: bool = False
) -> WebhookEndpoint | None:
    """Return an endpoint, or None if the workspace has no such endpoint.

    Args:
        lock: Lock the row until the transaction ends. Events can still be stored for a locked endpoint.
    """
    locking = "FOR NO KEY UPDATE" if lock else ""
    row = await db.fetchrow(
        f"{_SELECT_ENDPOINTS} WHERE workspace_id = $1 AND id = $2 {locking}", workspace_id, endpoint_id
    )
    return None if row is None else _make_endpoint(row)


async def insert_endpoint(db: Connection, endpoint: WebhookEndpoint) -> None:
    """Store a new endpoint."""
    types = None if endpoint.event_types is None else list(endpoint.event_types)
    await db.execute(
        _INSERT_ENDPOINT,
        endpoint.id,
        endpoint.workspace_id,
        endpoint.url,
        endpoint.description,
        types,
        endpoint.is_enabled,
        endpoint.secrets.current,
        endpoint.created_at,
    )


async def update_endpoint(db: Connection, endpoint: WebhookEndpoint) -> None:
    """Update all columns of an endpoint except its secrets."""
    types = None if endpoint.event_types is None else list(endpoint.event_types)
    await db.execute(
        _UPDATE_ENDPOINT,
        endpoint.workspace_id,
        endpoint.id,
        endpoint.url,
        endpoint.description,
        types,
        endpoint.is_enabled,
        endpoint.disabled_reason,
        endpoint.failing_since,
        endpoint.updated_at,
    )


async def update_secrets(db: Connection, endpoint: WebhookEndpoint) -> None:
    """Store an endpoint's new secrets."""
    new = endpoint.secrets
    await db.execute(
        _UPDATE_SECRETS, endpoint.workspace_id, endpoint.id, new.current, new.old, new.old_until, endpoint.updated_at
    )


async def delete_endpoint(db: Connection, workspace_id: UUID, endpoint_id: UUID) -> None:
    """Delete an endpoint.

    Its deliveries are deleted later, with their events, because deleting a month of deliveries would delay the request.
    """
    await db.execute(
        "DELETE FROM outbound_webhook_endpoints WHERE workspace_id = $1 AND id = $2", workspace_id, endpoint_id
    )


async def mark_working(db: Connection, workspace_id: UUID, endpoint_id: UUID) -> None:
    """Record that the endpoint's last attempt was delivered. Needs platform scope."""
    await db.execute(_MARK_WORKING, workspace_id, endpoint_id)


async def mark_failing(
    db: Connection, workspace_id: UUID, endpoint_id: UUID, at: datetime, longest_gap: timedelta
) -> None:
    """Record that the endpoint's last attempt failed. Needs platform scope.

    The time of the first failure stays, unless the previous failure is older than `longest_gap`.
    """
    await db.execute(_MARK_FAILING, workspace_id, endpoint_id, at, at - longest_gap)


async def disable_endpoint(
    db: Connection,
    workspace_id: UUID,
    endpoint_id: UUID,
    url: str,
    failing_before: datetime | None,
    reason: DisabledReason,
    now: datetime,
) -> bool:
    """Disable an endpoint that still has this address, and return whether it was enabled. Needs platform scope.

    Args:
        failing_before: Disable only if the endpoint has failed since this time or longer; None to disable regardless.
    """
    status = await db.execute(_DISABLE_ENDPOINT, workspace_id, endpoint_id, failing_before, reason, now, url)
    return bool(status == "UPDATE 1")


async def select_owners(db: Connection, workspace_id: UUID) -> list[WebhookOwner]:
    """Return the workspace's owners who can sign in and have confirmed their address."""
    return [
        WebhookOwner(row["name"], row["email"]) for row in await db.fetch(_SELECT_OWNERS, workspace_id, MOST_OWNERS)
    ]


def _make_endpoint(row: Any) -> WebhookEndpoint:
    return WebhookEndpoint(
        id=row["id"],
        workspace_id=row["workspace_id"],
        url=row["url"],
        description=row["description"],
        event_types=row["event_types"],
        is_enabled=row["is_enabled"],
        disabled_reason=row["disabled_reason"],
        secrets=SealedSecrets(row["sealed_secret"], row["sealed_old_secret"], row["old_secret_until"]),
        failing_since=row["failing_since"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


# -- Events, and the endpoints that want them --

_SELECT_LISTENERS: Final = """
    SELECT id, workspace_id, event_types FROM outbound_webhook_endpoints
    WHERE workspace_id = ANY($1::uuid[]) AND is_enabled ORDER BY created_at, id
"""
# Stores events with their deliveries. The sequence is the time in microseconds, so it reveals nothing about events of
# other workspaces. If the clock was set back, the sequence is the previous event's sequence of the object plus one.
_INSERT_EVENTS: Final = """
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
_DELETE_EVENTS_OF_CALLS: Final = """
    DELETE FROM outbound_webhook_events
    WHERE workspace_id = $1 AND call_id = ANY($2::uuid[]) AND ($3::text[] IS NULL OR type = ANY($3::text[]))
"""
_DELETE_EVENTS_OF_WORKSPACE: Final = """
    DELETE FROM outbound_webhook_events WHERE id IN (
        SELECT id FROM outbound_webhook_events WHERE workspace_id = $1 LIMIT $2)
"""
_DELETE_OLD_EVENTS: Final = """
    DELETE FROM outbound_webhook_events WHERE id IN (
        SELECT e.id FROM outbound_webhook_events e
        WHERE e.created_at < $1 AND NOT EXISTS (
            SELECT FROM outbound_webhook_deliveries d WHERE d.event_id = e.id AND d.status = 'pending')
        ORDER BY e.created_at LIMIT $2)
"""


@dataclass(frozen=True, slots=True)
class EventListener:
    """An enabled endpoint and the event types that it chose.

    Attributes:
        event_types: None for all types.
    """

    id: UUID
    event_types: Sequence[str] | None


@dataclass(frozen=True, slots=True)
class NewOutboundEvent:
    """An event to store.

    Attributes:
        endpoint_ids: The endpoints that receive the event.
        is_unique: See `ReportedFact`.
    """

    id: UUID
    workspace_id: UUID
    type: EventType
    object_id: UUID
    call_id: UUID | None
    at: datetime
    data: EventData
    endpoint_ids: Sequence[UUID]
    is_unique: bool


async def select_listeners(db: Connection, workspace_ids: Collection[UUID]) -> dict[UUID, list[EventListener]]:
    """Return the enabled endpoints by workspace id. Workspaces without endpoints are left out."""
    found: dict[UUID, list[EventListener]] = {}
    for row in await db.fetch(_SELECT_LISTENERS, list(workspace_ids)):
        found.setdefault(row["workspace_id"], []).append(EventListener(row["id"], row["event_types"]))
    return found


async def insert_events(db: Connection, new: Sequence[NewOutboundEvent], now: datetime) -> None:
    """Store events, each with a delivery to each of its endpoints."""
    rows = [
        {
            "id": event.id,
            "workspace_id": event.workspace_id,
            "type": event.type,
            "object_id": event.object_id,
            "call_id": event.call_id,
            "at": event.at,
            "data": event.data,
            "endpoint_ids": list(event.endpoint_ids),
            "is_unique": event.is_unique,
            "place": place,
        }
        for place, event in enumerate(new)
    ]
    await db.execute(_INSERT_EVENTS, rows, API_VERSION, now, now + WINDOW)


async def delete_events_of_calls(
    db: Connection, workspace_id: UUID, call_ids: Sequence[UUID], types: Sequence[EventType] | None = None
) -> int:
    """Delete the events of these calls, delivered or not, with their deliveries and attempts.

    Return the number of events.

    Args:
        types: Event types to delete; None for all types.
    """
    status = await db.execute(_DELETE_EVENTS_OF_CALLS, workspace_id, list(call_ids), types)
    return int(status.split()[-1])


async def delete_events_of_workspace(db: Connection, workspace_id: UUID, most: int) -> int:
    """Delete up to `most` events of a workspace with their deliveries and attempts. Return the number of events."""
    status = await db.execute(_DELETE_EVENTS_OF_WORKSPACE, workspace_id, most)
    return int(status.split()[-1])


async def delete_old_events(db: Connection, now: datetime, kept: timedelta, most: int) -> int:
    """Delete up to `most` events that are older than `kept` and have no pending delivery.

    Return the number of events.
    """
    status = await db.execute(_DELETE_OLD_EVENTS, now - kept, most)
    return int(status.split()[-1])


# -- Deliveries as members see them --

_DELIVERY: Final = (
    "d.id, d.endpoint_id, d.status, d.attempts, d.due_at, d.expires_at, d.created_at, d.finished_at, "
    "e.id AS event_id, e.workspace_id, e.type, e.api_version, e.object_id, e.occurred_at, e.sequence, e.data"
)
_SELECT_DELIVERIES: Final = f"""
    SELECT {_DELIVERY} FROM outbound_webhook_deliveries d JOIN outbound_webhook_events e ON e.id = d.event_id
    WHERE d.workspace_id = $1 AND d.endpoint_id = $2
"""
_DELIVERY_STATUS: Final = "AND ($3::text IS NULL OR d.status = $3)"
_DELIVERY_ORDER: Final = Keyset(
    ("d.created_at", "d.id"),
    "SELECT created_at, id FROM outbound_webhook_deliveries WHERE id = $1 AND workspace_id = $2 AND endpoint_id = $3",
)
_COUNT_DELIVERIES: Final = f"""
    SELECT count(*) FROM outbound_webhook_deliveries d
    WHERE workspace_id = $1 AND endpoint_id = $2 {_DELIVERY_STATUS}
"""
_SELECT_ATTEMPTS: Final = """
    SELECT number, started_at, took_ms, status_code, error, answer FROM outbound_webhook_attempts
    WHERE workspace_id = $1 AND delivery_id = $2 ORDER BY number DESC LIMIT $3
"""
_REPLAY: Final = """
    UPDATE outbound_webhook_deliveries
    SET status = 'pending', failures = 0, due_at = $4, expires_at = $5, finished_at = NULL
    WHERE workspace_id = $1 AND endpoint_id = $2 AND id = $3
"""
# Skips deliveries that another replay or a worker has locked, because they are already being sent.
_REPLAY_SINCE: Final = """
    UPDATE outbound_webhook_deliveries d
    SET status = 'pending', failures = 0, due_at = $5, expires_at = $6, finished_at = NULL
    WHERE d.id IN (
        SELECT c.id FROM outbound_webhook_deliveries c
        WHERE c.workspace_id = $1 AND c.endpoint_id = $2 AND c.created_at >= $3 AND c.status = ANY($4::text[])
        ORDER BY c.created_at, c.id LIMIT $7 FOR UPDATE SKIP LOCKED)
"""


async def select_deliveries(
    db: Connection, workspace_id: UUID, endpoint_id: UUID, status: DeliveryStatus | None, page: PageRequest
) -> ListPage[WebhookDelivery]:
    """Return a page of an endpoint's deliveries, newest first. Raises Invalid (code cursor_unknown)."""
    values = (workspace_id, endpoint_id, status)
    clause = await _DELIVERY_ORDER.make_clause(db, page, values, (workspace_id, endpoint_id))
    rows = await db.fetch(f"{_SELECT_DELIVERIES} {_DELIVERY_STATUS} {clause.tail}", *clause.values)
    return cut_page([_make_delivery(row) for row in rows], page)


async def count_deliveries(db: Connection, workspace_id: UUID, endpoint_id: UUID, status: DeliveryStatus | None) -> int:
    """Count an endpoint's deliveries.

    Args:
        status: Count only deliveries with this status; None for any status.
    """
    found: int = await db.fetchval(_COUNT_DELIVERIES, workspace_id, endpoint_id, status)
    return found


async def select_delivery(
    db: Connection, workspace_id: UUID, endpoint_id: UUID, delivery_id: UUID
) -> WebhookDelivery | None:
    """Return a delivery, or None if the endpoint has no such delivery."""
    row = await db.fetchrow(f"{_SELECT_DELIVERIES} AND d.id = $3", workspace_id, endpoint_id, delivery_id)
    return None if row is None else _make_delivery(row)


async def select_attempts(db: Connection, workspace_id: UUID, delivery_id: UUID, limit: int) -> list[DeliveryAttempt]:
    """Return up to `limit` attempts of a delivery, latest first."""
    return [DeliveryAttempt(*row) for row in await db.fetch(_SELECT_ATTEMPTS, workspace_id, delivery_id, limit)]


async def replay(
    db: Connection, workspace_id: UUID, endpoint_id: UUID, delivery_id: UUID, now: datetime, expires_at: datetime
) -> None:
    """Make a delivery due now, with a new expiry."""
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
    """Make up to `most` deliveries due again that were enqueued at or after `since`, oldest first.

    Return their number.
    """
    status = await db.execute(_REPLAY_SINCE, workspace_id, endpoint_id, since, statuses, now, expires_at, most)
    return int(status.split()[-1])


def _make_event(row: Any) -> OutboundEvent:
    """Convert a row with the columns of `_DELIVERY` to an event."""
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


def _make_delivery(row: Any) -> WebhookDelivery:
    return WebhookDelivery(
        id=row["id"],
        endpoint_id=row["endpoint_id"],
        status=row["status"],
        attempts=row["attempts"],
        due_at=row["due_at"],
        expires_at=row["expires_at"],
        created_at=row["created_at"],
        finished_at=row["finished_at"],
        event=_make_event(row),
    )


# -- The queue of deliveries, in platform scope --

# Selects due deliveries of enabled endpoints in workspaces that are not deleted, within the free requests of each
# endpoint and workspace. The first deliveries of all workspaces come before any second delivery. Endpoints whose last
# attempt failed share few slots, because each of their requests may take the whole timeout. The query takes one index
# search per endpoint: 0.7 ms for 1,000 endpoints without due deliveries.
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
# Considers only working endpoints, because a failing receiver causes its own delays. Takes one index search per
# endpoint.
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
_LEASE_DUE: Final = """
    UPDATE outbound_webhook_deliveries SET leased_until = $3
    WHERE id IN (
        SELECT id FROM outbound_webhook_deliveries
        WHERE id = ANY($1::uuid[]) AND status = 'pending' AND (leased_until IS NULL OR leased_until <= $2)
        FOR UPDATE SKIP LOCKED)
    RETURNING id
"""
_SELECT_LEASED: Final = f"""
    SELECT {_DELIVERY}, d.failures, w.url, w.sealed_secret, w.sealed_old_secret, w.old_secret_until,
           w.failing_since IS NOT NULL AS is_failing
    FROM outbound_webhook_deliveries d
    JOIN outbound_webhook_events e ON e.id = d.event_id
    JOIN outbound_webhook_endpoints w ON w.id = d.endpoint_id
    WHERE d.id = ANY($1::uuid[])
"""
# Finishes only the caller's own attempt: another worker may have made an attempt after the lease ended.
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
_EXPIRE_DELIVERIES: Final = """
    UPDATE outbound_webhook_deliveries SET status = 'failed', finished_at = $1, leased_until = NULL
    WHERE id IN (
        SELECT id FROM outbound_webhook_deliveries
        WHERE status = 'pending' AND expires_at <= $1 AND (leased_until IS NULL OR leased_until <= $1)
        ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)
"""


async def select_due(db: Connection, slots: FreeSlots, policy: DeliveryPolicy, now: datetime) -> list[UUID]:
    """Return the ids of the deliveries to send next, at most one per free slot, without locking them.

    Deliveries of a deleted workspace wait until the workspace is restored or the deliveries expire.
    """
    rows = await db.fetch(_SELECT_DUE, now, slots.all, slots.failing, policy.per_endpoint, policy.per_workspace)
    return [row["id"] for row in rows]


async def select_oldest(db: Connection, now: datetime) -> datetime | None:
    """Return when the oldest due delivery to a working endpoint became due, or None if no delivery is due."""
    oldest: datetime | None = await db.fetchval(_SELECT_OLDEST, now)
    return oldest


async def lease_due(db: Connection, slots: FreeSlots, policy: DeliveryPolicy, now: datetime) -> list[ClaimedDelivery]:
    """Lease due deliveries to the caller. No other worker sends them until the lease ends."""
    due = await select_due(db, slots, policy, now)
    if not due:
        return []
    leased = await db.fetch(_LEASE_DUE, due, now, now + policy.lease)
    return [_claimed(row) for row in await db.fetch(_SELECT_LEASED, [row["id"] for row in leased])]


async def finish_attempt(
    db: Connection, claimed: ClaimedDelivery, attempt: DeliveryAttempt, status: DeliveryStatus, at: datetime
) -> bool:
    """Store an attempt and the new status of its delivery.

    Returns False if the delivery was deleted or another worker recorded this attempt.

    Args:
        at: When the next attempt is due if the delivery is pending; otherwise when the delivery finished.
    """
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


async def expire_deliveries(db: Connection, now: datetime, most: int) -> int:
    """Mark up to `most` expired deliveries as failed, such as deliveries to disabled endpoints. Return their number."""
    status = await db.execute(_EXPIRE_DELIVERIES, now, most)
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
        event=_make_event(row),
    )
