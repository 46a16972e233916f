"""SQL of calls as they are read."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, Final
from uuid import UUID

from control.calls.listed import Call, CallLine, EventLine, Filter
from control.db.pool import Connection

# Of which a call's turns are made.
TURN_EVENTS: Final = ("caller.said", "agent.said", "turn.latency", "tool.ran")
_LINE: Final = """
    c.id, c.workspace_id, w.name AS workspace_name, c.agent_id, a.name AS agent_name, c.caller_number, c.called_number,
    c.direction, c.status, c.end_reason, c.is_test, c.carrier, c.carrier_call_id, c.duration_seconds, c.cost_total,
    c.created_at, c.started_at, c.answered_at, c.ended_at
"""
_JOINED: Final = "JOIN workspaces w ON w.id = c.workspace_id LEFT JOIN agents a ON a.id = c.agent_id"
_MORE: Final = (
    "agent_version", "phone_number_id", "end_detail", "media_node", "recording_key", "recording_seconds",
    "transcription", "summary", "sentiment", "details",
)  # fmt: skip
# Both are named, for the index begins with the carrier.
_BY_CARRIER: Final = "c.carrier IN ('twilio', 'telnyx') AND c.carrier_call_id = "
_OPEN: Final = "c.status IN ('queued', 'ringing', 'in_progress')"


async def select_calls(db: Connection, wanted: Filter, offset: int, limit: int) -> list[CallLine]:
    """A page, newest first. Its rows are found by the index, and only they are read: what lies before a deep page is
    not."""
    where, values = _where(wanted)
    rows = await db.fetch(
        f"""
        SELECT {_LINE} FROM (
            SELECT c.id FROM calls c WHERE {where} ORDER BY c.created_at DESC, c.id DESC
            LIMIT ${len(values) + 1} OFFSET ${len(values) + 2}
        ) page JOIN calls c ON c.id = page.id {_JOINED} ORDER BY c.created_at DESC, c.id DESC
        """,
        *values,
        limit,
        offset,
    )
    return [CallLine(**row) for row in rows]


async def count_calls(db: Connection, wanted: Filter, most: int) -> int:
    """How many there are, counted up to `most`."""
    where, values = _where(wanted)
    total: int = await db.fetchval(
        f"SELECT count(*) FROM (SELECT FROM calls c WHERE {where} LIMIT ${len(values) + 1}) counted", *values, most
    )
    return total


async def select_call(db: Connection, workspace_id: UUID | None, call_id: UUID) -> Call | None:
    """One, without its turns."""
    more = ", ".join(f"c.{name}" for name in _MORE)
    row = await db.fetchrow(
        f"SELECT {_LINE}, {more} FROM calls c {_JOINED} WHERE c.id = $1 AND ($2::uuid IS NULL OR c.workspace_id = $2)",
        call_id,
        workspace_id,
    )
    if row is None:
        return None
    return Call(
        CallLine(**{one.name: row[one.name] for one in fields(CallLine)}), **{name: row[name] for name in _MORE}
    )


async def select_open(db: Connection, workspace_id: UUID | None, most: int) -> list[CallLine]:
    """Calls that are not over, the longest first."""
    mine, values = ("c.workspace_id = $2 AND ", (workspace_id,)) if workspace_id is not None else ("", ())
    rows = await db.fetch(
        f"SELECT {_LINE} FROM calls c {_JOINED} WHERE {mine}{_OPEN} ORDER BY c.created_at, c.id LIMIT $1",
        most,
        *values,
    )
    return [CallLine(**row) for row in rows]


async def select_events(
    db: Connection, call_id: UUID, kinds: Sequence[str] | None, after_seq: int, most: int
) -> list[EventLine]:
    """In their order. kinds: only those."""
    rows = await db.fetch(
        """
        SELECT seq, event_type, event_data, at AS timestamp FROM call_events
        WHERE call_id = $1 AND seq > $2 AND ($3::text[] IS NULL OR event_type = ANY($3)) ORDER BY seq LIMIT $4
        """,
        call_id,
        after_seq,
        kinds,
        most,
    )
    return [EventLine(**row) for row in rows]


async def select_words(db: Connection, call_id: UUID) -> list[dict[str, Any]]:
    """Each utterance as heard."""
    words: list[dict[str, Any]] | None = await db.fetchval("SELECT words FROM call_words WHERE call_id = $1", call_id)
    return words or []


def _where(wanted: Filter) -> tuple[str, list[Any]]:
    """Only what is asked for stands in the condition, so that PostgreSQL finds the index for it."""
    given = (
        ("c.workspace_id = ", wanted.workspace_id), ("c.agent_id = ", wanted.agent_id), ("c.status = ", wanted.status),
        ("c.direction = ", wanted.direction), (_BY_CARRIER, wanted.carrier_call_id),
        ("c.created_at >= ", wanted.since), ("c.created_at < ", wanted.until),
    )  # fmt: skip
    asked = [(condition, value) for condition, value in given if value is not None]
    where = " AND ".join(f"{condition}${place}" for place, (condition, _) in enumerate(asked, 1))
    return where or "true", [value for _, value in asked]
