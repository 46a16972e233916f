"""SQL for call_events and call_words (the utterances)."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from control.calls.events.rules import RedactedText, SaidInCall
from control.calls.records.word_times import split_word_times, with_word_times
from control.db.pool import Connection

_SELECT_UTTERANCES: Final = "SELECT call_id, words, word_times FROM call_words WHERE call_id = ANY($1::uuid[])"


@dataclass(frozen=True, slots=True)
class EventRow:
    """An event of a call as stored.

    Attributes:
        data: Includes the type.
    """

    call_id: UUID
    seq: int
    workspace_id: UUID
    at: datetime
    event_type: str
    data: Mapping[str, Any]


async def insert_events(db: Connection, rows: Sequence[EventRow]) -> set[tuple[UUID, int]]:
    """Inserts the events that are not stored yet. Returns their (call_id, seq).

    The table's key includes the time, because the table is partitioned by time. So the check compares only the number.
    The calls' rows must be locked: otherwise two transactions could insert the same event.
    """
    inserted = await db.fetch(
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
    return {(row["call_id"], row["seq"]) for row in inserted}


async def select_utterances(db: Connection, call_ids: Iterable[UUID]) -> dict[UUID, list[dict[str, Any]]]:
    """Returns the utterances so far, by call. The calls must be locked if the caller adds utterances."""
    rows = await db.fetch(_SELECT_UTTERANCES, list(call_ids))
    return {row["call_id"]: with_word_times(row["words"], row["word_times"]) for row in rows}


async def upsert_utterances(db: Connection, calls: Sequence[SaidInCall]) -> None:
    """Stores all utterances of these calls.

    They are sent as text, because asyncpg treats lists inside an array as further dimensions.
    """
    if not calls:
        return
    parts = [split_word_times(call.utterances) for call in calls]
    await db.execute(
        """
        INSERT INTO call_words (call_id, workspace_id, words, word_times)
        SELECT n.call_id, n.workspace_id, n.words::jsonb, n.word_times::jsonb
        FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[]) AS n (call_id, workspace_id, words, word_times)
        ON CONFLICT (call_id) DO UPDATE SET words = excluded.words, word_times = excluded.word_times
        """,
        [call.call_id for call in calls],
        [call.workspace_id for call in calls],
        [msgspec.json.encode(said).decode() for said, _ in parts],
        [msgspec.json.encode(times).decode() if times else None for _, times in parts],
    )


# Replaces the texts of speech events. The condition on the call uses the table's key, which begins with the call. If an
# interruption cut an answer short, the rest of its text is deleted, too.
_UPDATE_TEXTS: Final = """
    UPDATE call_events e
    SET event_data = e.event_data || jsonb_build_object('text', n.redacted)
        || CASE WHEN e.event_data ? 'planned' THEN '{"planned": ""}'::jsonb ELSE '{}'::jsonb END
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) AS n (call_id, event_type, text, redacted)
    WHERE e.call_id = n.call_id AND e.event_type = n.event_type AND e.event_data->>'text' = n.text
"""


async def update_texts(db: Connection, texts: Sequence[RedactedText]) -> None:
    """Replaces texts of stored events. The calls must be locked."""
    if not texts:
        return
    await db.execute(
        _UPDATE_TEXTS,
        [changed.call_id for changed in texts],
        [changed.event_type for changed in texts],
        [changed.text for changed in texts],
        [changed.redacted for changed in texts],
    )


# Retention processes a workspace's calls in the order of their creation, and stores how far it has come.
_SELECT_DELETED: Final = """
    SELECT c.id, array_agg(p.kind) AS kinds
    FROM calls c JOIN retention_progress p ON p.workspace_id = c.workspace_id
    WHERE c.id = ANY($1::uuid[]) AND (c.created_at, c.id) <= (p.reached_at, p.reached_id) GROUP BY c.id
"""


async def select_deleted_kinds(db: Connection, call_ids: Collection[UUID]) -> Mapping[UUID, frozenset[str]]:
    """Returns by call the kinds of data (control/privacy/rules.py) that retention has deleted."""
    rows = await db.fetch(_SELECT_DELETED, sorted(call_ids))
    return {row["id"]: frozenset(row["kinds"]) for row in rows}
