"""Explains figures and invoice lines by the rows behind them, and lists costs and balances.

All functions need platform scope.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, Literal, get_args
from uuid import UUID

from control.analytics.periods import Period, first_day
from control.billing.figures import queries
from control.billing.figures.rules import FigurePart, ProviderRoleCost, WorkspaceBalance
from control.billing.invoices import queries as invoices_queries
from control.billing.invoices.rules import Invoice, InvoiceLine, PaymentStatus
from control.billing.ledger import queries as ledger_queries
from control.billing.ledger.rules import LedgerSum
from control.billing.periods.rules import RESOURCE_TYPES
from control.db.keyset import ListPage, PageRequest
from control.db.pool import Connection
from shared.errors import NotFound

FigureName = Literal["total_revenue_month", "total_cost_month", "mrr"]
FIGURES: Final[tuple[FigureName, ...]] = get_args(FigureName)
_ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True)
class LineExplanation:
    """The ledger rows behind an invoice line.

    Attributes:
        ledger: Sums by price version; empty for a tax line.
        billed: The amount that all invoices billed of these rows; for a tax line, the sum of the invoice's other lines.
    """

    invoice: Invoice
    line: InvoiceLine
    ledger: Sequence[LedgerSum]
    billed: Decimal

    @property
    def difference(self) -> Decimal:
        """Return the ledger's amount that no invoice has billed yet; 0 for a tax line."""
        return _ZERO if self.line.kind == "tax" else sum((row.price for row in self.ledger), _ZERO) - self.billed


@dataclass(frozen=True, slots=True)
class FigureExplanation:
    """A figure of the dashboard with the records behind it.

    Attributes:
        shown: The figure on the dashboard, from roll-ups.
        parts: The parts of the figure, from the records.
    """

    name: FigureName
    shown: Decimal
    parts: Sequence[FigurePart]

    @property
    def difference(self) -> Decimal:
        """Return how much the records exceed the dashboard, until the next roll-up.

        Rounded to six decimal places, because roll-ups round each converted day of a workspace to nine.
        """
        return round(sum((part.amount for part in self.parts), _ZERO) - self.shown, 6)


async def explain_line(db: Connection, line_id: UUID) -> LineExplanation:
    """Explain an invoice line. Raises NotFound (code line_not_found)."""
    found = await invoices_queries.select_line(db, line_id)
    if found is None:
        raise NotFound("This invoice line does not exist.", code="line_not_found")
    line, invoice = found
    if line.kind == "tax" or line.billing_period_id is None or line.since is None or line.until is None:
        others = await invoices_queries.select_lines(db, invoice.id, invoice.workspace_id)
        return LineExplanation(invoice, line, (), sum((other.amount for other in others if other.kind != "tax"), _ZERO))
    of_line = None if line.kind == "minutes" else line_id
    ledger = await ledger_queries.sum_rows(
        db, invoice.workspace_id, line.since, line.until, RESOURCE_TYPES[line.kind], of_line
    )
    if of_line is not None:
        return LineExplanation(invoice, line, ledger, line.exact)
    billed = await invoices_queries.select_billed(db, line.billing_period_id)
    return LineExplanation(invoice, line, ledger, billed[line.key].exact)


async def explain_figure(db: Connection, name: FigureName, now: datetime) -> FigureExplanation:
    """Explain a figure of the dashboard for the current UTC month up to now."""
    if name == "mrr":
        parts = await queries.select_fees(db)
        return FigureExplanation(name, await queries.select_mrr(db), parts)
    first = first_day("month", now.astimezone(UTC).date())
    column: Literal["price", "cost"] = "price" if name == "total_revenue_month" else "cost"
    parts = await queries.sum_ledger(db, column, first)
    return FigureExplanation(name, await queries.sum_platform_days(db, column, first), parts)


async def list_provider_costs(db: Connection, period: Period, now: datetime) -> list[ProviderRoleCost]:
    """Return costs by provider and role in a calendar period (UTC) up to now, including test calls."""
    first = first_day(period, now.astimezone(UTC).date())
    return await queries.select_provider_costs(db, first)


async def list_workspace_balances(
    db: Connection, status: PaymentStatus | None, *, page: PageRequest
) -> ListPage[WorkspaceBalance]:
    """Return a page of workspaces with their balances, newest first. Raises Invalid (code cursor_unknown)."""
    found = await queries.select_balances(db, status, page)
    if page.cursor is not None:
        return found
    return found.with_total(await queries.count_balances(db, status))
