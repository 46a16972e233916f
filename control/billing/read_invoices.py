"""Read model: invoices of all workspaces, with their names. Needs platform scope."""

from dataclasses import fields
from typing import Any, Final

from control.billing.invoices import Invoice, InvoiceFilter, InvoiceListing
from control.db.keyset import Keyset, ListPage, PageRequest, cut_page
from control.db.pool import Connection

_COLUMNS: Final = ", ".join(f"i.{field.name}" for field in fields(Invoice))
_NAMES: Final = tuple(field.name for field in fields(Invoice))
_ORDER: Final = Keyset(("i.created_at", "i.id"), "SELECT created_at, id FROM invoices WHERE id = $1")


async def select_listings(db: Connection, wanted: InvoiceFilter, page: PageRequest) -> ListPage[InvoiceListing]:
    """Newest first. Raises Invalid (code cursor_unknown)."""
    where, values = _where(wanted)
    clause = await _ORDER.make_clause(db, page, values)
    rows = await db.fetch(
        f"""
        SELECT {_COLUMNS}, coalesce(w.name, i.customer_name) AS workspace_name
        FROM invoices i LEFT JOIN workspaces w ON w.id = i.workspace_id WHERE {where} {clause.tail}
        """,
        *clause.values,
    )
    return cut_page([_listing(row) for row in rows], page)


async def count_listings(db: Connection, wanted: InvoiceFilter) -> int:
    """Number of such invoices."""
    where, values = _where(wanted)
    total: int = await db.fetchval(f"SELECT count(*) FROM invoices i WHERE {where}", *values)
    return total


def _where(wanted: InvoiceFilter) -> tuple[str, tuple[Any, ...]]:
    """Conditions of their own, so that each is answered by an index."""
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
    return InvoiceListing(Invoice(**{name: row[name] for name in _NAMES}), row["workspace_name"])
