"""Random months: what the ledger, the roll-ups and the invoices say is the same to the last digit."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings

from control.analytics.rollups.service import roll_up_days
from control.billing.invoices import service as invoices_service
from control.billing.invoices.service import issue_own
from control.billing.money import round_money
from control.billing.periods import queries as periods_queries
from control.billing.periods import service as periods_service
from control.billing.periods.service import load_running_statement, load_statement
from control.billing.prices.queries import load_rates
from control.db.pool import Connection, Pool, open_pool
from control.db.scope import enter_platform
from tests.control.billing.random_month import (
    ENDS,
    PRICES,
    RandomMonth,
    insert_currencies,
    insert_month,
    insert_rates,
    insert_usage,
    months,
)
from tests.platform.catalog import seed_catalog

CENT = Decimal("0.01")


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def pool(runner: asyncio.Runner, database_url: str) -> Iterator[Pool]:
    """Open for all examples: a hypothesis test takes no function-scoped fixture."""

    async def prepare(pool: Pool) -> None:
        async with pool.transaction() as db:
            await seed_catalog(db)
            await insert_rates(db)
            await insert_currencies(db)

    opened = open_pool(database_url, size=2)
    pool = runner.run(opened.__aenter__())
    runner.run(prepare(pool))
    yield pool
    runner.run(opened.__aexit__(None, None, None))


@settings(max_examples=40, deadline=None)
@given(months)
def test_ledger_roll_ups_and_invoices_agree(runner: asyncio.Runner, pool: Pool, month: RandomMonth) -> None:
    runner.run(check_month(pool, month))


async def check_month(pool: Pool, month: RandomMonth) -> None:
    async with pool.transaction() as db:
        await enter_platform(db)
        workspace_id = await insert_month(db, month)
        await roll_up(db)
        while (await periods_service.open_periods(db, ENDS, 10)).opened:
            pass
        first, second, third = await periods_of(db, workspace_id, 3)
        await check_running(db, workspace_id, month.currency)
        await close(db, first)
        await insert_usage(db, workspace_id, month.late)
        await close(db, second)
        await close(db, third)
        await roll_up(db)
        await check_sums(db, workspace_id)
        await check_conversions(db, workspace_id, month.currency)
        await check_invoices(db, workspace_id, month.currency)
        await check_numbers(db)
        await check_credits(db, workspace_id)
        await db.execute("DELETE FROM workspaces WHERE id = $1", workspace_id)


async def roll_up(db: Connection) -> None:
    while await roll_up_days(db, 200):
        pass


async def periods_of(db: Connection, workspace_id: UUID, number: int) -> list[Any]:
    rows = await db.fetch(
        "SELECT * FROM billing_periods WHERE workspace_id = $1 ORDER BY period_start LIMIT $2", workspace_id, number
    )
    assert all(before["period_end"] == after["period_start"] for before, after in pairwise(rows))
    return list(rows)


async def close(db: Connection, period: Any) -> None:
    """Repeated, it does nothing; before the period's end, too."""
    end = period["period_end"]
    assert await invoices_service.close_period(db, period["id"], end - timedelta(seconds=1)) is None
    closed = await invoices_service.close_period(db, period["id"], end)
    assert closed is not None
    assert await invoices_service.close_period(db, period["id"], end) is None
    if closed.invoice_id is not None:
        assert await issue_own(db, closed.invoice_id, end, 14) is not None
        assert await issue_own(db, closed.invoice_id, end, 14) is None


async def check_running(db: Connection, workspace_id: UUID, currency: str) -> None:
    """The figures of a running period come from roll-ups, and are those of its closing."""
    last = await periods_queries.select_last(db, workspace_id)
    assert last is not None
    for period in (last.period, *(one.period for one in await periods_queries.select_open(db, workspace_id))):
        running = await load_running_statement(db, workspace_id, period, currency)
        assert running == await load_statement(db, workspace_id, period, currency)


async def check_sums(db: Connection, workspace_id: UUID) -> None:
    """Of each period the ledger and the lines of all invoices; of all days the ledger and the roll-ups."""
    sums = await db.fetch(
        """
        SELECT p.id, (SELECT coalesce(sum(u.price), 0) FROM usage_records u WHERE u.workspace_id = p.workspace_id
                      AND u.at >= p.period_start AND u.at < p.period_end) AS ledger,
               (SELECT coalesce(sum(l.exact), 0) FROM invoice_lines l WHERE l.billing_period_id = p.id
                AND l.kind <> 'tax') AS billed
        FROM billing_periods p WHERE p.workspace_id = $1 AND p.status <> 'open'
        """,
        workspace_id,
    )
    assert [row["ledger"] for row in sums] == [row["billed"] for row in sums]
    total = "SELECT coalesce(sum(price), 0) FROM {} WHERE workspace_id = $1"
    assert await db.fetchval(total.format("usage_daily"), workspace_id) == await db.fetchval(
        total.format("usage_records"), workspace_id
    )


async def check_conversions(db: Connection, workspace_id: UUID, currency: str) -> None:
    """What numbers cost us, by the rate of their period's begin; and the platform's days, by that of the day's."""
    rates = await load_rates(db, currency)
    numbers = await db.fetch(
        """
        SELECT p.period_start, l.exact, u.cost FROM invoice_lines l
        JOIN billing_periods p ON p.id = l.billing_period_id
        JOIN usage_records u ON u.workspace_id = l.workspace_id AND u.details ->> 'line' = l.id::text
        WHERE l.workspace_id = $1 AND l.kind = 'number'
        """,
        workspace_id,
    )
    count = "SELECT count(*) FROM invoice_lines WHERE workspace_id = $1 AND kind = 'number'"
    assert len(numbers) == await db.fetchval(count, workspace_id)
    assert [row["cost"] for row in numbers] == [rates.to_usd(row["exact"], row["period_start"]) for row in numbers]
    converted: dict[date, Decimal] = defaultdict(Decimal)
    histories = {name: await load_rates(db, name) for name in ("usd", *PRICES)}
    for row in await db.fetch("SELECT d.day, d.price, a.currency FROM workspace_daily d JOIN billing_accounts a "
                              "USING (workspace_id)"):  # fmt: skip
        midnight = datetime.combine(row["day"], time(), UTC)
        amount = row["price"] * histories[row["currency"]].find(midnight)
        converted[row["day"]] += amount.quantize(Decimal("1e-9"), ROUND_HALF_UP)
    assert {row["day"]: row["price"] for row in await db.fetch("SELECT day, price FROM platform_daily")} == converted


async def check_invoices(db: Connection, workspace_id: UUID, currency: str) -> None:
    invoices = {
        row["id"]: row for row in await db.fetch("SELECT * FROM invoices WHERE workspace_id = $1", workspace_id)
    }
    lines: dict[UUID, list[Any]] = defaultdict(list)
    for line in await db.fetch("SELECT * FROM invoice_lines WHERE workspace_id = $1", workspace_id):
        lines[line["invoice_id"]].append(line)
        assert line["amount"] == round_money(line["exact"], currency)
    assert lines.keys() == invoices.keys()
    for invoice_id, invoice in invoices.items():
        assert sum(line["amount"] for line in lines[invoice_id]) == invoice["amount"] >= 0
        assert sum(line["tax"] for line in lines[invoice_id]) == invoice["tax"]
        assert invoice["subtotal"] + invoice["tax"] == invoice["amount"]
        assert invoice["currency"] == currency
        assert invoice["status"] == ("pending" if invoice["amount"] else "paid")


async def check_numbers(db: Connection) -> None:
    """1, 2, 3, …"""
    numbers = [row["number"] for row in await db.fetch("SELECT number FROM invoices ORDER BY number")]
    assert numbers == [f"2026-{place:06}" for place in range(1, len(numbers) + 1)]


async def check_credits(db: Connection, workspace_id: UUID) -> None:
    """No grant is used beyond its amount, none while another that goes first is left."""
    used = await db.fetch(
        "SELECT g.amount, -coalesce(sum(l.amount), 0) AS used FROM credit_grants g "
        "LEFT JOIN invoice_lines l ON l.grant_id = g.id WHERE g.workspace_id = $1 GROUP BY g.id, g.amount",
        workspace_id,
    )
    assert all(0 <= row["used"] <= row["amount"] for row in used)
