"""Exports of all data of a workspace. Its owner requests and downloads them, and they are deleted after some days."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from control.audit.service import Actor, Change, record_change
from control.db.jobs import enqueue
from control.db.keyset import ListPage, PageRequest
from control.db.pool import Connection, Pool
from control.db.scope import enter_platform
from control.platform.service import Platform
from control.privacy.exports import queries
from control.privacy.rules import WorkspaceExport
from shared.errors import Conflict, NotFound, TooManyRequests
from shared.ids import new_id
from shared.storage import Storage

EXPORT_WORKSPACE: Final = "privacy.export_workspace"
FOLDER: Final = "exports"
# Maximum number of exports that a workspace can request within 24 hours.
MOST_PER_DAY: Final = 5
_BATCH: Final = 100
_DAY_S: Final = 86_400


class ExportWorkspaceJob(msgspec.Struct, frozen=True):
    """Payload of the export job."""

    export_id: UUID


def exports_prefix(workspace_id: UUID) -> str:
    """Return the prefix of the storage keys of a workspace's exports."""
    return f"{FOLDER}/{workspace_id}/"


def export_key(export: WorkspaceExport) -> str:
    """Return the storage key of an export's file."""
    return f"{exports_prefix(export.workspace_id)}{export.id}.zip"


class WorkspaceExports:
    """Lists, requests and opens exports, within the current transaction and in the workspace's scope."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    async def list_page(self, db: Connection, workspace_id: UUID, *, page: PageRequest) -> ListPage[WorkspaceExport]:
        """Return a page of the workspace's exports, newest first. Raises Invalid (code cursor_unknown)."""
        found = await queries.select_page(db, workspace_id, page)
        if page.cursor is not None:
            return found
        return found.with_total(await queries.count_all(db, workspace_id))

    async def request(self, db: Connection, actor: Actor, workspace_id: UUID, now: datetime) -> WorkspaceExport:
        """Enqueue a job that writes an export. Raises TooManyRequests (code export_limit)."""
        await queries.lock_list(db, workspace_id)
        if await queries.count_since(db, workspace_id, now - timedelta(days=1)) >= MOST_PER_DAY:
            raise TooManyRequests(
                f"A workspace can be exported at most {MOST_PER_DAY} times a day.",
                code="export_limit",
                retry_after_s=_DAY_S,
            )
        days = await self._platform.setting(db, "export_days")
        export = WorkspaceExport(
            id=UUID(new_id()),
            workspace_id=workspace_id,
            status="running",
            requested_by=actor.id,
            requested_at=now,
            finished_at=None,
            expires_at=now + timedelta(days=days),
            size_bytes=None,
        )
        await queries.insert(db, export)
        await enqueue(db, EXPORT_WORKSPACE, msgspec.json.encode(ExportWorkspaceJob(export.id)))
        await record_change(db, actor, _change("workspace.export", export))
        return export

    async def open(self, db: Connection, actor: Actor, workspace_id: UUID, export_id: UUID) -> WorkspaceExport:
        """Return an export for a download, and record the download in the audit log.

        Raises NotFound and Conflict (code export_not_ready).
        """
        export = await queries.select_one(db, workspace_id, export_id)
        if export is None or export.status == "deleted":
            raise NotFound("This export does not exist, or its file is deleted.", code="export_not_found")
        if export.status != "ready":
            raise Conflict(f"This export is not ready. Its status is {export.status}.", code="export_not_ready")
        await record_change(db, actor, _change("workspace.download_export", export))
        return export


async def withdraw_exports(pool: Pool, storage: Storage, workspace_id: UUID, until: datetime) -> int:
    """Delete exports that were requested before `until`, because they contain data that was deleted since.

    Return how many.

    If a job is still writing an export, the job deletes it. Raises StorageUnavailable.
    """
    total = 0
    while True:
        async with pool.transaction() as db:
            await enter_platform(db)
            exports = await queries.select_until(db, workspace_id, until, _BATCH)
        total += await _delete_files(pool, storage, exports)
        if len(exports) < _BATCH:
            return total


async def delete_expired(pool: Pool, storage: Storage, now: datetime) -> int:
    """Delete up to a batch of expired files. Return how many were deleted. Raises StorageUnavailable."""
    async with pool.transaction() as db:
        await enter_platform(db)
        exports = await queries.select_expired(db, now, _BATCH)
    return await _delete_files(pool, storage, exports)


async def _delete_files(pool: Pool, storage: Storage, exports: list[WorkspaceExport]) -> int:
    """Delete each file before marking its row. If the process ends in between, the row still names the file."""
    for export in exports:
        await storage.delete(export_key(export))
        async with pool.transaction() as db:
            await enter_platform(db)
            await queries.set_deleted(db, export.id)
    return len(exports)


def _change(action: str, export: WorkspaceExport) -> Change:
    return Change(action, "workspace_export", str(export.id), export.workspace_id)
