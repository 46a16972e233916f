"""SQL that reads a workspace's figures from its roll-ups by quarter of an hour, and its agents and time zone."""

from datetime import date, datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from control.analytics.workspace_figures.rules import SUM_NAMES, AgentFigures, CallSums, ResourceCharge
from control.db.pool import Connection

# Maximum number of agents in an answer. No tier allows more.
MAX_AGENTS: Final = 1_000
_SUMS: Final = ", ".join(f"coalesce(sum(i.{name}), 0) AS {name}" for name in SUM_NAMES)
_NAMES: Final = ", ".join(SUM_NAMES)
# Charges of workspace $1 from $2 to before $3: minutes at list price, credits and accruals.
_CHARGES: Final = """
    SELECT began AS at, resource_type, quantity, price, unpriced FROM usage_intervals
    WHERE workspace_id = $1 AND began >= $2 AND began < $3
    UNION ALL
    SELECT at, resource_type, quantity, price, 0 FROM accruals WHERE workspace_id = $1 AND at >= $2 AND at < $3
"""
# $1: workspace; $2, $3: range start and end; $4: maximum number of agents, busiest first.
_AGENTS: Final = f"""
    WITH sums AS (
        SELECT i.agent_id, {_SUMS} FROM call_intervals i
        WHERE i.workspace_id = $1 AND i.began >= $2 AND i.began < $3 GROUP BY 1
    ),
    here AS (SELECT id, name, deleted_at IS NULL AS is_listed FROM agents WHERE workspace_id = $1)
    SELECT coalesce(s.agent_id, h.id) AS id, h.name, coalesce(h.is_listed, false) AS is_listed, {_NAMES}
    FROM sums s FULL JOIN here h ON h.id = s.agent_id
    WHERE s.calls > 0 OR h.is_listed
    ORDER BY s.calls DESC NULLS LAST, h.name, 1 LIMIT $4
"""


async def select_timezone(db: Connection, workspace_id: UUID) -> str:
    """Return the workspace's time zone."""
    return str(await db.fetchval("SELECT timezone FROM workspaces WHERE id = $1", workspace_id))


async def select_agents(db: Connection, workspace_id: UUID, since: datetime, until: datetime) -> list[AgentFigures]:
    """Return existing agents, deleted agents with calls, and the calls without an agent, busiest first."""
    rows = await db.fetch(_AGENTS, workspace_id, since, until, MAX_AGENTS)
    return [
        AgentFigures(
            row["id"],
            row["name"],
            row["is_listed"],
            CallSums(**{name: row[name] for name in SUM_NAMES if row[name] is not None}),
        )
        for row in rows
    ]


async def select_hours(
    db: Connection, workspace_id: UUID, since: datetime, until: datetime, zone: str
) -> dict[int, int]:
    """Return the numbers of calls by hour of the day in the zone. Hours without calls are left out."""
    rows = await db.fetch(
        """
        SELECT extract(hour FROM began AT TIME ZONE $4)::integer AS hour, sum(calls)::bigint AS calls
        FROM call_intervals WHERE workspace_id = $1 AND began >= $2 AND began < $3 GROUP BY 1 ORDER BY 1
        """,
        workspace_id,
        since,
        until,
        zone,
    )
    return {row["hour"]: row["calls"] for row in rows}


async def select_charges(db: Connection, workspace_id: UUID, since: datetime, until: datetime) -> list[ResourceCharge]:
    """Return the charges by resource, most expensive first, including credits."""
    rows = await db.fetch(
        f"""
        SELECT resource_type, sum(quantity) AS quantity, sum(price) AS price, sum(unpriced)::bigint AS unpriced
        FROM ({_CHARGES}) charges GROUP BY 1 ORDER BY 3 DESC, 1
        """,
        workspace_id,
        since,
        until,
    )
    return [ResourceCharge(**row) for row in rows]


async def select_daily_charges(
    db: Connection, workspace_id: UUID, since: datetime, until: datetime, zone: str
) -> dict[date, Decimal]:
    """Return the charges by day in the zone, without credits. Days without charges are left out."""
    rows = await db.fetch(
        f"""
        SELECT (at AT TIME ZONE $4)::date AS day, sum(price) AS price
        FROM ({_CHARGES}) charges WHERE resource_type <> 'credit' GROUP BY 1
        """,
        workspace_id,
        since,
        until,
        zone,
    )
    return {row["day"]: row["price"] for row in rows}
