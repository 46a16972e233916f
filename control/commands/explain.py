"""`python -m control explain`: shows the ledger rows behind an invoice line or a dashboard figure."""

import argparse
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from config.settings import DatabaseSettings, database_settings
from control.billing.figures.service import (
    FIGURES,
    FigureExplanation,
    FigureName,
    LineExplanation,
    explain_figure,
    explain_line,
)
from control.billing.ledger.rules import LedgerSum
from control.db.pool import Connection, Timeouts, open_pool
from control.db.scope import enter_platform

read_settings = database_settings

# The parts of a figure are summed over all rows of a month.
_TIMEOUTS: Final = Timeouts(statement=600.0, command=605.0)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what can be explained."""
    subjects = parser.add_subparsers(required=True, metavar="SUBJECT", dest="subject")
    line = subjects.add_parser("invoice-line", help="a line of an invoice")
    line.add_argument("line_id", type=UUID, metavar="ID", help="the line's id, as the invoice's JSON has it")
    figure = subjects.add_parser("figure", help="a figure of the dashboard")
    figure.add_argument("name", choices=FIGURES, metavar="NAME", help=", ".join(FIGURES))


def run(arguments: argparse.Namespace, settings: DatabaseSettings) -> int:
    """Run the action and return the exit code. Raises Problem and the database's errors."""
    database_url = settings.database_url.get_secret_value()
    if arguments.subject == "figure":
        return asyncio.run(_explain_figure(database_url, arguments.name))
    return asyncio.run(_explain_line(database_url, arguments.line_id))


def format_line(found: LineExplanation) -> str:
    """Format an invoice line, the ledger rows behind it, and whether they agree."""
    line, currency = found.line, found.invoice.currency.upper()
    number = found.invoice.number or "draft"
    head = f"{line.description}: {line.amount} {currency} (exact: {line.exact:f}), invoice {number}"
    if line.kind == "tax":
        return f"{head}\n  on {found.billed} {currency}, the sum of the other lines"
    rows = [_format_sum(ledger_sum, currency) for ledger_sum in found.ledger]
    return "\n".join([head, *rows, _conclusion("billed by all invoices", found.billed, found.difference, currency)])


def format_figure(found: FigureExplanation) -> str:
    """Format a figure, its parts, and whether they agree."""
    rows = [f"  {part.name}: {part.rows} rows, {part.amount:f} USD" for part in found.parts]
    return "\n".join([found.name, *rows, _conclusion("shown", found.shown, found.difference, "USD")])


def _format_sum(ledger_sum: LedgerSum, currency: str) -> str:
    source = f"{ledger_sum.entry}, price version {ledger_sum.price_version or 'none'}"
    text = (
        f"  {ledger_sum.rows} rows {ledger_sum.resource_type} ({source}): "
        f"{ledger_sum.quantity:f} {ledger_sum.unit}, {ledger_sum.price:f} {currency}"
    )
    return f"{text}, {ledger_sum.unpriced} without a price" if ledger_sum.unpriced else text


def _conclusion(what: str, amount: Decimal, difference: Decimal, currency: str) -> str:
    agreement = f"the records have {difference:f} {currency} more" if difference else "the records agree"
    return f"{what}: {amount:f} {currency}; {agreement}"


async def _explain_line(database_url: str, line_id: UUID) -> int:
    async with (
        open_pool(database_url, size=1, timeouts=_TIMEOUTS, name="vocalized-explain") as pool,
        pool.transaction() as db,
    ):
        await enter_platform(db)
        print(format_line(await explain_line(db, line_id)))
    return 0


async def _explain_figure(database_url: str, name: FigureName) -> int:
    async with (
        open_pool(database_url, size=1, timeouts=_TIMEOUTS, name="vocalized-explain") as pool,
        pool.transaction() as db,
    ):
        await enter_platform(db)
        print(format_figure(await explain_figure(db, name, datetime.now(UTC))))
    return 0


@asynccontextmanager
async def _transaction(database_url: str) -> AsyncIterator[Connection]:
    pool = open_pool(database_url, size=1, timeouts=_TIMEOUTS, name="vocalized-explain")
    async with pool as opened, opened.transaction() as db:
        await enter_platform(db)
        yield db
