"""Deletion of a purged workspace's calls."""

from uuid import UUID

from control.calls import store_deletion
from control.db.pool import Connection


async def delete_workspace_calls(db: Connection, workspace_id: UUID, most: int) -> int:
    """Deletes up to `most` calls with their words and events; returns how many. Needs platform scope.

    Usage records and daily figures stay: they name nobody.
    """
    return await store_deletion.delete_calls(db, workspace_id, most)
