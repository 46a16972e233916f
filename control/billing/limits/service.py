"""Keeps running calls within their workspace's spending limit: reserves time in Redis, limited by the ledger's budget.

A process refreshes a budget in three steps: it acquires the right to write the budget, reads the database, and writes
the budget with the requests of the running calls. A process that returns late, or after Redis lost its data, writes
nothing. Redis may lose its data at any time: before more time is granted, the budget is read again from the ledger and
the running calls.

Transferred calls have no media node, so jobs end them at the carrier. Their times are stored in PostgreSQL instead of
Redis, so that they also end if Redis is lost: `GRACE_S` after their time has ended, as nodes do
(shared/bus/granted_time.py).
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

import structlog

from control.accounts.emails.service import Email
from control.billing.accounts.service import BillingMail
from control.billing.credits import queries as credits_queries
from control.billing.limits import queries
from control.billing.limits.reservations import Reservations
from control.billing.limits.rules import (
    MINUTE_S,
    AlertKind,
    Budget,
    CallPrice,
    ChargedCall,
    NoSpendLimit,
    ReservationRequest,
    SpendAlert,
    SpendLimit,
    SpendSnapshot,
    SpendTerms,
    TransferTime,
    find_due,
    make_request,
    price_included,
    price_time,
)
from control.billing.money import format_money, round_money
from control.billing.periods import queries as periods_queries
from control.billing.periods.rules import Statement, StoredPeriod
from control.billing.periods.service import find_period, load_running_statement, load_statement
from control.billing.prices import queries as prices_queries
from control.billing.prices.rules import Consumption, PriceList
from control.db.pool import Connection, Pool
from control.db.scope import enter_platform
from control.outbound_webhooks.event_types import EventType, SpendingLimitEventData
from control.outbound_webhooks.service import ReportedFact, report_facts
from shared.bus.client import BusClient
from shared.bus.granted_time import GRACE_S, LAST_WORDS_S, NO_LIMIT, GrantedTime, GrantedTimes
from shared.bus.stream_credentials import StreamCredentialKeys
from shared.errors import Conflict
from shared.ids import new_id

log = structlog.get_logger()
_INSTANT: Final = timedelta(microseconds=1)

# --- What a workspace may spend ------------------------------------------------------------------------------------
NEW_CALL_S: Final = 0.0


async def load_terms(
    db: Connection,
    workspace_id: UUID,
    call_id: UUID,
    created_at: datetime,
    now: datetime,
    *,
    elapsed_s: float = NEW_CALL_S,
) -> SpendTerms | None:
    """Return the amount that a call must reserve before it begins. Needs platform scope.

    Returns None for a call without a limit: its workspace has no limit or is only warned, or its minutes have no price.

    Args:
        elapsed_s: Connected seconds so far, for a call that returns to its agent after a transfer.
    """
    limit = await queries.select_limit(db, workspace_id)
    if limit is None or not limit.ends_calls:
        return None
    prices = await _load_prices(db, [limit.tier_name])
    first = make_request(call_id, elapsed_s, _price_of(prices, limit, limit.tier_name, created_at))
    return None if first is None or not first.least.micros else SpendTerms(workspace_id, first, now)


async def load_snapshot(
    db: Connection, workspace_id: UUID, reserved: Collection[UUID], now: datetime, *, pausing: bool = True
) -> SpendSnapshot:
    """Load a workspace's budget and the requests of its running calls.

    The order of the queries matters, because each query sees the commits before it. A call that has ended at the first
    query is in the ledger at the last query. A call that ends in between is counted twice until the next snapshot.

    Args:
        reserved: Calls with reservations.
        pausing: Whether only a limit at which calls end counts.

    Raises:
        NoSpendLimit: The workspace has no such limit.
    """
    limit = await queries.select_limit(db, workspace_id)
    if limit is None or (pausing and not limit.ends_calls):
        raise NoSpendLimit
    is_open = await queries.select_open(db, reserved)
    calls = await queries.select_running(db, workspace_id, now)
    stale = await queries.select_marked_days(db, workspace_id)
    stored = await find_period(db, workspace_id, now)
    statement = await load_running_statement(db, workspace_id, stored.period, stored.currency, stale)
    prices = await _load_prices(db, {limit.tier_name, *(call.tier_name for call in calls)})
    minute = price_time(MINUTE_S, _price_of(prices, limit, limit.tier_name, now))
    budget = await _load_budget(db, workspace_id, limit, stored, statement, price_included(statement, minute), now)
    requests = {
        call: make_request(call.reservation_id, call.elapsed_s(now), _price_from(prices, limit, call)) for call in calls
    }
    priced = [request for request in requests.values() if request is not None]
    return SpendSnapshot(
        workspace_id=workspace_id,
        period=stored,
        limit=limit,
        budget=budget,
        minute_micros=minute.micros if minute else 0,
        running=priced,
        transfers={call.reservation_id: call for call, request in requests.items() if request and call.is_transferred},
        finished=frozenset(reserved) - is_open - {call.reservation_id for call in calls},
        unpriced=len(requests) - len(priced),
        told=frozenset(await queries.select_kinds(db, workspace_id, stored.period.start, budget.limit)),
    )


async def require_budget(db: Connection, workspace_id: UUID, now: datetime) -> None:
    """Raise Conflict (code spend_limit_reached) if the workspace cannot place another outbound call."""
    if not await has_budget(db, workspace_id, now):
        raise Conflict(
            "This workspace has reached its spending limit. Raise the limit first.", code="spend_limit_reached"
        )


async def has_budget(db: Connection, workspace_id: UUID, now: datetime) -> bool:
    """Return whether the workspace has budget left, before an outbound call is dialed. Works in any scope.

    Running calls do not count. The first minute is reserved when the call is answered.
    """
    limit = await queries.select_limit(db, workspace_id)
    if limit is None or not limit.ends_calls:
        return True
    stale = await queries.select_marked_days(db, workspace_id)
    stored = await find_period(db, workspace_id, now)
    statement = await load_running_statement(db, workspace_id, stored.period, stored.currency, stale)
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
    """Return the workspace's budget. If both the amount and the credits end calls, the smaller budget counts."""
    budgets = []
    if limit.amount is not None and (limit.pauses or not limit.is_prepaid):
        budgets.append(Budget(limit.amount, statement.usage, included))
    if limit.is_prepaid:
        budgets.append(await _load_prepaid(db, workspace_id, stored, statement, included, now))
    return min(budgets, key=lambda budget: budget.micros)


async def _load_prepaid(
    db: Connection, workspace_id: UUID, stored: StoredPeriod, statement: Statement, included: Decimal, now: datetime
) -> Budget:
    """Return the credits as a budget.

    The next invoices take usage and fee of the running period, and of periods that have ended but are not closed.
    Periods are read before credits, so that a period that closes in between is counted twice until the next refresh.
    """
    owed = statement.usage + statement.fee
    for open_period in await periods_queries.select_open(db, workspace_id):
        if open_period.period.end <= stored.period.start:
            past = await load_statement(db, workspace_id, open_period.period, open_period.currency)
            owed += past.usage + past.fee
    grants = await credits_queries.select_grants(db, workspace_id)
    usable = (
        grant.balance for grant in grants if grant.currency == stored.currency and grant.is_usable(now, now + _INSTANT)
    )
    return Budget(sum(usable, Decimal(0)), owed, included)


async def _load_prices(db: Connection, tiers: Collection[str]) -> PriceList:
    return PriceList(await prices_queries.select_versions(db, "price", tiers))


def _price_from(prices: PriceList, limit: SpendLimit, call: ChargedCall) -> CallPrice:
    """Return the price of the call's seconds that are not in the ledger yet."""
    price_of, charged_s = _price_of(prices, limit, call.tier_name, call.created_at), call.charged_s or 0
    charged = price_of(charged_s) if charged_s else Decimal(0)

    def calculate(seconds: int) -> Decimal | None:
        whole = price_of(charged_s + seconds)
        return None if whole is None or charged is None else whole - charged

    return calculate


def _price_of(prices: PriceList, limit: SpendLimit, tier_name: str, created_at: datetime) -> CallPrice:
    """Return the price of a call, computed like the ledger's price (control/billing/ledger/rules.py,
    make_minutes_row).
    """
    return lambda seconds: (
        prices.calculate(
            Consumption("price", tier_name, "call_minutes", "", "second", seconds, limit.currency), created_at
        ).value
    )


# --- Time of running calls -----------------------------------------------------------------------------------------
# Calls `load_snapshot` for these calls in a transaction with platform scope. Raises NoSpendLimit.
SnapshotReader = Callable[[frozenset[UUID]], Awaitable[SpendSnapshot]]
# A refusal is final if the budget is at most this old (ms). Otherwise the budget is read again before the call is
# refused.
FRESH_MS: Final = 1_000
# How often a call tries again while another process reads the budget, and the pause between two attempts. Together they
# take longer than a reader may take (READER_MS in control/billing/limits/reservations.py).
ATTEMPTS: Final = 60
PAUSE_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class SpendReport:
    """The result of a renewal.

    Attributes:
        granted: How long each running call may continue, by the id of its reservation.
    """

    snapshot: SpendSnapshot
    granted: Mapping[UUID, GrantedTime]

    @property
    def refused(self) -> list[UUID]:
        """Return the ids of reservations that were refused more time.

        Their calls end within the time that they have.
        """
        return [call_id for call_id, granted in self.granted.items() if granted.is_last]


class SpendGuard:
    """Reserves time for calls within their workspaces' budgets. It is stateless.

    All methods raise BusUnavailable and the errors of the reader.
    """

    def __init__(self, redis: BusClient, keys: StreamCredentialKeys | None = None) -> None:
        """Create the guard.

        Args:
            keys: Sign granted times for media nodes.
        """
        self._reservations, self._granted = Reservations(redis), GrantedTimes(redis, keys)

    async def admit(self, terms: SpendTerms, read: SnapshotReader) -> bool:
        """Reserve the first minute of a call that is about to begin. A repetition reserves nothing more.

        Returns False if the limit does not allow the call, or if no process could read the budget.
        """
        for _ in range(ATTEMPTS):
            grant = await self._reservations.reserve(terms.workspace_id, terms.first)
            if grant is not None and grant.seconds >= terms.first.least.seconds:
                await self._granted.write({str(terms.first.call_id): GrantedTime(grant.seconds)})
                return True
            if grant is not None and grant.budget_age_ms < FRESH_MS:
                return False
            try:
                report = await self.renew(terms.workspace_id, read)
            except NoSpendLimit:
                return True
            if report is None:
                await asyncio.sleep(PAUSE_S)
        return False

    async def renew(self, workspace_id: UUID, read: SnapshotReader) -> SpendReport | None:
        """Read the budget and reserve time for the running calls.

        Returns None if another process is doing so. If the reader fails, no process reads the budget for READER_MS.
        """
        reading = await self._reservations.begin_reading(workspace_id)
        if reading is None:
            return None
        try:
            snapshot = await read(reading.call_ids)
        except NoSpendLimit:
            await self._reservations.give_up_reading(reading)
            raise
        seconds = await self._reservations.end_reading(
            reading, snapshot.budget.micros, snapshot.finished, snapshot.running
        )
        if seconds is None:
            log.info("budget.reading_superseded", workspace_id=str(workspace_id))
            return None
        calls = zip(snapshot.running, seconds, strict=True)
        granted = {call.call_id: _granted_time(call, given) for call, given in calls}
        # Transferred calls have left their nodes.
        await self._granted.write(
            {str(call_id): time for call_id, time in granted.items() if call_id not in snapshot.transfers}
        )
        return SpendReport(snapshot, granted)

    async def lift(self, call_ids: Iterable[UUID]) -> None:
        """Remove the limit of running calls, because their workspace no longer has a limit."""
        await self._granted.write({str(call_id): NO_LIMIT for call_id in call_ids})


def _granted_time(call: ReservationRequest, seconds: int) -> GrantedTime:
    return GrantedTime(seconds, is_last=seconds < call.least.seconds)


# --- Time of transferred calls -------------------------------------------------------------------------------------
GRACE: Final = timedelta(seconds=GRACE_S)
# How long before the end of its last granted time a call is ended: the last words, plus the time until the next run of
# the duty, which would be too late.
LAST_RUN: Final = timedelta(seconds=LAST_WORDS_S + 10)
# After this time another job ends a call that continues although an earlier job should have ended it.
AGAIN: Final = timedelta(minutes=1)
# How long entries are kept: longer than the longest transfer.
KEPT: Final = timedelta(hours=6)
# Maximum number of calls that one run ends. The next run follows within seconds.
BATCH: Final = 500
# Enqueues a job that ends this transferred call, in the current transaction.
EndTransfer = Callable[[Connection, UUID], Awaitable[None]]


class TransferLimits:
    """Limits the time of transferred calls."""

    def __init__(self, end_transfer: EndTransfer) -> None:
        self._end_transfer = end_transfer

    async def store(self, pool: Pool, report: SpendReport, now: datetime) -> None:
        """Store how long the transferred calls of a workspace may continue."""
        transfers = report.snapshot.transfers
        times = [_time_of(call, report.granted[reservation_id], now) for reservation_id, call in transfers.items()]
        if times:
            async with pool.transaction() as db:
                await enter_platform(db)
                await queries.upsert_times(db, report.snapshot.workspace_id, times)

    async def store_unreserved(self, pool: Pool, snapshot: SpendSnapshot, now: datetime) -> None:
        """Limit transfers while Redis is unavailable and grants no time: transfers without an entry end after GRACE."""
        if snapshot.transfers:
            calls = {call.id for call in snapshot.transfers.values()}
            async with pool.transaction() as db:
                await enter_platform(db)
                await queries.insert_unreserved(db, snapshot.workspace_id, calls, now)

    async def end_due(self, pool: Pool, now: datetime) -> int:
        """Enqueue jobs that end the calls whose time has ended. Return how many were enqueued. Works without Redis."""
        async with pool.transaction() as db:
            await enter_platform(db)
            due = await queries.lock_due(db, now + LAST_RUN, now - GRACE, now, now - AGAIN, BATCH)
            for call_id in due:
                log.info("transfer.time_over", call_id=str(call_id))
                await self._end_transfer(db, call_id)
            await queries.mark_ended(db, due, now)
            await queries.delete_old(db, now - KEPT)
        return len(due)


def _time_of(call: ChargedCall, granted: GrantedTime, now: datetime) -> TransferTime:
    since = now - timedelta(seconds=call.elapsed_s(now))
    return TransferTime(call.id, since + timedelta(seconds=granted.seconds), granted.is_last)


# --- Alerts --------------------------------------------------------------------------------------------------------
async def send_alert(
    db: Connection, mail: BillingMail, snapshot: SpendSnapshot, now: datetime, *, is_refusing: bool
) -> AlertKind | None:
    """Store and e-mail the alert that is due, and return it. Needs platform scope."""
    kind = find_due(snapshot, is_refusing=is_refusing)
    if kind is None or not await queries.insert_alert(db, _make_alert(snapshot, kind, now)):
        return None
    log.info("spend_limit.noticed", workspace_id=str(snapshot.workspace_id), kind=kind)
    await report_limit(db, snapshot, kind, now)
    await mail.send(db, snapshot.workspace_id, "settings", lambda to, link: alert_email(to, snapshot, kind, link))
    return kind


def alert_email(to: str, snapshot: SpendSnapshot, kind: AlertKind, link: str) -> Email:
    """Return the e-mail of an alert."""
    currency, limit = snapshot.period.currency, snapshot.limit
    spent = format_money(round_money(snapshot.budget.spent, currency), currency)
    most = format_money(round_money(snapshot.budget.limit, currency), currency)
    if kind == "threshold":
        subject = f"{limit.workspace_name}: {limit.threshold} % of the spending limit is used"
        what = f"{spent} of the {most} that {limit.workspace_name} may spend are used."
        then = "Calls will end at the limit." if limit.ends_calls else "Calls will continue beyond the limit."
    else:
        subject = f"{limit.workspace_name}: the spending limit is reached"
        what = f"{limit.workspace_name} has used {spent}, and may spend {most}."
        then = (
            "Calls end now, and no further calls are answered until more money is available."
            if limit.ends_calls
            else "Calls continue, as you chose."
        )
    text = f"Hello,\n\n{what} {then}\n\nYou can see and change it here:\n\n{link}\n"
    return Email(to, subject, text)


def _make_alert(snapshot: SpendSnapshot, kind: AlertKind, now: datetime) -> SpendAlert:
    return SpendAlert(
        id=UUID(new_id()),
        workspace_id=snapshot.workspace_id,
        period_start=snapshot.period.period.start,
        usage_limit=snapshot.budget.limit,
        kind=kind,
        spent=snapshot.budget.spent,
        at=now,
        threshold_percentage=snapshot.limit.threshold,
        ends_calls=snapshot.limit.ends_calls,
    )


async def report_limit(db: Connection, snapshot: SpendSnapshot, kind: AlertKind, now: datetime) -> None:
    """Store the event of an alert, in the alert's transaction."""
    data = SpendingLimitEventData(
        period_start=snapshot.period.period.start,
        usage_limit=snapshot.budget.limit,
        spent=snapshot.budget.spent,
        currency=snapshot.period.currency,
        ends_calls=snapshot.limit.ends_calls,
    )
    workspace_id = snapshot.workspace_id
    type_: EventType = "spending_limit.near" if kind == "threshold" else "spending_limit.reached"
    await report_facts(db, [ReportedFact(workspace_id, type_, workspace_id, now, data)])
