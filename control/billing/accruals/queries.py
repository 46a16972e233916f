"""SQL for accruals, and for the time up to which periods have accrued."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Final
from uuid import UUID

from control.billing.accruals.rules import Accrual
from control.billing.periods.queries import COLUMNS, make_period
from control.billing.periods.rules import StoredPeriod
from control.db.pool import Connection

# Maximum number of accruals of a period: 6 slices a day with 4 resources each, for 62 days.
MOST_ACCRUALS: Final = 2_000
# Selects periods of the workspaces $1 that contain a part of the days $2 (UTC).
_SELECT_PERIODS: Final = f"""
    SELECT DISTINCT {", ".join(f"p.{name}" for name in COLUMNS.split(", "))}
    FROM unnest($1::uuid[], $2::date[]) AS asked (workspace_id, day)
    JOIN billing_periods p ON p.workspace_id = asked.workspace_id
        AND p.period_start < (asked.day + 1)::timestamp AT TIME ZONE 'UTC'
        AND p.period_end > asked.day::timestamp AT TIME ZONE 'UTC'
    ORDER BY p.workspace_id, p.period_start
"""
_INSERT: Final = """
    INSERT INTO accruals (workspace_id, period_id, at, until, resource_type, quantity, price, cost, list_price)
    SELECT $1, $2, * FROM unnest($3::timestamptz[], $4::timestamptz[], $5::text[], $6::numeric[], $7::numeric[],
                                 $8::numeric[], $9::numeric[])
"""
_DELETE: Final = """
    DELETE FROM accruals a USING unnest($2::timestamptz[], $3::text[]) AS gone (at, resource_type)
    WHERE a.workspace_id = $1 AND a.at = gone.at AND a.resource_type = gone.resource_type
"""
_MARK: Final = """
    UPDATE billing_periods SET accrued_until = $3, accrued_at = $4::timestamptz
    WHERE workspace_id = $1 AND id = $2
      AND (accrued_until IS DISTINCT FROM $3 OR accrued_at < $4::timestamptz - interval '1 minute')
"""
# A change counts as new for this long, because it may have been committed after the accruals were computed.
_LATE: Final = "interval '1 minute'"
# Selects periods that have never accrued, and open periods in which a day began or the plan or numbers changed since.
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


async def select_periods(db: Connection, workspaces: Sequence[UUID], days: Sequence[date]) -> list[StoredPeriod]:
    """Return the periods that contain a part of these days. Both arguments have the same length."""
    return [make_period(row) for row in await db.fetch(_SELECT_PERIODS, workspaces, days)]


async def select_accruals(db: Connection, workspace_id: UUID, period_id: UUID) -> list[Accrual]:
    """Return the stored accruals of a period."""
    rows = await db.fetch(
        "SELECT at, until, resource_type, quantity, price, cost, list_price FROM accruals "
        "WHERE workspace_id = $1 AND period_id = $2 LIMIT $3",
        workspace_id,
        period_id,
        MOST_ACCRUALS,
    )
    return [Accrual(**row) for row in rows]


async def replace_accruals(
    db: Connection, workspace_id: UUID, period_id: UUID, old: Iterable[Accrual], new: Sequence[Accrual]
) -> None:
    """Delete the accruals `old` and insert the accruals `new`."""
    gone = list(old)
    await db.execute(
        _DELETE, workspace_id, [accrual.at for accrual in gone], [accrual.resource_type for accrual in gone]
    )
    await db.execute(
        _INSERT,
        workspace_id,
        period_id,
        [accrual.at for accrual in new],
        [accrual.until for accrual in new],
        [accrual.resource_type for accrual in new],
        [accrual.quantity for accrual in new],
        [accrual.price for accrual in new],
        [accrual.cost for accrual in new],
        [accrual.list_price for accrual in new],
    )


async def mark_accrued(db: Connection, workspace_id: UUID, period_id: UUID, until: datetime, now: datetime) -> bool:
    """Record that a period has accrued. Return whether this is the first time.

    Args:
        until: Before this time, nothing accrues unless plan or numbers change.
    """
    is_first: bool = await db.fetchval(
        "SELECT accrued_until IS NULL FROM billing_periods WHERE workspace_id = $1 AND id = $2", workspace_id, period_id
    )
    await db.execute(_MARK, workspace_id, period_id, until, now)
    return is_first


async def select_due(db: Connection, now: datetime, most: int) -> list[tuple[UUID, datetime]]:
    """Return workspaces whose accruals must be computed, each with a time in the period. Needs platform scope."""
    return [(row["workspace_id"], row["at"]) for row in await db.fetch(_SELECT_DUE, now, most)]
