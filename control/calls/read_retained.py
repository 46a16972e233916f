"""Read model: which of what calls hold was deleted by retention."""

from collections.abc import Collection, Mapping
from typing import Final
from uuid import UUID

from control.db.pool import Connection

# Retention goes through a workspace's calls in the order of their creation, and stores how far it came.
_SELECT_DELETED: Final = """
    SELECT c.id, array_agg(p.kind) AS kinds
    FROM calls c JOIN retention_progress p ON p.workspace_id = c.workspace_id
    WHERE c.id = ANY($1::uuid[]) AND (c.created_at, c.id) <= (p.reached_at, p.reached_id) GROUP BY c.id
"""


async def select_deleted_kinds(db: Connection, call_ids: Collection[UUID]) -> Mapping[UUID, frozenset[str]]:
    """By call, the kinds (control/privacy/model.py) that were deleted; calls of which nothing was are left out."""
    rows = await db.fetch(_SELECT_DELETED, sorted(call_ids))
    return {row["id"]: frozenset(row["kinds"]) for row in rows}
