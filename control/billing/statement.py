"""What a period costs a workspace: one pure function over its segments, usage and numbers; no SQL.

Its lines are exact to the nine decimal places of the ledger, where each becomes a row or is the sum of rows. Invoices
round each line once.

Included minutes are one pool for the whole period: each active segment adds its plan's minutes by its share of the
period. Charged seconds use the pool up in the order of time, segment by segment; within a segment they are worth its
average price. So the result follows from the sums of each segment, which roll-ups have.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Final, Literal
from uuid import UUID

from control.billing.periods import BillingPeriod
from control.billing.plans import PlanSegment
from control.billing.prices import round_amount

StatementKind = Literal["fee", "minutes", "included", "trial", "number"]
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
_ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True)
class ChargedUsage:
    """A row of the ledger's call minutes, or a sum of such. seconds: those that are charged; of test calls none. price:
    None while it is unknown."""

    at: datetime
    seconds: Decimal
    price: Decimal | None


@dataclass(frozen=True, slots=True)
class SegmentUsage:
    """The sums of a segment. unpriced: rows whose price is unknown, which `price` lacks."""

    seconds: Decimal = _ZERO
    price: Decimal = _ZERO
    unpriced: int = 0


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
        return self.sum_of("minutes", "included", "trial", "number")

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
    unpriced = sum(one.unpriced for one in usage)
    return Statement(tuple(lines), to_places(pool, 6), unpriced)


def group_usage(segments: Sequence[PlanSegment], rows: Iterable[ChargedUsage]) -> list[SegmentUsage]:
    """The sums of each segment; rows outside of all segments are left out."""
    starts = [one.since for one in segments]
    sums = [SegmentUsage() for _ in segments]
    for row in rows:
        place = bisect_right(starts, row.at) - 1
        if place < 0 or row.at >= segments[place].until:
            continue
        one = sums[place]
        unpriced = one.unpriced + (row.price is None)
        sums[place] = SegmentUsage(one.seconds + row.seconds, one.price + (row.price or _ZERO), unpriced)
    return sums


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
