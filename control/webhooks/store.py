"""All SQL of webhook_events: each event of a carrier once, by its id, open until its effect is written down."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from control.db.pool import Connection

Source = Literal["twilio", "telnyx"]
State = Literal["new", "open", "handled"]
# An open event is looked at again 5 s after it came, then after 10, 20, 40 …
FIRST_LOOK_S: Final = 5
MOST_ATTEMPTS: Final = 8
_LAST_ERROR_MOST: Final = 200


@dataclass(frozen=True, slots=True)
class Stored:
    """An event as it is kept. payload: without secrets."""

    source: Source
    event_id: str
    event_type: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Left:
    """One that is still open. attempts: how often it was tried again, this time included."""

    event: Stored
    received_at: datetime
    attempts: int


async def keep(db: Connection, event: Stored, now: datetime, *, handled: bool) -> State:
    """Puts it in, or tells what became of it; a second request at the same moment waits here for the first."""
    kept = await db.fetchval(
        """
        INSERT INTO webhook_events (source, event_id, event_type, payload, received_at, handled_at)
        VALUES ($1, $2, $3, $4, $5, CASE WHEN $6 THEN $5::timestamptz END)
        ON CONFLICT (source, event_id) DO NOTHING RETURNING true
        """,
        event.source, event.event_id, event.event_type, event.payload, now, handled,
    )  # fmt: skip
    if kept:
        return "new"
    done = await db.fetchval(
        "SELECT handled_at IS NOT NULL FROM webhook_events WHERE source = $1 AND event_id = $2",
        event.source, event.event_id,
    )  # fmt: skip
    return "handled" if done else "open"


async def mark_handled(db: Connection, source: Source, event_id: str, now: datetime, error: str | None = None) -> None:
    """Its effect is in this transaction. error: why there is none, and never will be; nothing personal."""
    await db.execute(
        "UPDATE webhook_events SET handled_at = coalesce(handled_at, $3), last_error = $4 "
        "WHERE source = $1 AND event_id = $2",
        source, event_id, now, error and error[:_LAST_ERROR_MOST],
    )  # fmt: skip


async def note_failure(db: Connection, source: Source, event_id: str, error: str) -> None:
    """It stays open. error: nothing personal."""
    await db.execute(
        "UPDATE webhook_events SET last_error = $3 WHERE source = $1 AND event_id = $2 AND handled_at IS NULL",
        source, event_id, error[:_LAST_ERROR_MOST],
    )  # fmt: skip


async def give_up(db: Connection, source: Source, event_id: str, now: datetime) -> bool:
    """Closes it as it is, its last error with it; False when it was done in the meantime."""
    closed = await db.fetchval(
        "UPDATE webhook_events SET handled_at = $3 WHERE source = $1 AND event_id = $2 AND handled_at IS NULL "
        "RETURNING true",
        source, event_id, now,
    )  # fmt: skip
    return bool(closed)


async def claim_open(db: Connection, now: datetime, most: int) -> list[Left]:
    """Up to `most` events whose time has come, the oldest first. Counting the attempt is the claim: whoever else looks
    finds them not due, and one who dies while at it leaves them to the next look."""
    rows = await db.fetch(
        """
        UPDATE webhook_events SET attempts = attempts + 1
        WHERE (source, event_id) IN (
            SELECT source, event_id FROM webhook_events
            WHERE handled_at IS NULL AND source IN ('twilio', 'telnyx')
              AND received_at <= $1::timestamptz - make_interval(secs => $3::float8)
              AND received_at + make_interval(secs => $3::float8 * 2 ^ least(attempts, 20)) <= $1
            ORDER BY received_at LIMIT $2 FOR UPDATE SKIP LOCKED)
        RETURNING source, event_id, event_type, payload, received_at, attempts
        """,
        now, most, FIRST_LOOK_S,
    )  # fmt: skip
    left = [
        Left(
            Stored(row["source"], row["event_id"], row["event_type"], row["payload"]),
            row["received_at"],
            row["attempts"],
        )
        for row in rows
    ]
    return sorted(left, key=lambda one: one.received_at)


async def call_of_leg(db: Connection, call_leg_id: str) -> str | None:
    """Telnyx's call_control_id of a leg whose beginning was told. Its webhooks of recordings name only the leg."""
    found: str | None = await db.fetchval(
        """
        SELECT payload #>> '{data,payload,call_control_id}' FROM webhook_events
        WHERE source = 'telnyx' AND event_type = 'call.initiated' AND payload #>> '{data,payload,call_leg_id}' = $1
        ORDER BY received_at DESC LIMIT 1
        """,
        call_leg_id,
    )
    return found


async def remove_old(db: Connection, before: datetime, most: int) -> int:
    """Removes up to `most` handled ones that came before; returns how many. Open ones that nobody will finish any more
    go as well, a week later."""
    status: str = await db.execute(
        """
        DELETE FROM webhook_events WHERE (source, event_id) IN (
            SELECT source, event_id FROM webhook_events
            WHERE source IN ('twilio', 'telnyx') AND received_at < $1 AND (handled_at IS NOT NULL OR received_at < $2)
            LIMIT $3 FOR UPDATE SKIP LOCKED)
        """,
        before, before - timedelta(days=7), most,
    )  # fmt: skip
    return int(status.split()[-1])
