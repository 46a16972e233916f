"""Spreads a period's statement over its days: fee, included minutes, trial and daily charges.

A period is cut into slices at the midnights of its time zone and of UTC, and at changes of its plan, so that each slice
lies within one day of the customer and one day of the platform. The amount of a slice is the growth of a statement line
during the slice, counted from the beginning of the line. The amounts of a whole period therefore equal its statement to
the last digit.

- The fee and the daily charges of a day accrue when the day begins.
- Included minutes are deducted in the slice of the call that uses them.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Final

from control.billing.ledger.rules import SegmentUsage
from control.billing.periods.rules import (
    CHARGE_KINDS,
    PASSED_ON_KINDS,
    BillingPeriod,
    DailyCharge,
    PlanSegment,
    StatementKind,
    included_seconds,
    multiply,
    to_places,
)

# Resource types of the ledger that accrue. Closing a period writes their rows.
ACCRUED: Final = tuple(charge.resource_type for charge in CHARGE_KINDS.values() if charge.accrues)
_DAY: Final = timedelta(days=1)
_ZERO: Final = Decimal(0)
# Converts an amount from the workspace's currency to US dollars.
ToDollars = Callable[[Decimal], Decimal]


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a period within one plan segment, one UTC day and one day of the period's time zone."""

    since: datetime
    until: datetime
    segment: int
    day: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Accrual:
    """An amount that a slice adds to the bill, apart from its minutes at list price.

    Attributes:
        price: Exact price; negative for included and trial minutes.
        cost: Our cost, in US dollars.
        list_price: List price of the slice's minutes, only for included and trial minutes.
    """

    at: datetime
    until: datetime
    resource_type: str
    quantity: Decimal
    price: Decimal
    cost: Decimal = _ZERO
    list_price: Decimal = _ZERO


@dataclass(frozen=True, slots=True)
class _Growth:
    """An amount of the slice at this index."""

    slice: int
    kind: StatementKind
    quantity: Decimal
    price: Decimal
    cost: Decimal = _ZERO


def cut_slices(period: BillingPeriod, segments: Sequence[PlanSegment]) -> list[Slice]:
    """Return the consecutive slices of a period, or an empty list if there are no segments."""
    if not segments:
        return []
    cuts = {*period.day_starts(), *_midnights(period), *(segment.since for segment in segments), period.end}
    ordered = sorted(cuts)
    slices, number = [], 0
    for since, until in pairwise(ordered):
        while number + 1 < len(segments) and segments[number + 1].since <= since:
            number += 1
        slices.append(Slice(since, until, number, period.date_of(since)))
    return slices


def compute_accruals(
    period: BillingPeriod,
    segments: Sequence[PlanSegment],
    slices: Sequence[Slice],
    usage: Sequence[SegmentUsage],
    daily: Iterable[DailyCharge],
    to_dollars: ToDollars,
    now: datetime,
) -> list[Accrual]:
    """Return the accruals of the slices that have begun, in order of time.

    Args:
        usage: Usage of each slice.
    """
    growth = [
        *_grow_fees(period, segments, slices),
        *_grow_minutes(period, segments, slices, usage),
        *_grow_daily(slices, daily, to_dollars),
    ]
    sums: dict[tuple[int, str], list[Decimal]] = defaultdict(lambda: [_ZERO, _ZERO, _ZERO])
    for grown in growth:
        if slices[grown.slice].since <= now:
            found = sums[grown.slice, CHARGE_KINDS[grown.kind].resource_type]
            found[:] = found[0] + grown.quantity, found[1] + grown.price, found[2] + grown.cost
    return [
        Accrual(
            at=slices[place].since,
            until=slices[place].until,
            resource_type=resource,
            quantity=quantity,
            price=price,
            cost=cost,
            list_price=usage[place].price if resource in ("included_minutes", "trial") else _ZERO,
        )
        for (place, resource), (quantity, price, cost) in sorted(sums.items())
        if quantity or price or cost
    ]


def _midnights(period: BillingPeriod) -> list[datetime]:
    """Return the midnights (UTC) within a period."""
    first = datetime.combine(period.start.astimezone(UTC).date(), time(), UTC) + _DAY
    return [first + _DAY * number for number in range(-((first - period.end) // _DAY))]


def _grow_fees(period: BillingPeriod, segments: Sequence[PlanSegment], slices: Sequence[Slice]) -> Iterable[_Growth]:
    """Return the fee of each day of a segment, which accrues in the day's first slice."""
    ends = {(part.segment, part.day): part.until for part in slices}
    quantity, price = defaultdict[int, Decimal](Decimal), defaultdict[int, Decimal](Decimal)
    for place, part in enumerate(slices):
        segment, end = segments[part.segment], ends.pop((part.segment, part.day), None)
        if end is None or segment.charging != "active" or segment.plan is None or not segment.plan.monthly_fee:
            continue
        share = period.share(segment.since, end)
        whole = to_places(share, 6), multiply(segment.plan.monthly_fee, share)
        yield _Growth(place, "fee", whole[0] - quantity[part.segment], whole[1] - price[part.segment])
        quantity[part.segment], price[part.segment] = whole


def _grow_minutes(
    period: BillingPeriod, segments: Sequence[PlanSegment], slices: Sequence[Slice], usage: Sequence[SegmentUsage]
) -> Iterable[_Growth]:
    """Yield the included and trial minutes of each slice.

    As in the statement, the segments use up the pool in order of time, at the average price of each segment.
    """
    left = sum((included_seconds(period, segment) for segment in segments), Fraction(0))
    for number, segment in enumerate(segments):
        places = [place for place, part in enumerate(slices) if part.segment == number]
        if segment.charging == "trial":
            yield from (_Growth(place, "trial", usage[place].seconds, -usage[place].price) for place in places)
            continue
        free = min(left, max(Fraction(0), Fraction(sum(usage[place].seconds for place in places))))
        left -= free
        yield from _grow_included(list(_group_priced(places, usage)), usage, free)


def _grow_included(
    groups: Sequence[tuple[int, Sequence[int]]], usage: Sequence[SegmentUsage], free: Fraction
) -> Iterable[_Growth]:
    """Yield the included minutes of a segment.

    If prices differ within a segment, the value of the minutes at the average price may grow by more than the minutes
    of a slice cost. At most the cost of the slice is deducted there; the rest is deducted from other slices, beginning
    with the last slice.

    Args:
        free: Seconds of the pool that the segment uses.
    """
    seconds = price = deducted = worth = quantity = _ZERO
    amounts, quantities = [], []
    for place, members in groups:
        seconds += sum(usage[member].seconds for member in members)
        price += usage[place].price
        used = max(Fraction(0), min(free, Fraction(seconds)))
        worth = multiply(price, used / Fraction(seconds)) if used else _ZERO
        amounts.append(_clamp(worth - deducted, usage[place].price))
        quantities.append(to_places(used, 6) - quantity)
        deducted, quantity = deducted + amounts[-1], to_places(used, 6)
    left = worth - deducted
    for number in reversed(range(len(groups))):
        whole = _clamp(amounts[number] + left, usage[groups[number][0]].price)
        left, amounts[number] = left + amounts[number] - whole, whole
    for (place, _), amount, seconds in zip(groups, amounts, quantities, strict=True):
        yield _Growth(place, "included", seconds, -amount)


def _clamp(amount: Decimal, price: Decimal) -> Decimal:
    """Limit the amount to the range from 0 to the price."""
    return min(max(amount, _ZERO), max(price, _ZERO))


def _group_priced(places: Sequence[int], usage: Sequence[SegmentUsage]) -> Iterable[tuple[int, Sequence[int]]]:
    """Yield each slice with a price, grouped with the following slices without a price.

    Minutes with an unknown price are deducted in no other group, so that a deduction always belongs to calls with a
    price.
    """
    priced = [place for place in places if usage[place].price] or list(places)
    for number, place in enumerate(priced):
        first = place if number else places[0]
        end = priced[number + 1] if number + 1 < len(priced) else places[-1] + 1
        yield place, range(first, end)


def _grow_daily(slices: Sequence[Slice], daily: Iterable[DailyCharge], to_dollars: ToDollars) -> Iterable[_Growth]:
    """Yield the daily charges. Each day's charge accrues in the day's first slice.

    A time zone may skip a date, as Samoa did in 2011. The charge of that date accrues in the previous slice.
    """
    first = {part.day: place for place, part in reversed(list(enumerate(slices)))}
    for charge in daily:
        place, price, cost = 0, _ZERO, _ZERO
        for day in charge.days:
            place, price = first.get(day.day, place), price + day.price
            whole = to_dollars(price) if charge.kind in PASSED_ON_KINDS else _ZERO
            yield _Growth(place, charge.kind, day.quantity, day.price, whole - cost)
            cost = whole
