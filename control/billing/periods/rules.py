"""Billing periods, and the statement: the cost of a period for a workspace.

Periods are months in the workspace's time zone, as half-open intervals of UTC without gaps between them. A period
begins at the start of the anchor day, or of the month's last day if the month is shorter. If daylight saving time skips
the start of a day, the day begins at the end of the gap.

A statement is a pure function of a period's segments, usage and numbers. Its lines have the nine decimal places of the
ledger, where each line is a row or a sum of rows. Invoices round each line once.

Included minutes form one pool for the whole period. Each active segment adds its plan's minutes in proportion to its
share of the period. Charged seconds use up the pool in the order of segments, at the average price of their segment.
Therefore a statement needs only the sums of each segment, which roll-ups contain.
"""

from calendar import monthrange
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
# A change of the time zone moves the next anchor by up to 26 hours (UTC-12 to UTC+14). A remainder of a month that is
# shorter than this becomes part of the following period.
_SHORTEST: Final = timedelta(hours=36)


@dataclass(frozen=True, slots=True)
class BillingPeriod:
    """A billing period from start (inclusive) to end (exclusive), in UTC.

    Attributes:
        full_start: Start of the whole month. Only a workspace's first period begins later.
        full_end: End of the whole month.
        timezone: An IANA time zone name.
    """

    start: datetime
    end: datetime
    full_start: datetime
    full_end: datetime
    timezone: str

    def share(self, since: datetime, until: datetime) -> Fraction:
        """Return the share of the whole period between two times within the period."""
        return _microseconds(until - since) / _microseconds(self.full_end - self.full_start)

    @property
    def full_days(self) -> int:
        """Return the number of days of the whole period, by the calendar of its time zone."""
        return (self.date_of(self.full_end) - self.date_of(self.full_start)).days

    def days_between(self, since: datetime, until: datetime) -> set[date]:
        """Return the days, in the period's time zone, that overlap the time span between two times within the
        period.
        """
        since, until = max(since, self.start), min(until, self.end)
        if since >= until:
            return set()
        first, last = self.date_of(since), self.date_of(until - timedelta(microseconds=1))
        return {first + _DAY * number for number in range((last - first).days + 1)}

    def day_starts(self) -> list[datetime]:
        """Return when each day of the period begins (UTC), in order. The first day begins at the period's start."""
        starts, day, last = [self.start], self.date_of(self.start), self.date_of(self.end)
        while (day := day + _DAY) <= last:
            begin = datetime.combine(day, time(), ZoneInfo(self.timezone)).astimezone(UTC)
            if self.start < begin < self.end:
                starts.append(begin)
        return starts

    def date_of(self, moment: datetime) -> date:
        """Return the date of a time in the period's time zone."""
        return moment.astimezone(ZoneInfo(self.timezone)).date()


def first_period(opened_at: datetime, timezone: str, anchor_day: int) -> BillingPeriod:
    """Return the first period of an account, which begins when the account is opened."""
    local = opened_at.astimezone(ZoneInfo(timezone)).date()
    full_start = _anchor(local.year, local.month, timezone, anchor_day)
    if full_start > opened_at:
        full_start = _anchor(*_shift(local.year, local.month, -1), timezone, anchor_day)
    full_end = _next_anchor(full_start, timezone, anchor_day)
    return BillingPeriod(opened_at.astimezone(UTC), full_end, full_start, full_end, timezone)


def next_period(end: datetime, timezone: str, anchor_day: int) -> BillingPeriod:
    """Return the period that begins at `end`.

    Args:
        timezone: The workspace's current time zone.
    """
    until = _next_anchor(end + _SHORTEST, timezone, anchor_day)
    return BillingPeriod(end.astimezone(UTC), until, end.astimezone(UTC), until, timezone)


def _next_anchor(after: datetime, timezone: str, anchor_day: int) -> datetime:
    """Return the first anchor after a time."""
    local = after.astimezone(ZoneInfo(timezone)).date()
    anchor = _anchor(local.year, local.month, timezone, anchor_day)
    return anchor if anchor > after else _anchor(*_shift(local.year, local.month, 1), timezone, anchor_day)


def _anchor(year: int, month: int, timezone: str, anchor_day: int) -> datetime:
    """Return the beginning of the month's anchor day.

    A midnight that does not exist has the offset before the gap (PEP 495, fold 0), which is the moment of the gap. If
    there are two midnights, the first midnight counts.
    """
    day = min(anchor_day, monthrange(year, month)[1])
    return datetime(year, month, day, tzinfo=ZoneInfo(timezone)).astimezone(UTC)


def _shift(year: int, month: int, months: int) -> tuple[int, int]:
    years, month = divmod(year * 12 + month - 1 + months, 12)
    return years, month + 1


def _microseconds(duration: timedelta) -> Fraction:
    return Fraction(duration // timedelta(microseconds=1))


# pending, paid, overdue, void: the status of the period's invoice. A period without an invoice is paid.
PeriodStatus = Literal["open", "pending", "paid", "overdue", "void"]


@dataclass(frozen=True, slots=True)
class StoredPeriod:
    """A row of billing_periods.

    Attributes:
        total: Total of the invoice; 0 while the period is open.
    """

    id: UUID
    workspace_id: UUID
    period: BillingPeriod
    currency: str
    status: PeriodStatus
    total: Decimal


@dataclass(frozen=True, slots=True)
class PeriodSummary:
    """A closed period in the workspace's list."""

    id: UUID
    period_start: datetime
    period_end: datetime
    total_amount: Decimal
    currency: str
    status: PeriodStatus
    paid_at: datetime | None
    stripe_invoice_id: str | None


# --- Segments of a period ------------------------------------------------------------------------------------------
# active: fee, minutes and numbers are charged. trial: everything is free. suspended, also for deleted workspaces:
# numbers are charged, but there is no fee and there are no included minutes.
Charging = Literal["active", "trial", "suspended"]


@dataclass(frozen=True, slots=True)
class PlanSegment:
    """A part of a period with one plan and one kind of charging.

    Attributes:
        plan: None if the tier has no plan.
    """

    since: datetime
    until: datetime
    tier_name: str
    plan: PlanVersion | None
    charging: Charging


def split_period(
    start: datetime, end: datetime, states: Sequence[WorkspaceState], plans: PlanHistory
) -> list[PlanSegment]:
    """Split a period into segments without gaps. Returns an empty list without states.

    Args:
        states: States within the period and the last state before it, in order of time.
    """
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
    """Merge adjacent segments that have an equal plan and charging."""
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
LineUnit = Literal["period", "second", "day"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeKind:
    """A kind of statement lines.

    Attributes:
        resource_type: Its name in the ledger and in the accruals.
        name: Its name on invoices, with the placeholders `tier` and `phone_number`.
        unit: Unit of its quantity; for a fee, the share of the period.
        is_usage: Whether it counts as usage, against spending limits and credits for usage.
        accrues: Whether it accrues by the day and enters the ledger when the period is closed. Minutes do not accrue:
            the ledger contains them by call.
        is_passed_on: Whether we pay to someone else what the customer pays.
    """

    resource_type: str
    name: str
    unit: LineUnit
    is_usage: bool = True
    accrues: bool = True
    is_passed_on: bool = False


CHARGE_KINDS: Final[Mapping[StatementKind, ChargeKind]] = {
    "fee": ChargeKind(resource_type="subscription", name="Plan {tier}", unit="period", is_usage=False),
    "minutes": ChargeKind(resource_type="call_minutes", name="Calls on plan {tier}", unit="second", accrues=False),
    "included": ChargeKind(resource_type="included_minutes", name="Minutes included in plan {tier}", unit="second"),
    "trial": ChargeKind(resource_type="trial", name="Calls during the trial, free of charge", unit="second"),
    "number": ChargeKind(
        resource_type="phone_number", name="Phone number {phone_number}", unit="day", is_passed_on=True
    ),
}
USAGE_KINDS: Final = tuple(kind for kind, charge in CHARGE_KINDS.items() if charge.is_usage)
PASSED_ON_KINDS: Final = tuple(kind for kind, charge in CHARGE_KINDS.items() if charge.is_passed_on)
# The ledger's resource type of each kind of invoice line. The ledger contains no taxes.
RESOURCE_TYPES: Final[Mapping[str, str]] = {
    **{kind: charge.resource_type for kind, charge in CHARGE_KINDS.items()},
    "credit": "credit",
}


@dataclass(frozen=True, slots=True)
class DayCharge:
    """The amount that a day adds to a daily charge.

    Attributes:
        price: Exact price, with nine decimal places.
    """

    day: date
    quantity: Decimal
    price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyCharge:
    """A charge by the day: a line of the statement that accrues as its days begin.

    Attributes:
        days: In order, in the period's time zone.
    """

    kind: StatementKind
    key: str
    since: datetime
    until: datetime
    days: Sequence[DayCharge]
    phone_number_id: UUID | None = None
    phone_number: str = ""


@dataclass(frozen=True, slots=True)
class RentedNumber:
    """A phone number that a workspace rented.

    Attributes:
        until: None while the number is rented.
        monthly_price: In the workspace's currency, in major units. As read from the database, it is the carrier's price
            in US dollars.
    """

    id: UUID
    phone_number: str
    since: datetime
    until: datetime | None
    monthly_price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementLine:
    """A line of a statement.

    Attributes:
        key: Identifies the line within its period, in each computation of the period.
        exact: In major units, with nine decimal places; negative for deductions.
        quantity: In `unit`.
    """

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
    """A period's lines, in the order of an invoice.

    Attributes:
        included_seconds: The pool of included minutes, in seconds.
        unpriced: Number of ledger rows with an unknown price, which the lines exclude.
    """

    lines: tuple[StatementLine, ...]
    included_seconds: Decimal
    unpriced: int

    def sum_of(self, *kinds: StatementKind) -> Decimal:
        """Return the exact sum of the lines of these kinds."""
        return sum((line.exact for line in self.lines if line.kind in kinds), _ZERO)

    @property
    def usage(self) -> Decimal:
        """Return the price of usage, after included minutes and without the fee."""
        return self.sum_of(*USAGE_KINDS)

    @property
    def included_left(self) -> Decimal:
        """Return the unused seconds of the included minutes."""
        used = sum((line.quantity for line in self.lines if line.kind == "included"), _ZERO)
        return max(_ZERO, self.included_seconds - used)

    @property
    def fee(self) -> Decimal:
        """Return the subscription fee."""
        return self.sum_of("fee")


def compute_statement(
    period: BillingPeriod,
    segments: Sequence[PlanSegment],
    usage: Sequence[SegmentUsage],
    daily: Iterable[DailyCharge],
) -> Statement:
    """Compute the statement of a period.

    Args:
        usage: Usage of each segment. Lines without amount and quantity are left out.
    """
    pool = sum((included_seconds(period, segment) for segment in segments), Fraction(0))
    left, lines = pool, list(_fee_lines(period, segments))
    for segment, used in zip(segments, usage, strict=True):
        free = min(left, Fraction(used.seconds)) if segment.charging != "trial" and used.seconds > 0 else Fraction(0)
        left -= free
        lines += _minutes_lines(segment, used, free)
    lines += (_daily_line(charge) for charge in daily)
    unpriced = sum(used.unpriced for used in usage)
    return Statement(tuple(lines), to_places(pool, 6), unpriced)


def included_seconds(period: BillingPeriod, segment: PlanSegment) -> Fraction:
    """Return the seconds of included minutes that a segment adds to the period's pool."""
    if segment.charging != "active" or segment.plan is None:
        return Fraction(0)
    return segment.plan.included_minutes * 60 * period.share(segment.since, segment.until)


def _fee_lines(period: BillingPeriod, segments: Sequence[PlanSegment]) -> Iterator[StatementLine]:
    for segment in segments:
        if segment.charging == "active" and segment.plan is not None and segment.plan.monthly_fee:
            share = period.share(segment.since, segment.until)
            fee = multiply(segment.plan.monthly_fee, share)
            yield _segment_line("fee", segment, to_places(share, 6), fee)


def _minutes_lines(segment: PlanSegment, used: SegmentUsage, free: Fraction) -> Iterator[StatementLine]:
    """Return a segment's lines of minutes.

    Args:
        free: Seconds that the pool covers. All minutes of a trial are free.
    """
    if not used.seconds and not used.price:
        return
    yield _segment_line("minutes", segment, used.seconds, used.price)
    if segment.charging == "trial":
        yield _segment_line("trial", segment, used.seconds, -used.price)
    elif free:
        worth = multiply(used.price, free / Fraction(used.seconds))
        yield _segment_line("included", segment, to_places(free, 6), -worth)


def _segment_line(kind: StatementKind, segment: PlanSegment, quantity: Decimal, exact: Decimal) -> StatementLine:
    return StatementLine(
        kind=kind,
        key=f"{kind}/{segment.since.isoformat()}",
        since=segment.since,
        until=segment.until,
        quantity=quantity,
        unit=CHARGE_KINDS[kind].unit,
        exact=exact,
        tier_name=segment.tier_name,
        plan_version=segment.plan.id if segment.plan else None,
    )


def _daily_line(charge: DailyCharge) -> StatementLine:
    return StatementLine(
        kind=charge.kind,
        key=charge.key,
        since=charge.since,
        until=charge.until,
        quantity=sum((day.quantity for day in charge.days), _ZERO),
        unit=CHARGE_KINDS[charge.kind].unit,
        exact=sum((day.price for day in charge.days), _ZERO),
        phone_number_id=charge.phone_number_id,
        phone_number=charge.phone_number,
    )


def charge_numbers(
    period: BillingPeriod, segments: Sequence[PlanSegment], numbers: Iterable[RentedNumber]
) -> list[DailyCharge]:
    """Return the rent of each number that costs something in the period.

    All days of a period together cost exactly the monthly price, to the last decimal place.
    """
    charges = []
    for number in numbers:
        days, price = [], _ZERO
        for count, day in enumerate(sorted(_rented_days(period, segments, number)), 1):
            whole = multiply(number.monthly_price, Fraction(count, period.full_days))
            days.append(DayCharge(day, Decimal(1), whole - price))
            price = whole
        if days and number.monthly_price:
            charges.append(
                DailyCharge(
                    kind="number",
                    key=f"number/{number.id}",
                    since=max(number.since, period.start),
                    until=min(number.until or period.end, period.end),
                    days=days,
                    phone_number_id=number.id,
                    phone_number=number.phone_number,
                )
            )
    return charges


def _rented_days(period: BillingPeriod, segments: Sequence[PlanSegment], number: RentedNumber) -> set[date]:
    """Return the charged days of a number. A started day counts as a whole day. Days of a trial are free."""
    until = number.until or period.end
    charged = [segment for segment in segments if segment.charging != "trial"]
    spans = [(max(number.since, segment.since), min(until, segment.until)) for segment in charged]
    return set().union(*(period.days_between(since, end) for since, end in spans))


def multiply(amount: Decimal, factor: Fraction) -> Decimal:
    """Return amount * factor, rounded to nine decimal places."""
    return round_amount(amount * factor.numerator, factor.denominator)


def to_places(value: Fraction, places: int) -> Decimal:
    """Round the value to a number of decimal places."""
    return Decimal(round(value * 10**places)).scaleb(-places)
