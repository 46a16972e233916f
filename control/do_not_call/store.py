"""SQL of do-not-call lists."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from control.db.keyset import Keyset, ListPage, PageRequest, cut_page
from control.db.pool import Connection
from control.do_not_call.model import DoNotCallNumber

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
_REPLACE: Final = "UPDATE do_not_call_numbers SET number = $3, note = '' WHERE workspace_id = $1 AND number = $2"
# The number may have been listed again after an earlier deletion.
_DELETE_DOUBLE: Final = """
    DELETE FROM do_not_call_numbers WHERE workspace_id = $1 AND number = $3
      AND EXISTS (SELECT FROM do_not_call_numbers WHERE workspace_id = $1 AND number = $2)
"""


async def lock_list(db: Connection, workspace_id: UUID) -> None:
    """Serialises transactions that count a workspace's entries in order to add some."""
    await db.execute("SELECT pg_advisory_xact_lock(hashtextextended('do not call ' || $1::text, 0))", str(workspace_id))


async def count_numbers(
    db: Connection, workspace_id: UUID, numbers: Sequence[str] | None = None, source: str | None = None
) -> int:
    """Counts the entries. numbers, source: only these."""
    count: int = await db.fetchval(
        f"SELECT count(*) FROM do_not_call_numbers WHERE {_WHERE}", workspace_id, numbers, source
    )
    return count


async def select_numbers(
    db: Connection, workspace_id: UUID, numbers: Sequence[str] | None, source: str | None, page: PageRequest
) -> ListPage[DoNotCallNumber]:
    """A page, newest first. numbers, source: only these. Raises Invalid (code cursor_unknown)."""
    clause = await _ORDER.make_clause(db, page, (workspace_id, numbers, source), (workspace_id,))
    rows = await db.fetch(f"SELECT {_COLUMNS} FROM do_not_call_numbers WHERE {_WHERE} {clause.tail}", *clause.values)
    return cut_page([DoNotCallNumber(**row) for row in rows], page)


async def is_listed(db: Connection, workspace_id: UUID, numbers: Sequence[str]) -> bool:
    """Whether one of these is on the list."""
    found: bool = await db.fetchval(
        "SELECT EXISTS (SELECT FROM do_not_call_numbers WHERE workspace_id = $1 AND number = ANY($2))",
        workspace_id,
        numbers,
    )
    return found


async def insert_numbers(db: Connection, workspace_id: UUID, new: Sequence[DoNotCallNumber]) -> int:
    """Adds those whose numbers are not on the list; returns how many."""
    columns = [[getattr(one, name) for one in new] for name in _COLUMNS.split(", ")]
    status = await db.execute(_INSERT, *columns, workspace_id)
    return int(status.split()[-1])


async def delete_entry(db: Connection, workspace_id: UUID, entry_id: UUID) -> str | None:
    """Returns the number that was listed; None without such an entry."""
    number: str | None = await db.fetchval(
        "DELETE FROM do_not_call_numbers WHERE workspace_id = $1 AND id = $2 RETURNING number", workspace_id, entry_id
    )
    return number


async def delete_numbers(db: Connection, workspace_id: UUID, numbers: Sequence[str]) -> None:
    """Deletes the entries of these."""
    await db.execute(
        "DELETE FROM do_not_call_numbers WHERE workspace_id = $1 AND number = ANY($2)", workspace_id, numbers
    )


async def replace_number(db: Connection, workspace_id: UUID, number: str, pseudonym: str) -> int:
    """Lists a number by the pseudonym from now on, without its note, which may name the person; returns how many."""
    await db.execute(_DELETE_DOUBLE, workspace_id, number, pseudonym)
    status = await db.execute(_REPLACE, workspace_id, number, pseudonym)
    return int(status.split()[-1])
