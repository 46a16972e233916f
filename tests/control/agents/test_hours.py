"""Opening hours against a list of every open minute, in every zone that turns its clocks."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from control.agents.config_parts import WEEKDAYS, OpeningHours
from control.agents.hours import LONGEST_DESCRIPTION, describe_hours, is_open, next_closing, next_opening
from control.agents.plans.outside_hours import CallMoment

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
OFFICE = {
    **{day: [{"opens": "09:00", "closes": "12:30"}, {"opens": "14:00", "closes": "18:00"}] for day in WEEKDAYS[:5]},
    "saturday": [{"opens": "20:00", "closes": "02:00"}],
}
CHRISTMAS: list[dict[str, Any]] = [
    {"date": "2026-12-24", "until": "2026-12-26", "name": "Christmas"},
    {"date": "2026-12-27", "ranges": [{"opens": "10:00", "closes": "24:00"}], "name": "Sale"},
]
quarters = st.integers(0, 95).map(lambda quarter: f"{quarter // 4:02}:{quarter % 4 * 15:02}")
ranges: st.SearchStrategy[list[dict[str, str]]] = st.one_of(
    st.just([]),
    st.just([{"opens": "00:00", "closes": "24:00"}]),
    st.lists(quarters, min_size=2, max_size=6, unique=True).map(
        lambda times: [
            {"opens": opens, "closes": closes}
            for opens, closes in zip(sorted(times)[::2], sorted(times)[1::2], strict=False)
        ]
    ),
    st.tuples(quarters, quarters)
    .filter(lambda pair: pair[1] < pair[0])
    .map(lambda pair: [{"opens": pair[0], "closes": pair[1]}]),
)
# Around leap days, ends of years and the nights in which clocks are turned.
days = st.sampled_from(
    [date(2028, 2, 28), date(2027, 2, 28), date(2026, 12, 31), date(2026, 3, 29), date(2026, 10, 25), date(2026, 11, 1)]
).flatmap(lambda day: st.integers(-2, 2).map(lambda shift: day + shift * DAY))
moments = st.builds(lambda day, minute: datetime.combine(day, time()) + minute * MINUTE, days, st.integers(0, 1439))


def hours_of(weekly: dict[str, Any], exceptions: list[dict[str, Any]]) -> OpeningHours:
    return OpeningHours.model_validate({"weekly": weekly, "exceptions": exceptions})


@st.composite
def schedules(draw: st.DrawFn) -> OpeningHours:
    weekly = {day: draw(ranges) for day in WEEKDAYS}
    weekly["monday"] = weekly["monday"] or [{"opens": "08:00", "closes": "17:00"}]
    dates = draw(st.lists(days, unique=True, max_size=3))
    return hours_of(weekly, [{"date": day.isoformat(), "ranges": draw(ranges)} for day in dates])


def open_minutes(hours: OpeningHours, first: date, count: int) -> set[datetime]:
    """Each open minute of so many days, by writing every range out; the day before runs into the first one."""
    exceptions = {exception.date: exception.ranges for exception in hours.exceptions}
    found: set[datetime] = set()
    for day in (first + number * DAY for number in range(-1, count)):
        for one in exceptions.get(day.isoformat(), getattr(hours.weekly, WEEKDAYS[day.weekday()])):
            opens, closes = (sum(int(part) * unit for part, unit in zip(text.split(":"), (60, 1), strict=True))
                             for text in (one.opens, one.closes))  # fmt: skip
            length = closes - opens if closes > opens else closes + 1440 - opens
            begin = datetime.combine(day, time()) + opens * MINUTE
            found |= {begin + number * MINUTE for number in range(0, length, 15)}
    return found


def quarter_of(at: datetime) -> datetime:
    return at - timedelta(minutes=at.minute % 15)


@given(schedules(), moments)
def test_every_minute_is_as_the_ranges_say(hours: OpeningHours, at: datetime) -> None:
    expected = quarter_of(at) in open_minutes(hours, at.date(), 1)
    assert is_open(hours, at) is expected


@given(schedules(), moments)
def test_the_next_change_is_the_first_one(hours: OpeningHours, at: datetime) -> None:
    minutes, later = open_minutes(hours, at.date(), 24), quarter_of(at)
    ahead = [later + number * 15 * MINUTE for number in range(1, 22 * 96)]
    if is_open(hours, at):
        expected = next((moment for moment in ahead if moment not in minutes), None)
        closes = next_closing(hours, at)
        assert closes == expected or (closes is None and (expected is None or expected - at > timedelta(days=8)))
    else:
        assert next_opening(hours, at) == next(moment for moment in ahead if moment in minutes)
    assert "When this call began" in describe_hours(hours, at, "UTC")


@given(
    schedules(), moments, st.sampled_from(["Europe/Berlin", "America/New_York", "Africa/Cairo", "Australia/Lord_Howe"])
)
def test_a_call_is_judged_by_the_clock_on_the_wall(hours: OpeningHours, at: datetime, zone: str) -> None:
    """Also in the hour that comes twice, and next to the one that is skipped."""
    instant = at.replace(tzinfo=UTC)
    wall = instant.astimezone(ZoneInfo(zone))
    expected = quarter_of(wall.replace(tzinfo=None)) in open_minutes(hours, wall.date(), 1)
    assert CallMoment(instant, zone).is_outside(hours) is not expected


@pytest.mark.parametrize(
    ("utc", "is_open_then"),
    [
        ("2026-10-25T00:30", True),  # 02:30 in summer time
        ("2026-10-25T01:30", True),  # 02:30 again, an hour later
        ("2026-10-25T02:00", False),  # 03:00
        ("2026-03-29T00:59", False),  # 01:59; then the clock goes to 03:00
        ("2026-03-29T01:00", False),
    ],
)
def test_the_hour_that_comes_twice_is_open_twice(utc: str, is_open_then: bool) -> None:
    hours = hours_of({"sunday": [{"opens": "02:00", "closes": "03:00"}]}, [])
    moment = CallMoment(datetime.fromisoformat(f"{utc}+00:00"), "Europe/Berlin")
    assert moment.is_outside(hours) is not is_open_then


def test_an_unknown_zone_counts_as_utc() -> None:
    moment = CallMoment(datetime(2026, 11, 26, 9, tzinfo=UTC), "Mars/Olympus")
    assert (moment.local, moment.zone_name) == (datetime(2026, 11, 26, 9), "UTC")


def test_hours_in_words() -> None:
    text = describe_hours(hours_of(OFFICE, CHRISTMAS), datetime(2026, 12, 23, 17, 10), "Europe/Berlin")
    assert text.splitlines() == [
        "Opening hours (time zone Europe/Berlin):",
        "Monday to Friday: 09:00 to 12:30 and 14:00 to 18:00.",
        "Saturday: 20:00 to 02:00 on the next day.",
        "Sunday: closed.",
        "24 December 2026 to 26 December 2026 (Christmas): closed.",
        "27 December 2026 (Sale): 10:00 to 24:00.",
        "When this call began, on Wednesday 23 December 2026 at 17:10, the business was open, until 18:00.",
    ]
    closed = describe_hours(hours_of(OFFICE, CHRISTMAS), datetime(2026, 12, 24, 9, 0), "Europe/Berlin").splitlines()[-1]
    assert closed.endswith("the business was closed, and opens again on Sunday 27 December 2026 at 10:00.")
    always = {day: [{"opens": "00:00", "closes": "24:00"}] for day in WEEKDAYS}
    assert describe_hours(hours_of(always, []), datetime(2026, 12, 24), "UTC").splitlines()[1:] == [
        "Monday to Sunday: all day.",
        "When this call began, on Thursday 24 December 2026 at 00:00, the business was open.",
    ]  # fmt: skip


def test_a_night_is_not_cut_short_by_the_next_days_exception() -> None:
    hours = hours_of({"thursday": [{"opens": "22:00", "closes": "02:00"}]}, [{"date": "2026-12-25"}])
    assert is_open(hours, datetime(2026, 12, 25, 1, 59))
    assert not is_open(hours, datetime(2026, 12, 25, 2, 0))


@pytest.mark.parametrize(
    ("weekly", "exceptions", "field"),
    [
        ({"monday": [{"opens": "9:00", "closes": "17:00"}]}, [], "weekly.monday.0.opens"),
        ({"monday": [{"opens": "09:00", "closes": "24:01"}]}, [], "weekly.monday.0.closes"),
        ({"monday": [{"opens": "09:00", "closes": "09:00"}]}, [], "weekly.monday.0"),
        ({"funday": []}, [], "weekly.funday"),
        (
            {"monday": [{"opens": "09:00", "closes": "17:00"}, {"opens": "16:00", "closes": "18:00"}]}, [],
            "weekly.monday",
        ),
        ({"monday": [{"opens": "09:00", "closes": "02:00"}, {"opens": "16:00", "closes": "18:00"}]}, [],
         "weekly.monday"),
        (OFFICE, [{"date": "2026-02-30"}], "exceptions.0.date"),
        (OFFICE, [{"date": "2026-02-03", "until": "2026-02-02"}], "exceptions.0"),
        (OFFICE, [{"date": "2026-02-03", "until": "2026-02-05"}, {"date": "2026-02-05"}], "exceptions"),
        ({}, [], ""),
    ],
)  # fmt: skip
def test_faults_name_their_field(weekly: dict[str, Any], exceptions: list[dict[str, Any]], field: str) -> None:
    with pytest.raises(ValidationError) as caught:
        hours_of(weekly, exceptions)
    assert ".".join(map(str, caught.value.errors()[0]["loc"])) == field


def test_the_longest_description_is_bounded() -> None:
    """The longest names and ranges, as often as they may be."""
    clock = [{"opens": f"{hour:02}:10", "closes": f"{hour + 1:02}:10"} for hour in range(15, 20)]
    ranges = [*clock, {"opens": "22:10", "closes": "01:10"}]
    exceptions = [
        {"date": day.isoformat(), "name": "x" * 100, "ranges": ranges}
        for day in (date(2026, 9, 1) + number * DAY for number in range(100))
    ]
    weekly = {
        day: [*clock[: number % 2], ranges[-1], *clock[number % 2 + 1 :]][:6] for number, day in enumerate(WEEKDAYS)
    }
    weekly = {day: sorted(found, key=lambda one: one["opens"]) for day, found in weekly.items()}
    hours = OpeningHours.model_validate({"weekly": weekly, "exceptions": exceptions})
    text = describe_hours(hours, datetime(2026, 9, 2, 3), "America/Argentina/ComodRivadavia")
    assert LONGEST_DESCRIPTION / 2 < len(text) <= LONGEST_DESCRIPTION
