"""The pure part of spending limits: what is left, and what a call needs."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from control.billing.limits.rules import AMPLE_MINUTES, ENDING_S, LEAD_S, Budget, make_request
from control.billing.periods.rules import PlanSegment
from control.billing.periods.service import split_days
from shared.ids import new_id

CALL = UUID(new_id())
prices = st.decimals("0.000001", "9.999999", places=6)
elapsed = st.floats(0, 14_400)


@given(prices, elapsed)
def test_a_call_has_its_next_minute_before_it_needs_it(price: Decimal, seconds: float) -> None:
    """And never more than a minute beyond LEAD_S, unless money is ample."""
    request = make_request(CALL, seconds, lambda so_many: price * so_many / 60)
    assert request is not None
    assert request.least.seconds % 60 == 0
    assert seconds + LEAD_S < request.least.seconds <= seconds + LEAD_S + 60
    assert request.used.seconds == (0 if seconds == 0 else -(-seconds // 1) + ENDING_S)
    assert request.ample.seconds == request.least.seconds + 60 * (AMPLE_MINUTES - 1)
    times = (request.used, request.least, request.ample)
    assert all(0 <= one.micros - price * one.seconds / 60 * 1_000_000 < 1 for one in times)


@given(st.lists(elapsed, min_size=2, max_size=5).map(sorted))
def test_what_a_call_needs_never_shrinks(times: list[float]) -> None:
    requests = [make_request(CALL, one, lambda seconds: Decimal(seconds)) for one in times]
    needs = [request.least.seconds for request in requests if request is not None]
    assert len(needs) == len(times)
    assert all(first <= second for first, second in pairwise(needs))


def test_a_call_without_a_price_needs_nothing() -> None:
    assert make_request(CALL, 30.0, lambda seconds: None) is None


@given(st.decimals("0", "1000000", places=9), st.decimals("0", "1000000", places=9), st.decimals("0", "1000", places=9))
def test_a_budget_is_rounded_down(limit: Decimal, spent: Decimal, included: Decimal) -> None:
    budget = Budget(limit, spent, included)
    assert 0 <= (limit - spent + included) * 1_000_000 - budget.micros < 1


def test_percentage_of_no_money_is_all_of_it() -> None:
    assert Budget(Decimal(0), Decimal(0), Decimal(0)).percentage == 100
    assert Budget(Decimal(50), Decimal("12.5"), Decimal(3)).percentage == 25


START = datetime(2026, 11, 1, 7, 30, tzinfo=UTC)


@given(
    st.lists(st.integers(0, 700), min_size=2, max_size=5, unique=True).map(sorted),
    st.sets(st.integers(-2, 32).map(lambda day: date(2026, 11, 1) + timedelta(days=day)), max_size=10),
)
def test_stale_days_are_read_from_the_ledger_and_no_hour_is_lost(hours: list[int], stale: set[date]) -> None:
    """Parts and spans of a segment together are its time, once; no stale day is in a span."""
    plan = PlanSegment(START, START, "growth", None, "active")
    segments = [
        replace(plan, since=START + timedelta(hours=one), until=START + timedelta(hours=other))
        for one, other in pairwise(hours)
    ]
    parts, spans, places = split_days(segments, stale)
    for segment, place in zip(segments, places, strict=True):
        pieces = [parts[number] for number in place.parts]
        for number in place.spans:
            first, last = spans[number]
            assert not any(first <= day <= last for day in stale)
            pieces.append((midnight(first), midnight(last + timedelta(days=1))))
        pieces.sort()
        assert pieces[0][0] == segment.since
        assert pieces[-1][1] == segment.until
        assert all(one[1] == other[0] for one, other in pairwise(pieces))


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
