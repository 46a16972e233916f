"""SQL of usage_records, the ledger. Rows are only inserted: the programs have no right to change them."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from control.billing.ledger import BookedAmounts, FinishedCall, LedgerRow
from control.billing.model import ResourceCost, UnpricedUsage
from control.db.pool import Connection
from shared.ids import new_id

# An adjusting row whose cost and price are known was computed from the call's whole: it settles the rows of its kind
# that were unknown before. To be used over rows of one call, resource, provider, model and unit.
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

# What is booked of the minutes of calls $1, whose rows are of the times $2.
_SELECT_BOOKED: Final = f"""
    SELECT call_id, resource_type, sum(quantity) AS quantity, coalesce(sum(cost), 0) AS cost,
           coalesce(sum(price), 0) AS price, count(*) AS rows,
           {_SETTLED} OR NOT bool_or(cost IS NULL OR price IS NULL) AS is_settled
    FROM usage_records
    WHERE call_id = ANY($1::uuid[]) AND at = ANY($2::timestamptz[]) AND resource_type IN ('call_minutes', 'telephony')
    GROUP BY 1, 2
"""

# What calls $1 are charged.
_SELECT_CHARGED: Final = """
    SELECT call_id, coalesce(sum(price), 0) AS price FROM usage_records WHERE call_id = ANY($1::uuid[]) GROUP BY 1
"""

# What call $1 consumed, by resource; $2: its workspace.
_SELECT_COSTS: Final = f"""
    SELECT resource_type, provider, vendor, model, unit, sum(quantity) AS quantity,
           CASE WHEN {_SETTLED} OR NOT bool_or(cost IS NULL) THEN coalesce(sum(cost), 0) END AS cost,
           CASE WHEN {_SETTLED} OR NOT bool_or(price IS NULL) THEN coalesce(sum(price), 0) END AS price,
           bool_or(estimated) AS estimated
    FROM usage_records WHERE call_id = $1 AND workspace_id = $2
    GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 4, 5, 3 LIMIT 1000
"""

# Rows since $1 whose cost or price is unknown and was not settled by a later one, which has the same time. The inner
# query's LIMIT has it looked up by the index, row by row: joined, it would read the whole ledger every minute.
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
    """Inserts rows; one of an event that has a row already, or with the id and time of one, is left out."""
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


async def select_booked(db: Connection, calls: Iterable[FinishedCall]) -> dict[tuple[UUID, str], BookedAmounts]:
    """What is booked of the calls' minutes and telephony, by call and kind. The calls must be locked."""
    wanted = list(calls)
    found = await db.fetch(_SELECT_BOOKED, [call.call_id for call in wanted], [call.at for call in wanted])
    return {
        (row["call_id"], row["resource_type"]): BookedAmounts(
            row["quantity"], row["cost"], row["price"], row["rows"], row["is_settled"]
        )
        for row in found
    }


async def select_charged(db: Connection, call_ids: Iterable[UUID]) -> dict[UUID, Decimal]:
    """What these calls are charged, as far as it is known."""
    return {row["call_id"]: row["price"] for row in await db.fetch(_SELECT_CHARGED, list(call_ids))}


async def select_costs(db: Connection, workspace_id: UUID, call_id: UUID) -> list[ResourceCost]:
    """What a call consumed so far, by resource."""
    return [ResourceCost(**row) for row in await db.fetch(_SELECT_COSTS, call_id, workspace_id)]


async def count_unpriced(db: Connection, since: datetime) -> list[UnpricedUsage]:
    """Usage since that moment whose cost or price is unknown. Needs platform scope."""
    return [UnpricedUsage(**row) for row in await db.fetch(_COUNT_UNPRICED, since)]
