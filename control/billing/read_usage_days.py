"""Read model: call minutes of whole days, from the roll-ups. They are seconds old."""

from collections.abc import Sequence
from datetime import date
from typing import Final
from uuid import UUID

from control.billing.statement import SegmentUsage
from control.db.pool import Connection

# Workspace $1, from the days $2 to the days $3 (both inclusive), two arrays. Before charged_quantity was computed, all
# minutes counted.
_SUM_DAYS: Final = """
    SELECT coalesce(sum(coalesce(d.charged_quantity, d.quantity)), 0) AS seconds, coalesce(sum(d.price), 0) AS price,
           coalesce(sum(d.unpriced), 0)::integer AS unpriced
    FROM unnest($2::date[], $3::date[]) WITH ORDINALITY AS part (first, last, number)
    LEFT JOIN usage_daily d ON d.workspace_id = $1 AND d.day BETWEEN part.first AND part.last
                           AND d.resource_type = 'call_minutes'
    GROUP BY part.number ORDER BY part.number
"""


async def sum_days(db: Connection, workspace_id: UUID, spans: Sequence[tuple[date, date]]) -> list[SegmentUsage]:
    """The workspace's call minutes in each span of days (UTC), first and last one included."""
    rows = await db.fetch(_SUM_DAYS, workspace_id, [first for first, _ in spans], [last for _, last in spans])
    return [SegmentUsage(**row) for row in rows]
