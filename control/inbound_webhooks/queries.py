"""SQL for webhook_events. Each event is stored once, by source and id, and stays open until its effect is stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from control.db.pool import Connection

EventState = Literal["new", "open", "handled"]
# Seconds before the first retry of an open event. The wait doubles with each retry.
FIRST_RETRY_S: Final = 5
MAX_ATTEMPTS: Final = 8
# How much longer open events are kept than handled events.
OPEN_RETENTION: Final = timedelta(days=7)
_MAX_ERROR_LENGTH: Final = 200


@dataclass(frozen=True, slots=True)
class EventKey:
    """Key of an event.

    Attributes:
        event_id: Unique within its source.
    """

    source: str
    event_id: str


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event of a source.

    Attributes:
        payload: JSON without secrets.
    """

    source: str
    event_id: str
    event_type: str
    payload: Mapping[str, Any]

    @property
    def key(self) -> EventKey:
        """The primary key of webhook_events."""
        return EventKey(self.source, self.event_id)


@dataclass(frozen=True, slots=True)
class OpenEvent:
    """An event without its effect.

    Attributes:
        attempts: Number of retries, including the current retry.
    """

    event: StoredEvent
    received_at: datetime
    attempts: int


@dataclass(frozen=True, slots=True)
class ClearedPayloads:
    """The result of clearing payloads.

    Attributes:
        last: The last event that was read. None at the end of the table.
        cleared: Number of emptied payloads.
        open: Number of events that name the phone number but are not handled yet.
    """

    last: EventKey | None
    cleared: int
    open: int


# Inserts an event. A concurrent request with the same event waits here until the first request has committed.
INSERT_EVENT: Final = """
INSERT INTO webhook_events (source, event_id, event_type, payload, received_at, handled_at)
VALUES ($1, $2, $3, $4, $5, CASE WHEN $6 THEN $5::timestamptz END)
ON CONFLICT (source, event_id) DO NOTHING RETURNING true
"""
# Whether the effect of a stored event is stored.
SELECT_HANDLED: Final = "SELECT handled_at IS NOT NULL FROM webhook_events WHERE source = $1 AND event_id = $2"
# Closes an event together with its effect, or with the reason why it has no effect.
UPDATE_HANDLED: Final = """
UPDATE webhook_events SET handled_at = coalesce(handled_at, $3), last_error = $4 WHERE source = $1 AND event_id = $2
"""
# Stores why an attempt failed. The event stays open.
UPDATE_LAST_ERROR: Final = """
UPDATE webhook_events SET last_error = $3 WHERE source = $1 AND event_id = $2 AND handled_at IS NULL
"""
# Closes an event that was retried too often, unless it was handled meanwhile.
CLOSE_FAILED: Final = """
UPDATE webhook_events SET handled_at = $3 WHERE source = $1 AND event_id = $2 AND handled_at IS NULL RETURNING true
"""
# Claims open events that are due, oldest first. Counting the attempt is the claim: the event is then not due for other
# workers. If the worker dies, the event is due again later.
CLAIM_OPEN: Final = """
UPDATE webhook_events SET attempts = attempts + 1
WHERE (source, event_id) IN (
    SELECT source, event_id FROM webhook_events
    WHERE handled_at IS NULL AND source = ANY($4)
      AND received_at <= $1::timestamptz - make_interval(secs => $3::float8)
      AND received_at + make_interval(secs => $3::float8 * 2 ^ least(attempts, 20)) <= $1
    ORDER BY received_at LIMIT $2 FOR UPDATE SKIP LOCKED)
RETURNING source, event_id, event_type, payload, received_at, attempts
"""
# Deletes events received before $1, or before $2 if they are open.
DELETE_OLD: Final = """
DELETE FROM webhook_events WHERE (source, event_id) IN (
    SELECT source, event_id FROM webhook_events
    WHERE source = ANY($4) AND received_at < $1 AND (handled_at IS NOT NULL OR received_at < $2)
    LIMIT $3 FOR UPDATE SKIP LOCKED)
"""

# Payloads have no index, so a page is read by the primary key. Open events are only counted, because their payloads are
# still needed.
CLEAR_PAYLOADS = """
WITH page AS MATERIALIZED (
    SELECT source, event_id, handled_at, payload::text AS payload FROM webhook_events
    WHERE (source, event_id) > ($1, $2) ORDER BY source, event_id LIMIT $3
),
found AS (
    SELECT source, event_id, handled_at FROM page
    WHERE strpos(payload, $4) > 0 AND EXISTS (SELECT FROM unnest($5::text[]) r WHERE strpos(payload, r) > 0)
),
cleared AS (
    UPDATE webhook_events w SET payload = '{}' FROM found f
    WHERE w.source = f.source AND w.event_id = f.event_id AND f.handled_at IS NOT NULL RETURNING true
)
SELECT last.source, last.event_id, (SELECT count(*) FROM cleared) AS cleared,
       (SELECT count(*) FROM found WHERE handled_at IS NULL) AS open
FROM (SELECT) one
LEFT JOIN LATERAL (SELECT source, event_id FROM page ORDER BY source DESC, event_id DESC LIMIT 1) last ON true
"""


async def store_once(db: Connection, event: StoredEvent, now: datetime, *, handled: bool) -> EventState:
    """Store an event. Return "new", or the state of the event if it is already stored.

    Args:
        handled: Whether the event's effect is in this transaction.
    """
    inserted = await db.fetchval(
        INSERT_EVENT, event.source, event.event_id, event.event_type, event.payload, now, handled
    )
    if inserted:
        return "new"
    is_handled = await db.fetchval(SELECT_HANDLED, event.source, event.event_id)
    return "handled" if is_handled else "open"


async def is_stored(db: Connection, source: str, event_id: str) -> bool:
    """Return whether the event has been received."""
    return await db.fetchval(SELECT_HANDLED, source, event_id) is not None


async def mark_handled(db: Connection, key: EventKey, now: datetime, error: str | None = None) -> None:
    """Close an event whose effect is in this transaction.

    Args:
        error: Why the event can have no effect. Must not contain personal data.
    """
    await db.execute(UPDATE_HANDLED, key.source, key.event_id, now, error and error[:_MAX_ERROR_LENGTH])


async def set_last_error(db: Connection, key: EventKey, error: str) -> None:
    """Store why an attempt failed. The event stays open.

    Args:
        error: Must not contain personal data.
    """
    await db.execute(UPDATE_LAST_ERROR, key.source, key.event_id, error[:_MAX_ERROR_LENGTH])


async def close_failed(db: Connection, key: EventKey, now: datetime) -> bool:
    """Close an event without its effect and keep its last error. Return False if it was handled meanwhile."""
    return bool(await db.fetchval(CLOSE_FAILED, key.source, key.event_id, now))


async def claim_open_events(db: Connection, sources: Sequence[str], now: datetime, limit: int) -> list[OpenEvent]:
    """Claim up to `limit` open events that are due, oldest first, and count the attempt. Return the events."""
    rows = await db.fetch(CLAIM_OPEN, now, limit, FIRST_RETRY_S, list(sources))
    events = [
        OpenEvent(
            StoredEvent(row["source"], row["event_id"], row["event_type"], row["payload"]),
            row["received_at"],
            row["attempts"],
        )
        for row in rows
    ]
    return sorted(events, key=lambda event: event.received_at)


async def delete_old_events(db: Connection, sources: Sequence[str], before: datetime, limit: int) -> int:
    """Delete up to `limit` handled events received before `before`, and open events OPEN_RETENTION later.

    Returns the number of deleted events.
    """
    status: str = await db.execute(DELETE_OLD, before, before - OPEN_RETENTION, limit, list(sources))
    return int(status.split()[-1])


async def clear_payloads(
    db: Connection, number: str, calls: Sequence[str], after: EventKey, limit: int
) -> ClearedPayloads:
    """Empty the payloads of handled events that name the number and one of these calls.

    Reads the `limit` events after `after` in the order of their keys. The events themselves stay, so that repeated
    deliveries are still recognized.
    """
    row = await db.fetchrow(CLEAR_PAYLOADS, after.source, after.event_id, limit, number, list(calls))
    last = None if row["source"] is None else EventKey(row["source"], row["event_id"])
    return ClearedPayloads(last, row["cleared"], row["open"])


# The call_control_id in the newest call.initiated of a leg.
SELECT_CALL_OF_LEG: Final = """
SELECT payload #>> '{data,payload,call_control_id}' FROM webhook_events
WHERE source = 'telnyx' AND event_type = 'call.initiated' AND payload #>> '{data,payload,call_leg_id}' = $1
ORDER BY received_at DESC LIMIT 1
"""


async def find_call_of_leg(db: Connection, call_leg_id: str) -> str | None:
    """Return the call_control_id of a leg whose call.initiated is stored, or None.

    call.recording.saved may name only the leg (its type in the SDK has no call_control_id).
    """
    found: str | None = await db.fetchval(SELECT_CALL_OF_LEG, call_leg_id)
    return found
