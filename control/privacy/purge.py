"""Deletes a workspace's objects in storage and the rows of its largest tables, before a purge deletes the workspace."""

from uuid import UUID

from control.calls.deletion.service import delete_workspace_calls
from control.campaigns.service import delete_workspace_recipients
from control.db.pool import Connection
from control.knowledge.rules import documents_prefix
from control.outbound_webhooks.service import delete_workspace_events
from control.privacy.exports.service import exports_prefix
from shared.recording_keys import recordings_prefix
from shared.storage import Storage


async def delete_workspace_objects(storage: Storage, workspace_id: UUID) -> int:
    """Delete a workspace's recordings, exports and documents, including objects without a row. Return how many.

    Raises StorageUnavailable.
    """
    folders = (recordings_prefix(workspace_id), exports_prefix(workspace_id), documents_prefix(workspace_id))
    return sum([await storage.delete_folder(folder.rstrip("/")) for folder in folders])


async def delete_workspace_rows(db: Connection, workspace_id: UUID, most: int) -> int:
    """Delete up to `most` rows of a workspace. Return how many were deleted. Needs platform scope.

    The rows are calls with their events and words, events for customers' systems, and recipients of campaigns.
    """
    done = await delete_workspace_calls(db, workspace_id, most)
    done += await delete_workspace_events(db, workspace_id, most - done)
    return done + await delete_workspace_recipients(db, workspace_id, most - done)
