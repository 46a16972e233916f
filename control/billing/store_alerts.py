"""SQL of spend_alerts."""

from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from control.billing.accounts import MOST_ALERTS, AlertKind, SpendAlert
from control.db.pool import Connection

_COLUMNS: Final = "id, workspace_id, period_start, usage_limit, kind, spent, at, threshold_percentage, ends_calls"


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
