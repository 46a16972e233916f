"""Deletion of recipients: of one caller on request, of workspaces. Needs platform scope."""

from uuid import UUID

from control.campaigns import store_recipients
from control.db.pool import Connection


async def delete_number(db: Connection, workspace_id: UUID, number: str) -> int:
    """Deletes the recipients with this number, and their attempts, from all campaigns of the workspace; returns how
    many. Those with an open call stay until it is over: while it waits to be dialled, the rules of its campaign hold,
    and no other campaign may call the number meanwhile."""
    return await store_recipients.delete_number(db, workspace_id, number)


async def has_number(db: Connection, workspace_id: UUID, number: str) -> bool:
    """Whether a campaign of the workspace has this number (still)."""
    return await store_recipients.has_number(db, workspace_id, number)


async def delete_workspace_recipients(db: Connection, workspace_id: UUID, most: int) -> int:
    """Deletes up to `most` recipients of a workspace that is purged; returns how many."""
    return await store_recipients.delete_some(db, workspace_id, most)
