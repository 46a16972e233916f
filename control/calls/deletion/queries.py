"""SQL that deletes calls and their contents."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from control.calls.deletion.rules import DeletedCall
from control.db.pool import Connection

# Calls of workspace $1 from or to number $2 that were created until $3, at most $4 of each kind.
_SELECT_OF_NUMBER: Final = """
    (SELECT id, status IN ('queued', 'ringing', 'in_progress') AS is_open FROM calls
     WHERE workspace_id = $1 AND caller_number = $2 AND created_at <= $3 ORDER BY created_at, id LIMIT $4)
    UNION
    (SELECT id, status IN ('queued', 'ringing', 'in_progress') FROM calls
     WHERE workspace_id = $1 AND direction = 'outbound' AND called_number = $2 AND created_at <= $3
     ORDER BY created_at, id LIMIT $4)
"""
# Calls of workspace $1 whose number is replaced by pseudonym $2.
_SELECT_DELETED: Final = """
    SELECT id, carrier_call_id, details #>> '{carrier,session}' AS session FROM calls
    WHERE workspace_id = $1 AND caller_number = $2
    UNION
    SELECT id, carrier_call_id, details #>> '{carrier,session}' FROM calls
    WHERE workspace_id = $1 AND direction = 'outbound' AND called_number = $2
    LIMIT $3
"""
_REPLACE_NUMBER: Final = """
    UPDATE calls SET caller_number = CASE WHEN caller_number = $3 THEN $4 ELSE caller_number END,
                     called_number = CASE WHEN called_number = $3 THEN $4 ELSE called_number END,
                     variables = '{}', metadata = '{}'
    WHERE workspace_id = $1 AND id = ANY($2::uuid[])
"""
_DELETE_WORDS: Final = """
    WITH words AS (DELETE FROM call_words WHERE workspace_id = $1 AND call_id = ANY($2::uuid[]) RETURNING call_id),
    texts AS (
        UPDATE calls SET transcription = NULL, summary = NULL, analysis_status = NULL, analysis = NULL
        WHERE workspace_id = $1 AND id = ANY($2::uuid[])
          AND (transcription IS NOT NULL OR summary IS NOT NULL OR analysis IS NOT NULL) RETURNING id
    )
    SELECT count(*) FROM (SELECT call_id FROM words UNION SELECT id FROM texts) deleted
"""
_DELETE_JUDGMENTS: Final = """
    UPDATE calls SET sentiment = NULL, sentiment_score = NULL, success = NULL
    WHERE workspace_id = $1 AND id = ANY($2::uuid[])
"""
_DELETE_TRANSFER_TARGET: Final = """
    WITH transferred AS (
        UPDATE calls SET details = jsonb_set(details, '{put_through,number}', '""')
        WHERE workspace_id = $1 AND end_reason = 'transferred' AND details #>> '{put_through,number}' = $2
        RETURNING id
    ),
    events AS (
        DELETE FROM call_events WHERE workspace_id = $1 AND call_id IN (SELECT id FROM transferred)
          AND strpos(event_data::text, $2) > 0
    )
    SELECT count(*) FROM transferred
"""


async def delete_calls(db: Connection, workspace_id: UUID, most: int) -> int:
    """Deletes up to `most` calls of a workspace with their words and events. Returns the number of calls."""
    total: int = await db.fetchval(
        """
        WITH batch AS (SELECT id FROM calls WHERE workspace_id = $1 LIMIT $2),
        events AS (DELETE FROM call_events WHERE workspace_id = $1 AND call_id IN (SELECT id FROM batch)),
        deleted AS (DELETE FROM calls WHERE workspace_id = $1 AND id IN (SELECT id FROM batch) RETURNING 1)
        SELECT count(*) FROM deleted
        """,
        workspace_id,
        most,
    )
    return total


async def select_of_number(
    db: Connection, workspace_id: UUID, number: str, until: datetime, most: int
) -> list[tuple[UUID, bool]]:
    """Returns the calls from or to a number, and whether each call is open.

    Returns at most `most` calls of each direction.
    """
    rows = await db.fetch(_SELECT_OF_NUMBER, workspace_id, number, until, most)
    return [(row["id"], row["is_open"]) for row in rows]


async def select_open(db: Connection, workspace_id: UUID, call_ids: Sequence[UUID]) -> list[UUID]:
    """Returns the ids among these of calls that are not over."""
    rows = await db.fetch(
        "SELECT id FROM calls WHERE workspace_id = $1 AND id = ANY($2::uuid[]) "
        "AND status IN ('queued', 'ringing', 'in_progress')",
        workspace_id,
        call_ids,
    )
    return [row["id"] for row in rows]


async def select_deleted(db: Connection, workspace_id: UUID, pseudonym: str, most: int) -> list[DeletedCall]:
    """Returns up to `most` calls that have the pseudonym in place of a number."""
    return [DeletedCall(**row) for row in await db.fetch(_SELECT_DELETED, workspace_id, pseudonym, most)]


async def replace_number(
    db: Connection, workspace_id: UUID, call_ids: Sequence[UUID], number: str, pseudonym: str
) -> None:
    """Replaces the number with the pseudonym, and deletes the variables and metadata of outbound calls."""
    await db.execute(_REPLACE_NUMBER, workspace_id, call_ids, number, pseudonym)


async def delete_words(db: Connection, workspace_id: UUID, call_ids: Sequence[UUID]) -> int:
    """Deletes transcripts and the texts that were made from them. Returns the number of calls."""
    total: int = await db.fetchval(_DELETE_WORDS, workspace_id, call_ids)
    return total


async def delete_judgments(db: Connection, workspace_id: UUID, call_ids: Sequence[UUID]) -> None:
    """Deletes sentiment and success."""
    await db.execute(_DELETE_JUDGMENTS, workspace_id, call_ids)


async def delete_events(db: Connection, workspace_id: UUID, call_ids: Sequence[UUID]) -> int:
    """Deletes the events of these calls. Returns the number of events."""
    status = await db.execute(
        "DELETE FROM call_events WHERE workspace_id = $1 AND call_id = ANY($2::uuid[])", workspace_id, call_ids
    )
    return int(status.split()[-1])


async def delete_transfer_target(db: Connection, workspace_id: UUID, number: str) -> int:
    """Deletes the number from calls that were transferred to it, with the events that name it.

    Returns the number of calls.
    """
    total: int = await db.fetchval(_DELETE_TRANSFER_TARGET, workspace_id, number)
    return total


async def delete_phone_codes(db: Connection, workspace_id: UUID, number: str) -> int:
    """Deletes codes that were spoken to the number. Returns the number of codes."""
    status = await db.execute(
        "DELETE FROM phone_codes WHERE workspace_id = $1 AND phone_number = $2", workspace_id, number
    )
    return int(status.split()[-1])
