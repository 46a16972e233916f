"""SQL of workspace_exports."""

from dataclasses import fields
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from control.db.keyset import Keyset, ListPage, PageRequest, cut_page
from control.db.pool import Connection
from control.privacy.model import WorkspaceExport

_COLUMNS: Final = ", ".join(field.name for field in fields(WorkspaceExport))
_ORDER: Final = Keyset(
    ("requested_at", "id"), "SELECT requested_at, id FROM workspace_exports WHERE id = $1 AND workspace_id = $2"
)


async def lock_list(db: Connection, workspace_id: UUID) -> None:
    """Serialises transactions that count a workspace's exports in order to add one."""
    await db.execute("SELECT pg_advisory_xact_lock(hashtextextended('exports ' || $1::text, 0))", str(workspace_id))


async def insert(db: Connection, export: WorkspaceExport) -> None:
    """Inserts one that runs."""
    await db.execute(
        """
        INSERT INTO workspace_exports (id, workspace_id, status, requested_by, requested_at, expires_at)
        VALUES ($1, $2, 'running', $3, $4, $5)
        """,
        *(export.id, export.workspace_id, export.requested_by, export.requested_at, export.expires_at),
    )


async def select_one(db: Connection, workspace_id: UUID | None, export_id: UUID) -> WorkspaceExport | None:
    """workspace_id: None in the platform's scope."""
    row = await db.fetchrow(
        f"SELECT {_COLUMNS} FROM workspace_exports WHERE id = $1 AND ($2::uuid IS NULL OR workspace_id = $2)",
        export_id,
        workspace_id,
    )
    return None if row is None else WorkspaceExport(**row)


async def finish(db: Connection, export_id: UUID, status: str, now: datetime, size_bytes: int | None) -> bool:
    """False: it was withdrawn meanwhile, or finished."""
    done = await db.execute(
        "UPDATE workspace_exports SET status = $2, finished_at = $3, size_bytes = $4 "
        "WHERE id = $1 AND status = 'running'",
        export_id,
        status,
        now,
        size_bytes,
    )
    return bool(done == "UPDATE 1")


async def select_until(db: Connection, workspace_id: UUID, until: datetime, most: int) -> list[WorkspaceExport]:
    """Up to `most` that were requested until then and are not deleted."""
    rows = await db.fetch(
        f"SELECT {_COLUMNS} FROM workspace_exports WHERE workspace_id = $1 AND requested_at <= $2 "
        "AND status <> 'deleted' ORDER BY requested_at DESC, id DESC LIMIT $3",
        workspace_id,
        until,
        most,
    )
    return [WorkspaceExport(**row) for row in rows]


async def select_expired(db: Connection, now: datetime, most: int) -> list[WorkspaceExport]:
    """Up to `most` whose file is to be deleted, the earliest first."""
    rows = await db.fetch(
        f"SELECT {_COLUMNS} FROM workspace_exports WHERE expires_at <= $1 AND status <> 'deleted' "
        "ORDER BY expires_at LIMIT $2",
        now,
        most,
    )
    return [WorkspaceExport(**row) for row in rows]


async def set_deleted(db: Connection, export_id: UUID) -> None:
    """Its file is deleted, or will be by the job that is still writing it."""
    await db.execute("UPDATE workspace_exports SET status = 'deleted' WHERE id = $1", export_id)


async def select_page(db: Connection, workspace_id: UUID, page: PageRequest) -> ListPage[WorkspaceExport]:
    """Newest first. Raises Invalid (code cursor_unknown)."""
    clause = await _ORDER.make_clause(db, page, (workspace_id,), (workspace_id,))
    rows: list[Any] = await db.fetch(
        f"SELECT {_COLUMNS} FROM workspace_exports WHERE workspace_id = $1 {clause.tail}", *clause.values
    )
    return cut_page([WorkspaceExport(**row) for row in rows], page)


async def count_all(db: Connection, workspace_id: UUID) -> int:
    """How many a workspace has."""
    count: int = await db.fetchval("SELECT count(*) FROM workspace_exports WHERE workspace_id = $1", workspace_id)
    return count


async def count_since(db: Connection, workspace_id: UUID, since: datetime) -> int:
    """How many a workspace requested since then."""
    count: int = await db.fetchval(
        "SELECT count(*) FROM workspace_exports WHERE workspace_id = $1 AND requested_at > $2", workspace_id, since
    )
    return count


async def fail_abandoned(db: Connection, requested_before: datetime, now: datetime) -> int:
    """Marks exports as failed whose job gave up; returns how many. In platform scope."""
    status = await db.execute(
        "UPDATE workspace_exports SET status = 'failed', finished_at = $2 "
        "WHERE status = 'running' AND requested_at < $1",
        requested_before,
        now,
    )
    return int(status.split()[-1])
