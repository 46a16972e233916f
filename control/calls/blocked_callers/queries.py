"""SQL for blocked callers. Admission also reads the table (`records.queries.insert_ringing`)."""

from typing import Final
from uuid import UUID

from control.calls.blocked_callers.rules import BlockedCaller
from control.db.keyset import Keyset, ListPage, PageRequest, cut_page
from control.db.pool import Connection

_WHERE: Final = "workspace_id = $1 AND ($2::text IS NULL OR caller = $2)"
_ORDER: Final = Keyset(
    ("created_at", "id"), "SELECT created_at, id FROM blocked_callers WHERE id = $1 AND workspace_id = $2"
)
_INSERT: Final = """
    INSERT INTO blocked_callers (id, workspace_id, caller, note, created_at) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (workspace_id, caller) DO NOTHING
"""

_REPLACE: Final = "UPDATE blocked_callers SET caller = $3, note = '' WHERE workspace_id = $1 AND caller = $2"
# The caller may have been blocked again after an earlier deletion, so a row with the pseudonym may exist.
_DELETE_DOUBLE: Final = """
    DELETE FROM blocked_callers WHERE workspace_id = $1 AND caller = $3
      AND EXISTS (SELECT FROM blocked_callers WHERE workspace_id = $1 AND caller = $2)
"""


async def lock_list(db: Connection, workspace_id: UUID) -> None:
    """Serialises transactions that count a workspace's blocked callers in order to add one."""
    await db.execute("SELECT pg_advisory_xact_lock(hashtextextended('blocked ' || $1::text, 0))", str(workspace_id))


async def count_blocked(db: Connection, workspace_id: UUID, caller: str | None) -> int:
    """Counts the workspace's blocked callers, or only the rows of `caller`."""
    count: int = await db.fetchval(f"SELECT count(*) FROM blocked_callers WHERE {_WHERE}", workspace_id, caller)
    return count


async def select_blocked(
    db: Connection, workspace_id: UUID, caller: str | None, page: PageRequest
) -> ListPage[BlockedCaller]:
    """Returns a page of blocked callers, newest first, or only the rows of `caller`.

    Raises Invalid (code cursor_unknown).
    """
    clause = await _ORDER.make_clause(db, page, (workspace_id, caller), (workspace_id,))
    select = f"SELECT id, caller, note, created_at FROM blocked_callers WHERE {_WHERE}"
    rows = await db.fetch(f"{select} {clause.tail}", *clause.values)
    return cut_page([BlockedCaller(**row) for row in rows], page)


async def insert_blocked(db: Connection, workspace_id: UUID, new: BlockedCaller) -> bool:
    """Stores a blocked caller. Returns False if the caller is already blocked."""
    status = await db.execute(_INSERT, new.id, workspace_id, new.caller, new.note, new.created_at)
    return bool(status == "INSERT 0 1")


async def delete_blocked(db: Connection, workspace_id: UUID, blocked_id: UUID) -> str | None:
    """Deletes the row and returns its caller; None if there is no such row."""
    caller: str | None = await db.fetchval(
        "DELETE FROM blocked_callers WHERE workspace_id = $1 AND id = $2 RETURNING caller", workspace_id, blocked_id
    )
    return caller


async def replace_caller(db: Connection, workspace_id: UUID, caller: str, pseudonym: str) -> int:
    """Replaces a blocked number with its pseudonym, and deletes the note, which may name the person.

    Returns the number of rows.
    """
    await db.execute(_DELETE_DOUBLE, workspace_id, caller, pseudonym)
    status = await db.execute(_REPLACE, workspace_id, caller, pseudonym)
    return int(status.split()[-1])
