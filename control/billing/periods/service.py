"""Opens the billing periods of all accounts, and loads their statements."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

import asyncpg  # type: ignore[import-untyped]
import structlog

from control.audit.service import Actor, Change, record_change
from control.billing.accounts import queries as accounts_queries
from control.billing.accounts.rules import BillingAccount
from control.billing.accounts.service import load_account, lock_account
from control.billing.ledger import queries as ledger_queries
from control.billing.ledger.rules import SegmentUsage
from control.billing.periods import queries
from control.billing.periods.rules import (
    BillingPeriod,
    DailyCharge,
    PeriodSummary,
    PlanSegment,
    Statement,
    StoredPeriod,
    charge_numbers,
    compute_statement,
    first_period,
    next_period,
    split_period,
)
from control.billing.prices import queries as prices_queries
from control.billing.prices.rules import PlanHistory, RateHistory
from control.db.keyset import ListPage, PageRequest
from control.db.pool import Connection
from control.platform.service import require_priced
from shared.errors import Conflict, NotFound
from shared.ids import new_id
from shared.logs import error_fields

log = structlog.get_logger()
_DAY: Final = timedelta(days=1)

# --- Opening periods -----------------------------------------------------------------------------------------------
# Errors that the data of a single workspace may cause. All other errors, such as a lost connection, end the whole run.
_FAULTS: Final = (asyncpg.PostgresError, ArithmeticError, LookupError, ValueError)


@dataclass(frozen=True, slots=True)
class OpenedPeriods:
    """The result of a run that opens periods.

    Attributes:
        opened: Number of opened periods.
        failed: Number of accounts whose next period could not be opened.
    """

    opened: int
    failed: int


async def open_periods(db: Connection, now: datetime, most: int, *, looked_at: int = 0) -> OpenedPeriods:
    """Open up to `most` periods, for accounts whose last period has ended. Needs platform scope.

    A failure is logged and does not stop the other periods, because each period is opened in a savepoint.

    Args:
        looked_at: Maximum number of accounts to try.
    """
    opened = failed = 0
    for workspace_id in await queries.select_without_period(db, now, max(most, looked_at)):
        if opened >= most:
            break
        try:
            async with db.transaction():
                opened += await _open_next(db, workspace_id)
        except _FAULTS as error:
            failed += 1
            log.error("billing_period.open_failed", workspace_id=str(workspace_id), **error_fields(error))
    return OpenedPeriods(opened, failed)


async def _open_next(db: Connection, workspace_id: UUID) -> bool:
    """Open the next period. Return False if the workspace has no account, or if another process opened the period."""
    account = await accounts_queries.select_account(db, workspace_id, lock=True)
    if account is None:
        return False
    period = await _next(db, account, await queries.select_last(db, workspace_id))
    states = await accounts_queries.select_states(db, workspace_id, period.start, period.end)
    stored = StoredPeriod(UUID(new_id()), workspace_id, period, account.currency, "open", Decimal(0))
    return await queries.insert_period(db, stored, states[0].tier_name if states else "")


async def _next(db: Connection, account: BillingAccount, last: StoredPeriod | None) -> BillingPeriod:
    facts = await accounts_queries.select_facts(db, account.workspace_id)
    if last is None:
        return first_period(account.opened_at, facts.timezone if facts else "UTC", account.anchor_day)
    return next_period(last.period.end, facts.timezone if facts else last.period.timezone, account.anchor_day)


async def find_period(db: Connection, workspace_id: UUID, now: datetime) -> StoredPeriod:
    """Return the running period, or compute it if the worker has not opened it yet. The workspace must exist."""
    stored = await queries.select_at(db, workspace_id, now)
    if stored is not None:
        return stored
    account = await load_account(db, workspace_id)
    last = await queries.select_last(db, workspace_id)
    period = await _next(db, account, last)
    while period.end <= now:
        period = next_period(period.end, period.timezone, account.anchor_day)
    return StoredPeriod(UUID(int=0), workspace_id, period, account.currency, "open", Decimal(0))


# --- Statements ----------------------------------------------------------------------------------------------------
# A part is a time span from start (inclusive) to end (exclusive). A span is a number of days, both ends inclusive.
Part = tuple[datetime, datetime]
Span = tuple[date, date]


@dataclass(frozen=True, slots=True)
class _Places:
    """The indexes of the parts and spans of a segment."""

    parts: list[int]
    spans: list[int]


async def load_statement(db: Connection, workspace_id: UUID, period: BillingPeriod, currency: str) -> Statement:
    """Return the statement of a whole period from the ledger."""
    segments = await load_segments(db, workspace_id, period, currency)
    usage = await ledger_queries.sum_minutes(db, workspace_id, [(segment.since, segment.until) for segment in segments])
    return await _compute(db, workspace_id, period, currency, segments, usage)


async def load_running_statement(
    db: Connection, workspace_id: UUID, period: BillingPeriod, currency: str, stale: Collection[date] = ()
) -> Statement:
    """Return the statement of a running period, assuming that plan and numbers stay unchanged until its end.

    Reads roll-ups for whole UTC days, and the ledger only for the rest of the days in which a segment begins.

    Args:
        stale: Days whose roll-ups are outdated and that are read from the ledger instead. If the stale days were read
            before this call, the statement contains each call that had ended then.
    """
    segments = await load_segments(db, workspace_id, period, currency)
    parts, spans, places = split_days(segments, stale)
    ledger = await ledger_queries.sum_minutes(db, workspace_id, parts)
    days = await ledger_queries.sum_days(db, workspace_id, spans)
    usage = [
        _add([*(ledger[number] for number in place.parts), *(days[number] for number in place.spans)])
        for place in places
    ]
    return await _compute(db, workspace_id, period, currency, segments, usage)


async def load_segments(db: Connection, workspace_id: UUID, period: BillingPeriod, currency: str) -> list[PlanSegment]:
    """Return the period's segments, assuming that the current plan and status stay unchanged until its end."""
    states = await accounts_queries.select_states(db, workspace_id, period.start, period.end)
    plans = PlanHistory(await prices_queries.select_plans(db, currency))
    return split_period(period.start, period.end, states, plans)


async def load_daily_charges(
    db: Connection, workspace_id: UUID, period: BillingPeriod, segments: Sequence[PlanSegment], rates: RateHistory
) -> list[DailyCharge]:
    """Return the daily charges, assuming that nothing changes until the period's end.

    These are the workspace's numbers, at the carrier's price converted at the exchange rate at the period's beginning.
    """
    found = await queries.select_numbers(db, workspace_id, period.start, period.end)
    numbers = [replace(number, monthly_price=rates.from_usd(number.monthly_price, period.start)) for number in found]
    return charge_numbers(period, segments, numbers)


async def _compute(
    db: Connection,
    workspace_id: UUID,
    period: BillingPeriod,
    currency: str,
    segments: Sequence[PlanSegment],
    usage: Sequence[SegmentUsage],
) -> Statement:
    rates = await prices_queries.load_rates(db, currency)
    daily = await load_daily_charges(db, workspace_id, period, segments, rates)
    return compute_statement(period, segments, usage, daily)


def split_days(
    segments: Sequence[PlanSegment], stale: Collection[date] = ()
) -> tuple[list[Part], list[Span], list[_Places]]:
    """Cut segments at UTC midnights into spans of whole days, and parts before and after them.

    Args:
        stale: Days that become parts instead of belonging to a span.
    """
    parts: list[Part] = []
    spans: list[Span] = []
    places = []
    for segment in segments:
        place = _Places([], [])
        first, last = _next_midnight(segment.since), _midnight(segment.until)
        whole = [day for day in sorted(stale) if first.date() <= day < last.date()]
        for span in _cut_span(first.date(), last.date(), whole):
            place.spans.append(len(spans))
            spans.append(span)
        ends = ((segment.since, min(first, segment.until)), (max(first, last), segment.until))
        for part in (*ends, *((_begin(day), _begin(day + _DAY)) for day in whole)):
            if part[0] < part[1]:
                place.parts.append(len(parts))
                parts.append(part)
        places.append(place)
    return parts, spans, places


def _cut_span(first: date, end: date, without: Sequence[date]) -> list[Span]:
    """Return the days from `first` (inclusive) to `end` (exclusive) as spans, without the given ordered days."""
    starts = [first, *(day + _DAY for day in without)]
    return [(start, stop - _DAY) for start, stop in zip(starts, (*without, end), strict=True) if start < stop]


def _add(sums: Sequence[SegmentUsage]) -> SegmentUsage:
    empty = SegmentUsage()
    return SegmentUsage(
        sum((part.seconds for part in sums), empty.seconds),
        sum((part.price for part in sums), empty.price),
        sum(part.unpriced for part in sums),
    )


def _midnight(moment: datetime) -> datetime:
    return _begin(moment.astimezone(UTC).date())


def _begin(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _next_midnight(moment: datetime) -> datetime:
    """Return the next UTC midnight, or the time itself if it is midnight."""
    midnight = _midnight(moment)
    return midnight if midnight == moment else midnight + _DAY


# --- For members and the staff -------------------------------------------------------------------------------------
async def list_periods(db: Connection, workspace_id: UUID, *, page: PageRequest) -> ListPage[PeriodSummary]:
    """Return a page of closed periods, newest first. Raises Invalid (code cursor_unknown)."""
    found = await queries.select_page(db, workspace_id, page)
    if page.cursor is not None:
        return found
    return found.with_total(await queries.count_closed(db, workspace_id))


async def set_currency(db: Connection, actor: Actor, workspace_id: UUID, currency: str) -> BillingAccount:
    """Change the currency of a workspace and of its open periods.

    Existing amounts cannot be converted, so the change is refused if the workspace has calls, invoices, credits or a
    limit. Raises NotFound (code workspace_not_found) and Conflict (codes currency_in_use, tier_not_priced).
    """
    tier_name = await accounts_queries.lock_tier(db, workspace_id)
    if tier_name is None:
        raise NotFound("This workspace does not exist.", code="workspace_not_found")
    before = await lock_account(db, workspace_id)
    if before.currency == currency:
        return before
    await require_priced(db, tier_name, currency, "currency")
    # This must be the last query, because it sees the commits before it: calls last longer than the rest of this
    # function.
    if await accounts_queries.has_amounts(db, workspace_id):
        raise Conflict("This workspace already has calls, invoices, credits or a limit.", code="currency_in_use")
    await accounts_queries.update_currency(db, workspace_id, currency)
    await queries.update_currency(db, workspace_id, currency)
    change = Change(
        "billing.currency",
        "billing_account",
        str(workspace_id),
        workspace_id,
        before={"currency": before.currency},
        after={"currency": currency},
    )
    await record_change(db, actor, change)
    return replace(before, currency=currency)
