"""SQL for usage_records, the ledger, and for the sums of call minutes in its roll-ups, which are seconds old.

Rows are only inserted: the programs have no right to change them.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from control.billing.ledger.rules import (
    BookedAmounts,
    CallTier,
    FinishedCall,
    LedgerRow,
    LedgerSum,
    PeriodCharge,
    ResourceCost,
    SegmentUsage,
    UnpricedUsage,
)
from control.db.pool import Connection
from control.platform.rules import CURRENCY
from shared.ids import new_id

# --- Rows of calls -------------------------------------------------------------------------------------------------
# True if an adjusting row has a known cost and price. It was computed from the whole call, so it settles earlier
# unknown rows of its kind. Use it over rows of one call, resource, provider, model and unit.
_SETTLED: Final = "bool_or(entry = 'adjustment' AND cost IS NOT NULL AND price IS NOT NULL)"
_INSERT: Final = """
    INSERT INTO usage_records (id, workspace_id, call_id, agent_id, at, resource_type, provider, vendor, model,
                               quantity, unit, cost, price, cost_version, price_version, estimated, seq, entry,
                               details)
    SELECT n.id, n.workspace_id, n.call_id, n.agent_id, n.at, n.resource_type, n.provider, n.vendor, n.model,
           n.quantity, n.unit, n.cost, n.price, n.cost_version, n.price_version, n.estimated, n.seq, n.entry,
           CASE WHEN n.purpose = '' THEN '{}'::jsonb ELSE jsonb_build_object('purpose', n.purpose) END
    FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::timestamptz[], $6::text[], $7::text[],
                $8::text[], $9::text[], $10::numeric[], $11::text[], $12::numeric[], $13::numeric[],
                $14::bigint[], $15::bigint[], $16::boolean[], $17::integer[], $18::text[], $19::text[])
        AS n (id, workspace_id, call_id, agent_id, at, resource_type, provider, vendor, model, quantity, unit, cost,
              price, cost_version, price_version, estimated, seq, entry, purpose)
    ON CONFLICT DO NOTHING
"""
_PLAIN: Final = (
    "workspace_id", "call_id", "agent_id", "at", "resource_type", "provider", "vendor", "model", "quantity", "unit",
)  # fmt: skip
# Selects the tier of the workspaces $2 at the times $3, by call $1, and their currency. Without a recorded change
# before that time, it is the current tier.
_SELECT_TIERS: Final = """
    SELECT asked.call_id, coalesce(
        (SELECT c.tier_name FROM workspace_changes c WHERE c.workspace_id = asked.workspace_id AND c.at <= asked.at
         ORDER BY c.at DESC, c.seq DESC LIMIT 1), w.tier_name) AS tier_name, coalesce(a.currency, $4) AS currency
    FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) AS asked (call_id, workspace_id, at)
    LEFT JOIN workspaces w ON w.id = asked.workspace_id
    LEFT JOIN billing_accounts a ON a.workspace_id = asked.workspace_id
"""
# Selects the booked minutes and telephony of calls $1, whose rows have the times $2.
_SELECT_BOOKED: Final = f"""
    SELECT call_id, resource_type, sum(quantity) AS quantity, coalesce(sum(cost), 0) AS cost,
           coalesce(sum(price), 0) AS price, count(*) AS rows,
           {_SETTLED} OR NOT bool_or(cost IS NULL OR price IS NULL) AS is_settled
    FROM usage_records
    WHERE call_id = ANY($1::uuid[]) AND at = ANY($2::timestamptz[]) AND resource_type IN ('call_minutes', 'telephony')
    GROUP BY 1, 2
"""
# Selects the charges of calls $1.
_SELECT_CHARGED: Final = """
    SELECT call_id, coalesce(sum(price), 0) AS price FROM usage_records WHERE call_id = ANY($1::uuid[]) GROUP BY 1
"""
# Selects the consumption of call $1 in workspace $2, by resource.
_SELECT_COSTS: Final = f"""
    SELECT resource_type, provider, vendor, model, unit, sum(quantity) AS quantity,
           CASE WHEN {_SETTLED} OR NOT bool_or(cost IS NULL) THEN coalesce(sum(cost), 0) END AS cost,
           CASE WHEN {_SETTLED} OR NOT bool_or(price IS NULL) THEN coalesce(sum(price), 0) END AS price,
           bool_or(estimated) AS estimated
    FROM usage_records WHERE call_id = $1 AND workspace_id = $2
    GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 4, 5, 3 LIMIT 1000
"""
# Counts rows since $1 with an unknown cost or price that no later row, which has the same time, has settled. LIMIT in
# the inner query makes it use the index row by row; a join would read the whole ledger every minute.
_COUNT_UNPRICED: Final = """
    SELECT u.provider, u.resource_type, u.unit, count(*) AS rows FROM usage_records u
    WHERE u.at >= $1 AND (u.cost IS NULL OR u.price IS NULL) AND (
        SELECT s.id FROM usage_records s
        WHERE s.workspace_id = u.workspace_id AND s.at = u.at AND s.call_id = u.call_id AND s.provider = u.provider
          AND s.resource_type = u.resource_type AND s.model = u.model AND s.unit = u.unit
          AND s.entry = 'adjustment' AND s.cost IS NOT NULL AND s.price IS NOT NULL LIMIT 1) IS NULL
    GROUP BY 1, 2, 3 ORDER BY 4 DESC LIMIT 1000
"""


async def insert_rows(db: Connection, rows: Sequence[LedgerRow]) -> None:
    """Insert rows, except rows whose event, or whose id and time, already exist."""
    if not rows:
        return
    plain: list[list[Any]] = [[getattr(row, name) for row in rows] for name in _PLAIN]
    await db.execute(
        _INSERT,
        [row.id or UUID(new_id()) for row in rows],
        *plain,
        [row.cost.value for row in rows],
        [row.price.value for row in rows],
        [row.cost.version for row in rows],
        [row.price.version for row in rows],
        [row.estimated for row in rows],
        [row.seq for row in rows],
        [row.entry for row in rows],
        [row.purpose for row in rows],
    )


async def select_call_tiers(db: Connection, calls: Iterable[FinishedCall]) -> dict[UUID, CallTier]:
    """Return the tier of each call's workspace at the time when the call was created."""
    wanted = list(calls)
    rows = await db.fetch(
        _SELECT_TIERS,
        [call.call_id for call in wanted],
        [call.workspace_id for call in wanted],
        [call.at for call in wanted],
        CURRENCY,
    )
    return {row["call_id"]: CallTier(row["tier_name"], row["currency"]) for row in rows}


async def select_booked(db: Connection, calls: Iterable[FinishedCall]) -> dict[tuple[UUID, str], BookedAmounts]:
    """Return the booked minutes and telephony of calls, by call id and kind. The calls must be locked."""
    wanted = list(calls)
    found = await db.fetch(_SELECT_BOOKED, [call.call_id for call in wanted], [call.at for call in wanted])
    return {
        (row["call_id"], row["resource_type"]): BookedAmounts(
            row["quantity"], row["cost"], row["price"], row["rows"], row["is_settled"]
        )
        for row in found
    }


async def select_charged(db: Connection, call_ids: Iterable[UUID]) -> dict[UUID, Decimal]:
    """Return the known charges of these calls, by call id."""
    return {row["call_id"]: row["price"] for row in await db.fetch(_SELECT_CHARGED, list(call_ids))}


async def select_costs(db: Connection, workspace_id: UUID, call_id: UUID) -> list[ResourceCost]:
    """Return a call's consumption so far, by resource."""
    return [ResourceCost(**row) for row in await db.fetch(_SELECT_COSTS, call_id, workspace_id)]


async def count_unpriced(db: Connection, since: datetime) -> list[UnpricedUsage]:
    """Return usage since a time with an unknown cost or price. Needs platform scope."""
    return [UnpricedUsage(**row) for row in await db.fetch(_COUNT_UNPRICED, since)]


# --- Rows of periods -----------------------------------------------------------------------------------------------
_INSERT_CHARGES: Final = """
    INSERT INTO usage_records (id, workspace_id, at, resource_type, quantity, unit, cost, price, entry, details)
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::text[], $5::numeric[], $6::text[],
                         $7::numeric[], $8::numeric[], $9::text[], $10::jsonb[])
"""
# Selects rows of workspace $1 from $2 to $3 of the resource $4 (null for all resources that customers pay), by price
# version.
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


async def insert_charges(db: Connection, workspace_id: UUID, charges: Sequence[PeriodCharge]) -> None:
    """Insert the rows of a period's charges."""
    if not charges:
        return
    await db.execute(
        _INSERT_CHARGES,
        [UUID(new_id()) for _ in charges],
        [workspace_id for _ in charges],
        [charge.at for charge in charges],
        [charge.resource_type for charge in charges],
        [charge.quantity for charge in charges],
        [charge.unit for charge in charges],
        [charge.cost for charge in charges],
        [charge.price for charge in charges],
        ["adjustment" if charge.is_adjustment else "usage" for charge in charges],
        [{"line": str(charge.line_id)} for charge in charges],
    )


async def sum_rows(
    db: Connection,
    workspace_id: UUID,
    since: datetime,
    until: datetime,
    resource_type: str | None = None,
    line_id: UUID | None = None,
) -> list[LedgerSum]:
    """Return the amounts that customers pay from `since` (inclusive) to `until` (exclusive), by resource and price
    version.

    Args:
        line_id: Include only rows that the closing of a period added for this invoice line.
    """
    rows = await db.fetch(
        _SUM_ROWS, workspace_id, since, until, resource_type, None if line_id is None else str(line_id)
    )
    return [LedgerSum(**row) for row in rows]


# --- Call minutes --------------------------------------------------------------------------------------------------
# Sums call minutes of workspace $1 from $2 to $3, two arrays of times. Test calls have no price version and the price
# 0.
_SUM_MINUTES: Final = """
    SELECT coalesce(sum(u.quantity) FILTER (WHERE u.price IS NULL OR u.price_version IS NOT NULL OR u.price <> 0), 0)
               AS seconds,
           coalesce(sum(u.price), 0) AS price, count(*) FILTER (WHERE u.id IS NOT NULL AND u.price IS NULL) AS unpriced
    FROM unnest($2::timestamptz[], $3::timestamptz[]) WITH ORDINALITY AS part (since, until, number)
    LEFT JOIN usage_records u ON u.workspace_id = $1 AND u.at >= part.since AND u.at < part.until
                             AND u.resource_type = 'call_minutes'
    GROUP BY part.number ORDER BY part.number
"""
_SUM: Final = """
    SELECT coalesce(sum(i.quantity), 0) AS seconds, coalesce(sum(i.price), 0) AS price,
           coalesce(sum(i.unpriced), 0)::integer AS unpriced
    FROM unnest($2::timestamptz[], $3::timestamptz[]) WITH ORDINALITY AS part (since, until, number)
    LEFT JOIN usage_intervals i ON i.workspace_id = $1 AND i.began >= part.since AND i.began < part.until
                               AND i.resource_type = 'call_minutes'
    GROUP BY part.number ORDER BY part.number
"""
_QUARTER_US: Final = 900_000_000
_EPOCH: Final = datetime.fromisoformat("2000-01-01T00:00:00+00:00")
# Sums days of workspace $1, from $2 to $3 (both inclusive), two arrays. Before `charged_quantity` was computed, all
# minutes counted.
_SUM_DAYS: Final = """
    SELECT coalesce(sum(coalesce(d.charged_quantity, d.quantity)), 0) AS seconds, coalesce(sum(d.price), 0) AS price,
           coalesce(sum(d.unpriced), 0)::integer AS unpriced
    FROM unnest($2::date[], $3::date[]) WITH ORDINALITY AS part (first, last, number)
    LEFT JOIN usage_daily d ON d.workspace_id = $1 AND d.day BETWEEN part.first AND part.last
                           AND d.resource_type = 'call_minutes'
    GROUP BY part.number ORDER BY part.number
"""


async def sum_minutes(
    db: Connection, workspace_id: UUID, parts: Sequence[tuple[datetime, datetime]]
) -> list[SegmentUsage]:
    """Return the sums of the workspace's call minutes in each part, from start (inclusive) to end (exclusive)."""
    rows = await db.fetch(_SUM_MINUTES, workspace_id, [since for since, _ in parts], [until for _, until in parts])
    return [SegmentUsage(**row) for row in rows]


async def sum_slices(
    db: Connection, workspace_id: UUID, slices: Sequence[tuple[datetime, datetime]]
) -> list[SegmentUsage]:
    """Return the sums of the workspace's call minutes in each slice, from start (inclusive) to end (exclusive).

    Slices that begin or end within a quarter of an hour are read from the ledger.
    """
    whole = [part for part in slices if all(map(_is_aligned, part))]
    rows = await db.fetch(_SUM, workspace_id, [since for since, _ in whole], [until for _, until in whole])
    sums = {part: SegmentUsage(**row) for part, row in zip(whole, rows, strict=True)}
    parts = [part for part in slices if part not in sums]
    if parts:
        sums |= dict(zip(parts, await sum_minutes(db, workspace_id, parts), strict=True))
    return [sums[part] for part in slices]


def _is_aligned(moment: datetime) -> bool:
    return not (moment - _EPOCH) // timedelta(microseconds=1) % _QUARTER_US


async def sum_days(db: Connection, workspace_id: UUID, spans: Sequence[tuple[date, date]]) -> list[SegmentUsage]:
    """Return the sums of the workspace's call minutes in each span of UTC days, both ends inclusive."""
    rows = await db.fetch(_SUM_DAYS, workspace_id, [first for first, _ in spans], [last for _, last in spans])
    return [SegmentUsage(**row) for row in rows]
