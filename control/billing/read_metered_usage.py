"""Read model: seconds of calls by day that a sink of usage has not been told of yet."""

from datetime import date
from typing import Final

from control.billing.sinks import UsageReading
from control.db.pool import Connection

# Days from $1 on of workspaces that have a customer at the sink; UTC, as the roll-ups have them.
_SELECT: Final = """
    SELECT c.workspace_id, c.customer_id, u.day, round(sum(coalesce(u.charged_quantity, u.quantity)))::bigint AS seconds
    FROM sink_customers c
    JOIN usage_daily u ON u.workspace_id = c.workspace_id AND u.day >= $1 AND u.resource_type = 'call_minutes'
    LEFT JOIN meter_days m ON m.workspace_id = u.workspace_id AND m.day = u.day
    GROUP BY c.workspace_id, c.customer_id, u.day, m.seconds, m.delivered_at
    HAVING m.delivered_at IS NULL OR m.seconds <> round(sum(coalesce(u.charged_quantity, u.quantity)))
    ORDER BY u.day, c.workspace_id LIMIT $2
"""


async def select_readings(db: Connection, since: date, most: int) -> list[UsageReading]:
    """The oldest first; revision: 0. Needs platform scope."""
    return [UsageReading(**row, revision=0) for row in await db.fetch(_SELECT, since, most)]
