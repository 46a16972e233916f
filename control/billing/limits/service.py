"""Keeps running calls within their workspace's spending limit: reserves time for them in Redis, by the ledger's budget.

A budget is read in three steps: taking the right to write it, reading the database, writing it together with what calls
need. Whoever comes back late, or after a loss of Redis, writes nothing. So Redis may be lost at any time: it is filled
again from the ledger and the calls that go on before anything is granted.

Transferred calls have no media node, so jobs end them at the carrier. Their times are in PostgreSQL and not in Redis,
so that they end also when Redis is lost: `GRACE_S` after their time is over, as nodes do it
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

from control.accounts.email_delivery import Email
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
    make_request,
    price_included,
    price_time,
)
from control.billing.money import format_money, round_money
from control.billing.periods import queries as periods_queries
from control.billing.periods.rules import Statement, StoredPeriod
from control.billing.periods.service import find_period, load_exact_statement, load_statement
from control.billing.prices import queries as prices_queries
from control.billing.prices.rules import Consumption, PriceList
from control.db.pool import Connection, Pool
from control.db.scope import enter_platform
from control.outbound_webhooks.event_types import EventType, SpendingLimitEventData
from control.outbound_webhooks.service import ReportedFact, report_facts
from shared.bus.client import BusClient
from shared.bus.granted_time import GRACE_S, LAST_WORDS_S, NO_LIMIT, GrantedTime, GrantedTimes
from shared.bus.vouchers import VoucherKeys
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
    """None for a call without a limit: the workspace has none, or is only warned, or its minutes have no price.
    elapsed_s: connected seconds so far, of a call that goes on with its agent. Needs platform scope."""
    limit = await queries.select_limit(db, workspace_id)
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
    limit = await queries.select_limit(db, workspace_id)
    if limit is None or (pausing and not limit.ends_calls):
        raise NoSpendLimit
    is_open = await queries.select_open(db, reserved)
    calls = await queries.select_running(db, workspace_id, now)
    stale = await queries.select_marked_days(db, workspace_id)
    stored = await find_period(db, workspace_id, now)
    statement = await load_exact_statement(db, workspace_id, stored.period, stored.currency, stale)
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
    """For outbound calls before they are placed. Raises Conflict (code spend_limit_reached)."""
    if not await has_budget(db, workspace_id, now):
        raise Conflict("This workspace has reached its spending limit. Raise it first.", code="spend_limit_reached")


async def has_budget(db: Connection, workspace_id: UUID, now: datetime) -> bool:
    """Whether anything is left for calls, running ones not counted: before an outbound call is dialled. Its first
    minute is reserved when it is answered. In any scope."""
    limit = await queries.select_limit(db, workspace_id)
    if limit is None or not limit.ends_calls:
        return True
    stale = await queries.select_marked_days(db, workspace_id)
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
    return min(budgets, key=lambda budget: budget.micros)


async def _load_prepaid(
    db: Connection, workspace_id: UUID, stored: StoredPeriod, statement: Statement, included: Decimal, now: datetime
) -> Budget:
    """The credits, and what their next invoices will take: the running period's usage and whole fee, and those of
    periods that are over and not closed. Periods are read before credits: one that is closed in between is counted
    twice until the next time, never not at all."""
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
    """Of the seconds that the ledger does not have yet."""
    price_of, charged_s = _price_of(prices, limit, call.tier_name, call.created_at), call.charged_s or 0
    charged = price_of(charged_s) if charged_s else Decimal(0)

    def calculate(seconds: int) -> Decimal | None:
        whole = price_of(charged_s + seconds)
        return None if whole is None or charged is None else whole - charged

    return calculate


def _price_of(prices: PriceList, limit: SpendLimit, tier_name: str, created_at: datetime) -> CallPrice:
    """As the ledger computes it (control/billing/ledger/rules.py, make_minutes_row)."""
    return lambda seconds: (
        prices.calculate(
            Consumption("price", tier_name, "call_minutes", "", "second", seconds, limit.currency), created_at
        ).value
    )


# --- Time of running calls -----------------------------------------------------------------------------------------
# Calls `load_snapshot` with these calls, in a transaction of platform scope. Raises NoSpendLimit.
SnapshotReader = Callable[[frozenset[UUID]], Awaitable[SpendSnapshot]]
# A refusal is final if the budget was read from the database so recently; otherwise it is read again before.
FRESH_MS: Final = 1_000
# How often a call asks again while somebody else reads the budget, and how long it waits in between. Together they are
# longer than a reader may take (READER_MS in control/billing/limits/reservations.py).
ATTEMPTS: Final = 60
PAUSE_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class SpendReport:
    """granted: how long each running call may go on, by its reservation."""

    snapshot: SpendSnapshot
    granted: Mapping[UUID, GrantedTime]

    @property
    def refused(self) -> list[UUID]:
        """Reservations of running calls that got no more time, and end within what they have."""
        return [call_id for call_id, granted in self.granted.items() if granted.is_last]


class SpendGuard:
    """Holds no state. All methods raise BusUnavailable, and what the reader raises."""

    def __init__(self, redis: BusClient, keys: VoucherKeys | None = None) -> None:
        """keys: by which nodes see that control granted a time."""
        self._reservations, self._granted = Reservations(redis), GrantedTimes(redis, keys)

    async def admit(self, terms: SpendTerms, read: SnapshotReader) -> bool:
        """Reserves the first minute of a call that is about to begin. False: the limit does not allow it. Repeated, it
        reserves nothing more. A call whose budget nobody could read is refused, too."""
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
        """Reads the budget and reserves what the running calls need next. None: somebody else does it now. If the
        reader fails, nobody else reads for READER_MS."""
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
        # No node has the transferred ones.
        await self._granted.write(
            {str(call_id): time for call_id, time in granted.items() if call_id not in snapshot.transfers}
        )
        return SpendReport(snapshot, granted)

    async def lift(self, call_ids: Iterable[UUID]) -> None:
        """Lets running calls go on without a limit: their workspace has none any more."""
        await self._granted.write({str(call_id): NO_LIMIT for call_id in call_ids})


def _granted_time(call: ReservationRequest, seconds: int) -> GrantedTime:
    return GrantedTime(seconds, is_last=seconds < call.least.seconds)


# --- Time of transferred calls -------------------------------------------------------------------------------------
GRACE: Final = timedelta(seconds=GRACE_S)
# A call that was refused more is told to end so long before its time is over: the last words, and the time until the
# duty's next run, which would be too late.
LAST_RUN: Final = timedelta(seconds=LAST_WORDS_S + 10)
# A call that goes on although a job was told to end it is ended again after so long.
AGAIN: Final = timedelta(minutes=1)
# Longer than the longest transfer.
KEPT: Final = timedelta(hours=6)
# Calls that one run ends at most; the next one follows within seconds.
BATCH: Final = 500
# Has a job end this transferred call, in the current transaction.
EndTransfer = Callable[[Connection, UUID], Awaitable[None]]


class TransferLimits:
    """end_transfer: see EndTransfer."""

    def __init__(self, end_transfer: EndTransfer) -> None:
        self._end_transfer = end_transfer

    async def store(self, pool: Pool, report: SpendReport, now: datetime) -> None:
        """Stores how long the transferred calls of a workspace may go on."""
        transfers = report.snapshot.transfers
        times = [_time_of(call, report.granted[reservation_id], now) for reservation_id, call in transfers.items()]
        if times:
            async with pool.transaction() as db:
                await enter_platform(db)
                await queries.upsert_times(db, report.snapshot.workspace_id, times)

    async def store_unreserved(self, pool: Pool, snapshot: SpendSnapshot, now: datetime) -> None:
        """While Redis is lost nothing is granted: transfers that nobody has seen before end after GRACE, too."""
        if snapshot.transfers:
            calls = {call.id for call in snapshot.transfers.values()}
            async with pool.transaction() as db:
                await enter_platform(db)
                await queries.insert_unreserved(db, snapshot.workspace_id, calls, now)

    async def end_due(self, pool: Pool, now: datetime) -> int:
        """Has jobs end the calls whose time is over; returns how many. Needs no Redis."""
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
def find_due(snapshot: SpendSnapshot, *, is_refusing: bool) -> AlertKind | None:
    """The alert that is due and that the workspace has not had yet; at the limit none of the threshold follows.
    is_refusing: running calls got no more time."""
    limit, budget = snapshot.limit, snapshot.budget
    is_short = limit.ends_calls and budget.micros < snapshot.minute_micros
    due: AlertKind | None = "threshold" if budget.percentage >= limit.threshold else None
    if is_refusing or is_short or budget.spent >= budget.limit:
        due = "limit"
    return None if due in snapshot.told or "limit" in snapshot.told else due


async def send_alert(
    db: Connection, mail: BillingMail, snapshot: SpendSnapshot, now: datetime, *, is_refusing: bool
) -> AlertKind | None:
    """Stores and e-mails the alert that is due; returns it. Needs platform scope."""
    kind = find_due(snapshot, is_refusing=is_refusing)
    if kind is None or not await queries.insert_alert(db, _make_alert(snapshot, kind, now)):
        return None
    log.info("spend_limit.noticed", workspace_id=str(snapshot.workspace_id), kind=kind)
    await report_limit(db, snapshot, kind, now)
    await mail.send(db, snapshot.workspace_id, "settings", lambda to, link: alert_email(to, snapshot, kind, link))
    return kind


def alert_email(to: str, snapshot: SpendSnapshot, kind: AlertKind, link: str) -> Email:
    """What the workspace is told."""
    currency, limit = snapshot.period.currency, snapshot.limit
    spent = format_money(round_money(snapshot.budget.spent, currency), currency)
    most = format_money(round_money(snapshot.budget.limit, currency), currency)
    if kind == "threshold":
        subject = f"{limit.workspace_name}: {limit.threshold} % of the spending limit is used"
        what = f"{spent} of the {most} that {limit.workspace_name} may spend are used."
        then = "Calls will end at the limit." if limit.ends_calls else "Calls will go on beyond the limit."
    else:
        subject = f"{limit.workspace_name}: the spending limit is reached"
        what = f"{limit.workspace_name} has used {spent}, and may spend {most}."
        then = (
            "Calls end now, and no further ones are answered until there is more money to spend."
            if limit.ends_calls
            else "Calls go on, as you chose."
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
    """Stores the event of an alert, in its transaction."""
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
