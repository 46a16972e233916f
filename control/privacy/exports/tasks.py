"""The job that exports a workspace to a ZIP archive, with a JSON Lines file per table, recordings and documents."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from control.db.jobs import JobFailed, JobHandler, decode_payload
from control.db.pool import Connection, Pool
from control.db.scope import enter_platform, enter_workspace
from control.privacy.exports import queries
from control.privacy.exports.queries import EXPORTED, ExportedTable
from control.privacy.exports.service import ExportWorkspaceJob, export_key
from control.privacy.exports.zip_stream import ZipStream
from control.privacy.rules import WorkspaceExport
from shared.storage import ObjectNotFound, Storage, StorageUnavailable

# Number of rows read in one query.
PAGE: Final = 500
# Returns the ids of a workspace's next rows after an id, with the storage keys of their objects.
_SelectFiles = Callable[[Connection, UUID, UUID, int], Awaitable[list[tuple[UUID, str]]]]
_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")


def make_export_job(pool: Pool, storage: Storage) -> JobHandler:
    """Return the export job. It deletes an export that was withdrawn while the job wrote it."""

    async def run(payload: bytes) -> None:
        job = decode_payload(payload, ExportWorkspaceJob)
        async with pool.transaction() as db:
            await enter_platform(db)
            export = await queries.select_one(db, None, job.export_id)
        if export is None or export.status not in ("running", "deleted"):
            return
        key = export_key(export)
        try:
            if export.status == "deleted":
                # A killed worker may have written the file after the export was withdrawn.
                return await storage.delete(key)
            writer = _ExportWriter(pool, storage, export)
            await storage.put_stream(key, writer.write(datetime.now(UTC)))
            async with pool.transaction() as db:
                await enter_platform(db)
                is_wanted = await queries.finish(db, export.id, "ready", datetime.now(UTC), writer.size_bytes)
            if not is_wanted:
                await storage.delete(key)
        except StorageUnavailable as fault:
            raise JobFailed(f"storage: {fault}") from None

    return run


class _ExportWriter:
    """Writes an export and counts its size in bytes."""

    def __init__(self, pool: Pool, storage: Storage, export: WorkspaceExport) -> None:
        self._pool, self._storage, self._workspace_id = pool, storage, export.workspace_id
        self._fields: dict[str, list[str]] = {}
        self.size_bytes = 0

    async def write(self, now: datetime) -> AsyncIterator[bytes]:
        """Yield the archive's bytes. Raises StorageUnavailable."""
        async for data in self._entries(ZipStream(now), now):
            self.size_bytes += len(data)
            yield data

    async def _entries(self, archive: ZipStream, now: datetime) -> AsyncIterator[bytes]:
        for table in EXPORTED:
            async for data in archive.add(f"{table.name}.jsonl", self._lines(table)):
                yield data
        async for document_id, key in self._files(queries.select_documents):
            async for data in archive.add(f"documents/{document_id}", self._storage.stream(key)):
                yield data
        async for call_id, key in self._files(queries.select_recordings):
            name = f"recordings/{call_id}.{key.rpartition('.')[2]}"
            async for data in archive.add(name, self._storage.stream(key), is_compressed=False):
                yield data
        async for data in archive.add("README.txt", self._readme(now)):
            yield data
        yield archive.finish()

    async def _lines(self, table: ExportedTable) -> AsyncIterator[bytes]:
        after: tuple[Any, ...] = ()
        while True:
            async with self._pool.transaction() as db:
                await enter_workspace(db, self._workspace_id)
                rows = await queries.select_rows(db, self._workspace_id, table, after, PAGE)
            if rows:
                self._fields.setdefault(table.name, list(rows[0].values))
                yield _ENCODER.encode_lines([row.values for row in rows])
                after = rows[-1].key
            if len(rows) < PAGE:
                return

    async def _files(self, select: _SelectFiles) -> AsyncIterator[tuple[UUID, str]]:
        """Yield the id and storage key of each row whose object exists. Objects may be deleted during the export."""
        after = UUID(int=0)
        while True:
            async with self._pool.transaction() as db:
                await enter_workspace(db, self._workspace_id)
                named = await select(db, self._workspace_id, after, PAGE)
            for object_id, key in named:
                after = object_id
                try:
                    await self._storage.size(key)
                except ObjectNotFound:
                    continue
                yield object_id, key
            if len(named) < PAGE:
                return

    async def _readme(self, now: datetime) -> AsyncIterator[bytes]:
        lines = [
            f"Export of workspace {self._workspace_id}, made {now:%Y-%m-%d %H:%M} UTC.",
            "Each file contains one JSON object per line; times are UTC, ids are the ids of the API.",
            "recordings/ contains the recording of each recorded call, named by the call's id; documents/ "
            "contains the files of",
            "documents that agents search, as they were uploaded.",
            "",
        ]
        for table in EXPORTED:
            fields = ", ".join(self._fields.get(table.name, [])) or "no rows"
            lines.append(f"{table.name}.jsonl: {table.about} Fields: {fields}")
        yield "\n".join(lines).encode() + b"\n"
