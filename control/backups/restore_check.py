"""Checks a backup: restores it into a new database, and compares the database with the manifest."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit
from uuid import uuid4

import asyncpg  # type: ignore[import-untyped]
import msgspec
import structlog

from control.audit.seals import audit_keys, verify_log
from control.backups.archive import BackupArchive
from control.backups.creation import connected
from control.backups.programs import hash_schema, restore
from control.backups.queries import find_newest_call, has_role, select_facts, select_sealed_keys
from control.backups.rules import BackupFailed, BackupManifest, CheckReport, DatabaseFacts, Finding
from control.calls.records.service import CallRecords
from control.db.logins import PLATFORM
from control.db.pool import ROLE, Timeouts, open_pool
from control.db.scope import enter_platform, enter_workspace
from control.voice.keys import open_key
from shared.errors import Problem
from shared.logs import error_fields
from shared.secrets import Sealer

# The restored database has no load, but it may be large and not cached.
_TIMEOUTS: Final = Timeouts(statement=300.0, command=305.0)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """Options of a restore check.

    Attributes:
        server_url: A database on the server where the check creates a new database. Its user may create databases and
            roles.
        sealer: Opens values with the platform's vault keys; None skips the check of sealed values.
        timeout_s: Limit for the whole check, in seconds.
        keeps_database: Whether to keep the restored database.
    """

    server_url: str = field(repr=False)
    sealer: Sealer | None = None
    timeout_s: float = 4 * 3_600
    keeps_database: bool = False


async def check_backup(archive: BackupArchive, manifest: BackupManifest, options: CheckOptions) -> CheckReport:
    """Restore a backup into a new database, and report how it differs from the manifest.

    Raises BackupFailed if the backup cannot be restored, StorageUnavailable, and the database's errors.
    """
    began = time.monotonic()
    try:
        async with asyncio.timeout(options.timeout_s) as limit:
            async with _new_database(options, manifest) as url:
                await restore(url, archive.read_dump(manifest))
                findings = await _compare(url, manifest, options.sealer)
    except TimeoutError:
        if not limit.expired():
            raise  # The connection did not open in time.
        raise BackupFailed(f"the check did not finish within {options.timeout_s / 60:g} minutes") from None
    return CheckReport(manifest, findings, time.monotonic() - began)


def find_newest(manifests: list[BackupManifest], now: datetime, max_age_hours: float) -> BackupManifest:
    """Return the newest backup. Raises BackupFailed if there is none, or if it is older than `max_age_hours`."""
    if not manifests:
        raise BackupFailed("there is no backup")
    newest = manifests[-1]
    hours = (now - newest.finished_at).total_seconds() / 3_600
    if hours > max_age_hours:
        raise BackupFailed(f"the newest backup, {newest.name}, is {hours:.0f} hours old")
    return newest


async def _compare(url: str, manifest: BackupManifest, sealer: Sealer | None) -> list[Finding]:
    async with connected(url) as db:
        facts = await select_facts(db)
        sealed = await select_sealed_keys(db)
    facts = msgspec.structs.replace(facts, schema_sha256=await hash_schema(url))
    return [
        _compare_rows(manifest.facts, facts),
        _compare_schema(manifest.facts, facts),
        _compare_protection(manifest.facts, facts),
        await _read_as_programs(url),
        _open_sealed(sealed, sealer),
        await _verify_audit_log(url, sealer),
    ]


def _compare_rows(recorded: DatabaseFacts, found: DatabaseFacts) -> Finding:
    names = sorted(recorded.tables.keys() | found.tables.keys())
    differing = [name for name in names if recorded.tables.get(name) != found.tables.get(name)]
    if differing:
        return Finding(False, f"rows differ from those counted at the backup in: {', '.join(differing)}")
    return Finding(True, f"{found.rows:,} rows in {len(found.tables)} tables, as counted at the backup")


def _compare_schema(recorded: DatabaseFacts, found: DatabaseFacts) -> Finding:
    name = f"schema at migration {found.newest_migration}"
    if (recorded.schema_sha256, recorded.newest_migration) != (found.schema_sha256, found.newest_migration):
        return Finding(False, f"{name}: differs from the one at the backup (migration {recorded.newest_migration})")
    return Finding(True, f"{name}, with its functions and rights, as at the backup")


def _compare_protection(recorded: DatabaseFacts, found: DatabaseFacts) -> Finding:
    if found.unprotected:
        return Finding(False, f"no row-level security on: {', '.join(found.unprotected)}")
    if found.policies != recorded.policies:
        return Finding(False, f"{found.policies} policies of row-level security instead of {recorded.policies}")
    return Finding(True, f"row-level security on all tables of workspaces, {found.policies} policies")


async def _read_as_programs(url: str) -> Finding:
    """Read the newest call as the API does: in its workspace's scope, where it must succeed, and without a scope."""
    async with open_pool(url, size=1, timeouts=_TIMEOUTS, name="vocalized-backups") as pool:
        async with pool.transaction() as db:
            if await find_newest_call(db) is not None:
                return Finding(False, f"{ROLE} reads calls without a scope")
            await enter_platform(db)
            newest = await find_newest_call(db)
        if newest is None:
            return Finding(None, "no call is in the backup, so none was read")
        call_id, workspace_id = newest
        async with pool.transaction() as db:
            await enter_workspace(db, workspace_id)
            try:
                call = await CallRecords().get(db, workspace_id, call_id)
            except (Problem, LookupError, TypeError, ValueError) as error:  # The row is missing or has another format.
                return Finding(False, f"call {call_id} is not readable in its workspace: {type(error).__name__}")
    created = call.summary_line.created_at.astimezone(UTC).isoformat(timespec="seconds")
    return Finding(True, f"call {call_id} of {created} read as {ROLE}, in its workspace only, turns: {len(call.turns)}")


def _open_sealed(sealed: Mapping[str, bytes], sealer: Sealer | None) -> Finding:
    if sealer is None:
        return Finding(None, "sealed values were not opened: VOCALIZED_VAULT_KEYS is not set")
    closed = [provider for provider, key in sealed.items() if open_key(sealer, key) is None]
    if closed:
        return Finding(False, f"VOCALIZED_VAULT_KEYS does not open the key of: {', '.join(closed)}")
    return Finding(True, f"VOCALIZED_VAULT_KEYS opens all {len(sealed)} sealed keys of providers")


async def _verify_audit_log(url: str, sealer: Sealer | None) -> Finding:
    if sealer is None:
        return Finding(None, "the audit log's seals were not verified: VOCALIZED_VAULT_KEYS is not set")
    pool = open_pool(url, size=1, timeouts=_TIMEOUTS, name="vocalized-backups", role=None)
    async with pool as connections, connections.transaction() as db:
        verdict = await verify_log(db, audit_keys(sealer))
    if verdict.breaks:
        return Finding(False, f"the audit log is not as it was sealed, at {len(verdict.breaks)} places or more")
    unsealed = f", {verdict.unsealed:,} not sealed yet" if verdict.unsealed else ""
    return Finding(True, f"audit log: {verdict.entries:,} entries in {verdict.seals:,} seals as sealed{unsealed}")


@asynccontextmanager
async def _new_database(options: CheckOptions, manifest: BackupManifest) -> AsyncIterator[str]:
    """Yield the URL of an empty database with a new name. The database is dropped after the block."""
    name = f"vocalized_check_{uuid4().hex[:12]}"
    async with connected(options.server_url) as db:
        await _create_roles(db, manifest)
        await db.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
    try:
        yield urlunsplit(urlsplit(options.server_url)._replace(path=f"/{quote(name)}"))
    finally:
        if not options.keeps_database:
            await _drop(options.server_url, name)


async def _drop(server_url: str, name: str) -> None:
    """Drop a database. PostgreSQL waits up to 5 s for backends that are ending; FORCE would fail while autovacuum runs.

    Source: PostgreSQL documentation, *DROP DATABASE*.
    """
    try:
        async with connected(server_url) as db:
            await db.execute(f'DROP DATABASE "{name}"')
    except (OSError, asyncpg.PostgresError) as error:
        log.warning("backup_check.database_left", database=name, **error_fields(error))


async def _create_roles(db: asyncpg.Connection, manifest: BackupManifest) -> None:
    """Create the roles that a restore needs, with this user as a member, because a dump contains no roles."""
    for role in sorted({ROLE, PLATFORM, *manifest.facts.roles}):
        quoted = '"' + role.replace('"', '""') + '"'
        if not await has_role(db, role):
            await db.execute(f"CREATE ROLE {quoted} NOLOGIN")
            await db.execute(f"GRANT {quoted} TO CURRENT_USER")
