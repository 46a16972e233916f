"""Read model: workspaces with owner and figures, as the staff lists them. Needs platform scope."""

from typing import Any, Final
from uuid import UUID

from control.db.keyset import Keyset, ListPage, PageRequest, cut_page
from control.db.patterns import contains_pattern
from control.db.pool import Connection
from control.platform.model import CURRENCY
from control.workspaces.model import WorkspaceFilter, WorkspaceListing, WorkspaceStats

_SEARCH: Final = """
    (w.name ILIKE ${0} OR w.id IN (SELECT m.workspace_id FROM users u JOIN workspace_members m ON m.user_id = u.id
                                   WHERE m.role = 'owner' AND u.email ILIKE ${0}))
"""
_ORDER: Final = Keyset(("w.created_at", "w.id"), "SELECT created_at, id FROM workspaces WHERE id = $1")


async def select_lines(db: Connection, wanted: WorkspaceFilter, page: PageRequest) -> ListPage[WorkspaceListing]:
    """Newest first; owner and figures are read for the page's rows only. Raises Invalid (code cursor_unknown)."""
    where, values = _where(wanted)
    clause = await _ORDER.make_clause(db, page, values)
    currency = len(clause.values) + 1
    rows = await db.fetch(
        f"""
        WITH w AS (
            SELECT w.id, w.name, w.industry, w.status, w.tier_name, w.created_at, w.deleted_at
            FROM workspaces w WHERE {where} {clause.tail}
        )
        SELECT w.id, w.name, w.industry, o.email AS owner_email, w.status, w.tier_name AS subscription_tier,
               w.created_at, w.deleted_at, coalesce(t.calls, 0) AS total_calls, coalesce(t.price, 0) AS total_revenue,
               coalesce(b.currency, ${currency}) AS currency
        FROM w
        LEFT JOIN billing_accounts b ON b.workspace_id = w.id
        LEFT JOIN workspace_totals t ON t.workspace_id = w.id
        LEFT JOIN LATERAL (
            SELECT u.email FROM workspace_members m JOIN users u ON u.id = m.user_id
            WHERE m.workspace_id = w.id AND m.role = 'owner' ORDER BY m.joined_at, m.user_id LIMIT 1
        ) o ON true
        ORDER BY {clause.order}
        """,
        *clause.values,
        CURRENCY,
    )
    return cut_page([WorkspaceListing(**row) for row in rows], page)


async def count_lines(db: Connection, wanted: WorkspaceFilter) -> int:
    """Counts what `select_lines` pages through."""
    where, values = _where(wanted)
    total: int = await db.fetchval(f"SELECT count(*) FROM workspaces w WHERE {where}", *values)
    return total


async def select_stats(db: Connection, workspace_id: UUID) -> WorkspaceStats:
    """Returns the figures of a workspace."""
    row = await db.fetchrow(
        """
        SELECT coalesce(max(t.calls), 0) AS total_calls, coalesce(max(t.price), 0) AS total_revenue,
               coalesce((SELECT currency FROM billing_accounts WHERE workspace_id = $1), $2) AS currency,
               (SELECT count(*) FROM agents WHERE workspace_id = $1 AND status = 'live'
                AND deleted_at IS NULL) AS active_agents
        FROM workspace_totals t WHERE t.workspace_id = $1
        """,
        workspace_id,
        CURRENCY,
    )
    return WorkspaceStats(**row)


def _where(wanted: WorkspaceFilter) -> tuple[str, list[Any]]:
    """Returns only the conditions asked for, so that each combination can use its index."""
    conditions = ["w.deleted_at IS NOT NULL" if wanted.status == "deleted" else "w.deleted_at IS NULL"]
    values: list[Any] = []
    if wanted.status in ("trial", "active", "suspended"):
        values.append(wanted.status)
        conditions.append(f"w.status = ${len(values)}")
    if wanted.search:
        values.append(contains_pattern(wanted.search))
        conditions.append(_SEARCH.format(len(values)))
    return " AND ".join(conditions), values
