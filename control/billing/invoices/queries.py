"""SQL for invoices, their lines, numbers and payments, and for tax rates."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from control.billing.invoices.rules import (
    GIVEN_UP,
    BilledLine,
    Invoice,
    InvoiceFilter,
    InvoiceLine,
    InvoiceListing,
    Payment,
    TaxRate,
)
from control.billing.periods.rules import StatementLine
from control.billing.prices.queries import MOST_VERSIONS
from control.db.keyset import Keyset, ListPage, PageRequest, cut_page
from control.db.pool import Connection

# --- Invoices and their lines --------------------------------------------------------------------------------------
_INVOICE: Final = tuple(field.name for field in fields(Invoice))
_COLUMNS: Final = ", ".join(_INVOICE)
# Columns that can change after the insert.
_STATE: Final = (
    "number", "sink", "stripe_invoice_id", "status", "amount_paid", "amount_refunded", "invoice_pdf_url", "issued_at",
    "due_at", "paid_at", "voided_at", "voided_why",
)  # fmt: skip
_LINE: Final = tuple(field.name for field in fields(InvoiceLine))
_ISSUED_ORDER: Final = Keyset(
    ("created_at", "id"),
    "SELECT created_at, id FROM invoices WHERE id = $1 AND workspace_id = $2 AND status <> 'draft'",
)
# Selects the billed amounts of period $1, by key. Void invoices are included, because their charges were given up.
_SELECT_BILLED: Final = """
    SELECT key, kind, min(since) AS since, max(until) AS until, max(unit) AS unit, max(tier_name) AS tier_name,
           max(plan_version) AS plan_version, (array_agg(phone_number_id))[1] AS phone_number_id,
           sum(exact) AS exact, sum(quantity) AS quantity
    FROM invoice_lines WHERE billing_period_id = $1 AND kind NOT IN ('credit', 'tax')
    GROUP BY key, kind ORDER BY key LIMIT 20000
"""
# Selects the charges of period $1 that void invoices gave up, less the amounts that later lines (with key $2) took
# back.
_SELECT_GIVEN_UP: Final = """
    SELECT coalesce(sum(l.exact) FILTER (WHERE i.status = 'void' AND l.kind NOT IN ('credit', 'tax')), 0)
           - coalesce(sum(l.exact) FILTER (WHERE i.status <> 'void' AND l.key = $2), 0)
    FROM invoice_lines l JOIN invoices i ON i.id = l.invoice_id WHERE l.billing_period_id = $1
"""
# Takes the next number of the series $1. The row stays locked until the invoice is issued, so that numbers have no
# gaps.
_TAKE_NUMBER: Final = """
    INSERT INTO invoice_numbers (series, last) VALUES ($1, 1)
    ON CONFLICT (series) DO UPDATE SET last = invoice_numbers.last + 1 RETURNING last
"""


async def insert_invoice(db: Connection, invoice: Invoice, lines: Sequence[InvoiceLine]) -> None:
    """Insert an invoice with its lines."""
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
    """Return an invoice, or None if it does not exist.

    Args:
        workspace_id: None for staff, who need platform scope.
        lock: Lock the row until the transaction ends.
    """
    ending = " FOR UPDATE" if lock else ""
    row = await db.fetchrow(
        f"SELECT {_COLUMNS} FROM invoices WHERE id = $1 AND ($2::uuid IS NULL OR workspace_id = $2){ending}",
        invoice_id,
        workspace_id,
    )
    return None if row is None else Invoice(**row)


async def update_state(db: Connection, invoice: Invoice) -> None:
    """Store the changeable columns. The row must be locked."""
    sets = ", ".join(f"{name} = ${place}" for place, name in enumerate(_STATE, 2))
    await db.execute(
        f"UPDATE invoices SET {sets}, updated_at = now() WHERE id = $1",
        invoice.id,
        *(getattr(invoice, name) for name in _STATE),
    )


async def select_lines(db: Connection, invoice_id: UUID, workspace_id: UUID) -> list[InvoiceLine]:
    """Return the lines of an invoice in order."""
    rows = await db.fetch(
        f"SELECT {', '.join(_LINE)} FROM invoice_lines WHERE invoice_id = $1 AND workspace_id = $2 "
        "ORDER BY position LIMIT 20000",
        invoice_id,
        workspace_id,
    )
    return [InvoiceLine(**row) for row in rows]


async def select_line(db: Connection, line_id: UUID) -> tuple[InvoiceLine, Invoice] | None:
    """Return a line with its invoice, or None. Needs platform scope."""
    row = await db.fetchrow(f"SELECT {', '.join(_LINE)}, invoice_id FROM invoice_lines WHERE id = $1", line_id)
    if row is None:
        return None
    invoice = await select_invoice(db, row["invoice_id"])
    assert invoice is not None, "invoice_lines refers to invoices"
    return InvoiceLine(**{name: row[name] for name in _LINE}), invoice


async def select_billed(db: Connection, period_id: UUID) -> Mapping[str, BilledLine]:
    """Return the amounts that invoices have billed for a period, by key."""
    return {row["key"]: _billed(row) for row in await db.fetch(_SELECT_BILLED, period_id)}


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


async def select_given_up(db: Connection, period_id: UUID) -> Decimal:
    """Return the amount that void invoices gave up for a period and that no later line took back."""
    amount: Decimal = await db.fetchval(_SELECT_GIVEN_UP, period_id, GIVEN_UP)
    return amount


async def take_number(db: Connection, series: str) -> int:
    """Return the next number of a series.

    Other invoices of the series wait until the transaction ends. Needs platform scope.
    """
    last: int = await db.fetchval(_TAKE_NUMBER, series)
    return last


async def select_drafts(db: Connection, most: int) -> list[UUID]:
    """Return invoices to issue, oldest first, except invoices that a billing provider refused. Needs platform scope."""
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
    """Lock and return pending invoices that were due before `now`. Skips rows that other transactions have locked.

    Needs platform scope.
    """
    rows = await db.fetch(
        f"SELECT {_COLUMNS} FROM invoices WHERE status = 'pending' AND due_at < $1 ORDER BY due_at LIMIT $2 "
        "FOR UPDATE SKIP LOCKED",
        now,
        most,
    )
    return [Invoice(**row) for row in rows]


async def select_page(db: Connection, workspace_id: UUID, page: PageRequest) -> ListPage[Invoice]:
    """Return a page of the workspace's invoices without drafts, newest first. Raises Invalid (code cursor_unknown)."""
    clause = await _ISSUED_ORDER.make_clause(db, page, (workspace_id,), (workspace_id,))
    rows = await db.fetch(
        f"SELECT {_COLUMNS} FROM invoices WHERE workspace_id = $1 AND status <> 'draft' {clause.tail}", *clause.values
    )
    return cut_page([Invoice(**row) for row in rows], page)


async def count_issued(db: Connection, workspace_id: UUID) -> int:
    """Return the number of the workspace's issued invoices."""
    total: int = await db.fetchval(
        "SELECT count(*) FROM invoices WHERE workspace_id = $1 AND status <> 'draft'", workspace_id
    )
    return total


# --- Invoices of all workspaces ------------------------------------------------------------------------------------
_LISTING_COLUMNS: Final = ", ".join(f"i.{field.name}" for field in fields(Invoice))
_INVOICE_NAMES: Final = tuple(field.name for field in fields(Invoice))
_LISTING_ORDER: Final = Keyset(("i.created_at", "i.id"), "SELECT created_at, id FROM invoices WHERE id = $1")


async def select_listings(db: Connection, wanted: InvoiceFilter, page: PageRequest) -> ListPage[InvoiceListing]:
    """Return a page of invoices for the staff, newest first. Raises Invalid (code cursor_unknown)."""
    where, values = _where(wanted)
    clause = await _LISTING_ORDER.make_clause(db, page, values)
    rows = await db.fetch(
        f"""
        SELECT {_LISTING_COLUMNS}, coalesce(w.name, i.customer_name) AS workspace_name
        FROM invoices i LEFT JOIN workspaces w ON w.id = i.workspace_id WHERE {where} {clause.tail}
        """,
        *clause.values,
    )
    return cut_page([_listing(row) for row in rows], page)


async def count_listings(db: Connection, wanted: InvoiceFilter) -> int:
    """Return the number of matching invoices."""
    where, values = _where(wanted)
    total: int = await db.fetchval(f"SELECT count(*) FROM invoices i WHERE {where}", *values)
    return total


def _where(wanted: InvoiceFilter) -> tuple[str, tuple[Any, ...]]:
    """Return the condition and its parameters. Each filter has its own condition, so that it can use an index."""
    conditions: list[str] = []
    values: list[Any] = []
    if wanted.workspace_id is not None:
        values.append(wanted.workspace_id)
        conditions.append(f"i.workspace_id = ${len(values)}")
    if wanted.status is None:
        conditions.append("i.status <> 'draft'")
    else:
        values.append(wanted.status)
        conditions.append(f"i.status = ${len(values)}")
    return " AND ".join(conditions), tuple(values)


def _listing(row: Any) -> InvoiceListing:
    return InvoiceListing(Invoice(**{name: row[name] for name in _INVOICE_NAMES}), row["workspace_name"])


# --- Payments ------------------------------------------------------------------------------------------------------
_PAYMENT: Final = tuple(field.name for field in fields(Payment))


async def insert_payment(db: Connection, payment: Payment) -> bool:
    """Insert a payment.

    Returns False if the invoice already has a payment of this kind with this method and reference.
    """
    places = ", ".join(f"${place}" for place in range(1, len(_PAYMENT) + 1))
    tag = await db.execute(
        f"INSERT INTO payments ({', '.join(_PAYMENT)}) VALUES ({places}) ON CONFLICT DO NOTHING",
        *(getattr(payment, name) for name in _PAYMENT),
    )
    return bool(tag == "INSERT 0 1")


async def select_amount(db: Connection, payment: Payment) -> Decimal | None:
    """Return the amount of the invoice's payment or refund with this method and reference, or None."""
    amount: Decimal | None = await db.fetchval(
        "SELECT amount FROM payments WHERE invoice_id = $1 AND kind = $2 AND method = $3 AND reference = $4",
        payment.invoice_id,
        payment.kind,
        payment.method,
        payment.reference,
    )
    return amount


async def select_payments(db: Connection, invoice_id: UUID, workspace_id: UUID) -> list[Payment]:
    """Return payments and refunds of an invoice, oldest first."""
    rows = await db.fetch(
        f"SELECT {', '.join(_PAYMENT)} FROM payments WHERE invoice_id = $1 AND workspace_id = $2 "
        "ORDER BY at, id LIMIT 1000",
        invoice_id,
        workspace_id,
    )
    return [Payment(**row) for row in rows]


# --- Tax rates -----------------------------------------------------------------------------------------------------
async def select_tax_rates(db: Connection, country: str | None = None) -> list[TaxRate]:
    """Return all versions of the tax rates.

    Args:
        country: Return only rates of this country.
    """
    rows = await db.fetch(
        "SELECT id, country, name, basis_points, is_inclusive, valid_from FROM tax_rates "
        "WHERE $1::text IS NULL OR country = $1 ORDER BY country, name, valid_from LIMIT $2",
        country,
        MOST_VERSIONS,
    )
    return [TaxRate(**row) for row in rows]


async def insert_tax_rate(db: Connection, rate: TaxRate, now: datetime) -> TaxRate | None:
    """Insert a tax rate. Return it with its id, or None if the country already has a rate with this name and time."""
    row = await db.fetchrow(
        "INSERT INTO tax_rates (country, name, basis_points, is_inclusive, valid_from, created_at) "
        "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING "
        "RETURNING id, country, name, basis_points, is_inclusive, valid_from",
        rate.country,
        rate.name,
        rate.basis_points,
        rate.is_inclusive,
        rate.valid_from,
        now,
    )
    return None if row is None else TaxRate(**row)


# --- Workspaces that do not pay ------------------------------------------------------------------------------------
async def select_late(db: Connection, before: datetime, answered_since: datetime, most: int) -> list[UUID]:
    """Return workspaces with an invoice that was due before `before`, without suspended and deleted workspaces.

    An invoice of a billing provider counts only if the provider has reported since `answered_since` that it is open.
    Needs platform scope.
    """
    rows = await db.fetch(
        """
        SELECT DISTINCT w.id FROM invoices i JOIN workspaces w ON w.id = i.workspace_id
        WHERE i.status = 'overdue' AND i.due_at < $1 AND w.status <> 'suspended' AND w.deleted_at IS NULL
          AND (i.stripe_invoice_id IS NULL OR EXISTS (
              SELECT FROM sink_invoices s WHERE s.invoice_id = i.id AND s.answered_at >= $2))
        ORDER BY w.id LIMIT $3
        """,
        before,
        answered_since,
        most,
    )
    return [row["id"] for row in rows]


async def select_settled(db: Connection, reason: str, most: int) -> list[UUID]:
    """Return workspaces that are suspended for this reason and have no overdue invoice.

    Workspaces with an uncollectible invoice are left out, because staff decide about them. Needs platform scope.
    """
    rows = await db.fetch(
        """
        SELECT w.id FROM workspaces w
        WHERE w.status = 'suspended' AND w.suspended_why = $1 AND w.deleted_at IS NULL
          AND NOT EXISTS (
              SELECT FROM invoices i WHERE i.workspace_id = w.id AND i.status IN ('overdue', 'uncollectible'))
        ORDER BY w.id LIMIT $2
        """,
        reason,
        most,
    )
    return [row["id"] for row in rows]
