"""SQL of the audit log's entries about reads of calls' content (index audit_log_call_reads)."""

from typing import Any, Final
from uuid import UUID

from control.db.keyset import Keyset, ListPage, PageRequest, cut_page
from control.db.pool import Connection

READ_ACTION: Final = "call.read"
# The action is no parameter, because the index is partial.
_ORDER: Final = Keyset(
    ("at", "id"), "SELECT at, id FROM audit_log WHERE id = $1 AND workspace_id = $2 AND action = 'call.read'"
)


async def select_reads(db: Connection, workspace_id: UUID, page: PageRequest) -> ListPage[Any]:
    """Entries of a workspace, newest first: id, at, actor_email, resource_type, resource_id, details. Raises Invalid
    (code cursor_unknown)."""
    clause = await _ORDER.make_clause(db, page, (workspace_id,), (workspace_id,))
    rows = await db.fetch(
        "SELECT id, at, actor_email, resource_type, resource_id, details FROM audit_log "
        f"WHERE workspace_id = $1 AND action = 'call.read' {clause.tail}",
        *clause.values,
    )
    return cut_page(rows, page)


async def count_reads(db: Connection, workspace_id: UUID, most: int) -> int:
    """How many there are; counts `most` at most."""
    count: int = await db.fetchval(
        "SELECT count(*) FROM (SELECT FROM audit_log WHERE workspace_id = $1 AND action = 'call.read' LIMIT $2) found",
        workspace_id,
        most,
    )
    return count
