"""Random histories through the API: calls, ledger, statements, invoices, analytics and the staff's figures add up."""

import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from control.billing.accounts.queries import select_states
from control.billing.accruals.rules import ACCRUED
from control.billing.invoices import service as invoices_service
from control.billing.invoices.service import issue_own
from control.billing.ledger.rules import SegmentUsage
from control.billing.money import round_money
from control.billing.periods import queries as periods_queries
from control.billing.periods import service as periods_service
from control.billing.periods.rules import RESOURCE_TYPES, Statement, StoredPeriod, compute_statement, split_period
from control.billing.periods.service import load_daily_charges, load_running_statement, load_statement
from control.billing.prices import queries as prices_queries
from control.billing.prices.queries import select_plans
from control.billing.prices.rules import ExchangeRate, PlanHistory
from control.db.pool import Connection
from tests.control.billing.money_history import (
    LONGEST,
    History,
    final_calls,
    insert_histories,
    insert_late_reports,
    make_history,
)
from tests.control.billing.money_scene import Scene, get, number, open_scene
from tests.platform.clients import Client

HISTORIES: Final = int(os.environ.get("TEST_HISTORIES", "50"))
AT_ONCE: Final = 50
# Later than any real clock, so that no session ends before it began. Two years lie between two batches.
FIRST_YEAR: Final = 2041
RATES: Final = {"eur": "1.08", "jpy": "0.0067", "kwd": "3.25"}
USAGE: Final = ("call_minutes", "included_minutes", "trial", "phone_number")
TABLES: Final = (
    "workspaces, workspace_changes, calls, usage_records, rollup_dirty, workspace_daily, agent_daily, usage_daily, "
    "workspace_totals, agent_totals, platform_daily, call_intervals, usage_intervals, provider_daily, "
    "platform_provider_daily, workspace_monthly, billing_accounts, billing_periods, invoices, credit_grants"
)
ZERO: Final = Decimal(0)


@dataclass
class Differences:
    """Comparisons of two figures, and those that differ by more than a millionth."""

    compared: int = 0
    found: list[str] = field(default_factory=list)

    def compare(self, what: str, first: Any, other: Any, tolerance: Decimal = Decimal("0.000001")) -> None:
        self.compared += 1
        if abs(Decimal(str(first)) - Decimal(str(other))) > tolerance:
            self.found.append(f"{what}: {first} and {other}")


@dataclass(frozen=True)
class HistoryScene(Scene):
    """A scene with the comparisons that were made in it."""

    differences: Differences


async def test_random_histories_add_up(database_url: str, valkey_url: str) -> None:
    seed = int(os.environ.get("VOCALIZED_TEST_SEED", "0")) or Random().randrange(1, 1 << 32)
    print(f"VOCALIZED_TEST_SEED={seed} TEST_HISTORIES={HISTORIES}")
    random, differences = Random(seed), Differences()
    async with open_scene(database_url, valkey_url, datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)) as scene:
        for batch in range(-(-HISTORIES // AT_ONCE)):
            scene.clock.now = random_moment(random, FIRST_YEAR + 2 * batch)
            histories = [
                make_history(random, scene.clock.now) for _ in range(min(AT_ONCE, HISTORIES - batch * AT_ONCE))
            ]
            await check_batch(HistoryScene(scene.api, scene.pool, scene.clock, differences), histories, random)
    print(f"{HISTORIES} histories, {differences.compared} comparisons, {len(differences.found)} differences")
    assert not differences.found, (seed, differences.found[:20])


def random_moment(random: Random, year: int) -> datetime:
    """Somewhere in the year, often at a month's end or its beginning."""
    at = datetime(year, 4, 2, tzinfo=UTC) + timedelta(minutes=random.randrange(270 * 1_440))
    if random.random() < 0.5:
        at = at.replace(day=1, hour=0, minute=0) + timedelta(minutes=random.randrange(-1_500, 1_500))
    return at


async def check_batch(scene: HistoryScene, histories: Sequence[History], random: Random) -> None:
    user = await scene.api.sign_up()
    staff = await scene.api.admin("super_admin")
    async with scene.transaction() as db:
        await insert_prices(db, random, scene.clock.now)
    await insert_histories(scene.api.owner, histories, UUID(user.id))
    await scene.roll_up()
    await close_periods(scene, histories)
    await scene.roll_up()
    for history in histories:
        await check_history(scene, history, user)
    await check_platform(scene, histories, user, staff)
    # Their periods would go on in the years of the next batches.
    await scene.api.owner.execute(f"TRUNCATE {TABLES} CASCADE")


async def insert_prices(db: Connection, random: Random, now: datetime) -> None:
    """New rates of exchange, and new plans in the middle of the histories."""
    for currency, usd in RATES.items():
        for days in (LONGEST, timedelta(days=random.randrange(80))):
            rate = (Decimal(usd) * random.randrange(900, 1_100) / 1_000).quantize(Decimal("1e-6"))
            await prices_queries.insert_exchange_rate(db, ExchangeRate(0, currency, rate, now - days), now - LONGEST)
    for currency in ("usd", *RATES):
        for tier, fee in (("starter", 49), ("growth", 199)):
            for days in (LONGEST, timedelta(days=random.randrange(80))):
                await db.execute(
                    "INSERT INTO plan_versions (tier_name, monthly_fee, included_minutes, currency, valid_from, "
                    "created_at) VALUES ($1, $2, $3, $4, $5, $5) ON CONFLICT DO NOTHING",
                    tier, Decimal(fee + random.randrange(20)), random.choice((0, 60, 300)), currency, now - days,
                )  # fmt: skip


async def close_periods(scene: HistoryScene, histories: Sequence[History]) -> None:
    """All periods that are over, in the order of time; reports come late, before the last one is closed."""
    await scene.open_periods()
    await scene.roll_up()
    last = []
    async with scene.transaction() as db:
        for history in histories:
            over = [
                p
                for p in await periods_queries.select_open(db, history.workspace_id)
                if p.period.end <= scene.clock.now
            ]
            for stored in over[:-1]:
                await close(db, stored)
            last += over[-1:] if history.close_last else []
        await insert_late_reports(db, histories)
        for stored in last:
            await close(db, stored)


async def close(db: Connection, stored: StoredPeriod) -> None:
    closed = await invoices_service.close_period(db, stored.id, stored.period.end)
    assert closed is not None
    if closed.invoice_id is not None:
        assert await issue_own(db, closed.invoice_id, stored.period.end, 14) is not None


async def check_history(scene: HistoryScene, history: History, user: Client) -> None:
    """The customer's figures of the whole history, and of the period that goes on."""
    path, compare = f"/workspaces/{history.workspace_id}", scene.differences.compare
    where = f"{history.workspace_id} {history.timezone} {history.currency}"
    zone = ZoneInfo(history.timezone)
    days = {"from": f"{history.opened_at.astimezone(zone).date()}", "to": f"{scene.clock.now.astimezone(zone).date()}"}
    costs = await get(user, f"{path}/analytics/costs", days)
    async with scene.transaction() as db:
        expected = await expect_amounts(db, history.workspace_id, scene.clock.now)
        await check_closed(db, scene, history)
    shown = defaultdict(Decimal, {line["resource_type"]: number(line["cost"]) for line in costs["by_resource"]})
    for resource in ("subscription", *USAGE):
        compare(f"{where} analytics {resource}", shown[resource], expected[resource])
    usage = sum(expected[name] for name in USAGE)
    compare(f"{where} usage_billed", costs["usage_billed"], usage)
    compare(f"{where} fees_accrued", costs["fees_accrued"], expected["subscription"])
    compare(f"{where} current_period_cost", costs["current_period_cost"], usage + expected["subscription"])
    compare(f"{where} trend", sum(number(day["cost"]) for day in costs["trend"]), costs["current_period_cost"])
    await check_calls(scene, history, user, expected)
    await check_current(scene, history, user)
    await check_invoices(scene, history, user)


async def expect_amounts(db: Connection, workspace_id: UUID, now: datetime) -> dict[str, Decimal]:
    """What all periods cost until now, by resource: statements by the ledger. Of one that goes on, the fee and the
    numbers are those of a period that is cut off at the end of today."""
    amounts: dict[str, Decimal] = defaultdict(Decimal)
    for row in await db.fetch(
        f"SELECT {periods_queries.COLUMNS} FROM billing_periods WHERE workspace_id = $1 AND period_start <= $2",
        workspace_id, now,
    ):  # fmt: skip
        stored = periods_queries.make_period(row)
        statement = await load_statement(db, workspace_id, stored.period, stored.currency)
        today = await cut_statement(db, stored, now) if stored.period.end > now else statement
        for line in statement.lines:
            if line.kind in ("minutes", "included", "trial"):
                amounts[RESOURCE_TYPES[line.kind]] += line.exact
        for line in today.lines:
            if line.kind in ("fee", "number"):
                amounts[RESOURCE_TYPES[line.kind]] += line.exact
    return amounts


async def cut_statement(db: Connection, stored: StoredPeriod, now: datetime) -> Statement:
    """The statement of the period up to the end of today, by its shares of the whole period; without usage."""
    period, zone = stored.period, ZoneInfo(stored.period.timezone)
    tomorrow = datetime.combine(now.astimezone(zone).date() + timedelta(days=1), datetime.min.time(), zone)
    cut = replace(period, end=min(period.end, tomorrow.astimezone(UTC)))
    states = await select_states(db, stored.workspace_id, cut.start, cut.end)
    segments = split_period(cut.start, cut.end, states, PlanHistory(await select_plans(db, stored.currency)))
    rates = await prices_queries.load_rates(db, stored.currency)
    daily = await load_daily_charges(db, stored.workspace_id, cut, segments, rates)
    return compute_statement(cut, segments, [SegmentUsage() for _ in segments], daily)


async def check_closed(db: Connection, scene: HistoryScene, history: History) -> None:
    """Of each closed period the ledger, the accruals and the lines of all invoices are its statement. Where no period
    was closed since reports came late, the next invoice will have what they change."""
    for row in await db.fetch(
        f"SELECT {periods_queries.COLUMNS} FROM billing_periods WHERE workspace_id = $1 AND status <> 'open'",
        history.workspace_id,
    ):
        stored = periods_queries.make_period(row)
        statement = await load_statement(db, history.workspace_id, stored.period, stored.currency)
        where, by_resource = f"{history.workspace_id} {stored.period.start}", defaultdict[str, Decimal](Decimal)
        for line in statement.lines:
            by_resource[RESOURCE_TYPES[line.kind]] += line.exact
        sums = await db.fetch(
            """
            SELECT resource_type, (SELECT coalesce(sum(price), 0) FROM usage_records u WHERE u.workspace_id = $2
                AND u.at >= $3 AND u.at < $4 AND u.resource_type = kinds.resource_type) AS ledger,
                (SELECT coalesce(sum(price), 0) FROM accruals a
                 WHERE a.period_id = $1 AND a.resource_type = kinds.resource_type) AS accrued
            FROM unnest($5::text[]) AS kinds (resource_type)
            """,
            stored.id, history.workspace_id, stored.period.start, stored.period.end, [*ACCRUED],
        )  # fmt: skip
        for found in sums:
            name = found["resource_type"]
            if history.close_last:
                scene.differences.compare(f"{where} ledger {name}", found["ledger"], by_resource[name], ZERO)
            scene.differences.compare(f"{where} accruals {name}", found["accrued"], by_resource[name], ZERO)
        billed = await db.fetchval(
            "SELECT coalesce(sum(exact), 0) FROM invoice_lines WHERE billing_period_id = $1 "
            "AND kind NOT IN ('tax', 'credit')",
            stored.id,
        )
        if history.close_last:
            scene.differences.compare(f"{where} invoices", billed, sum(by_resource.values()), ZERO)


async def check_calls(scene: HistoryScene, history: History, user: Client, expected: dict[str, Decimal]) -> None:
    """The calls' costs are the minutes of the bill."""
    calls = (await get(user, f"/workspaces/{history.workspace_id}/calls", {"limit": "200"}))["calls"]
    rounding = Decimal("0.0000006") * (len(calls) + 1)
    listed = sum((number(call["cost_list"]) for call in calls), ZERO)
    billed = sum((number(call["cost_total"]) for call in calls), ZERO)
    deducted = expected["call_minutes"] + expected["included_minutes"] + expected["trial"]
    compare, where = scene.differences.compare, f"{history.workspace_id} calls"
    compare(f"{where} cost_list", listed, sum((c.cost(c.seconds) for c in final_calls(history)), ZERO), rounding)
    compare(f"{where} cost_list and the ledger", listed, expected["call_minutes"], rounding)
    compare(f"{where} cost_total", billed, deducted, rounding)


async def check_current(scene: HistoryScene, history: History, user: Client) -> None:
    """The running period says the same in billing and in analytics; the forecast is its statement."""
    path, compare, zone = f"/workspaces/{history.workspace_id}", scene.differences.compare, ZoneInfo(history.timezone)
    current = (await get(user, f"{path}/billing/current"))["current_period"]
    start = datetime.fromisoformat(current["start"])
    days = {"from": f"{start.astimezone(zone).date()}", "to": f"{scene.clock.now.astimezone(zone).date()}"}
    costs = await get(user, f"{path}/analytics/costs", days)
    for name in ("usage_list_price", "usage_billed", "fees_accrued"):
        compare(f"{history.workspace_id} current {name}", current[name], costs[name])
    compare(f"{history.workspace_id} accrued_total", current["accrued_total"], costs["current_period_cost"])
    async with scene.transaction() as db:
        stored = await periods_service.find_period(db, history.workspace_id, scene.clock.now)
        statement = await load_running_statement(db, history.workspace_id, stored.period, stored.currency)
    compare(f"{history.workspace_id} subtotal", current["subtotal"], round_money(statement.usage, history.currency))
    compare(f"{history.workspace_id} fee", current["subscription_fee"], round_money(statement.fee, history.currency))


async def check_invoices(scene: HistoryScene, history: History, user: Client) -> None:
    path = f"/workspaces/{history.workspace_id}/billing"
    periods = (await get(user, f"{path}/history"))["periods"]
    invoices = (await get(user, f"{path}/invoices"))["invoices"]
    scene.differences.compare(
        f"{history.workspace_id} history", sum(number(period["total_amount"]) for period in periods),
        sum(number(invoice["amount"]) for invoice in invoices),
    )  # fmt: skip
    for invoice in invoices:
        lines = (await get(user, f"{path}/invoices/{invoice['id']}"))["lines"]
        total = sum(number(line["amount"]) for line in lines)
        scene.differences.compare(f"{history.workspace_id} invoice {invoice['id']}", total, invoice["amount"])


async def check_platform(scene: HistoryScene, histories: Sequence[History], user: Client, staff: Client) -> None:
    """The staff's figures are the sum of the customers', by the days' exchange rates."""
    compare, now = scene.differences.compare, scene.clock.now
    days = {"from": f"{(now - LONGEST).date()}", "to": f"{now.date()}"}
    async with scene.transaction() as db:
        revenue = await expect_revenue(db, [history.workspace_id for history in histories])
    total = sum(revenue.values())
    platform = await get(staff, "/admin/analytics/platform", days)
    costs = await get(staff, "/admin/analytics/costs", days | {"limit": "200"})
    ranking = (await get(staff, "/admin/analytics/workspaces", days | {"limit": "200"}))["workspaces"]
    for name, shown in (
        ("platform", platform["total_revenue"]), ("costs", costs["total_revenue"]),
        ("parts", number(platform["usage_billed"]) + number(platform["fees_accrued"])),
        ("tiers", sum(number(amount) for amount in platform["revenue_by_tier"].values())),
        ("ranking", sum(number(row["total_revenue"]) for row in ranking)),
        ("by_workspace", sum(number(row["revenue"]) for row in costs["by_workspace"])),
    ):  # fmt: skip
        compare(f"admin {name} {now}", shown, total, Decimal("0.0001"))
    for name in ("usage_list_price", "usage_billed", "fees_accrued", "credits", "total_cost"):
        compare(f"admin {name}", platform[name], costs[name])
    by_workspace = {row["workspace_id"]: row["total_revenue"] for row in ranking}
    for history in histories:
        name = str(history.workspace_id)
        compare(f"admin {name}", by_workspace.get(name, 0), revenue[history.workspace_id])
    await check_dashboards(scene, staff)
    await check_same_month(scene, [history for history in histories if history.timezone == "UTC"], user, staff)


async def expect_revenue(db: Connection, workspaces: Sequence[UUID]) -> dict[UUID, Decimal]:
    """Of each workspace in US dollars: the ledger's minutes, and what accrued, by the rate of the day (UTC)."""
    rows = await db.fetch(
        """
        SELECT workspace_id, sum(round(amount * usd_rate(currency, day::timestamp AT TIME ZONE 'UTC'), 9)) AS revenue
        FROM (
            SELECT workspace_id, a.currency, (at AT TIME ZONE 'UTC')::date AS day, sum(price) AS amount
            FROM (
                SELECT workspace_id, at, price FROM usage_records WHERE resource_type = 'call_minutes'
                UNION ALL SELECT workspace_id, at, price FROM accruals
            ) found JOIN billing_accounts a USING (workspace_id) WHERE workspace_id = ANY ($1::uuid[]) GROUP BY 1, 2, 3
        ) days GROUP BY 1
        """,
        list(workspaces),
    )
    return defaultdict(Decimal, {row["workspace_id"]: row["revenue"] for row in rows})


async def check_dashboards(scene: HistoryScene, staff: Client) -> None:
    """All pages say the same of a period."""
    compare = scene.differences.compare
    for period in ("month", "year"):
        query = {"period": period}
        overview = await get(staff, "/admin/billing/overview", query)
        platform = await get(staff, "/admin/analytics/platform", query)
        revenue = await get(staff, "/admin/dashboard/revenue", query)
        compare(f"{period} overview", overview["total_revenue"], platform["total_revenue"])
        compare(f"{period} dashboard", revenue["total_revenue"], platform["total_revenue"])
        tiers = sum(number(amount) for amount in revenue["revenue_by_tier"].values())
        compare(f"{period} tiers", tiers, platform["total_revenue"], Decimal("0.0001"))
        for name in ("usage_list_price", "usage_billed", "fees_accrued", "credits", "total_cost"):
            compare(f"{period} {name}", overview[name], platform[name])
    month = await get(staff, "/admin/dashboard/overview")
    shown = (await get(staff, "/admin/billing/overview", {"period": "month"}))["total_revenue"]
    compare("dashboard month", month["total_revenue_month"], shown)


async def check_same_month(scene: HistoryScene, histories: Sequence[History], user: Client, staff: Client) -> None:
    """Customers whose days are the platform's see the staff's number, for the same calendar month."""
    costs = await get(staff, "/admin/analytics/costs", {"period": "month", "limit": "200"})
    revenue = {row["workspace_id"]: row["revenue"] for row in costs["by_workspace"]}
    for history in histories:
        if history.currency == "usd":
            own = await get(user, f"/workspaces/{history.workspace_id}/analytics/costs", {"period": "month"})
            shown = revenue.get(str(history.workspace_id), 0)
            scene.differences.compare(f"{history.workspace_id} month", shown, own["current_period_cost"])
