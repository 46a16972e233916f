"""Deletion of the rows of which a workspace has most, in batches, before a purge deletes the workspace with the rest.

All at once they would exceed the timeout of a statement, and the workspace would never be purged."""

from uuid import UUID

from control.calls.deletion.service import delete_workspace_calls
from control.campaigns.service import delete_workspace_recipients
from control.db.pool import Connection
from control.outbound_webhooks.service import delete_workspace_events


async def delete_workspace_rows(db: Connection, workspace_id: UUID, most: int) -> int:
    """Deletes up to `most` calls, with their events and words, events for customers' systems, and recipients of
    campaigns; returns how many. Needs platform scope."""
    done = await delete_workspace_calls(db, workspace_id, most)
    done += await delete_workspace_events(db, workspace_id, most - done)
    return done + await delete_workspace_recipients(db, workspace_id, most - done)
