"""The allowances: fee, included minutes, trials, numbers; by examples, and in random months."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from control.billing.accounts.rules import WorkspaceState
from control.billing.ledger.rules import SegmentUsage
from control.billing.periods.rules import (
    BillingPeriod,
    Charging,
    PlanSegment,
    RentedNumber,
    Statement,
    charge_numbers,
    compute_statement,
    first_period,
    split_period,
)
from control.billing.periods.service import split_days
from control.billing.prices.rules import PlanHistory, PlanVersion

START = datetime(2026, 11, 1, tzinfo=UTC)
END = datetime(2026, 12, 1, tzinfo=UTC)
PERIOD = BillingPeriod(START, END, START, END, "UTC")
NUMBER = UUID(int=5)


@dataclass(frozen=True, slots=True)
class ChargedUsage:
    """A row of the ledger's call minutes, or a sum of rows. seconds: without those of test calls. price: None while it
    is unknown."""

    at: datetime
    seconds: Decimal
    price: Decimal | None


def group_usage(segments: Sequence[PlanSegment], rows: Iterable[ChargedUsage]) -> list[SegmentUsage]:
    """Returns the sums of each segment; rows outside of all segments are left out."""
    starts = [segment.since for segment in segments]
    sums = [SegmentUsage() for _ in segments]
    for row in rows:
        place = bisect_right(starts, row.at) - 1
        if place < 0 or row.at >= segments[place].until:
            continue
        before = sums[place]
        unpriced = before.unpriced + (row.price is None)
        sums[place] = SegmentUsage(before.seconds + row.seconds, before.price + (row.price or 0), unpriced)
    return sums


def plan(tier: str, fee: str, minutes: int, *, id: int = 1, since: datetime = START) -> PlanVersion:
    return PlanVersion(id, tier, Decimal(fee), minutes, "usd", since)


STARTER = plan("starter", "49", 300)
GROWTH = plan("growth", "199", 1_500, id=2)


def day(number: float) -> datetime:
    """The beginning of a day of November."""
    return START + timedelta(days=number - 1)


def segment(first: float, until: float, of: PlanVersion = STARTER, charging: Charging = "active") -> PlanSegment:
    return PlanSegment(day(first), day(until), of.tier_name, of, charging)


def usage(at: float, minutes: int, price: str | None) -> ChargedUsage:
    return ChargedUsage(day(at), Decimal(60 * minutes), None if price is None else Decimal(price))


def statement(
    segments: list[PlanSegment], rows: list[ChargedUsage], numbers: list[RentedNumber] | None = None,
    period: BillingPeriod = PERIOD,
) -> Statement:  # fmt: skip
    daily = charge_numbers(period, segments, numbers or [])
    return compute_statement(period, segments, group_usage(segments, rows), daily)


def lines(found: Statement) -> list[tuple[str, str]]:
    return [(line.kind, f"{line.exact.normalize():f}") for line in found.lines]


def test_minutes_beyond_the_included_ones_are_charged() -> None:
    found = statement([segment(1, 31)], [usage(2, 200, "24"), usage(9, 200, "24")])
    assert lines(found) == [("fee", "49"), ("minutes", "48"), ("included", "-36")]
    assert [int(one) for one in (found.usage, found.fee, found.included_seconds)] == [12, 49, 18_000]


def test_unused_included_minutes_are_worth_nothing() -> None:
    assert statement([segment(1, 31)], [usage(2, 100, "12")]).usage == 0


def test_a_change_of_tier_shares_fee_and_included_minutes_by_time() -> None:
    found = statement([segment(1, 11), segment(11, 31, GROWTH)], [usage(2, 400, "48"), usage(20, 1_000, "100")])
    # A third of 300 and two thirds of 1,500: a pool of 1,100, which the first calls use up first.
    assert found.included_seconds == 1_100 * 60
    assert lines(found) == [
        ("fee", "16.333333333"), ("fee", "132.666666667"),
        ("minutes", "48"), ("included", "-48"), ("minutes", "100"), ("included", "-70"),
    ]  # fmt: skip


def test_a_trial_pays_for_nothing_and_uses_no_included_minutes() -> None:
    found = statement(
        [segment(1, 16, charging="trial"), segment(16, 31)],
        [usage(2, 500, "75"), usage(20, 100, "12")],
        [RentedNumber(NUMBER, "+14155550100", day(1), None, Decimal("3"))],
    )
    assert lines(found) == [
        ("fee", "24.5"), ("minutes", "75"), ("trial", "-75"), ("minutes", "12"), ("included", "-12"),
        ("number", "1.5"),
    ]  # fmt: skip


def test_a_suspended_workspace_pays_no_fee_but_its_numbers() -> None:
    number = RentedNumber(NUMBER, "+14155550100", day(1), None, Decimal("1.15"))
    assert lines(statement([segment(1, 31, charging="suspended")], [], [number])) == [("number", "1.15")]


def test_numbers_are_rented_by_the_begun_day() -> None:
    number = RentedNumber(NUMBER, "+14155550100", day(29.9), day(30.1), Decimal("3"))
    (line,) = statement([segment(1, 31)], [], [number]).lines[1:]
    assert (line.quantity, line.exact) == (Decimal(2), Decimal("0.2"))


def test_a_first_period_pays_its_share_of_the_month() -> None:
    period = first_period(day(16), "UTC", 1)
    found = statement([segment(16, 31)], [], period=period)
    assert (found.fee, found.included_seconds) == (Decimal("24.5"), Decimal(150 * 60))


def test_usage_without_a_price_is_counted() -> None:
    assert statement([segment(1, 31)], [usage(2, 1, None), usage(3, 1, "0.12")]).unpriced == 1


def test_a_new_price_of_the_plan_begins_a_segment() -> None:
    dearer = plan("starter", "59", 300, id=3, since=day(21))
    plans = PlanHistory([STARTER, dearer, GROWTH])
    states = [WorkspaceState(day(-9), "active", "starter"), WorkspaceState(day(26), "suspended", "starter")]
    found = split_period(START, END, states, plans)
    assert [(one.since, one.until, one.plan, one.charging) for one in found] == [
        (day(1), day(21), STARTER, "active"), (day(21), day(26), dearer, "active"),
        (day(26), day(31), dearer, "suspended"),
    ]  # fmt: skip


_cuts = st.lists(st.integers(1, 30 * 24 * 60 - 1), max_size=4, unique=True).map(sorted)
_rows = st.lists(
    st.builds(
        ChargedUsage,
        st.integers(0, 30 * 24 * 3_600 - 1).map(lambda second: START + timedelta(seconds=second)),
        st.integers(-600, 40_000).map(Decimal),
        st.decimals(0, 90, places=9),
    ),
    max_size=15,
)
_charging = st.sampled_from(("active", "trial", "suspended"))


def segments_of(cuts: list[int], charging: list[Charging]) -> list[PlanSegment]:
    moments = [START, *(START + timedelta(minutes=cut) for cut in cuts), END]
    return [
        PlanSegment(since, until, tier.tier_name, tier, kind)
        for since, until, tier, kind in zip(
            moments, moments[1:], [STARTER, GROWTH, STARTER, GROWTH, STARTER], charging, strict=False
        )
    ]


@settings(max_examples=150, deadline=None)
@given(_cuts, st.lists(_charging, min_size=5, max_size=5), _rows)
def test_random_months_pay_what_the_rules_say(
    cuts: list[int], charging: list[Charging], rows: list[ChargedUsage]
) -> None:
    """However the rows are ordered and summed up before: what is free is free, and nothing else is."""
    segments = segments_of(cuts, charging)
    found = statement(segments, rows)
    sums = [
        ChargedUsage(one.since, used.seconds, used.price)
        for one, used in zip(segments, group_usage(segments, rows[::-1]), strict=True)
    ]
    assert statement(segments, sums) == found
    assert found.sum_of("minutes") == sum((row.price or 0 for row in rows), Decimal(0))
    left = Fraction(found.included_seconds)
    for one, used in zip(segments, group_usage(segments, rows), strict=True):
        if one.charging == "trial" or used.seconds <= 0:
            continue
        free = min(left, Fraction(used.seconds))
        left -= free
        (included,) = [-line.exact for line in found.lines if line.kind == "included" and line.since == one.since] or [
            Decimal(0)
        ]
        assert abs(Fraction(included) - Fraction(used.price) * free / Fraction(used.seconds)) < Fraction(1, 10**5)
    trial = sum((used.price for one, used in zip(segments, group_usage(segments, rows), strict=True)
                 if one.charging == "trial"), Decimal(0))  # fmt: skip
    assert -found.sum_of("trial") == trial


@settings(max_examples=150, deadline=None)
@given(_cuts)
def test_days_and_their_rests_are_the_segments_again(cuts: list[int]) -> None:
    segments = segments_of(cuts, ["active"] * 5)
    parts, spans, places = split_days(segments)
    for one, place in zip(segments, places, strict=True):
        pieces = [parts[number] for number in place.parts] + [
            (datetime.combine(first, datetime.min.time(), UTC),
             datetime.combine(last, datetime.min.time(), UTC) + timedelta(days=1))
            for first, last in (spans[number] for number in place.spans)
        ]  # fmt: skip
        pieces.sort()
        assert (pieces[0][0], pieces[-1][1]) == (one.since, one.until)
        assert all(before[1] == after[0] for before, after in pairwise(pieces))
