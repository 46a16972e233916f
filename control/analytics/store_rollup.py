"""SQL of the roll-ups' own tables: marks of days to be rolled up, locks, and totals over days."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from control.db.pool import Connection


async def insert_marks(db: Connection, workspaces: Sequence[UUID], days: Sequence[date]) -> None:
    """Marks days. Each mark is a row of its own, so that no transaction waits for another. A worker sees a mark only
    together with the rows that its transaction wrote."""
    await db.execute(
        """
        INSERT INTO rollup_dirty (workspace_id, day)
        SELECT workspace_id, day FROM unnest($1::uuid[], $2::date[]) AS asked (workspace_id, day)
        """,
        workspaces,
        days,
    )


async def delete_marks(db: Connection, most: int) -> list[tuple[UUID, date]]:
    """Deletes the `most` oldest marks that no other worker has locked, and all others of the same days; returns the
    days in order. Another worker with marks of the same day waits in `lock_days`."""
    rows = await db.fetch(
        """
        WITH oldest AS (
            SELECT id, workspace_id, day FROM rollup_dirty ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED
        ), same AS (
            SELECT id FROM rollup_dirty WHERE (workspace_id, day) IN (SELECT workspace_id, day FROM oldest)
            FOR UPDATE SKIP LOCKED
        ), gone AS (
            DELETE FROM rollup_dirty WHERE id IN (SELECT id FROM oldest UNION ALL SELECT id FROM same)
            RETURNING workspace_id, day
        )
        SELECT DISTINCT workspace_id, day FROM gone ORDER BY 1, 2
        """,
        most,
    )
    return [(row["workspace_id"], row["day"]) for row in rows]


async def lock_workspaces(db: Connection, workspaces: Sequence[UUID]) -> None:
    """Locks the accruals of these workspaces until the transaction ends, in one order for all workers."""
    await db.execute(
        """
        SELECT pg_advisory_xact_lock(key) FROM (
            SELECT DISTINCT hashtextextended('accruals ' || id, 0) AS key FROM unnest($1::uuid[]) AS asked (id)
            ORDER BY 1 OFFSET 0
        ) keys
        """,
        workspaces,
    )


async def lock_days(db: Connection, workspaces: Sequence[UUID], days: Sequence[date]) -> None:
    """Locks these days until the transaction ends, in one order for all workers."""
    await db.execute(
        """
        SELECT pg_advisory_xact_lock(key) FROM (
            SELECT DISTINCT hashtextextended('rollup ' || workspace_id || ' ' || day, 0) AS key
            FROM unnest($1::uuid[], $2::date[]) AS asked (workspace_id, day) ORDER BY 1 OFFSET 0
        ) keys
        """,
        workspaces,
        days,
    )


async def lock_sums(db: Connection) -> None:
    """Serialises the sums: each must see the days that another worker has computed."""
    await db.execute("SELECT pg_advisory_xact_lock(hashtext('rollup_sums'))")


async def make_totals(db: Connection, workspaces: Sequence[UUID]) -> None:
    """workspace_totals and agent_totals of these workspaces, from their days."""
    await db.execute(
        """
        INSERT INTO workspace_totals (workspace_id, calls, seconds, price, revenue, cost)
        SELECT asked.id, coalesce(sum(d.calls), 0), coalesce(sum(d.seconds), 0), coalesce(sum(d.price), 0),
               coalesce(sum(coalesce(d.revenue, d.price)), 0), coalesce(sum(d.cost), 0)
        FROM unnest($1::uuid[]) AS asked (id) LEFT JOIN workspace_daily d ON d.workspace_id = asked.id
        GROUP BY 1
        ON CONFLICT (workspace_id) DO UPDATE
        SET calls = EXCLUDED.calls, seconds = EXCLUDED.seconds, price = EXCLUDED.price, revenue = EXCLUDED.revenue,
            cost = EXCLUDED.cost, updated_at = now()
        """,
        workspaces,
    )
    await db.execute("DELETE FROM agent_totals WHERE workspace_id = ANY ($1::uuid[])", workspaces)
    await db.execute(
        """
        INSERT INTO agent_totals (agent_id, workspace_id, calls, completed, seconds)
        SELECT agent_id, workspace_id, sum(calls), sum(completed), sum(seconds)
        FROM agent_daily WHERE workspace_id = ANY ($1::uuid[])
        GROUP BY 1, 2
        """,
        workspaces,
    )


async def delete_workspace_marks(db: Connection, workspace_id: UUID) -> None:
    """Deletes all marks of a workspace."""
    await db.execute("DELETE FROM rollup_dirty WHERE workspace_id = $1", workspace_id)
