"""SQL of the live desk: what was stored of running calls since it was read last. A `workspace_id` of None is for the
staff."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from control.db.pool import Connection

# Maximum number of events of a call that one read returns, newest first.
MOST_EVENTS: Final = 40
_SELECT_NEW: Final = """
    SELECT e.call_id, e.seq, e.at, e.event_data FROM unnest($2::uuid[], $3::integer[]) AS known (call_id, seq)
    CROSS JOIN LATERAL (
        SELECT n.call_id, n.seq, n.at, n.event_data FROM call_events n
        WHERE n.call_id = known.call_id AND ($1::uuid IS NULL OR n.workspace_id = $1) AND n.seq > known.seq
          AND n.event_type = ANY($4::text[])
        ORDER BY n.seq DESC LIMIT $5
    ) e ORDER BY e.call_id, e.seq
"""
_COUNT_LISTENERS: Final = """
    SELECT call_id, count(*) AS listeners FROM call_supervisions
    WHERE ($1::uuid IS NULL OR workspace_id = $1) AND call_id = ANY($2::uuid[]) AND began_at IS NOT NULL
      AND ended_at IS NULL
    GROUP BY call_id
"""
_SELECT_ENDED: Final = """
    SELECT id, status, end_reason FROM calls
    WHERE ($1::uuid IS NULL OR workspace_id = $1) AND id = ANY($2::uuid[])
"""


@dataclass(frozen=True, slots=True)
class NewCallEvent:
    """An event of a running call."""

    call_id: UUID
    seq: int
    at: datetime
    event_data: Mapping[str, Any]


async def select_new(
    db: Connection, workspace_id: UUID | None, known: Mapping[UUID, int], types: Sequence[str]
) -> list[NewCallEvent]:
    """Returns the events of these types after the known number of each call, in order."""
    rows = await db.fetch(_SELECT_NEW, workspace_id, list(known), list(known.values()), types, MOST_EVENTS)
    return [NewCallEvent(**row) for row in rows]


async def count_listeners(db: Connection, workspace_id: UUID | None, call_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Returns how many people listen, by call."""
    rows = await db.fetch(_COUNT_LISTENERS, workspace_id, call_ids)
    return {row["call_id"]: row["listeners"] for row in rows}


async def select_ended(db: Connection, workspace_id: UUID | None, call_ids: Sequence[UUID]) -> list[dict[str, Any]]:
    """Returns id, status and end_reason of these calls."""
    return [dict(row) for row in await db.fetch(_SELECT_ENDED, workspace_id, call_ids)]
