"""SQL of what media told: events, and the words that were heard."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from control.db.pool import Connection


@dataclass(frozen=True, slots=True)
class EventRow:
    """An event of a call, as it is kept. data: with its type."""

    call_id: UUID
    seq: int
    workspace_id: UUID
    at: datetime
    event_type: str
    data: Mapping[str, Any]


async def insert_events(db: Connection, rows: Sequence[EventRow]) -> set[tuple[UUID, int]]:
    """Writes those that are not there yet, and tells which.

    The table's key holds the time too (it is partitioned by it): a number is looked for whatever its time. The calls'
    rows must be held, so that nobody else writes the same at this moment.
    """
    fresh = await db.fetch(
        """
        INSERT INTO call_events (call_id, seq, workspace_id, at, event_type, event_data)
        SELECT n.* FROM unnest($1::uuid[], $2::integer[], $3::uuid[], $4::timestamptz[], $5::text[], $6::jsonb[])
            AS n (call_id, seq, workspace_id, at, event_type, event_data)
        WHERE NOT EXISTS (SELECT FROM call_events o WHERE o.call_id = n.call_id AND o.seq = n.seq)
        ON CONFLICT DO NOTHING RETURNING call_id, seq
        """,
        [row.call_id for row in rows],
        [row.seq for row in rows],
        [row.workspace_id for row in rows],
        [row.at for row in rows],
        [row.event_type for row in rows],
        [row.data for row in rows],
    )
    return {(row["call_id"], row["seq"]) for row in fresh}


async def select_words(db: Connection, call_ids: Iterable[UUID]) -> dict[UUID, list[dict[str, Any]]]:
    """What was heard so far; their calls must be held by whoever adds to it."""
    rows = await db.fetch("SELECT call_id, words FROM call_words WHERE call_id = ANY($1::uuid[])", list(call_ids))
    return {row["call_id"]: row["words"] for row in rows}


async def upsert_words(db: Connection, words: Sequence[tuple[UUID, UUID, Sequence[Mapping[str, Any]]]]) -> None:
    """Call, workspace and all that was heard, for several calls.

    As text, for lists in an array are dimensions of it to the driver.
    """
    if not words:
        return
    await db.execute(
        """
        INSERT INTO call_words (call_id, workspace_id, words)
        SELECT n.call_id, n.workspace_id, n.words::jsonb
        FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS n (call_id, workspace_id, words)
        ON CONFLICT (call_id) DO UPDATE SET words = excluded.words
        """,
        [one[0] for one in words],
        [one[1] for one in words],
        [msgspec.json.encode(one[2]).decode() for one in words],
    )
