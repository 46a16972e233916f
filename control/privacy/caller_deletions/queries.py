"""SQL for the deletions of callers' data."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from control.db.keyset import Keyset, ListPage, PageRequest, cut_page
from control.db.pool import Connection
from control.privacy.rules import CallerDeletion

_COLUMNS: Final = ", ".join(field.name for field in fields(CallerDeletion))
_ORDER: Final = Keyset(
    ("requested_at", "id"), "SELECT requested_at, id FROM caller_deletions WHERE id = $1 AND workspace_id = $2"
)


@dataclass(frozen=True, slots=True)
class OpenDeletion:
    """A deletion that is still running, with the sealed phone number."""

    deletion: CallerDeletion
    sealed_number: bytes


async def lock_list(db: Connection, workspace_id: UUID) -> None:
    """Serialize transactions that count a workspace's deletions before they add a deletion."""
    await db.execute("SELECT pg_advisory_xact_lock(hashtextextended('deletions ' || $1::text, 0))", str(workspace_id))


async def insert(db: Connection, deletion: CallerDeletion, sealed_number: bytes) -> None:
    """Insert a running deletion."""
    await db.execute(
        """
        INSERT INTO caller_deletions (id, workspace_id, caller, sealed_number, status, requested_by, requested_at)
        VALUES ($1, $2, $3, $4, 'running', $5, $6)
        """,
        *(deletion.id, deletion.workspace_id, deletion.caller, sealed_number),
        *(deletion.requested_by, deletion.requested_at),
    )


async def select_open(db: Connection, deletion_id: UUID) -> OpenDeletion | None:
    """Return a running deletion, or None if it is finished or its workspace is purged."""
    row = await db.fetchrow(
        f"SELECT {_COLUMNS}, sealed_number FROM caller_deletions WHERE id = $1 AND status = 'running'", deletion_id
    )
    if row is None:
        return None
    return OpenDeletion(_deletion(row), row["sealed_number"])


async def add_counts(db: Connection, deletion_id: UUID, counts: Mapping[str, int]) -> None:
    """Add to the counts of deleted rows."""
    await db.execute(
        """
        UPDATE caller_deletions SET counts = counts || (
            SELECT coalesce(jsonb_object_agg(key, value::bigint + coalesce((counts->>key)::bigint, 0)), '{}')
            FROM jsonb_each_text($2::jsonb))
        WHERE id = $1
        """,
        deletion_id,
        counts,
    )


async def finish(db: Connection, deletion_id: UUID, now: datetime) -> CallerDeletion | None:
    """Mark a deletion as finished and delete its phone number. Return None if it was already finished."""
    row = await db.fetchrow(
        f"""
        UPDATE caller_deletions SET status = 'done', finished_at = $2, sealed_number = NULL
        WHERE id = $1 AND status = 'running' RETURNING {_COLUMNS}
        """,
        deletion_id,
        now,
    )
    return None if row is None else _deletion(row)


async def select_page(db: Connection, workspace_id: UUID, page: PageRequest) -> ListPage[CallerDeletion]:
    """Return a page of a workspace's deletions, newest first. Raises Invalid (code cursor_unknown)."""
    clause = await _ORDER.make_clause(db, page, (workspace_id,), (workspace_id,))
    rows = await db.fetch(
        f"SELECT {_COLUMNS} FROM caller_deletions WHERE workspace_id = $1 {clause.tail}", *clause.values
    )
    return cut_page([_deletion(row) for row in rows], page)


async def count_all(db: Connection, workspace_id: UUID, *, is_open: bool = False) -> int:
    """Count a workspace's deletions.

    Args:
        is_open: Count only running deletions.
    """
    count: int = await db.fetchval(
        "SELECT count(*) FROM caller_deletions WHERE workspace_id = $1 AND (NOT $2 OR status = 'running')",
        workspace_id,
        is_open,
    )
    return count


def _deletion(row: Any) -> CallerDeletion:
    return CallerDeletion(**{field.name: row[field.name] for field in fields(CallerDeletion)})


async def is_own_number(db: Connection, workspace_id: UUID, number: str) -> bool:
    """Return whether the workspace holds this number, is buying it or is releasing it."""
    found: bool = await db.fetchval(
        "SELECT EXISTS (SELECT FROM phone_numbers WHERE workspace_id = $1 AND phone_number = $2 "
        "AND status IN ('buying', 'active', 'releasing'))",
        workspace_id,
        number,
    )
    return found
