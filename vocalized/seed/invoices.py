"""Bills the generated workspaces as the worker does: opens and closes their periods, and issues the invoices."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from control.billing.accounts.service import open_accounts
from control.billing.invoices.service import close_period, issue_own
from control.billing.periods.service import open_periods
from control.db.pool import Connection, Pool
from control.db.scope import enter_platform

_BATCH: Final = 1_000
_DUE_DAYS: Final = 14
_SELECT_DUE: Final = """
    SELECT id FROM billing_periods WHERE status = 'open' AND period_end <= $1 ORDER BY period_end, id
"""
# Of closed periods: what the ledger says, and what the invoices' lines do, taxes aside.
_SELECT_SUMS: Final = """
    SELECT (SELECT coalesce(sum(u.price), 0) FROM billing_periods p JOIN usage_records u
                ON u.workspace_id = p.workspace_id AND u.at >= p.period_start AND u.at < p.period_end
            WHERE p.status <> 'open') AS ledger,
           (SELECT coalesce(sum(exact), 0) FROM invoice_lines WHERE kind <> 'tax') AS lines,
           (SELECT count(*) FROM invoices) AS invoices,
           (SELECT count(*) FROM invoices i WHERE i.amount <>
               (SELECT sum(amount) FROM invoice_lines l WHERE l.invoice_id = i.id)) AS wrong
"""


async def bill_periods(pool: Pool) -> int:
    """Closes all periods that are over; returns how many."""
    now, closed = datetime.now(UTC), 0
    async with _platform(pool) as db:
        while await open_accounts(db, _BATCH):
            pass
        while (await open_periods(db, now, _BATCH)).opened:
            pass
        due = await db.fetch(_SELECT_DUE, now)
    for row in due:
        async with _platform(pool) as db:
            found = await close_period(db, row["id"], now)
            if found is not None and found.invoice_id is not None:
                await issue_own(db, found.invoice_id, now, _DUE_DAYS)
        closed += found is not None
    return closed


async def compare_invoices(db: Any) -> tuple[int, Decimal, Decimal]:
    """Returns the number of invoices, and the sums of closed periods by the ledger and by the lines of invoices; they
    differ also where an invoice is not the sum of its lines."""
    row = await db.fetchrow(_SELECT_SUMS)
    return row["invoices"], row["ledger"], row["lines"] if not row["wrong"] else Decimal("NaN")


@asynccontextmanager
async def _platform(pool: Pool) -> AsyncIterator[Connection]:
    async with pool.transaction() as db:
        await enter_platform(db)
        yield db
