"""Random histories of workspaces: calls, plans, trials, allowances, numbers and credits up to a moment."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from control.analytics.rollups.service import WorkspaceDay, mark_days
from control.billing.accounts.rules import WorkspaceState
from control.billing.money import round_money
from control.db.pool import Connection
from shared.ids import new_id

# Days that a history lasts: members choose at most 92.
LONGEST: Final = timedelta(days=90)
TIMEZONES: Final = (
    "UTC", "UTC", "Europe/Berlin", "America/New_York", "America/Havana", "America/Sao_Paulo", "Asia/Kathmandu",
    "Australia/Lord_Howe", "Pacific/Auckland",
)  # fmt: skip
CURRENCIES: Final = ("usd", "usd", "eur", "jpy", "kwd")
COUNTRIES: Final = (None, "DE", "AT", "CH")
# Prices of a minute. They differ from those of the tiers, so that the averages of segments differ.
MINUTE_PRICES: Final = ("0.12", "0.08", "0.0333")
_MINUTE: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class HistoricCall:
    """A call. seconds: at first; later: what a late report adds, after its period was closed. price: of a minute, None:
    unknown."""

    id: UUID
    at: datetime
    seconds: int
    later: int
    price: Decimal | None
    is_test: bool

    def cost(self, seconds: int) -> Decimal:
        """What so many seconds cost at list price."""
        if self.price is None or self.is_test:
            return Decimal(0)
        return (self.price * seconds / 60).quantize(Decimal("1e-9"))


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """A workspace's history. close_last: its last period that is over is closed, too."""

    workspace_id: UUID
    timezone: str
    currency: str
    country: str | None
    anchor_day: int
    opened_at: datetime
    states: Sequence[WorkspaceState]
    calls: Sequence[HistoricCall]
    numbers: Sequence[tuple[datetime, datetime | None, Decimal]]
    grants: Sequence[tuple[Decimal, str, datetime | None]]
    close_last: bool


def make_history(random: Random, now: datetime) -> History:
    """Up to `now`."""
    opened_at = now - timedelta(minutes=random.randrange(60, LONGEST // _MINUTE))
    zone = random.choice(TIMEZONES)
    # Many calls lie next to midnights of the zone or of UTC, or to a month's end.
    moments = [_moment(random, opened_at, now, zone) for _ in range(random.choice((0, 3, 12, 25)))]
    return History(
        workspace_id=UUID(new_id()),
        timezone=zone,
        currency=random.choice(CURRENCIES),
        country=random.choice(COUNTRIES),
        anchor_day=random.choice((1, 1, 1, 15, 31)),
        opened_at=opened_at,
        states=list(_states(random, opened_at, now)),
        calls=[_call(random, at) for at in moments],
        numbers=[_number(random, opened_at, now) for _ in range(random.choice((0, 0, 1, 2)))],
        grants=[
            (Decimal(random.randrange(1, 9_000)) / 100, random.choice(("usage", "all")), random.choice((None, now)))
            for _ in range(random.choice((0, 0, 1, 2)))
        ],
        close_last=random.random() < 0.8,
    )


def _between(random: Random, first: datetime, last: datetime) -> datetime:
    return first + timedelta(microseconds=random.randrange((last - first) // timedelta(microseconds=1)))


def _moment(random: Random, first: datetime, last: datetime, zone: str) -> datetime:
    at = _between(random, first, last)
    if random.random() < 0.4:
        local = at.astimezone(ZoneInfo(random.choice((zone, "UTC"))))
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, day=random.choice((1, local.day)))
        at = midnight.astimezone(UTC) + random.choice((-1, 0, 1)) * timedelta(seconds=random.randrange(1, 90))
    return min(max(at, first), last - timedelta(seconds=1))


def _states(random: Random, opened_at: datetime, now: datetime) -> Iterator[WorkspaceState]:
    status = random.choice(("trial", "active"))
    yield WorkspaceState(opened_at, status, random.choice(("trial", "starter", "growth")))
    for at in sorted(_between(random, opened_at, now) for _ in range(random.choice((0, 0, 1, 2, 3)))):
        yield WorkspaceState(
            at, random.choice(("active", "active", "suspended", "trial")), random.choice(("starter", "growth"))
        )


def _call(random: Random, at: datetime) -> HistoricCall:
    price = None if random.random() < 0.04 else Decimal(random.choice(MINUTE_PRICES))
    seconds = random.choice((random.randrange(1, 90), random.randrange(1, 20_000)))
    later = random.choice((0, 0, 0, random.randrange(1, 500), -random.randrange(0, seconds)))
    return HistoricCall(UUID(new_id()), at, seconds, 0 if price is None else later, price, random.random() < 0.1)


def _number(random: Random, opened_at: datetime, now: datetime) -> tuple[datetime, datetime | None, Decimal]:
    since = _between(random, opened_at, now)
    until = _between(random, since, now) if random.random() < 0.5 else None
    return since, until, Decimal(random.randrange(0, 900)) / 100


async def insert_histories(db: Connection, histories: Sequence[History], user_id: UUID) -> None:
    """Writes them into the tables, without what comes late. user_id: becomes the owner of all."""
    await db.executemany(
        "INSERT INTO workspaces (id, name, timezone, status, tier_name, created_at) "
        "VALUES ($1, 'Acme', $2, $3, $4, $5)",
        [
            (history.workspace_id, history.timezone, state.status, state.tier_name, history.opened_at)
            for history in histories
            for state in history.states[-1:]
        ],
    )
    await db.executemany(
        "INSERT INTO workspace_members (workspace_id, user_id, role) VALUES ($1, $2, 'owner')",
        [(history.workspace_id, user_id) for history in histories],
    )
    await db.executemany(
        "INSERT INTO workspace_changes (id, workspace_id, at, status, tier_name, monthly_fee) "
        "VALUES ($1, $2, $3, $4, $5, 0)",
        [
            (UUID(new_id()), history.workspace_id, state.at, state.status, state.tier_name)
            for history in histories for state in history.states
        ],
    )  # fmt: skip
    await db.executemany(
        "INSERT INTO billing_accounts (workspace_id, opened_at, country, currency, anchor_day) "
        "VALUES ($1, $2, $3, $4, $5)",
        [
            (history.workspace_id, history.opened_at, history.country, history.currency, history.anchor_day)
            for history in histories
        ],
    )
    await db.executemany(
        "INSERT INTO phone_numbers (id, workspace_id, phone_number, carrier, carrier_number_id, status, monthly_price, "
        "created_at, released_at) VALUES ($1, $2, '+1' || (2000000000 + abs(hashtext($1::uuid::text)::bigint)), "
        "'twilio', $1::text, 'released', $3, $4, $5)",
        [
            (UUID(new_id()), history.workspace_id, price, since, until)
            for history in histories for since, until, price in history.numbers
        ],
    )  # fmt: skip
    await db.executemany(
        "INSERT INTO credit_grants (id, workspace_id, amount, category, applies_to, priority, effective_at, "
        "expires_at, reason, currency) VALUES ($1, $2, $3, 'goodwill', $4, 1, $5, $6, 'x', $7)",
        [
            (UUID(new_id()), history.workspace_id, round_money(amount, history.currency) or Decimal(1), scope,
             history.opened_at, expires, history.currency)
            for history in histories for amount, scope, expires in history.grants
        ],
    )  # fmt: skip
    await _insert_calls(db, histories)


async def _insert_calls(db: Connection, histories: Sequence[History]) -> None:
    calls = [(history.workspace_id, call) for history in histories for call in history.calls]
    await db.executemany(
        "INSERT INTO calls (id, workspace_id, direction, carrier, status, duration_seconds, is_test, cost_total, "
        "created_at) VALUES ($1, $2, 'inbound', 'twilio', 'completed', $3, $4, $5, $6)",
        [
            (call.id, workspace_id, call.seconds, call.is_test, call.cost(call.seconds), call.at)
            for workspace_id, call in calls
        ],
    )
    await _insert_minutes(db, [(workspace_id, call, call.seconds, "usage") for workspace_id, call in calls])
    await db.executemany(
        "INSERT INTO usage_records (id, workspace_id, call_id, at, resource_type, provider, quantity, unit, cost, "
        "price) VALUES ($1, $2, $3, $4, 'stt', 'deepgram', $5, 'ms', $6, 0)",
        [
            (UUID(new_id()), workspace_id, call.id, call.at, 1_000 * call.seconds, call.seconds * Decimal("0.0001"))
            for workspace_id, call in calls
        ],
    )  # fmt: skip


async def insert_late_reports(db: Connection, histories: Sequence[History]) -> None:
    """What became known of calls after their periods were closed."""
    late = [(history.workspace_id, call) for history in histories for call in history.calls if call.later]
    await _insert_minutes(db, [(workspace_id, call, call.later, "adjustment") for workspace_id, call in late])
    await db.executemany(
        "UPDATE calls SET duration_seconds = $2, cost_total = $3 WHERE id = $1",
        [(call.id, call.seconds + call.later, call.cost(call.seconds + call.later)) for _, call in late],
    )


async def _insert_minutes(db: Connection, rows: Sequence[tuple[UUID, HistoricCall, int, str]]) -> None:
    values: list[tuple[Any, ...]] = []
    for workspace_id, call, seconds, entry in rows:
        price = call.cost(call.seconds + seconds) - call.cost(call.seconds) if entry == "adjustment" else (
            None if call.price is None and not call.is_test else call.cost(seconds)
        )  # fmt: skip
        version = None if call.is_test or call.price is None else 1
        values.append((UUID(new_id()), workspace_id, call.id, call.at, Decimal(seconds), price, version, entry))
    await db.executemany(
        "INSERT INTO usage_records (id, workspace_id, call_id, at, resource_type, quantity, unit, cost, price, "
        "price_version, entry) VALUES ($1, $2, $3, $4, 'call_minutes', $5, 'second', 0, $6, $7, $8)",
        values,
    )
    await mark_days(db, [WorkspaceDay(row[1], row[3].astimezone(UTC).date()) for row in values])


def final_calls(history: History) -> list[HistoricCall]:
    """The calls with their last duration."""
    return [replace(call, seconds=call.seconds + call.later, later=0) for call in history.calls]
