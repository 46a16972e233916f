"""The expected roll-ups by quarter of an hour, by provider and by month, computed from the single rows in Python."""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

Row = Any
Table = dict[Any, Any]
STATUSES: Final = (
    "queued", "ringing", "in_progress", "completed", "failed", "busy", "no_answer", "canceled",
)  # fmt: skip
PROVIDER_SUMS: Final = ("calls", "measured", "failed_calls", "cost", "revenue", "unpriced")


def interval_of(moment: datetime) -> datetime:
    """The quarter of an hour in UTC."""
    moment = moment.astimezone(UTC)
    return moment.replace(minute=moment.minute // 15 * 15, second=0, microsecond=0)


def call_intervals(calls: Iterable[Row]) -> Table:
    """Calls that are no test calls, by workspace, quarter of an hour and agent."""
    groups = _grouped((c["workspace_id"], interval_of(c["created_at"]), c["agent_id"], c) for c in calls)
    return {key: _count_calls(rows) for key, rows in groups.items()}


def usage_intervals(usage: Iterable[Row]) -> Table:
    """What customers are charged."""
    charged = [row for row in usage if row["price"] is None or row["price_version"] is not None or row["price"] != 0]
    groups = _grouped((u["workspace_id"], interval_of(u["at"]), u["resource_type"], u) for u in charged)
    return {
        key: {
            "quantity": sum(row["quantity"] for row in rows),
            "price": sum((row["price"] for row in rows if row["price"] is not None), Decimal()),
            "unpriced": _count_open(rows, "price"),
        }
        for key, rows in groups.items()
    }


def provider_days(
    calls: Iterable[Row], usage: Iterable[Row], convert: Callable[[Any, date, Decimal], Decimal]
) -> Table:
    """By workspace, day of the call and provider; calls with test calls, which count in money only. convert: to the
    platform's currency."""
    by_call = _grouped((u["call_id"], u) for u in usage if u["call_id"] is not None)
    days: dict[Any, dict[str, Any]] = {}
    for call in calls:
        for provider, share in _shares(call, by_call.get((call["id"],), [])).items():
            key = (call["workspace_id"], call["created_at"].astimezone(UTC).date(), provider)
            days[key] = add_shares([days[key], share] if key in days else [share])
    return {key: row | {"revenue": convert(key[0], key[1], row["revenue"])} for key, row in days.items()}


def add_shares(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The sum of provider figures."""
    latency: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        for role, turns in row["latency"].items():
            latency[role].update(turns)
    total = {name: sum(row[name] for row in rows) for name in PROVIDER_SUMS}
    return total | {"latency": {role: dict(turns) for role, turns in latency.items()}}


def platform_provider_days(days: Table) -> Table:
    """The sums over workspaces."""
    groups = _grouped((day, provider, row) for (_, day, provider), row in days.items())
    return {key: add_shares(rows) for key, rows in groups.items()}


def months(workspace_days: Table) -> Table:
    """workspace_daily by month."""
    groups = _grouped((key[0], key[1].replace(day=1), row) for key, row in workspace_days.items())
    names = ("calls", "seconds", "revenue", "cost")
    return {key: {name: sum(row[name] for row in rows) for name in names} for key, rows in groups.items()}


def _count_calls(rows: list[Row]) -> dict[str, Any]:
    statuses = Counter(row["status"] for row in rows)
    sentiments = Counter(row["sentiment"] for row in rows)
    scores = [Decimal(str(row["sentiment_score"])) for row in rows if row["sentiment_score"] is not None]
    return {
        "calls": len(rows),
        "seconds": sum(row["duration_seconds"] for row in rows),
        "inbound": sum(row["direction"] == "inbound" for row in rows),
        **{status: statuses[status] for status in STATUSES},
        **{sentiment: sentiments[sentiment] for sentiment in ("positive", "neutral", "negative")},
        "judged": sum(row["success"] is not None for row in rows),
        "successful": sum(row["success"] is True for row in rows),
        "scored": len(scores),
        "score_sum": sum(scores, Decimal()),
    }


def _shares(call: Row, usage: list[Row]) -> Table:
    """One call's figures by provider."""
    failed = {(role, name) for role, names in (call["details"].get("failed_providers") or {}).items() for name in names}
    seen = {(row["resource_type"], row["provider"]) for row in usage if row["provider"]} | failed
    price = _sum(usage, "price")
    named = {row["provider"] for row in usage if row["provider"]}
    costs = {name: _sum((row for row in usage if row["provider"] == name), "cost") for name in named}
    positive = sum(max(cost, Decimal()) for cost in costs.values())
    shares = {}
    for provider in {name for _, name in seen}:
        mine = [row for row in usage if row["provider"] == provider]
        roles = {role for role, name in seen if name == provider}
        counts = not call["is_test"]
        if not counts and provider not in named:
            continue
        known = "failed_providers" in call["details"] and roles != {"telephony"}
        shares[provider] = {
            "calls": int(counts),
            "measured": int(counts and known),
            "failed_calls": int(counts and any(name == provider for _, name in failed)),
            "cost": costs.get(provider, Decimal()),
            "revenue": price * max(costs.get(provider, Decimal()), Decimal()) / positive if positive else Decimal(),
            "unpriced": sum(
                _count_open([row for row in mine if row["resource_type"] == role], "cost") for role in roles
            ),
            "latency": _latency(call, seen, provider) if counts else {},
        }
    return shares


def _latency(call: Row, seen: set[tuple[str, str]], provider: str) -> dict[str, Any]:
    alone = {role for role, count in Counter(role for role, _ in seen).items() if count == 1}
    return {
        role: turns
        for role, turns in call["details"].get("latency", {}).items()
        if role in alone and (role, provider) in seen
    }


def _count_open(rows: list[Row], name: str) -> int:
    """Rows without the amount, but those of a kind that an adjusting row with one settled."""

    def kind(row: Row) -> Hashable:
        return row["call_id"], row["provider"], row["model"], row["unit"]

    settled = {kind(row) for row in rows if row["entry"] == "adjustment" and row["call_id"] and row[name] is not None}
    return sum(row[name] is None and kind(row) not in settled for row in rows)


def _sum(rows: Iterable[Row], name: str) -> Decimal:
    return sum((row[name] for row in rows if row[name] is not None), Decimal())


def _grouped(rows: Iterable[tuple[Any, ...]]) -> dict[Any, list[Row]]:
    """Rows by key, of tuples (key…, row)."""
    groups: dict[Any, list[Row]] = defaultdict(list)
    for *key, row in rows:
        groups[tuple(key)].append(row)
    return groups
