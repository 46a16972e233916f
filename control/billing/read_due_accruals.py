"""Read model: periods whose accruals must be computed: a day began, or plan, status or numbers changed."""

from datetime import datetime
from typing import Final
from uuid import UUID

from control.db.pool import Connection

# Changes are looked for once more when they may have been committed after the accruals were computed.
_LATE: Final = "interval '1 minute'"

# Periods that have never accrued, and open ones with a day that has begun since, or whose plan or numbers changed.
_SELECT_DUE: Final = f"""
    SELECT workspace_id, least(greatest($1, period_start), period_end - interval '1 microsecond') AS at
    FROM billing_periods WHERE accrued_until IS NULL AND period_start <= $1
    UNION ALL
    SELECT p.workspace_id, least(greatest($1, p.period_start), p.period_end - interval '1 microsecond')
    FROM billing_periods p JOIN workspaces w ON w.id = p.workspace_id
    WHERE p.status = 'open' AND p.period_start <= $1 AND (
        (p.accrued_until <= $1 AND p.accrued_until < p.period_end)
        OR EXISTS (SELECT FROM workspace_changes c
                   WHERE c.workspace_id = p.workspace_id AND c.at > p.accrued_at - {_LATE})
        OR EXISTS (SELECT FROM phone_numbers n
                   WHERE n.workspace_id = p.workspace_id AND n.updated_at > p.accrued_at - {_LATE})
        OR EXISTS (SELECT FROM plan_versions v WHERE v.tier_name = w.tier_name AND v.currency = p.currency
                   AND v.created_at > p.accrued_at - {_LATE})
    )
    LIMIT $2
"""


async def select_due(db: Connection, now: datetime, most: int) -> list[tuple[UUID, datetime]]:
    """Workspaces whose accruals must be computed, with a moment in the period. Needs platform scope."""
    return [(row["workspace_id"], row["at"]) for row in await db.fetch(_SELECT_DUE, now, most)]
