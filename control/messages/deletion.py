"""Deletion of callers' messages. Needs platform scope."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from control.db.pool import Connection
from control.messages import store_deletion


async def find_calls_of_number(
    db: Connection, workspace_id: UUID, number: str, until: datetime, most: int
) -> list[UUID]:
    """Up to `most` calls whose message, taken until then, asks to be called back at this number (E.164)."""
    return await store_deletion.select_calls_of_number(db, workspace_id, number, until, most)


async def delete_messages(db: Connection, workspace_id: UUID, call_ids: Sequence[UUID]) -> int:
    """Deletes the messages of these calls; returns how many."""
    return await store_deletion.delete_messages(db, workspace_id, call_ids)
