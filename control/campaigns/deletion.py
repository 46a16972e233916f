"""Deletion of recipients: of one caller, on request. Needs platform scope."""

from uuid import UUID

from control.campaigns import store_recipients
from control.db.pool import Connection


async def delete_number(db: Connection, workspace_id: UUID, number: str) -> int:
    """Deletes the recipients with this number, and their attempts, from all campaigns of the workspace; returns how
    many. Those that are being called are deleted, too: their calls go on, and count for no campaign."""
    return await store_recipients.delete_number(db, workspace_id, number)
