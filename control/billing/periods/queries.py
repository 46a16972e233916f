"""SQL for billing_periods, and for the phone numbers that a workspace rented."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from control.billing.periods.rules import BillingPeriod, PeriodStatus, PeriodSummary, RentedNumber, StoredPeriod
from control.db.keyset import Keyset, ListPage, PageRequest, cut_page
from control.db.pool import Connection

COLUMNS: Final = (
    "id, workspace_id, period_start, period_end, full_start, full_end, timezone, currency, status, total_amount"
)
_ORDER: Final = Keyset(
    ("p.period_start", "p.id"),
    "SELECT period_start, id FROM billing_periods WHERE id = $1 AND workspace_id = $2 AND status <> 'open'",
)
# Selects accounts of workspaces that are not purged, if they have no period or their latest period has ended at $1.
_SELECT_WITHOUT_PERIOD: Final = """
    SELECT a.workspace_id FROM billing_accounts a JOIN workspaces w ON w.id = a.workspace_id
    WHERE NOT EXISTS (SELECT FROM billing_periods p WHERE p.workspace_id = a.workspace_id AND p.period_end > $1)
    LIMIT $2
"""
# Selects numbers that the carrier has delivered, without canceled and failed orders. Numbers of purged workspaces are
# only in rented_numbers.
_SELECT_NUMBERS: Final = """
    SELECT id, phone_number, coalesce(bought_at, created_at) AS since, released_at AS until, monthly_price
    FROM phone_numbers
    WHERE workspace_id = $1 AND status IN ('active', 'releasing', 'released')
      AND (status = 'active' OR carrier_number_id IS NOT NULL)
      AND coalesce(bought_at, created_at) < $3 AND (released_at IS NULL OR released_at > $2)
    UNION ALL
    SELECT id, phone_number, since, until, monthly_price FROM rented_numbers
    WHERE workspace_id = $1 AND since < $3 AND until > $2
    ORDER BY since, id LIMIT 10000
"""


async def insert_period(db: Connection, stored: StoredPeriod, tier_name: str) -> bool:
    """Open a period. Return False if the workspace already has a period that begins at that time."""
    period = stored.period
    tag = await db.execute(
        """
        INSERT INTO billing_periods (id, workspace_id, period_start, period_end, full_start, full_end, timezone,
                                     currency, tier_name, subscription_fee, status)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, 'open') ON CONFLICT DO NOTHING
        """,
        *(stored.id, stored.workspace_id, period.start, period.end, period.full_start, period.full_end),
        *(period.timezone, stored.currency, tier_name),
    )
    return bool(tag == "INSERT 0 1")


async def select_last(db: Connection, workspace_id: UUID) -> StoredPeriod | None:
    """Return the workspace's latest period, or None."""
    row = await db.fetchrow(
        f"SELECT {COLUMNS} FROM billing_periods WHERE workspace_id = $1 ORDER BY period_end DESC LIMIT 1", workspace_id
    )
    return None if row is None else make_period(row)


async def select_at(db: Connection, workspace_id: UUID, at: datetime) -> StoredPeriod | None:
    """Return the workspace's period that contains this time, or None."""
    row = await db.fetchrow(
        f"SELECT {COLUMNS} FROM billing_periods WHERE workspace_id = $1 AND period_end > $2 AND period_start <= $2 "
        "ORDER BY period_end LIMIT 1",
        workspace_id,
        at,
    )
    return None if row is None else make_period(row)


async def select_open(db: Connection, workspace_id: UUID) -> list[StoredPeriod]:
    """Return the workspace's open periods, earliest first; at most 120, which cover ten years."""
    rows = await db.fetch(
        f"SELECT {COLUMNS} FROM billing_periods WHERE workspace_id = $1 AND status = 'open' "
        "ORDER BY period_end LIMIT 120",
        workspace_id,
    )
    return [make_period(row) for row in rows]


async def select_due(db: Connection, before: datetime, most: int) -> list[UUID]:
    """Return open periods that ended before a time, earliest first. Needs platform scope."""
    rows = await db.fetch(
        "SELECT id FROM billing_periods WHERE status = 'open' AND period_end <= $1 ORDER BY period_end LIMIT $2",
        before,
        most,
    )
    return [row["id"] for row in rows]


async def lock_open(db: Connection, period_id: UUID) -> StoredPeriod | None:
    """Return an open period, locked until the transaction ends, or None if it is closed."""
    row = await db.fetchrow(
        f"SELECT {COLUMNS} FROM billing_periods WHERE id = $1 AND status = 'open' FOR UPDATE", period_id
    )
    return None if row is None else make_period(row)


async def has_open_before(db: Connection, workspace_id: UUID, start: datetime) -> bool:
    """Return whether an earlier period of the workspace is still open."""
    found: bool = await db.fetchval(
        "SELECT EXISTS (SELECT FROM billing_periods WHERE workspace_id = $1 AND status = 'open' AND period_end <= $2)",
        workspace_id,
        start,
    )
    return found


async def select_closed_before(db: Connection, workspace_id: UUID, end: datetime, most: int) -> list[StoredPeriod]:
    """Return the latest closed periods that ended at this time or earlier."""
    rows = await db.fetch(
        f"SELECT {COLUMNS} FROM billing_periods WHERE workspace_id = $1 AND period_end <= $2 AND status <> 'open' "
        "ORDER BY period_end DESC LIMIT $3",
        workspace_id,
        end,
        most,
    )
    return [make_period(row) for row in rows]


async def close(
    db: Connection,
    period_id: UUID,
    *,
    status: PeriodStatus,
    fee: Decimal,
    usage: Decimal,
    total: Decimal,
    unpriced: int,
    now: datetime,
) -> None:
    """Close a period, which must be locked."""
    await db.execute(
        "UPDATE billing_periods SET status = $2, subscription_fee = $3, usage_total = $4, total_amount = $5, "
        "unpriced = $6, closed_at = $7 WHERE id = $1",
        *(period_id, status, fee, usage, total, unpriced, now),
    )


async def update_currency(db: Connection, workspace_id: UUID, currency: str) -> None:
    """Set the currency of the workspace's open periods."""
    await db.execute(
        "UPDATE billing_periods SET currency = $2 WHERE workspace_id = $1 AND status = 'open'", workspace_id, currency
    )


async def update_status(db: Connection, period_id: UUID, status: PeriodStatus) -> None:
    """Set the status of a closed period."""
    await db.execute("UPDATE billing_periods SET status = $2 WHERE id = $1", period_id, status)


async def select_page(db: Connection, workspace_id: UUID, page: PageRequest) -> ListPage[PeriodSummary]:
    """Return a page of closed periods, newest first. Raises Invalid (code cursor_unknown)."""
    clause = await _ORDER.make_clause(db, page, (workspace_id,), (workspace_id,))
    rows = await db.fetch(
        f"""
        SELECT p.id, p.period_start, p.period_end, p.total_amount, p.currency, p.status, i.paid_at, i.stripe_invoice_id
        FROM billing_periods p LEFT JOIN invoices i ON i.billing_period_id = p.id
        WHERE p.workspace_id = $1 AND p.status <> 'open' {clause.tail}
        """,
        *clause.values,
    )
    return cut_page([PeriodSummary(**row) for row in rows], page)


async def count_closed(db: Connection, workspace_id: UUID) -> int:
    """Return the number of closed periods."""
    total: int = await db.fetchval(
        "SELECT count(*) FROM billing_periods WHERE workspace_id = $1 AND status <> 'open'", workspace_id
    )
    return total


def make_period(row: Any) -> StoredPeriod:
    """Convert a row with COLUMNS to a period."""
    period = BillingPeriod(row["period_start"], row["period_end"], row["full_start"], row["full_end"], row["timezone"])
    return StoredPeriod(row["id"], row["workspace_id"], period, row["currency"], row["status"], row["total_amount"])


async def select_without_period(db: Connection, now: datetime, most: int) -> list[UUID]:
    """Return workspaces with an account but without a period that ends after `now`. Needs platform scope."""
    return [row["workspace_id"] for row in await db.fetch(_SELECT_WITHOUT_PERIOD, now, most)]


async def select_numbers(db: Connection, workspace_id: UUID, start: datetime, end: datetime) -> list[RentedNumber]:
    """Return the phone numbers that the workspace rented at any time between `start` and `end`."""
    return [RentedNumber(**row) for row in await db.fetch(_SELECT_NUMBERS, workspace_id, start, end)]
