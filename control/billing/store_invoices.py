"""SQL of invoices, their lines and their numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from control.billing.invoice_draft import GIVEN_UP, BilledLine
from control.billing.invoices import Invoice, InvoiceLine
from control.billing.statement import StatementLine
from control.db.keyset import Keyset, ListPage, PageRequest, cut_page
from control.db.pool import Connection

_INVOICE: Final = tuple(field.name for field in fields(Invoice))
_COLUMNS: Final = ", ".join(_INVOICE)
# What may change once it exists.
_STATE: Final = (
    "number", "sink", "stripe_invoice_id", "status", "amount_paid", "amount_refunded", "invoice_pdf_url", "issued_at",
    "due_at", "paid_at", "voided_at", "voided_why",
)  # fmt: skip
_LINE: Final = tuple(field.name for field in fields(InvoiceLine))
_ORDER: Final = Keyset(
    ("created_at", "id"),
    "SELECT created_at, id FROM invoices WHERE id = $1 AND workspace_id = $2 AND status <> 'draft'",
)

# What was billed of the period $1, by key; also by invoices that are void: their charges were given up.
_SELECT_BILLED: Final = """
    SELECT key, kind, min(since) AS since, max(until) AS until, max(unit) AS unit, max(tier_name) AS tier_name,
           max(plan_version) AS plan_version, (array_agg(phone_number_id))[1] AS phone_number_id,
           sum(exact) AS exact, sum(quantity) AS quantity
    FROM invoice_lines WHERE billing_period_id = $1 AND kind NOT IN ('credit', 'tax')
    GROUP BY key, kind ORDER BY key LIMIT 20000
"""

# What void invoices gave up of the period $1, less what later lines (of the key $2) took back.
_SELECT_GIVEN_UP: Final = """
    SELECT coalesce(sum(l.exact) FILTER (WHERE i.status = 'void' AND l.kind NOT IN ('credit', 'tax')), 0)
           - coalesce(sum(l.exact) FILTER (WHERE i.status <> 'void' AND l.key = $2), 0)
    FROM invoice_lines l JOIN invoices i ON i.id = l.invoice_id WHERE l.billing_period_id = $1
"""

# Takes the next number of the series $1. The row stays locked until the invoice is issued: numbers have no gaps.
_TAKE_NUMBER: Final = """
    INSERT INTO invoice_numbers (series, last) VALUES ($1, 1)
    ON CONFLICT (series) DO UPDATE SET last = invoice_numbers.last + 1 RETURNING last
"""


async def insert_invoice(db: Connection, invoice: Invoice, lines: Sequence[InvoiceLine]) -> None:
    """Inserts an invoice with its lines."""
    places = ", ".join(f"${place}" for place in range(1, len(_INVOICE) + 1))
    await db.execute(
        f"INSERT INTO invoices ({_COLUMNS}) VALUES ({places})", *(getattr(invoice, name) for name in _INVOICE)
    )
    places = ", ".join(f"${place}" for place in range(3, len(_LINE) + 3))
    await db.executemany(
        f"INSERT INTO invoice_lines (workspace_id, invoice_id, {', '.join(_LINE)}) VALUES ($1, $2, {places})",
        [(invoice.workspace_id, invoice.id, *(getattr(line, name) for name in _LINE)) for line in lines],
    )


async def select_invoice(
    db: Connection, invoice_id: UUID, workspace_id: UUID | None = None, *, lock: bool = False
) -> Invoice | None:
    """workspace_id: None for the staff, who need platform scope. lock: until the transaction ends."""
    ending = " FOR UPDATE" if lock else ""
    row = await db.fetchrow(
        f"SELECT {_COLUMNS} FROM invoices WHERE id = $1 AND ($2::uuid IS NULL OR workspace_id = $2){ending}",
        invoice_id,
        workspace_id,
    )
    return None if row is None else Invoice(**row)


async def update_state(db: Connection, invoice: Invoice) -> None:
    """Stores what may change; the row must be locked."""
    sets = ", ".join(f"{name} = ${place}" for place, name in enumerate(_STATE, 2))
    await db.execute(
        f"UPDATE invoices SET {sets}, updated_at = now() WHERE id = $1",
        invoice.id,
        *(getattr(invoice, name) for name in _STATE),
    )


async def select_lines(db: Connection, invoice_id: UUID, workspace_id: UUID) -> list[InvoiceLine]:
    """The lines in their order."""
    rows = await db.fetch(
        f"SELECT {', '.join(_LINE)} FROM invoice_lines WHERE invoice_id = $1 AND workspace_id = $2 "
        "ORDER BY position LIMIT 20000",
        invoice_id,
        workspace_id,
    )
    return [InvoiceLine(**row) for row in rows]


async def select_line(db: Connection, line_id: UUID) -> tuple[InvoiceLine, Invoice] | None:
    """A line with its invoice. Needs platform scope."""
    row = await db.fetchrow(f"SELECT {', '.join(_LINE)}, invoice_id FROM invoice_lines WHERE id = $1", line_id)
    if row is None:
        return None
    invoice = await select_invoice(db, row["invoice_id"])
    assert invoice is not None, "invoice_lines refers to invoices"
    return InvoiceLine(**{name: row[name] for name in _LINE}), invoice


async def select_billed(db: Connection, period_id: UUID) -> Mapping[str, BilledLine]:
    """What invoices billed of a period so far, by key."""
    return {row["key"]: _billed(row) for row in await db.fetch(_SELECT_BILLED, period_id)}


async def select_given_up(db: Connection, period_id: UUID) -> Decimal:
    """What void invoices gave up of a period, and no later line took back."""
    amount: Decimal = await db.fetchval(_SELECT_GIVEN_UP, period_id, GIVEN_UP)
    return amount


async def take_number(db: Connection, series: str) -> int:
    """The next number of a series. Needs platform scope; other invoices of the series wait until the transaction
    ends."""
    last: int = await db.fetchval(_TAKE_NUMBER, series)
    return last


async def select_drafts(db: Connection, most: int) -> list[UUID]:
    """Invoices that are to be issued, the oldest first; not those that a sink refused. Needs platform scope."""
    rows = await db.fetch(
        """
        SELECT id FROM invoices i WHERE status = 'draft' AND NOT EXISTS (
            SELECT FROM sink_invoices s WHERE s.invoice_id = i.id AND s.last_error IS NOT NULL)
        ORDER BY created_at, id LIMIT $1
        """,
        most,
    )
    return [row["id"] for row in rows]


async def lock_overdue(db: Connection, now: datetime, most: int) -> list[Invoice]:
    """Pending invoices that were due before, locked; those that others hold are left out. Needs platform scope."""
    rows = await db.fetch(
        f"SELECT {_COLUMNS} FROM invoices WHERE status = 'pending' AND due_at < $1 ORDER BY due_at LIMIT $2 "
        "FOR UPDATE SKIP LOCKED",
        now,
        most,
    )
    return [Invoice(**row) for row in rows]


async def select_page(db: Connection, workspace_id: UUID, page: PageRequest) -> ListPage[Invoice]:
    """The workspace's invoices but drafts, newest first. Raises Invalid (code cursor_unknown)."""
    clause = await _ORDER.make_clause(db, page, (workspace_id,), (workspace_id,))
    rows = await db.fetch(
        f"SELECT {_COLUMNS} FROM invoices WHERE workspace_id = $1 AND status <> 'draft' {clause.tail}", *clause.values
    )
    return cut_page([Invoice(**row) for row in rows], page)


async def count_issued(db: Connection, workspace_id: UUID) -> int:
    """The workspace's invoices but drafts."""
    total: int = await db.fetchval(
        "SELECT count(*) FROM invoices WHERE workspace_id = $1 AND status <> 'draft'", workspace_id
    )
    return total


async def sum_open(db: Connection, workspace_id: UUID) -> Decimal:
    """What a workspace still has to pay of issued invoices."""
    total: Decimal = await db.fetchval(
        "SELECT coalesce(sum(amount - amount_paid + amount_refunded), 0) FROM invoices "
        "WHERE workspace_id = $1 AND status IN ('pending', 'overdue')",
        workspace_id,
    )
    return total


def _billed(row: Any) -> BilledLine:
    line = StatementLine(
        kind=row["kind"],
        key=row["key"],
        since=row["since"],
        until=row["until"],
        quantity=row["quantity"],
        unit=row["unit"],
        exact=row["exact"],
        tier_name=row["tier_name"],
        plan_version=row["plan_version"],
        phone_number_id=row["phone_number_id"],
    )
    return BilledLine(line, row["exact"], row["quantity"])
