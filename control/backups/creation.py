"""Creates a backup: counts and dumps the database in one snapshot, directly into storage."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import asyncpg  # type: ignore[import-untyped]
import msgspec
import structlog

from control.backups import queries
from control.backups.archive import BackupArchive, StoredDump, choose_expired, name_backup
from control.backups.programs import hash_schema, open_dump
from control.backups.queries import export_snapshot, lift_time_limits, select_facts
from control.backups.rules import BackupFailed, BackupManifest, BackupRun, DatabaseFacts, RunKind

_CONNECT_S: Final = 10.0
_RECORDS_KEPT: Final = timedelta(days=400)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class BackupOptions:
    """Options of a backup.

    Attributes:
        database_url: Signs in as the owner of the tables, whom row-level security does not restrict.
        keep_days: Older backups are deleted, except for the `keep_newest` newest backups; 0 deletes no backup.
        timeout_s: Limit for the whole backup, in seconds.
    """

    database_url: str = field(repr=False)
    keep_days: int = 35
    keep_newest: int = 7
    timeout_s: float = 4 * 3_600


async def create_backup(archive: BackupArchive, options: BackupOptions) -> BackupManifest:
    """Create a backup, record it, and delete backups that are too old.

    Raises BackupFailed, StorageUnavailable and the database's errors.
    """
    started_at, began = datetime.now(UTC), time.monotonic()
    name = name_backup(started_at)
    try:
        async with asyncio.timeout(options.timeout_s) as limit:
            facts, dump = await _dump(archive, name, options)
    except TimeoutError:
        if not limit.expired():
            raise  # The connection did not open in time.
        raise BackupFailed(f"the backup did not finish within {options.timeout_s / 60:g} minutes") from None
    manifest = BackupManifest(
        name=name,
        started_at=started_at,
        finished_at=datetime.now(UTC),
        size=dump.size,
        sha256=dump.sha256,
        is_encrypted=archive.encrypts,
        facts=facts,
    )
    await archive.write_manifest(manifest)
    await record_run(options.database_url, "backup", manifest, time.monotonic() - began)
    await _delete_expired(archive, options)
    return manifest


async def record_run(database_url: str, kind: RunKind, manifest: BackupManifest, seconds: float) -> None:
    """Record a successful run for the metric of its age. Raises the database's errors."""
    now = datetime.now(UTC)
    async with connected(database_url) as db, db.transaction():
        run = BackupRun(kind=kind, backup=manifest.name, finished_at=now, seconds=seconds, size=manifest.size)
        await queries.insert_run(db, run)
        await queries.delete_runs(db, now - _RECORDS_KEPT)


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    """Yield a connection as the user of the URL, without our role and without a statement timeout."""
    db = await asyncpg.connect(url, timeout=_CONNECT_S, server_settings={"application_name": "vocalized-backups"})
    try:
        yield db
    finally:
        await db.close(timeout=_CONNECT_S)


async def _dump(archive: BackupArchive, name: str, options: BackupOptions) -> tuple[DatabaseFacts, StoredDump]:
    """Count the rows and dump the database. The transaction stays open for both, because its snapshot ends with it."""
    async with connected(options.database_url) as db, db.transaction(isolation="repeatable_read", readonly=True):
        await lift_time_limits(db)
        snapshot = await export_snapshot(db)
        facts = await select_facts(db)
        schema = await hash_schema(options.database_url, snapshot)
        async with open_dump(options.database_url, snapshot) as chunks:
            dump = await archive.write_dump(name, chunks)
    return msgspec.structs.replace(facts, schema_sha256=schema), dump


async def _delete_expired(archive: BackupArchive, options: BackupOptions) -> None:
    expired = choose_expired(
        await archive.list_manifests(),
        datetime.now(UTC),
        keep_days=options.keep_days,
        keep_newest=options.keep_newest,
    )
    for manifest in expired:
        await archive.delete(manifest.name)
        log.info("backup.deleted", backup=manifest.name)
