"""SQL that lists the numbers of people who asked in a call not to be phoned again."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from control.db.pool import Connection

# A withheld number cannot be listed. A number whose data was deleted meanwhile is listed by its pseudonym.
_INSERT: Final = r"""
    INSERT INTO do_not_call_numbers (id, workspace_id, number, source, call_id, created_at)
    SELECT new.id, workspace_id, person, new.source, call.id, now()
    FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS new (id, call_id, source)
    JOIN calls call ON call.id = new.call_id,
    LATERAL (SELECT btrim(CASE direction WHEN 'inbound' THEN caller_number ELSE called_number END) AS person) AS _
    WHERE person ~ '^(\+[1-9][0-9]{6,14}|deleted-[0-9a-f]+)$'
    ORDER BY workspace_id, person
    ON CONFLICT (workspace_id, number) DO NOTHING
    RETURNING call_id, workspace_id
"""


async def insert_opted_out(
    db: Connection, ids: Sequence[UUID], call_ids: Sequence[UUID], sources: Sequence[str]
) -> list[tuple[UUID, UUID]]:
    """Lists the other party's number of these calls, once; returns call and workspace of each that was not listed
    before. ids: of the new entries. Needs platform scope."""
    rows = await db.fetch(_INSERT, ids, call_ids, sources)
    return [(row["call_id"], row["workspace_id"]) for row in rows]
