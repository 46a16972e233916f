"""Deletion of a workspace's objects in storage, before a purge deletes the rows that name them."""

from uuid import UUID

from control.knowledge.rules import documents_prefix
from control.privacy.exports import exports_prefix
from shared.recording_keys import recordings_prefix
from shared.storage import Storage


async def delete_workspace_objects(storage: Storage, workspace_id: UUID) -> int:
    """Deletes recordings, exports and documents, with those that no row names; returns how many. Raises
    StorageUnavailable."""
    folders = (recordings_prefix(workspace_id), exports_prefix(workspace_id), documents_prefix(workspace_id))
    return sum([await storage.delete_folder(one.rstrip("/")) for one in folders])
