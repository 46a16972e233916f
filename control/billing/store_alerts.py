"""SQL of spend_alerts."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, Literal
from uuid import UUID

from control.db.pool import Connection

# threshold: the workspace's percentage of the limit is spent. limit: all of it, or less than a call's minute is left.
AlertKind = Literal["threshold", "limit"]
# Of one workspace, at once. There are two for each limit in a period.
MOST_ALERTS: Final = 200
_COLUMNS: Final = "id, workspace_id, period_start, usage_limit, kind, spent, at, threshold_percentage, ends_calls"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendAlert:
    """That a workspace was told of its spending limit. spent: of the period's usage, when it was noticed.
    threshold_percentage, ends_calls: the workspace's choice then; None where a program of a version before told it."""

    id: UUID
    workspace_id: UUID
    period_start: datetime
    usage_limit: Decimal
    kind: AlertKind
    spent: Decimal
    at: datetime
    threshold_percentage: int | None
    ends_calls: bool | None


async def select_alerts(db: Connection, workspace_id: UUID) -> list[SpendAlert]:
    """Up to MOST_ALERTS, newest first."""
    rows = await db.fetch(
        f"SELECT {_COLUMNS} FROM spend_alerts WHERE workspace_id = $1 ORDER BY at DESC, id DESC LIMIT $2",
        workspace_id,
        MOST_ALERTS,
    )
    return [SpendAlert(**row) for row in rows]


async def select_kinds(db: Connection, workspace_id: UUID, period_start: datetime, limit: Decimal) -> set[AlertKind]:
    """What the workspace was told of this limit in this period."""
    rows = await db.fetch(
        "SELECT kind FROM spend_alerts WHERE workspace_id = $1 AND period_start = $2 AND usage_limit = $3",
        workspace_id,
        period_start,
        limit,
    )
    return {row["kind"] for row in rows}


async def insert_alert(db: Connection, alert: SpendAlert) -> bool:
    """Returns False if the workspace was told before."""
    tag = await db.execute(
        f"INSERT INTO spend_alerts ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING",
        *(alert.id, alert.workspace_id, alert.period_start, alert.usage_limit, alert.kind, alert.spent, alert.at),
        *(alert.threshold_percentage, alert.ends_calls),
    )
    return bool(tag == "INSERT 0 1")
