"""SQL of spend_alerts."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from control.db.pool import Connection

# threshold: the workspace's percentage of the limit is spent. limit: all of it, or less than a call's minute is left.
AlertKind = Literal["threshold", "limit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendAlert:
    """An e-mail about a spending limit. spent: of the period's usage, when it was noticed."""

    id: UUID
    workspace_id: UUID
    period_start: datetime
    usage_limit: Decimal
    kind: AlertKind
    spent: Decimal
    at: datetime


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
        "INSERT INTO spend_alerts (id, workspace_id, period_start, usage_limit, kind, spent, at) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
        *(alert.id, alert.workspace_id, alert.period_start, alert.usage_limit, alert.kind, alert.spent, alert.at),
    )
    return bool(tag == "INSERT 0 1")
