"""Free times: opening hours without what is taken, also when clocks change."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control.agents.call_tools.calendar import parse_day, parse_start
from control.agents.call_tools.free_times import CalendarRules, FreeSpan, exists, is_bookable, list_free
from control.agents.config_parts import OFFICE_HOURS, OpeningHours
from control.integrations.bookings.calendar_requests import BusySpan
from shared.errors import Invalid

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 26, 13, 5, tzinfo=UTC)


def rules(hours: OpeningHours = OFFICE_HOURS, minutes: int = 30, **bounds: datetime) -> CalendarRules:
    limits = {"earliest": NOW, "latest": NOW + timedelta(days=60)} | bounds
    return CalendarRules(hours, BERLIN, timedelta(minutes=minutes), **limits)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


def shown(free: list[FreeSpan]) -> list[str]:
    return [f"{span.starts_at:%d %H:%M}-{span.ends_at:%H:%M}" for span in free]


def test_free_times_exclude_busy_times() -> None:
    busy = [
        BusySpan(at("2026-12-01T09:00"), at("2026-12-01T10:00")),
        BusySpan(at("2026-12-01T10:20"), at("2026-12-01T12:00")),
        BusySpan(at("2026-12-01T16:00"), at("2026-12-02T09:30")),
    ]
    free = list_free(rules(), busy, date(2026, 12, 1), 2)
    assert shown(free) == ["01 12:00-16:00", "02 09:30-17:00"], "20 minutes are too short"


def test_bounds_cut_today_and_the_last_day() -> None:
    free = list_free(rules(latest=at("2026-11-27T12:00")), [], date(2026, 11, 26), 3)
    assert shown(free) == ["26 14:05-17:00", "27 09:00-12:00"]


@pytest.mark.parametrize(
    ("start", "allowed"),
    [
        ("2026-12-01T09:00", True), ("2026-12-01T16:30", True), ("2026-12-01T16:31", False),
        ("2026-12-01T08:59", False), ("2026-12-05T10:00", False), ("2027-03-01T10:00", False),
    ],
)  # fmt: skip
def test_appointment_lies_within_opening_hours_and_bounds(start: str, allowed: bool) -> None:
    assert is_bookable(rules(), at(start), at(start) + timedelta(minutes=30)) == allowed


def test_night_of_summer_time_has_an_hour_less() -> None:
    night = OpeningHours.model_validate({"weekly": {"saturday": [{"opens": "22:00", "closes": "06:00"}]}})
    (span,) = list_free(rules(night, latest=NOW + timedelta(days=365)), [], date(2027, 3, 27), 1)
    assert span.ends_at.astimezone(UTC) - span.starts_at.astimezone(UTC) == timedelta(hours=7)
    assert not exists(datetime(2027, 3, 28, 2, 30), BERLIN) and exists(datetime(2027, 3, 28, 3, 0), BERLIN)


MOMENTS = st.integers(0, 7 * 24 * 12).map(lambda number: NOW + timedelta(minutes=5 * number))


@given(st.lists(st.tuples(MOMENTS, MOMENTS), max_size=6), st.sampled_from([5, 30, 120]))
@settings(max_examples=100, deadline=None)
def test_free_times_are_open_free_and_long_enough(pairs: list[tuple[datetime, datetime]], minutes: int) -> None:
    busy = [BusySpan(min(pair), max(pair)) for pair in pairs]
    chosen = rules(minutes=minutes)
    free = list_free(chosen, busy, date(2026, 11, 26), 7)
    for span in free:
        assert span.ends_at - span.starts_at >= chosen.length
        assert is_bookable(chosen, span.starts_at, span.ends_at)
        assert not any(
            one.starts_at < span.ends_at and one.ends_at > span.starts_at and one.starts_at < one.ends_at
            for one in busy
        )
    assert free == sorted(free, key=lambda span: span.starts_at)


@pytest.mark.parametrize(
    "text", ["0001-01-01T00:00", "9999-12-31T23:59", "9999-12-31T23:59-12:00", "0001-01-01T00:00+12:00"]
)
def test_start_beyond_all_calendars_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="start"):
        parse_start(text, BERLIN)


@pytest.mark.parametrize("text", ["0001-01-01", "9999-12-31"])
def test_day_beyond_all_calendars_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="date"):
        parse_day(text)
