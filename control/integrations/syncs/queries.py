"""SQL for syncs: their log, their positions, and the leases of the workers that run them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from control.db.keyset import Keyset, ListPage, PageRequest, cut_page
from control.db.pool import Connection
from control.integrations.syncs.rules import SyncLog, SyncPosition

# -- The sync log, as members see it --

_LOG_COLUMNS: Final = """
    l.id, l.integration_id, l.sync_type, l.status, l.records_synced, l.progress, l.counts, l.error, l.started_at,
    l.ended_at
"""
_LOG_ORDER: Final = Keyset(
    ("l.started_at", "l.id"),
    "SELECT started_at, id FROM integration_sync_logs WHERE id = $1 AND workspace_id = $2 AND integration_id = $3",
)


async def select_logs(db: Connection, workspace_id: UUID, integration_id: UUID, page: PageRequest) -> ListPage[SyncLog]:
    """Return a page of the sync log, newest first. Raises Invalid (code cursor_unknown)."""
    scope = (workspace_id, integration_id)
    clause = await _LOG_ORDER.make_clause(db, page, scope, scope)
    rows = await db.fetch(
        f"SELECT {_LOG_COLUMNS} FROM integration_sync_logs l WHERE l.workspace_id = $1 AND l.integration_id = $2 "
        f"{clause.tail}",
        *clause.values,
    )
    return cut_page([SyncLog(**row) for row in rows], page)


async def count_logs(db: Connection, workspace_id: UUID, integration_id: UUID) -> int:
    """Count the log entries of a connection."""
    found: int = await db.fetchval(
        "SELECT count(*) FROM integration_sync_logs WHERE workspace_id = $1 AND integration_id = $2",
        workspace_id,
        integration_id,
    )
    return found


async def select_open_log(db: Connection, workspace_id: UUID, integration_id: UUID) -> UUID:
    """Return the id of the connection's oldest queued or running sync. The connection must have an open sync."""
    found: UUID = await db.fetchval(
        "SELECT id FROM integration_sync_logs WHERE workspace_id = $1 AND integration_id = $2 "
        "AND status IN ('queued', 'running') ORDER BY started_at, id LIMIT 1",
        workspace_id,
        integration_id,
    )
    return found


# -- Open syncs and worker leases --

_INSERT_SYNC_LOG: Final = """
    INSERT INTO integration_sync_logs (id, integration_id, workspace_id, sync_type, status, started_at)
    VALUES ($1, $2, $3, $4, 'queued', $5)
    ON CONFLICT (integration_id, sync_type) WHERE status IN ('queued', 'running') DO NOTHING
"""
_SELECT_OPEN: Final = """
    SELECT id AS log_id, sync_type FROM integration_sync_logs
    WHERE workspace_id = $1 AND integration_id = $2 AND status IN ('queued', 'running') ORDER BY started_at, id LIMIT 20
"""
_TAKE_LEASE: Final = """
    INSERT INTO integration_syncs AS s (integration_id, workspace_id, lease, lease_until)
    VALUES ($2, $1, $3, clock_timestamp() + $4 * interval '1 second')
    ON CONFLICT (integration_id) DO UPDATE SET lease = excluded.lease, lease_until = excluded.lease_until
    WHERE s.workspace_id = $1 AND (s.lease IS NULL OR s.lease = excluded.lease OR s.lease_until < clock_timestamp())
    RETURNING positions
"""
_RELEASE_LEASE: Final = """
    UPDATE integration_syncs SET lease = NULL, lease_until = NULL
    WHERE workspace_id = $1 AND integration_id = $2 AND lease = $3
"""
_RESTART: Final = """
    UPDATE integration_syncs SET positions = '{}', lease = NULL, lease_until = NULL
    WHERE workspace_id = $1 AND integration_id = $2
"""
# Updates no row if the lease was lost. Then the whole page is rolled back.
_SAVE_POSITION: Final = """
    UPDATE integration_syncs SET positions = positions || jsonb_build_object($4::text, $5::jsonb),
           lease_until = clock_timestamp() + $6 * interval '1 second'
    WHERE workspace_id = $1 AND integration_id = $2 AND lease = $3
"""
_ADD_COUNTS: Final = """
    UPDATE integration_sync_logs SET status = 'running', progress = $3, error = NULL,
           records_synced = records_synced + $4,
           counts = counts || (SELECT jsonb_object_agg(key, coalesce((counts->>key)::integer, 0) + value::integer)
                               FROM jsonb_each_text($5))
    WHERE workspace_id = $1 AND id = $2 AND status IN ('queued', 'running')
"""
_END_LOG: Final = """
    UPDATE integration_sync_logs SET status = $3, error = $4, ended_at = $5, progress = '{}'
    WHERE workspace_id = $1 AND id = $2 AND status IN ('queued', 'running')
"""
_DELAY_LOG: Final = """
    UPDATE integration_sync_logs SET error = $3, progress = progress || jsonb_build_object('continues_at', $4::text)
    WHERE workspace_id = $1 AND id = $2
"""
_MARK_SYNCED: Final = "UPDATE integrations SET last_sync_at = $3 WHERE workspace_id = $1 AND id = $2"


@dataclass(frozen=True, slots=True)
class OpenSync:
    """A queued or running sync.

    Attributes:
        sync_type: Name of the sync in the type's declaration.
    """

    log_id: UUID
    sync_type: str


@dataclass(frozen=True, slots=True)
class SyncLease:
    """A worker's exclusive right to run a connection's syncs."""

    workspace_id: UUID
    integration_id: UUID
    lease: UUID
    seconds: float


async def insert_sync_log(
    db: Connection, log_id: UUID, workspace_id: UUID, integration_id: UUID, sync_type: str, now: datetime
) -> None:
    """Insert a queued sync into the log, unless a sync of this type is already queued or running."""
    await db.execute(_INSERT_SYNC_LOG, log_id, integration_id, workspace_id, sync_type, now)


async def has_delayed_sync(db: Connection, workspace_id: UUID, integration_id: UUID, now: datetime) -> bool:
    """Return whether an open sync is waiting for a later time."""
    delayed: bool = await db.fetchval(
        "SELECT EXISTS (SELECT FROM integration_sync_logs WHERE workspace_id = $1 AND integration_id = $2 "
        "AND status IN ('queued', 'running') AND (progress->>'continues_at')::timestamptz > $3)",
        workspace_id,
        integration_id,
        now,
    )
    return delayed


async def select_open_syncs(db: Connection, workspace_id: UUID, integration_id: UUID) -> list[OpenSync]:
    """Return a connection's queued and running syncs, oldest first."""
    rows = await db.fetch(_SELECT_OPEN, workspace_id, integration_id)
    return [OpenSync(**row) for row in rows]


async def take_lease(db: Connection, lease: SyncLease) -> dict[str, SyncPosition] | None:
    """Take the lease and return the positions of the connection's syncs. Return None if another worker has the
    lease."""
    positions = await db.fetchval(_TAKE_LEASE, lease.workspace_id, lease.integration_id, lease.lease, lease.seconds)
    return None if positions is None else msgspec.convert(positions, dict[str, SyncPosition])


async def release_lease(db: Connection, lease: SyncLease) -> None:
    """Release the lease so that other workers can run the syncs."""
    await db.execute(_RELEASE_LEASE, lease.workspace_id, lease.integration_id, lease.lease)


async def save_position(db: Connection, lease: SyncLease, sync_type: str, position: SyncPosition) -> bool:
    """Store a sync's position and renew the lease. Return False if the lease was lost."""
    status = await db.execute(
        _SAVE_POSITION, lease.workspace_id, lease.integration_id, lease.lease, sync_type, msgspec.to_builtins(position),
        lease.seconds,
    )  # fmt: skip
    return bool(status == "UPDATE 1")


async def restart_syncs(db: Connection, workspace_id: UUID, integration_id: UUID) -> None:
    """Reset all syncs of a connection to the beginning. A worker that is running one of them loses its lease."""
    await db.execute(_RESTART, workspace_id, integration_id)


async def add_counts(
    db: Connection, workspace_id: UUID, log_id: UUID | None, progress: Mapping[str, Any], counts: Mapping[str, int]
) -> None:
    """Add a page's records to the log.

    Args:
        counts: Numbers of created, updated, deleted and skipped records.
    """
    synced = counts["created"] + counts["updated"] + counts["deleted"]
    await db.execute(_ADD_COUNTS, workspace_id, log_id, dict(progress), synced, dict(counts))


async def end_log(db: Connection, workspace_id: UUID, log_id: UUID | None, error: str | None, now: datetime) -> None:
    """Store the end of a sync.

    Args:
        error: Error code. None if the sync succeeded.
    """
    await db.execute(_END_LOG, workspace_id, log_id, "failed" if error else "succeeded", error, now)


async def delay_log(db: Connection, workspace_id: UUID, log_id: UUID | None, error: str, until: datetime) -> None:
    """Store the reason for a sync's wait and the time when the sync continues."""
    await db.execute(_DELAY_LOG, workspace_id, log_id, error, until.isoformat())


async def mark_synced(db: Connection, workspace_id: UUID, integration_id: UUID, at: datetime) -> None:
    """Store the time of a successful sync."""
    await db.execute(_MARK_SYNCED, workspace_id, integration_id, at)


# -- Queries across workspaces, in platform scope --

_SELECT_DUE: Final = """
    SELECT i.workspace_id, i.id
    FROM integrations i
    JOIN integration_types t ON t.type = i.integration_type
    JOIN workspaces w ON w.id = i.workspace_id AND w.status <> 'suspended' AND w.deleted_at IS NULL
    WHERE i.status = 'connected' AND t.is_enabled AND jsonb_array_length(coalesce(t.config->'sync', '[]')) > 0
      AND coalesce(i.last_sync_at, '-infinity') < $1
      AND NOT EXISTS (SELECT FROM integration_sync_logs l
                      WHERE l.integration_id = i.id AND (l.status IN ('queued', 'running') OR l.started_at > $1))
    ORDER BY i.last_sync_at NULLS FIRST, i.id LIMIT $2
"""
_SELECT_ABANDONED: Final = """
    SELECT DISTINCT l.workspace_id, l.integration_id
    FROM integration_sync_logs l LEFT JOIN integration_syncs s ON s.integration_id = l.integration_id
    WHERE l.status IN ('queued', 'running') AND l.started_at < $1
      AND (s.lease_until IS NULL OR s.lease_until < $1) LIMIT $2
"""
_DELETE_OLD_LOGS: Final = """
    DELETE FROM integration_sync_logs WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM integration_sync_logs
        WHERE started_at < $1 AND status IN ('succeeded', 'failed') ORDER BY started_at LIMIT $2 FOR UPDATE SKIP LOCKED
    ))
"""


async def select_due_connections(
    db: Connection, now: datetime, every: timedelta, limit: int
) -> list[tuple[UUID, UUID]]:
    """Return workspace id and connection id of connections whose last sync is older than `every`.

    Requires platform scope.
    """
    return [(row["workspace_id"], row["id"]) for row in await db.fetch(_SELECT_DUE, now - every, limit)]


async def select_abandoned_syncs(db: Connection, before: datetime, limit: int) -> list[tuple[UUID, UUID]]:
    """Return workspace id and connection id of open syncs that no worker has run since `before`.

    Requires platform scope.
    """
    rows = await db.fetch(_SELECT_ABANDONED, before, limit)
    return [(row["workspace_id"], row["integration_id"]) for row in rows]


async def delete_old_logs(db: Connection, before: datetime, limit: int) -> int:
    """Delete up to `limit` ended syncs that started before `before`, oldest first. Return the number of deleted rows.

    Requires platform scope.
    """
    status = await db.execute(_DELETE_OLD_LOGS, before, limit)
    return int(status.split()[-1])
