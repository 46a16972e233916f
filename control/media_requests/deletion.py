"""Deletion of what runs of tools left. Needs platform scope."""

from collections.abc import Sequence
from uuid import UUID

from control.db.pool import Connection
from control.media_requests import store_runs


async def delete_call_runs(db: Connection, workspace_id: UUID, call_ids: Sequence[UUID]) -> int:
    """Deletes the outcomes of these calls' runs, which hold what callers said; returns how many."""
    return await store_runs.delete_of_calls(db, workspace_id, call_ids)
