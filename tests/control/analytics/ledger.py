"""The expected roll-ups, computed from the single rows in Python, without their SQL."""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable
from datetime import UTC, date, datetime, time
from decimal import ROUND_HALF_UP, Decimal
from functools import partial
from typing import Any

import asyncpg  # type: ignore[import-untyped]
from pytest import approx

from control.billing.accruals.rules import ACCRUED
from tests.control.analytics import interval_ledger

Row = Any
Table = dict[Any, Any]
# What an amount of a workspace is worth in the platform's currency, by the rate of a day's begin.
Convert = Callable[[Any, date, Decimal], Decimal]

PROVIDER_KINDS = ("stt", "llm", "tts")


async def expected(db: asyncpg.Connection) -> dict[str, Table]:
    """Each roll-up table as {key: {column: value}}."""
    every_call = await db.fetch("SELECT * FROM calls")
    calls = [row for row in every_call if not row["is_test"]]
    tests = {row["id"] for row in every_call if row["is_test"]}
    usage = list(await db.fetch("SELECT * FROM usage_records"))
    tiers = {row["id"]: row["tier_name"] for row in await db.fetch("SELECT id, tier_name FROM workspaces")}
    convert = await _make_converter(db)
    counted = await _without_closed(db, usage, "accrued_until IS NOT NULL")
    accruals = [
        {**row, "provider": "", "call_id": None}
        for row in await db.fetch("SELECT workspace_id, at, resource_type, price, cost FROM accruals")
    ]
    workspace_days = _workspace_days(calls, [*counted, *accruals], tests, convert)
    agents = _agents(calls, lambda call: (call["workspace_id"], call["agent_id"], day_of(call["created_at"])))
    provider_days = interval_ledger.provider_days(every_call, usage, convert)
    return {
        "call_intervals": interval_ledger.call_intervals(calls),
        "usage_intervals": interval_ledger.usage_intervals(await _without_closed(db, usage, "true")),
        "provider_daily": _with_tolerance(provider_days),
        "platform_provider_daily": _with_tolerance(interval_ledger.platform_provider_days(provider_days)),
        "workspace_monthly": interval_ledger.months(workspace_days),
        "workspace_daily": workspace_days,
        "agent_daily": agents,
        "usage_daily": _usage_days(usage),
        "workspace_totals": _totals(workspace_days),
        "agent_totals": _agents(calls, lambda call: call["agent_id"]),
        "platform_daily": _platform_days(workspace_days, tiers),
    }


async def _without_closed(db: asyncpg.Connection, usage: list[Row], condition: str) -> list[Row]:
    """The ledger without the rows that closed such periods: accruals hold the same amounts by day."""
    periods = await db.fetch(f"SELECT workspace_id, period_start, period_end FROM billing_periods WHERE {condition}")
    spans = _grouped(periods, lambda row: row["workspace_id"])

    def is_closed(row: Row) -> bool:
        own = spans.get(row["workspace_id"], []) if row["resource_type"] in ACCRUED else []
        return any(period["period_start"] <= row["at"] < period["period_end"] for period in own)

    return [row for row in usage if not is_closed(row)]


async def actual(db: asyncpg.Connection) -> dict[str, Table]:
    """The roll-up tables as they are, in the same form."""
    keys = {
        "call_intervals": ("workspace_id", "began", "agent_id"),
        "usage_intervals": ("workspace_id", "began", "resource_type"),
        "provider_daily": ("workspace_id", "day", "provider"),
        "platform_provider_daily": ("day", "provider"),
        "workspace_monthly": ("workspace_id", "month"),
        "workspace_daily": ("workspace_id", "day"),
        "agent_daily": ("workspace_id", "agent_id", "day"),
        "usage_daily": ("workspace_id", "day", "resource_type", "provider"),
        "workspace_totals": ("workspace_id",),
        "agent_totals": ("agent_id",),
        "platform_daily": ("day",),
    }
    tables = {}
    for name, key in keys.items():
        rows = [dict(row) for row in await db.fetch(f"SELECT * FROM {name}")]
        tables[name] = {_key(row, key): _rest(row, key) for row in rows}
    # A workspace whose calls were all deleted keeps a row of zeros.
    tables["workspace_totals"] = {key: row for key, row in tables["workspace_totals"].items() if any(row.values())}
    return tables


async def _make_converter(db: asyncpg.Connection) -> Convert:
    accounts = await db.fetch("SELECT workspace_id, currency FROM billing_accounts")
    currencies = {row["workspace_id"]: row["currency"] for row in accounts}
    rates = await db.fetch("SELECT currency, usd, valid_from FROM exchange_rates ORDER BY valid_from")

    def convert(workspace_id: Any, day: date, amount: Decimal) -> Decimal:
        currency = currencies.get(workspace_id, "usd")
        if currency == "usd":
            return amount
        versions = [rate for rate in rates if rate["currency"] == currency]
        begin = datetime.combine(day, time(), UTC)
        held = [rate for rate in versions if rate["valid_from"] <= begin] or versions[:1]
        rate: Decimal = held[-1]["usd"]
        return (amount * rate).quantize(Decimal("1e-9"), ROUND_HALF_UP)

    return convert


def _with_tolerance(providers: Table) -> Table:
    """Provider figures: shares of prices are rounded to nine places, and then added up."""
    return {key: row | {"revenue": approx(row["revenue"], abs=Decimal("0.000001"))} for key, row in providers.items()}


def day_of(moment: datetime) -> date:
    """The day in UTC."""
    return moment.astimezone(UTC).date()


def _key(row: Row, names: tuple[str, ...]) -> Hashable:
    values = tuple(row[name] for name in names)
    return values[0] if len(values) == 1 else values


def _rest(row: Row, key: tuple[str, ...]) -> dict[str, Any]:
    excluded = {*key, "updated_at"}
    if key == ("agent_id",):
        excluded.add("workspace_id")
    return {name: value for name, value in row.items() if name not in excluded}


def _grouped(rows: Iterable[Row], key: Callable[[Row], Hashable]) -> dict[Any, list[Row]]:
    groups: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return groups


def _workspace_days(calls: list[Row], usage: list[Row], tests: set[Any], convert: Convert) -> Table:
    by_calls = _grouped(calls, lambda call: (call["workspace_id"], day_of(call["created_at"])))
    by_usage = _grouped(usage, lambda row: (row["workspace_id"], day_of(row["at"])))
    days = {
        key: _workspace_day(by_calls.get(key, []), by_usage.get(key, []), tests)
        for key in by_calls.keys() | by_usage.keys()
    }
    return {
        key: row
        | {"revenue": convert(key[0], key[1], row["price"])}
        | {"revenue_by_resource": _by_resource(by_usage.get(key, []), partial(convert, *key))}
        for key, row in days.items()
    }


def _by_resource(usage: list[Row], convert: Callable[[Decimal], Decimal]) -> dict[str, Decimal]:
    """What each resource brought, without zeros."""
    sums = {kind: _sum_known(rows, "price") for kind, rows in _grouped(usage, lambda row: row["resource_type"]).items()}
    return {kind: convert(price) for kind, price in sums.items() if price}


def _workspace_day(calls: list[Row], usage: list[Row], tests: set[Any]) -> dict[str, Any]:
    hours = Counter(call["created_at"].astimezone(UTC).hour for call in calls)
    used = {
        (row["provider"], row["call_id"])
        for row in usage
        if row["resource_type"] in PROVIDER_KINDS
        and row["provider"]
        and row["call_id"] is not None
        and row["call_id"] not in tests
    }
    return {
        "calls": len(calls),
        "seconds": sum(call["duration_seconds"] for call in calls),
        "price": _sum_known((row for row in usage if row["resource_type"] != "credit"), "price"),
        "cost": _sum_known(usage, "cost"),
        "by_status": dict(Counter(call["status"] for call in calls)),
        "by_direction": dict(Counter(call["direction"] for call in calls)),
        "by_carrier": dict(Counter(call["carrier"] for call in calls)),
        "by_provider": dict(Counter(provider for provider, _ in used)),
        "by_hour": [hours[hour] for hour in range(24)],
    }


def _sum_known(rows: Iterable[Row], name: str) -> Decimal:
    return sum((row[name] for row in rows if row[name] is not None), Decimal())


def _count_unpriced(rows: Iterable[Row]) -> int:
    """Rows without cost or price, but those of a kind that a known adjusting row settled."""

    def is_known(row: Row) -> bool:
        return row["cost"] is not None and row["price"] is not None

    def kind(row: Row) -> Hashable:
        return row["call_id"], row["model"], row["unit"]

    rows = list(rows)
    settled = {kind(row) for row in rows if row["entry"] == "adjustment" and row["call_id"] and is_known(row)}
    return sum(not is_known(row) and kind(row) not in settled for row in rows)


def _is_charged(row: Row) -> bool:
    return row["price"] is None or row["price_version"] is not None or row["price"] != 0


def _agents(calls: list[Row], key: Callable[[Row], Hashable]) -> Table:
    groups = _grouped((call for call in calls if call["agent_id"] is not None), key)
    return {
        group: {
            "calls": len(rows),
            "completed": sum(row["status"] == "completed" for row in rows),
            "seconds": sum(row["duration_seconds"] for row in rows),
        }
        for group, rows in groups.items()
    }


def _usage_days(usage: list[Row]) -> Table:
    groups = _grouped(
        usage, lambda row: (row["workspace_id"], day_of(row["at"]), row["resource_type"], row["provider"])
    )
    return {
        key: {
            "quantity": sum(row["quantity"] for row in rows),
            "calls": len({row["call_id"] for row in rows} - {None}),
            "cost": _sum_known(rows, "cost"),
            "price": _sum_known(rows, "price"),
            "unpriced": _count_unpriced(rows),
            "charged_quantity": sum((row["quantity"] for row in rows if _is_charged(row)), Decimal()),
        }
        for key, rows in groups.items()
    }


def _totals(workspace_days: Table) -> Table:
    groups = _grouped(workspace_days.items(), lambda item: item[0][0])
    names = ("calls", "seconds", "price", "revenue", "cost")
    sums = {key: {name: sum(day[name] for _, day in items) for name in names} for key, items in groups.items()}
    return {key: row for key, row in sums.items() if any(row.values())}


def _platform_days(workspace_days: Table, tiers: dict[Any, str]) -> Table:
    groups = _grouped(workspace_days.items(), lambda item: item[0][1])
    return {day: _platform_day([(tiers[key[0]], row) for key, row in items]) for day, items in groups.items()}


def _platform_day(items: list[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    rows = [row for _, row in items]
    by_tier: dict[str, Decimal] = defaultdict(Decimal)
    by_resource: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        for kind, amount in row["revenue_by_resource"].items():
            by_resource[kind] += amount
    for tier, row in items:
        by_tier[tier] += row["revenue"]
    count_columns = ("by_status", "by_direction", "by_carrier", "by_provider")
    return {
        **{name: sum(row[name] for row in rows) for name in ("calls", "seconds", "cost")},
        "price": sum(row["revenue"] for row in rows),
        **{name: dict(sum((Counter(row[name]) for row in rows), Counter())) for name in count_columns},
        "price_by_tier": dict(by_tier),
        "revenue_by_resource": dict(by_resource),
        "by_hour": [sum(row["by_hour"][hour] for row in rows) for hour in range(24)],
    }
