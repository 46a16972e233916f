"""SQL for exports of calls: their state, and the exported calls."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

from control.db.pool import Connection

ExportOutcome = Literal["complete", "aborted"]
# Older rows are deleted when the workspace exports again. The audit log keeps a record of each export.
KEPT: Final = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class ExportCounts:
    """Numbers of a workspace's exports.

    Attributes:
        running: Exports that have not ended and began recently enough to continue.
        recent: Exports that began in the last hour.
    """

    running: int
    recent: int


async def count_exports(db: Connection, workspace_id: UUID, now: datetime, longest: timedelta) -> ExportCounts:
    """Count the workspace's exports. Locks them until the transaction ends, so that two requests cannot both find
    room.
    """
    await db.execute("SELECT pg_advisory_xact_lock(hashtextextended('call_exports ' || $1::uuid, 0))", workspace_id)
    row = await db.fetchrow(
        """
        SELECT count(*) FILTER (WHERE ended_at IS NULL AND started_at > $3) AS running,
               count(*) FILTER (WHERE started_at > $2) AS recent
        FROM call_exports WHERE workspace_id = $1 AND started_at > least($2, $3)
        """,
        workspace_id,
        now - timedelta(hours=1),
        now - longest,
    )
    return ExportCounts(row["running"], row["recent"])


async def insert_export(
    db: Connection, *, export_id: UUID, workspace_id: UUID, user_id: UUID, file_format: str, since: datetime,
    until: datetime, now: datetime,
) -> None:  # fmt: skip
    """Insert a new export, and delete exports older than KEPT."""
    await db.execute("DELETE FROM call_exports WHERE workspace_id = $1 AND started_at < $2", workspace_id, now - KEPT)
    await db.execute(
        """
        INSERT INTO call_exports (id, workspace_id, user_id, format, since, until, started_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        """,
        export_id, workspace_id, user_id, file_format, since, until, now,
    )  # fmt: skip


async def end_export(db: Connection, workspace_id: UUID, export_id: UUID, outcome: ExportOutcome, rows: int) -> None:
    """Store the outcome of an export."""
    await db.execute(
        """
        UPDATE call_exports SET ended_at = now(), outcome = $3, rows = $4
        WHERE workspace_id = $1 AND id = $2 AND ended_at IS NULL
        """,
        workspace_id,
        export_id,
        outcome,
        rows,
    )


# $1: workspace; $2, $3: range start and end; $4, $5: time and id of the last call read; $6: maximum number of rows.
_PAGE: Final = """
    SELECT c.id AS call_id, c.created_at, c.answered_at, c.ended_at, c.direction, c.is_test, c.status, c.end_reason,
           c.agent_id, a.name AS agent_name, c.caller_number, c.called_number, c.duration_seconds,
           round(c.cost_total * billed_share(c.workspace_id, c.created_at), 6) AS cost,
           c.cost_total AS cost_list, c.sentiment, c.sentiment_score, c.success, c.summary
    FROM calls c LEFT JOIN agents a ON a.id = c.agent_id AND a.workspace_id = c.workspace_id
    WHERE c.workspace_id = $1 AND c.created_at >= $2 AND c.created_at < $3 AND (c.created_at, c.id) > ($4, $5)
    ORDER BY c.created_at, c.id LIMIT $6
"""


async def select_calls(
    db: Connection, workspace_id: UUID, since: datetime, until: datetime, after: tuple[datetime, UUID], limit: int
) -> Sequence[Any]:
    """Return the oldest `limit` calls after the call in `after`, including test calls."""
    rows: Sequence[Any] = await db.fetch(_PAGE, workspace_id, since, until, *after, limit)
    return rows
