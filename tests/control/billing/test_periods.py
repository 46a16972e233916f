"""Billing periods: months in the workspace's time zone."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control.billing.periods.rules import first_period, next_period

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "America/Santiago", "Asia/Beirut", "Asia/Kathmandu",
         "Pacific/Kiritimati", "Pacific/Pago_Pago", "Australia/Lord_Howe", "Africa/Cairo")  # fmt: skip
moments = st.datetimes(datetime(2023, 1, 1), datetime(2029, 1, 1), timezones=st.just(UTC))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("timezone", "anchor", "opened", "ends"),
    [
        ("UTC", 1, "2026-11-25 12:00", ["2026-12-01 00:00", "2027-01-01 00:00"]),
        # Summer time in Berlin ends on 25 October: the month has an hour more.
        ("Europe/Berlin", 1, "2026-10-01 00:00", ["2026-10-31 23:00", "2026-11-30 23:00"]),
        ("Europe/Berlin", 1, "2026-03-10 00:00", ["2026-03-31 22:00", "2026-04-30 22:00"]),
        # The 31st is the last day of shorter months, of February too.
        ("UTC", 31, "2027-01-31 00:00", ["2027-02-28 00:00", "2027-03-31 00:00", "2027-04-30 00:00"]),
        ("UTC", 30, "2028-01-30 00:00", ["2028-02-29 00:00", "2028-03-30 00:00"]),
        # In Chile the clock jumps from 24:00 to 1:00 on 5 September 2026: the 6th begins at 1:00 (UTC-3), 4:00 UTC.
        ("America/Santiago", 6, "2026-08-10 00:00", ["2026-09-06 04:00", "2026-10-06 03:00"]),
    ],
)
def test_ends_of_periods(timezone: str, anchor: int, opened: str, ends: list[str]) -> None:
    period = first_period(utc(opened), timezone, anchor)
    assert period.start == utc(opened)
    found = [period.end]
    while len(found) < len(ends):
        period = next_period(period.end, timezone, anchor)
        found.append(period.end)
    assert found == [utc(end) for end in ends]


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(ZONES), st.integers(1, 31), moments)
def test_periods_follow_one_another_and_begin_with_a_local_day(timezone: str, anchor: int, opened: datetime) -> None:
    period = first_period(opened, timezone, anchor)
    assert period.full_start <= period.start == opened < period.end == period.full_end
    for _ in range(14):
        following = next_period(period.end, timezone, anchor)
        assert following.start == following.full_start == period.end
        assert timedelta(days=27, hours=20) <= following.end - following.start <= timedelta(days=31, hours=4)
        local = following.start.astimezone(ZoneInfo(timezone))
        before = (following.start - timedelta(microseconds=1)).astimezone(ZoneInfo(timezone))
        assert before.date() < local.date()
        assert following.full_days == len(following.days_between(following.start, following.end))
        period = following


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(ZONES), st.sampled_from(ZONES), st.integers(1, 31), moments)
def test_move_to_another_time_zone_leaves_no_gap_and_no_short_period(
    old: str, new: str, anchor: int, opened: datetime
) -> None:
    before = next_period(first_period(opened, old, anchor).end, old, anchor)
    moved = next_period(before.end, new, anchor)
    assert moved.start == before.end
    assert timedelta(days=26) < moved.end - moved.start < timedelta(days=33)


def test_share_of_a_first_period_is_of_the_whole_month() -> None:
    period = first_period(utc("2026-11-16 00:00"), "UTC", 1)
    assert period.share(period.start, period.end) == Fraction(15, 30)
    assert period.full_days == 30
    assert len(period.days_between(utc("2026-11-01 00:00"), utc("2026-11-18 00:00"))) == 2
