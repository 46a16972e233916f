"""Billing periods, and what a period costs a workspace.

Periods are months in the workspace's time zone as half-open intervals of UTC. Periods of a workspace follow one another
without a gap. Each begins at the start of the anchor day, or of the month's last day where the month is shorter. A day
that begins in a gap of the clock (daylight saving time) begins at the gap's end.

A statement is one pure function over a period's segments, usage and numbers. Its lines are exact to the nine decimal
places of the ledger, where each becomes a row or is the sum of rows. Invoices round each line once.

Included minutes are one pool for the whole period: each active segment adds its plan's minutes by its share of the
period. Charged seconds use the pool up in the order of time, segment by segment; within a segment they are worth its
average price. So the result follows from the sums of each segment, which roll-ups have.
"""

from bisect import bisect_right
from calendar import monthrange
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Final, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from control.billing.accounts.rules import WorkspaceState
from control.billing.ledger.rules import SegmentUsage
from control.billing.prices.rules import PlanHistory, PlanVersion, round_amount

_DAY: Final = timedelta(days=1)
_ZERO: Final = Decimal(0)

# --- Periods -------------------------------------------------------------------------------------------------------
# A workspace that moves to another time zone moves its next anchor by up to 26 hours (UTC-12 to UTC+14). The rest of a
# month that this would leave over is part of the period that follows.
_SHORTEST: Final = timedelta(hours=36)


@dataclass(frozen=True, slots=True)
class BillingPeriod:
    """From start (inclusive) to end (exclusive), UTC. full_start, full_end: the whole period, which the first one of a
    workspace is a part of; else the same. timezone: an IANA name."""

    start: datetime
    end: datetime
    full_start: datetime
    full_end: datetime
    timezone: str

    def share(self, since: datetime, until: datetime) -> Fraction:
        """The part of the whole period that lies between two moments; they are within the period."""
        return _microseconds(until - since) / _microseconds(self.full_end - self.full_start)

    @property
    def full_days(self) -> int:
        """Days of the whole period, by the calendar of its time zone."""
        return (self.date_of(self.full_end) - self.date_of(self.full_start)).days

    def days_between(self, since: datetime, until: datetime) -> set[date]:
        """The days of the period's time zone of which some part lies between two moments within the period."""
        since, until = max(since, self.start), min(until, self.end)
        if since >= until:
            return set()
        first, last = self.date_of(since), self.date_of(until - timedelta(microseconds=1))
        return {first + _DAY * number for number in range((last - first).days + 1)}

    def day_starts(self) -> list[datetime]:
        """When each day of the period begins (UTC), in order; the first is the period's start."""
        starts, day, last = [self.start], self.date_of(self.start), self.date_of(self.end)
        while (day := day + _DAY) <= last:
            begin = datetime.combine(day, time(), ZoneInfo(self.timezone)).astimezone(UTC)
            if self.start < begin < self.end:
                starts.append(begin)
        return starts

    def date_of(self, moment: datetime) -> date:
        """The date of a moment in the period's time zone."""
        return moment.astimezone(ZoneInfo(self.timezone)).date()


def first_period(opened_at: datetime, timezone: str, anchor_day: int) -> BillingPeriod:
    """The period in which an account was opened: it begins at that moment."""
    local = opened_at.astimezone(ZoneInfo(timezone)).date()
    full_start = _anchor(local.year, local.month, timezone, anchor_day)
    if full_start > opened_at:
        full_start = _anchor(*_shift(local.year, local.month, -1), timezone, anchor_day)
    full_end = _next_anchor(full_start, timezone, anchor_day)
    return BillingPeriod(opened_at.astimezone(UTC), full_end, full_start, full_end, timezone)


def next_period(end: datetime, timezone: str, anchor_day: int) -> BillingPeriod:
    """The period after the one that ended then. timezone: of the workspace now."""
    until = _next_anchor(end + _SHORTEST, timezone, anchor_day)
    return BillingPeriod(end.astimezone(UTC), until, end.astimezone(UTC), until, timezone)


def _next_anchor(after: datetime, timezone: str, anchor_day: int) -> datetime:
    """The first anchor later than that moment."""
    local = after.astimezone(ZoneInfo(timezone)).date()
    anchor = _anchor(local.year, local.month, timezone, anchor_day)
    return anchor if anchor > after else _anchor(*_shift(local.year, local.month, 1), timezone, anchor_day)


def _anchor(year: int, month: int, timezone: str, anchor_day: int) -> datetime:
    """The beginning of the month's anchor day. A midnight that does not exist is taken with the offset before the gap
    (PEP 495, fold 0), which is the moment of the gap; of two midnights the first counts."""
    day = min(anchor_day, monthrange(year, month)[1])
    return datetime(year, month, day, tzinfo=ZoneInfo(timezone)).astimezone(UTC)


def _shift(year: int, month: int, months: int) -> tuple[int, int]:
    years, month = divmod(year * 12 + month - 1 + months, 12)
    return years, month + 1


def _microseconds(duration: timedelta) -> Fraction:
    return Fraction(duration // timedelta(microseconds=1))


# pending, paid, overdue, void: as its invoice is; paid also where nothing was to be billed.
PeriodStatus = Literal["open", "pending", "paid", "overdue", "void"]


@dataclass(frozen=True, slots=True)
class StoredPeriod:
    """A row of billing_periods. total: of its invoice; 0 while it is open."""

    id: UUID
    workspace_id: UUID
    period: BillingPeriod
    currency: str
    status: PeriodStatus
    total: Decimal


@dataclass(frozen=True, slots=True)
class PeriodSummary:
    """A period as its workspace lists it."""

    id: UUID
    period_start: datetime
    period_end: datetime
    total_amount: Decimal
    currency: str
    status: PeriodStatus
    paid_at: datetime | None
    stripe_invoice_id: str | None


# --- Segments of a period ------------------------------------------------------------------------------------------
# active: fee, minutes and numbers are charged. trial: nothing is. suspended, also deleted: no fee, and no included
# minutes; its numbers are still rented for it.
Charging = Literal["active", "trial", "suspended"]


@dataclass(frozen=True, slots=True)
class PlanSegment:
    """A stretch of a period in which plan and charging stay the same. plan: None where the tier has none."""

    since: datetime
    until: datetime
    tier_name: str
    plan: PlanVersion | None
    charging: Charging


def split_period(
    start: datetime, end: datetime, states: Sequence[WorkspaceState], plans: PlanHistory
) -> list[PlanSegment]:
    """The segments from start to end, which touch one another. states: those within, and the last one before `start`;
    in the order of time. Empty without any state."""
    if not states:
        return []
    segments: list[PlanSegment] = []
    for number, state in enumerate(states):
        since = start if number == 0 else max(start, state.at)
        until = min(end, states[number + 1].at) if number + 1 < len(states) else end
        cuts = [since, *plans.changes(state.tier_name, since, until), until]
        for left, right in pairwise(cuts):
            if left < right:
                plan = plans.find(state.tier_name, left)
                segments.append(PlanSegment(left, right, state.tier_name, plan, _charging(state.status)))
    return _merge(segments)


def _charging(status: str) -> Charging:
    match status:
        case "trial":
            return "trial"
        case "active":
            return "active"
    return "suspended"


def _merge(segments: Sequence[PlanSegment]) -> list[PlanSegment]:
    """Neighbours with the same plan and charging become one."""
    merged: list[PlanSegment] = []
    for segment in segments:
        last = merged[-1] if merged else None
        if last and (last.plan, last.charging, last.tier_name) == (segment.plan, segment.charging, segment.tier_name):
            merged[-1] = PlanSegment(last.since, segment.until, segment.tier_name, segment.plan, segment.charging)
        else:
            merged.append(segment)
    return merged


# --- The statement of a period -------------------------------------------------------------------------------------
StatementKind = Literal["fee", "minutes", "included", "trial", "number"]
# The kinds of lines that are usage: all but the fee.
USAGE_KINDS: Final[tuple[StatementKind, ...]] = ("minutes", "included", "trial", "number")
LineUnit = Literal["period", "second", "day"]
# The ledger's resource type of each kind of line.
RESOURCE_TYPES: Final = {
    "fee": "subscription",
    "minutes": "call_minutes",
    "included": "included_minutes",
    "trial": "trial",
    "number": "phone_number",
    "credit": "credit",
}


@dataclass(frozen=True, slots=True)
class RentedNumber:
    """A phone number that a workspace had. until: None while it has it. monthly_price: major units of the
    workspace's currency; as it is read, of the carrier's, US dollars."""

    id: UUID
    phone_number: str
    since: datetime
    until: datetime | None
    monthly_price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementLine:
    """key: what the line is for within its period; the same whenever the period is computed. exact: major units, nine
    decimal places; negative for what is not charged. quantity: in `unit`; of a fee the share of the period."""

    kind: StatementKind
    key: str
    since: datetime
    until: datetime
    quantity: Decimal
    unit: LineUnit
    exact: Decimal
    tier_name: str | None = None
    plan_version: int | None = None
    phone_number_id: UUID | None = None
    phone_number: str = ""


@dataclass(frozen=True, slots=True)
class Statement:
    """A period's lines, in the order in which an invoice has them. included_seconds: the pool of included minutes.
    unpriced: rows of the ledger whose price is unknown; the lines lack it."""

    lines: tuple[StatementLine, ...]
    included_seconds: Decimal
    unpriced: int

    def sum_of(self, *kinds: StatementKind) -> Decimal:
        """The exact sum of the lines of these kinds."""
        return sum((line.exact for line in self.lines if line.kind in kinds), _ZERO)

    @property
    def usage(self) -> Decimal:
        """What usage costs, after included minutes; without the fee."""
        return self.sum_of(*USAGE_KINDS)

    @property
    def included_left(self) -> Decimal:
        """Seconds of the included minutes that are not used yet."""
        used = sum((line.quantity for line in self.lines if line.kind == "included"), _ZERO)
        return max(_ZERO, self.included_seconds - used)

    @property
    def fee(self) -> Decimal:
        """The subscription fee."""
        return self.sum_of("fee")


def compute_statement(
    period: BillingPeriod,
    segments: Sequence[PlanSegment],
    usage: Sequence[SegmentUsage],
    numbers: Iterable[RentedNumber],
) -> Statement:
    """The statement of a period. usage: of each segment. Lines of nothing are left out."""
    pool = sum((included_seconds(period, segment) for segment in segments), Fraction(0))
    left, lines = pool, list(_fee_lines(period, segments))
    for segment, used in zip(segments, usage, strict=True):
        free = min(left, Fraction(used.seconds)) if segment.charging != "trial" and used.seconds > 0 else Fraction(0)
        left -= free
        lines += _minutes_lines(segment, used, free)
    lines += (line for number in numbers if (line := _number_line(period, segments, number)) is not None)
    unpriced = sum(used.unpriced for used in usage)
    return Statement(tuple(lines), to_places(pool, 6), unpriced)


def included_seconds(period: BillingPeriod, segment: PlanSegment) -> Fraction:
    """The seconds of included minutes that a segment adds to the period's pool."""
    if segment.charging != "active" or segment.plan is None:
        return Fraction(0)
    return segment.plan.included_minutes * 60 * period.share(segment.since, segment.until)


def _fee_lines(period: BillingPeriod, segments: Sequence[PlanSegment]) -> Iterator[StatementLine]:
    for segment in segments:
        if segment.charging == "active" and segment.plan is not None and segment.plan.monthly_fee:
            share = period.share(segment.since, segment.until)
            fee = multiply(segment.plan.monthly_fee, share)
            yield _segment_line("fee", segment, to_places(share, 6), "period", fee)


def _minutes_lines(segment: PlanSegment, used: SegmentUsage, free: Fraction) -> Iterator[StatementLine]:
    """free: seconds of them that the plan includes. A trial's minutes are all free, whatever the pool."""
    if not used.seconds and not used.price:
        return
    yield _segment_line("minutes", segment, used.seconds, "second", used.price)
    if segment.charging == "trial":
        yield _segment_line("trial", segment, used.seconds, "second", -used.price)
    elif free:
        worth = multiply(used.price, free / Fraction(used.seconds))
        yield _segment_line("included", segment, to_places(free, 6), "second", -worth)


def _segment_line(
    kind: StatementKind, segment: PlanSegment, quantity: Decimal, unit: LineUnit, exact: Decimal
) -> StatementLine:
    return StatementLine(
        kind=kind,
        key=f"{kind}/{segment.since.isoformat()}",
        since=segment.since,
        until=segment.until,
        quantity=quantity,
        unit=unit,
        exact=exact,
        tier_name=segment.tier_name,
        plan_version=segment.plan.id if segment.plan else None,
    )


def rented_days(period: BillingPeriod, segments: Sequence[PlanSegment], number: RentedNumber) -> set[date]:
    """Returns the charged days of a number.

    A begun day counts as a whole day. Days of a trial are free. All days of a period cost the monthly price together.
    """
    until = number.until or period.end
    charged = [segment for segment in segments if segment.charging != "trial"]
    spans = [(max(number.since, segment.since), min(until, segment.until)) for segment in charged]
    return set().union(*(period.days_between(since, end) for since, end in spans))


def _number_line(period: BillingPeriod, segments: Sequence[PlanSegment], number: RentedNumber) -> StatementLine | None:
    days, until = rented_days(period, segments, number), number.until or period.end
    if not days or not number.monthly_price:
        return None
    return StatementLine(
        kind="number",
        key=f"number/{number.id}",
        since=max(number.since, period.start),
        until=min(until, period.end),
        quantity=Decimal(len(days)),
        unit="day",
        exact=multiply(number.monthly_price, Fraction(len(days), period.full_days)),
        phone_number_id=number.id,
        phone_number=number.phone_number,
    )


def multiply(amount: Decimal, factor: Fraction) -> Decimal:
    """amount * factor with nine decimal places."""
    return round_amount(amount * factor.numerator, factor.denominator)


def to_places(value: Fraction, places: int) -> Decimal:
    """The value, rounded to so many decimal places."""
    return Decimal(round(value * 10**places)).scaleb(-places)


@dataclass(frozen=True, slots=True)
class ChargedUsage:
    """A row of the ledger's call minutes, or a sum of such. seconds: those that are charged; of test calls none. price:
    None while it is unknown."""

    at: datetime
    seconds: Decimal
    price: Decimal | None


def group_usage(segments: Sequence[PlanSegment], rows: Iterable[ChargedUsage]) -> list[SegmentUsage]:
    """The sums of each segment; rows outside of all segments are left out."""
    starts = [segment.since for segment in segments]
    sums = [SegmentUsage() for _ in segments]
    for row in rows:
        place = bisect_right(starts, row.at) - 1
        if place < 0 or row.at >= segments[place].until:
            continue
        before = sums[place]
        unpriced = before.unpriced + (row.price is None)
        sums[place] = SegmentUsage(before.seconds + row.seconds, before.price + (row.price or _ZERO), unpriced)
    return sums
