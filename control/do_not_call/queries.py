"""SQL for do-not-call lists."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from control.db.keyset import Keyset, ListPage, PageRequest, cut_page
from control.db.pool import Connection
from control.do_not_call.rules import DoNotCallNumber

_COLUMNS: Final = "id, number, source, call_id, added_by, note, created_at"
_WHERE: Final = "workspace_id = $1 AND ($2::text[] IS NULL OR number = ANY($2)) AND ($3::text IS NULL OR source = $3)"
_ORDER: Final = Keyset(
    ("created_at", "id"), "SELECT created_at, id FROM do_not_call_numbers WHERE id = $1 AND workspace_id = $2"
)
_INSERT: Final = f"""
    INSERT INTO do_not_call_numbers ({_COLUMNS}, workspace_id)
    SELECT *, $8 FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::uuid[], $6::text[], $7::timestamptz[])
    ON CONFLICT (workspace_id, number) DO NOTHING
"""
# A withheld number cannot be listed. If a number's data was deleted in the meantime, its pseudonym is listed.
_INSERT_OPTED_OUT: Final = r"""
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
_REPLACE: Final = "UPDATE do_not_call_numbers SET number = $3, note = '' WHERE workspace_id = $1 AND number = $2"
# The number may have been listed again after an earlier deletion.
_DELETE_DOUBLE: Final = """
    DELETE FROM do_not_call_numbers WHERE workspace_id = $1 AND number = $3
      AND EXISTS (SELECT FROM do_not_call_numbers WHERE workspace_id = $1 AND number = $2)
"""


async def lock_list(db: Connection, workspace_id: UUID) -> None:
    """Serialize transactions that count a workspace's entries before they add entries."""
    await db.execute("SELECT pg_advisory_xact_lock(hashtextextended('do not call ' || $1::text, 0))", str(workspace_id))


async def count_numbers(
    db: Connection, workspace_id: UUID, numbers: Sequence[str] | None = None, source: str | None = None
) -> int:
    """Count the entries with any of these numbers and this source; None matches any."""
    count: int = await db.fetchval(
        f"SELECT count(*) FROM do_not_call_numbers WHERE {_WHERE}", workspace_id, numbers, source
    )
    return count


async def select_numbers(
    db: Connection, workspace_id: UUID, numbers: Sequence[str] | None, source: str | None, page: PageRequest
) -> ListPage[DoNotCallNumber]:
    """Return a page of the matching entries, newest first. None matches any number or source.

    Raises:
        Invalid: The cursor is unknown (code cursor_unknown).
    """
    clause = await _ORDER.make_clause(db, page, (workspace_id, numbers, source), (workspace_id,))
    rows = await db.fetch(f"SELECT {_COLUMNS} FROM do_not_call_numbers WHERE {_WHERE} {clause.tail}", *clause.values)
    return cut_page([DoNotCallNumber(**row) for row in rows], page)


async def is_listed(db: Connection, workspace_id: UUID, numbers: Sequence[str]) -> bool:
    """Return whether any of these numbers is on the list."""
    found: bool = await db.fetchval(
        "SELECT EXISTS (SELECT FROM do_not_call_numbers WHERE workspace_id = $1 AND number = ANY($2))",
        workspace_id,
        numbers,
    )
    return found


async def insert_numbers(db: Connection, workspace_id: UUID, new: Sequence[DoNotCallNumber]) -> int:
    """Add the entries whose numbers are not on the list. Return how many were added."""
    columns = [[getattr(entry, name) for entry in new] for name in _COLUMNS.split(", ")]
    status = await db.execute(_INSERT, *columns, workspace_id)
    return int(status.split()[-1])


async def insert_opted_out(
    db: Connection, ids: Sequence[UUID], call_ids: Sequence[UUID], sources: Sequence[str]
) -> list[tuple[UUID, UUID]]:
    """Add the other party of each call to the list, under the new entry's id. Needs platform scope.

    Returns:
        Call and workspace of each number that was not on the list before.
    """
    rows = await db.fetch(_INSERT_OPTED_OUT, ids, call_ids, sources)
    return [(row["call_id"], row["workspace_id"]) for row in rows]


async def delete_entry(db: Connection, workspace_id: UUID, entry_id: UUID) -> str | None:
    """Delete an entry. Return its number, or None if the entry does not exist."""
    number: str | None = await db.fetchval(
        "DELETE FROM do_not_call_numbers WHERE workspace_id = $1 AND id = $2 RETURNING number", workspace_id, entry_id
    )
    return number


async def delete_numbers(db: Connection, workspace_id: UUID, numbers: Sequence[str]) -> None:
    """Delete the entries of these numbers."""
    await db.execute(
        "DELETE FROM do_not_call_numbers WHERE workspace_id = $1 AND number = ANY($2)", workspace_id, numbers
    )


async def replace_number(db: Connection, workspace_id: UUID, number: str, pseudonym: str) -> int:
    """Replace a number with its pseudonym and remove the note, which may contain a name.

    Return how many entries changed.
    """
    await db.execute(_DELETE_DOUBLE, workspace_id, number, pseudonym)
    status = await db.execute(_REPLACE, workspace_id, number, pseudonym)
    return int(status.split()[-1])
