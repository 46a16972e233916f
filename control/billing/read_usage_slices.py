"""Read model: call minutes of stretches of time, from the roll-ups by quarter of an hour. They are seconds old."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from control.billing.statement import SegmentUsage
from control.billing.store_charges import sum_minutes
from control.db.pool import Connection

_QUARTER_US: Final = 900_000_000
_EPOCH: Final = datetime.fromisoformat("2000-01-01T00:00:00+00:00")
_SUM: Final = """
    SELECT coalesce(sum(i.quantity), 0) AS seconds, coalesce(sum(i.price), 0) AS price,
           coalesce(sum(i.unpriced), 0)::integer AS unpriced
    FROM unnest($2::timestamptz[], $3::timestamptz[]) WITH ORDINALITY AS part (since, until, number)
    LEFT JOIN usage_intervals i ON i.workspace_id = $1 AND i.began >= part.since AND i.began < part.until
                               AND i.resource_type = 'call_minutes'
    GROUP BY part.number ORDER BY part.number
"""


async def sum_slices(
    db: Connection, workspace_id: UUID, slices: Sequence[tuple[datetime, datetime]]
) -> list[SegmentUsage]:
    """The workspace's call minutes in each slice: from (inclusive), to (exclusive). Slices that begin or end within a
    quarter of an hour are read from the ledger."""
    whole = [part for part in slices if all(map(_is_aligned, part))]
    rows = await db.fetch(_SUM, workspace_id, [since for since, _ in whole], [until for _, until in whole])
    sums = {part: SegmentUsage(**row) for part, row in zip(whole, rows, strict=True)}
    parts = [part for part in slices if part not in sums]
    if parts:
        sums |= dict(zip(parts, await sum_minutes(db, workspace_id, parts), strict=True))
    return [sums[part] for part in slices]


def _is_aligned(moment: datetime) -> bool:
    return not (moment - _EPOCH) // timedelta(microseconds=1) % _QUARTER_US
