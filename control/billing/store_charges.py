"""SQL of usage_records for periods: sums of call minutes, and the rows that a period's closing adds."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from control.billing.model import LedgerSum, PeriodCharge
from control.billing.statement import SegmentUsage
from control.db.pool import Connection
from shared.ids import new_id

# Call minutes of workspace $1 from $2 to $3, two arrays of moments. Test calls have no price version and the price 0.
_SUM_MINUTES: Final = """
    SELECT coalesce(sum(u.quantity) FILTER (WHERE u.price IS NULL OR u.price_version IS NOT NULL OR u.price <> 0), 0)
               AS seconds,
           coalesce(sum(u.price), 0) AS price, count(*) FILTER (WHERE u.id IS NOT NULL AND u.price IS NULL) AS unpriced
    FROM unnest($2::timestamptz[], $3::timestamptz[]) WITH ORDINALITY AS part (since, until, number)
    LEFT JOIN usage_records u ON u.workspace_id = $1 AND u.at >= part.since AND u.at < part.until
                             AND u.resource_type = 'call_minutes'
    GROUP BY part.number ORDER BY part.number
"""

_INSERT: Final = """
    INSERT INTO usage_records (id, workspace_id, at, resource_type, quantity, unit, cost, price, entry, details)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::text[], $5::numeric[], $6::text[],
                         $7::numeric[], $8::numeric[], $9::text[], $10::jsonb[])
"""

# Rows of workspace $1 from $2 to $3 of the resource $4 (null: all that customers pay), by price version.
_SUM_ROWS: Final = """
    SELECT resource_type, unit, price_version, entry, count(*) AS rows, sum(quantity) AS quantity,
           coalesce(sum(price), 0) AS price, count(*) FILTER (WHERE price IS NULL) AS unpriced
    FROM usage_records
    WHERE workspace_id = $1 AND at >= $2 AND at < $3
      AND CASE WHEN $4::text IS NULL THEN resource_type NOT IN ('telephony', 'stt', 'llm', 'tts')
               ELSE resource_type = $4 END
      AND ($5::text IS NULL OR details ->> 'line' = $5)
    GROUP BY 1, 2, 3, 4 ORDER BY 1, 3 NULLS FIRST, 4 LIMIT 1000
"""


async def sum_minutes(
    db: Connection, workspace_id: UUID, parts: Sequence[tuple[datetime, datetime]]
) -> list[SegmentUsage]:
    """The sums of the workspace's call minutes in each part: from (inclusive), to (exclusive)."""
    rows = await db.fetch(_SUM_MINUTES, workspace_id, [since for since, _ in parts], [until for _, until in parts])
    return [SegmentUsage(**row) for row in rows]


async def insert_charges(db: Connection, workspace_id: UUID, charges: Sequence[PeriodCharge]) -> None:
    """Adds a row for each; our cost of them is 0, but a number's, which is its price."""
    if not charges:
        return
    await db.execute(
        _INSERT,
        [UUID(new_id()) for _ in charges],
        [workspace_id for _ in charges],
        [one.at for one in charges],
        [one.resource_type for one in charges],
        [one.quantity for one in charges],
        [one.unit for one in charges],
        [one.cost for one in charges],
        [one.price for one in charges],
        ["adjustment" if one.is_adjustment else "usage" for one in charges],
        [{"line": str(one.line_id)} for one in charges],
    )


async def sum_rows(
    db: Connection,
    workspace_id: UUID,
    since: datetime,
    until: datetime,
    resource_type: str | None = None,
    line_id: UUID | None = None,
) -> list[LedgerSum]:
    """What customers pay, from (inclusive) to (exclusive), by resource and price version. line_id: only rows that
    closing a period added for this line of an invoice."""
    rows = await db.fetch(
        _SUM_ROWS, workspace_id, since, until, resource_type, None if line_id is None else str(line_id)
    )
    return [LedgerSum(**row) for row in rows]
