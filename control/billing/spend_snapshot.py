"""Reads what the spending limit of a workspace leaves for its calls. Prices are visible in platform scope only."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from control.billing import read_spend_limits, store_alerts, store_credits, store_periods, store_prices
from control.billing.accounts import AlertKind, StoredPeriod
from control.billing.budget import (
    MINUTE_S,
    Budget,
    CallPrice,
    ReservationRequest,
    make_request,
    price_included,
    price_time,
)
from control.billing.closure import find_period
from control.billing.prices import Consumption, PriceList
from control.billing.read_spend_limits import ChargedCall, SpendLimit
from control.billing.statement import Statement
from control.billing.statements import load_exact_statement, load_statement
from control.db.pool import Connection
from shared.errors import Conflict

NEW_CALL_S: Final = 0.0
_INSTANT: Final = timedelta(microseconds=1)


class NoSpendLimit(Exception):
    """The workspace has no limit at which its calls end."""


@dataclass(frozen=True, slots=True)
class SpendTerms:
    """A call that may begin only if its first minute can be reserved."""

    workspace_id: UUID
    first: ReservationRequest
    at: datetime


@dataclass(frozen=True, slots=True)
class SpendSnapshot:
    """What a workspace may spend, and what its calls need. finished: calls whose cost the budget contains. unpriced:
    running calls whose price is unknown. told: the alerts of this period and limit. minute_micros: of a call that
    begins now. transfers: those of the running calls that were transferred and have a price, by their reservations."""

    workspace_id: UUID
    period: StoredPeriod
    limit: SpendLimit
    budget: Budget
    minute_micros: int
    running: list[ReservationRequest]
    transfers: Mapping[UUID, ChargedCall]
    finished: frozenset[UUID]
    unpriced: int
    told: frozenset[AlertKind]


async def load_terms(
    db: Connection,
    workspace_id: UUID,
    call_id: UUID,
    created_at: datetime,
    now: datetime,
    *,
    elapsed_s: float = NEW_CALL_S,
) -> SpendTerms | None:
    """None for a call without a limit: the workspace has none, or is only warned, or its minutes have no price.
    elapsed_s: connected seconds so far, of a call that goes on with its agent. Needs platform scope."""
    limit = await read_spend_limits.select_limit(db, workspace_id)
    if limit is None or not limit.ends_calls:
        return None
    prices = await _load_prices(db, [limit.tier_name])
    first = make_request(call_id, elapsed_s, _price_of(prices, limit, limit.tier_name, created_at))
    return None if first is None or not first.least.micros else SpendTerms(workspace_id, first, now)


async def load_snapshot(
    db: Connection, workspace_id: UUID, reserved: Collection[UUID], now: datetime, *, pausing: bool = True
) -> SpendSnapshot:
    """reserved: calls with reservations. pausing: calls must end at the limit. Needs platform scope. Raises
    NoSpendLimit.

    The order matters, because each query sees what was committed before it. Calls that are over at the first one are in
    the ledger at the last; a call that ends in between is counted twice until the next snapshot, never not at all.
    """
    limit = await read_spend_limits.select_limit(db, workspace_id)
    if limit is None or (pausing and not limit.ends_calls):
        raise NoSpendLimit
    is_open = await read_spend_limits.select_open(db, reserved)
    calls = await read_spend_limits.select_running(db, workspace_id, now)
    stale = await read_spend_limits.select_marked_days(db, workspace_id)
    stored = await find_period(db, workspace_id, now)
    statement = await load_exact_statement(db, workspace_id, stored.period, stored.currency, stale)
    prices = await _load_prices(db, {limit.tier_name, *(call.tier_name for call in calls)})
    minute = price_time(MINUTE_S, _price_of(prices, limit, limit.tier_name, now))
    budget = await _load_budget(db, workspace_id, limit, stored, statement, price_included(statement, minute), now)
    requests = {
        call: make_request(call.reservation_id, call.elapsed_s(now), _price_from(prices, limit, call)) for call in calls
    }
    priced = [one for one in requests.values() if one is not None]
    return SpendSnapshot(
        workspace_id=workspace_id,
        period=stored,
        limit=limit,
        budget=budget,
        minute_micros=minute.micros if minute else 0,
        running=priced,
        transfers={call.reservation_id: call for call, one in requests.items() if one and call.is_transferred},
        finished=frozenset(reserved) - is_open - {call.reservation_id for call in calls},
        unpriced=len(requests) - len(priced),
        told=frozenset(await store_alerts.select_kinds(db, workspace_id, stored.period.start, budget.limit)),
    )


async def require_budget(db: Connection, workspace_id: UUID, now: datetime) -> None:
    """For outbound calls before they are placed. Raises Conflict (code spend_limit_reached)."""
    if not await has_budget(db, workspace_id, now):
        raise Conflict("This workspace has reached its spending limit. Raise it first.", code="spend_limit_reached")


async def has_budget(db: Connection, workspace_id: UUID, now: datetime) -> bool:
    """Whether anything is left for calls, running ones not counted: before an outbound call is dialled. Its first
    minute is reserved when it is answered. In any scope."""
    limit = await read_spend_limits.select_limit(db, workspace_id)
    if limit is None or not limit.ends_calls:
        return True
    stale = await read_spend_limits.select_marked_days(db, workspace_id)
    stored = await find_period(db, workspace_id, now)
    statement = await load_exact_statement(db, workspace_id, stored.period, stored.currency, stale)
    budget = await _load_budget(db, workspace_id, limit, stored, statement, Decimal(0), now)
    return budget.micros > 0 or statement.included_left > 0


async def _load_budget(
    db: Connection,
    workspace_id: UUID,
    limit: SpendLimit,
    stored: StoredPeriod,
    statement: Statement,
    included: Decimal,
    now: datetime,
) -> Budget:
    """The one of which less is left, where both the amount and the credits end calls."""
    budgets = []
    if limit.amount is not None and (limit.pauses or not limit.is_prepaid):
        budgets.append(Budget(limit.amount, statement.usage, included))
    if limit.is_prepaid:
        budgets.append(await _load_prepaid(db, workspace_id, stored, statement, included, now))
    return min(budgets, key=lambda one: one.micros)


async def _load_prepaid(
    db: Connection, workspace_id: UUID, stored: StoredPeriod, statement: Statement, included: Decimal, now: datetime
) -> Budget:
    """The credits, and what their next invoices will take: the running period's usage and whole fee, and those of
    periods that are over and not closed. Periods are read before credits: one that is closed in between is counted
    twice until the next time, never not at all."""
    owed = statement.usage + statement.fee
    for one in await store_periods.select_open(db, workspace_id):
        if one.period.end <= stored.period.start:
            past = await load_statement(db, workspace_id, one.period, one.currency)
            owed += past.usage + past.fee
    grants = await store_credits.select_grants(db, workspace_id)
    usable = (one.balance for one in grants if one.currency == stored.currency and one.is_usable(now, now + _INSTANT))
    return Budget(sum(usable, Decimal(0)), owed, included)


async def _load_prices(db: Connection, tiers: Collection[str]) -> PriceList:
    return PriceList(await store_prices.select_versions(db, "price", tiers))


def _price_from(prices: PriceList, limit: SpendLimit, call: ChargedCall) -> CallPrice:
    """Of the seconds that the ledger does not have yet."""
    price_of, charged_s = _price_of(prices, limit, call.tier_name, call.created_at), call.charged_s or 0
    charged = price_of(charged_s) if charged_s else Decimal(0)

    def calculate(seconds: int) -> Decimal | None:
        whole = price_of(charged_s + seconds)
        return None if whole is None or charged is None else whole - charged

    return calculate


def _price_of(prices: PriceList, limit: SpendLimit, tier_name: str, created_at: datetime) -> CallPrice:
    """As the ledger computes it (control/billing/ledger.py, make_minutes_row)."""
    return lambda seconds: (
        prices.calculate(
            Consumption("price", tier_name, "call_minutes", "", "second", seconds, limit.currency), created_at
        ).value
    )
