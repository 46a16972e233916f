"""SQL for backups: the table of runs, and facts about a whole database for comparison."""

from datetime import datetime
from uuid import UUID

import asyncpg  # type: ignore[import-untyped]

from control.backups.rules import BackupRun, DatabaseFacts
from control.db.pool import Connection


async def insert_run(db: asyncpg.Connection, run: BackupRun) -> None:
    """Record a successful run."""
    await db.execute(
        "INSERT INTO backup_runs (kind, backup, finished_at, seconds, size) VALUES ($1, $2, $3, $4, $5)",
        run.kind, run.backup, run.finished_at, run.seconds, run.size,
    )  # fmt: skip


async def delete_runs(db: asyncpg.Connection, before: datetime) -> None:
    """Delete the records of runs that ended before a time."""
    await db.execute("DELETE FROM backup_runs WHERE finished_at < $1", before)


async def select_newest(db: Connection) -> list[BackupRun]:
    """Return the newest run of each kind."""
    rows = await db.fetch(
        "SELECT DISTINCT ON (kind) kind, backup, finished_at, seconds, size FROM backup_runs "
        "ORDER BY kind, finished_at DESC LIMIT 2"
    )
    return [BackupRun(**row) for row in rows]


_UNPROTECTED = """
    SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE a.attname = 'workspace_id' AND c.relkind IN ('r', 'p') AND NOT c.relrowsecurity
      AND c.relnamespace = 'public'::regnamespace
    ORDER BY c.relname LIMIT 10000
"""
_ROLES = """
    SELECT DISTINCT r.rolname FROM (
        SELECT defaclrole AS oid FROM pg_default_acl
        UNION ALL SELECT (aclexplode(defaclacl)).grantee FROM pg_default_acl
        UNION ALL SELECT (aclexplode(relacl)).grantee FROM pg_class WHERE relnamespace = 'public'::regnamespace
        UNION ALL SELECT (aclexplode(proacl)).grantee FROM pg_proc WHERE pronamespace = 'public'::regnamespace
        UNION ALL SELECT (aclexplode(nspacl)).grantee FROM pg_namespace WHERE nspname = 'public'
    ) used JOIN pg_roles r ON r.oid = used.oid WHERE r.rolname !~ '^pg_'
    ORDER BY r.rolname LIMIT 1000
"""


async def export_snapshot(db: asyncpg.Connection) -> str:
    """Export this transaction's snapshot for pg_dump. Return its id, which is valid until the transaction ends."""
    return str(await db.fetchval("SELECT pg_export_snapshot()"))


async def lift_time_limits(db: asyncpg.Connection) -> None:
    """Lift time limits for this transaction, which waits for pg_dump and reads entire large tables."""
    await db.execute("SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0")


async def select_facts(db: asyncpg.Connection) -> DatabaseFacts:
    """Return all facts except the schema's hash, in the transaction's snapshot. Reads every table once."""
    tables = await db.fetch(
        "SELECT relname, quote_ident(relname) AS quoted FROM pg_class "
        "WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY relname LIMIT 10000"
    )
    counts = {table["relname"]: await db.fetchval(f"SELECT count(*) FROM {table['quoted']}") for table in tables}
    migrations = await db.fetchrow("SELECT count(*) AS count, max(version) AS newest FROM schema_migrations")
    return DatabaseFacts(
        server=str(await db.fetchval("SHOW server_version")),
        tables=counts,
        migrations=migrations["count"],
        newest_migration=migrations["newest"] or "",
        policies=await db.fetchval("SELECT count(*) FROM pg_policies WHERE schemaname = 'public'"),
        roles=[row["rolname"] for row in await db.fetch(_ROLES)],
        unprotected=[row["relname"] for row in await db.fetch(_UNPROTECTED)],
    )


async def find_newest_call(db: asyncpg.Connection) -> tuple[UUID, UUID] | None:
    """Return the ids of the newest call and its workspace, or None if this scope has no call."""
    row = await db.fetchrow("SELECT id, workspace_id FROM calls ORDER BY created_at DESC, id DESC LIMIT 1")
    return None if row is None else (row["id"], row["workspace_id"])


async def select_sealed_keys(db: asyncpg.Connection) -> dict[str, bytes]:
    """Return the platform's sealed provider keys, by provider."""
    rows = await db.fetch(
        "SELECT provider, api_key FROM providers WHERE api_key IS NOT NULL ORDER BY provider LIMIT 1000"
    )
    return {row["provider"]: row["api_key"] for row in rows}


async def has_role(db: asyncpg.Connection, role: str) -> bool:
    """Return whether the server has this role."""
    return bool(await db.fetchval("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", role))
