"""Reads what a period's statement is computed from: for its closing the ledger, for a running period the roll-ups."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from uuid import UUID

from control.billing import read_billed_workspaces, read_usage_days, store_charges, store_currencies, store_plans
from control.billing.exchange_rates import RateHistory
from control.billing.periods import BillingPeriod
from control.billing.plans import PlanHistory, PlanSegment, split_period
from control.billing.statement import RentedNumber, SegmentUsage, Statement, compute_statement
from control.db.pool import Connection

_DAY: Final = timedelta(days=1)
# A stretch of time, from (inclusive), to (exclusive); a span of days, both inclusive.
Part = tuple[datetime, datetime]
Span = tuple[date, date]


@dataclass(frozen=True, slots=True)
class _Places:
    """Of which parts and spans a segment consists, by their numbers."""

    parts: list[int]
    spans: list[int]


async def load_statement(db: Connection, workspace_id: UUID, period: BillingPeriod, currency: str) -> Statement:
    """The statement of a whole period by the ledger."""
    segments = await load_segments(db, workspace_id, period, currency)
    usage = await store_charges.sum_minutes(db, workspace_id, [(one.since, one.until) for one in segments])
    return await _compute(db, workspace_id, period, currency, segments, usage)


async def load_running_statement(db: Connection, workspace_id: UUID, period: BillingPeriod, currency: str) -> Statement:
    """The same of a period that is not over, as if plan and numbers stayed until its end.

    Reads roll-ups for whole days (UTC), and the ledger only for the rest of the days in which a segment begins.
    """
    return await _load_running(db, workspace_id, period, currency, ())


async def load_exact_statement(
    db: Connection, workspace_id: UUID, period: BillingPeriod, currency: str, stale: Collection[date]
) -> Statement:
    """The running statement with each call that is over. stale: days whose roll-ups are not up to date, read before, so
    that no call is missing that was over then; they are read from the ledger."""
    return await _load_running(db, workspace_id, period, currency, stale)


async def _load_running(
    db: Connection, workspace_id: UUID, period: BillingPeriod, currency: str, stale: Collection[date]
) -> Statement:
    segments = await load_segments(db, workspace_id, period, currency)
    parts, spans, places = split_days(segments, stale)
    ledger = await store_charges.sum_minutes(db, workspace_id, parts)
    days = await read_usage_days.sum_days(db, workspace_id, spans)
    usage = [
        _add([*(ledger[number] for number in one.parts), *(days[number] for number in one.spans)]) for one in places
    ]
    return await _compute(db, workspace_id, period, currency, segments, usage)


async def load_segments(db: Connection, workspace_id: UUID, period: BillingPeriod, currency: str) -> list[PlanSegment]:
    """The period's segments, as the plan and the status are now until its end."""
    states = await read_billed_workspaces.select_states(db, workspace_id, period.start, period.end)
    plans = PlanHistory(await store_plans.select_plans(db, currency))
    return split_period(period.start, period.end, states, plans)


def split_days(
    segments: Sequence[PlanSegment], stale: Collection[date] = ()
) -> tuple[list[Part], list[Span], list[_Places]]:
    """Cuts segments at midnight (UTC) into spans of whole days and what is left over before and after. stale: days that
    are parts and in no span."""
    parts: list[Part] = []
    spans: list[Span] = []
    places = []
    for segment in segments:
        one = _Places([], [])
        first, last = _next_midnight(segment.since), _midnight(segment.until)
        whole = [day for day in sorted(stale) if first.date() <= day < last.date()]
        for span in _cut_span(first.date(), last.date(), whole):
            one.spans.append(len(spans))
            spans.append(span)
        ends = ((segment.since, min(first, segment.until)), (max(first, last), segment.until))
        for part in (*ends, *((_begin(day), _begin(day + _DAY)) for day in whole)):
            if part[0] < part[1]:
                one.parts.append(len(parts))
                parts.append(part)
        places.append(one)
    return parts, spans, places


def _cut_span(first: date, end: date, without: Sequence[date]) -> list[Span]:
    """The days from `first` to the one before `end`, without some of them, which are in order."""
    starts = [first, *(day + _DAY for day in without)]
    return [(start, stop - _DAY) for start, stop in zip(starts, (*without, end), strict=True) if start < stop]


async def _compute(
    db: Connection,
    workspace_id: UUID,
    period: BillingPeriod,
    currency: str,
    segments: Sequence[PlanSegment],
    usage: Sequence[SegmentUsage],
) -> Statement:
    rates = await store_currencies.load_history(db, currency)
    return compute_statement(period, segments, usage, await load_numbers(db, workspace_id, period, rates))


async def load_numbers(
    db: Connection, workspace_id: UUID, period: BillingPeriod, rates: RateHistory
) -> list[RentedNumber]:
    """The workspace's numbers. They cost what the carrier asks, by the rate of the period's begin."""
    found = await read_billed_workspaces.select_numbers(db, workspace_id, period.start, period.end)
    return [replace(number, monthly_price=rates.from_usd(number.monthly_price, period.start)) for number in found]


def _add(sums: Sequence[SegmentUsage]) -> SegmentUsage:
    empty = SegmentUsage()
    return SegmentUsage(
        sum((one.seconds for one in sums), empty.seconds),
        sum((one.price for one in sums), empty.price),
        sum(one.unpriced for one in sums),
    )


def _midnight(moment: datetime) -> datetime:
    return _begin(moment.astimezone(UTC).date())


def _begin(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _next_midnight(moment: datetime) -> datetime:
    """The moment itself if it is midnight."""
    midnight = _midnight(moment)
    return midnight if midnight == moment else midnight + _DAY
