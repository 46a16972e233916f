"""Calling hours against a walk through every minute, in zones that turn their clocks, by an hour and by half of one."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from control.agents.config_parts import WEEKDAYS
from control.campaigns.calling_hours import REACH, CallingHours, default_hours, next_allowed, time_zones_of

MINUTE = timedelta(minutes=1)
ZONES = ("America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu", "America/St_Johns", "UTC")
# Half a day before clocks are turned in New York, in Berlin and on Lord Howe, forth and back.
NIGHTS = [
    datetime(2026, 3, 7, 19, tzinfo=UTC),
    datetime(2026, 10, 31, 18, tzinfo=UTC),
    datetime(2026, 3, 28, 13, tzinfo=UTC),
    datetime(2026, 10, 24, 13, tzinfo=UTC),
    datetime(2026, 4, 4, 3, tzinfo=UTC),
    datetime(2026, 10, 3, 3, tzinfo=UTC),
]
clocks = st.integers(0, 47).map(lambda half: f"{half // 2:02}:{half % 2 * 30:02}")
windows = st.tuples(clocks, clocks).filter(lambda pair: pair[0] != pair[1])
moments = st.builds(
    lambda night, seconds: night + timedelta(seconds=seconds), st.sampled_from(NIGHTS), st.integers(0, 86_400)
)


def hours_of(weekly: dict[str, list[tuple[str, str]]], blackout: list[str] | None = None) -> CallingHours:
    ranges = {day: [{"opens": opens, "closes": closes} for opens, closes in all_] for day, all_ in weekly.items()}
    return CallingHours.model_validate({"weekly": ranges, "blackout_dates": blackout or []})


def every_day(opens: str, closes: str, blackout: list[str] | None = None) -> CallingHours:
    return hours_of({day: [(opens, closes)] for day in WEEKDAYS}, blackout)


@st.composite
def schedules(draw: st.DrawFn) -> CallingHours:
    """One window a day; the days around NIGHTS are blacked out now and then."""
    weekly = {day: [draw(windows)] for day in draw(st.sets(st.sampled_from(WEEKDAYS), min_size=3))}
    night = draw(st.sampled_from(NIGHTS)).date()
    dates = draw(st.sets(st.integers(0, 2), max_size=2))
    return hours_of(weekly, [(night + timedelta(days=shift)).isoformat() for shift in dates])


def minutes_of(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])


def is_allowed(hours: CallingHours, at: datetime, zone: str) -> bool:
    """By minutes counted from the midnight on which each window's day begins."""
    local = at.astimezone(ZoneInfo(zone))
    if local.date().isoformat() in hours.blackout_dates:
        return False
    for days_ago in (0, 1):
        minute = local.hour * 60 + local.minute + days_ago * 1440
        for one in hours.weekly.ranges_of((local.date() - timedelta(days=days_ago)).weekday()):
            closes = minutes_of(one.closes) + (1440 if minutes_of(one.closes) < minutes_of(one.opens) else 0)
            if minutes_of(one.opens) <= minute < closes:
                return True
    return False


@given(schedules(), moments, st.sets(st.sampled_from(ZONES), min_size=1, max_size=3))
@settings(max_examples=40)
def test_the_first_allowed_minute_is_found(hours: CallingHours, now: datetime, zones: set[str]) -> None:
    found = next_allowed(now, sorted(zones), hours)
    whole = now.replace(second=0)
    walk = [now] + [whole + number * MINUTE for number in range(1, 2 * 1440)]
    first = next((at for at in walk if all(is_allowed(hours, at, zone) for zone in zones)), None)
    if first is not None:
        assert found == first
    else:
        assert found is None or (found > walk[-1] and all(is_allowed(hours, found, zone) for zone in zones))


@given(schedules(), moments, st.integers(0, 3 * 86_400), st.sets(st.sampled_from(ZONES), min_size=1, max_size=4))
@settings(max_examples=40)
def test_a_later_question_has_no_earlier_answer(
    hours: CallingHours, now: datetime, after: int, zones: set[str]
) -> None:
    found = next_allowed(now, sorted(zones), hours)
    later = next_allowed(now + timedelta(seconds=after), sorted(zones), hours)
    assert found is None or now <= found <= now + REACH
    if found is not None:
        assert next_allowed(found, sorted(zones), hours) == found
        assert later is None or later >= found


def test_a_window_in_the_skipped_hour_opens_when_clocks_were_turned() -> None:
    now = datetime(2026, 3, 8, 5, tzinfo=UTC)  # midnight in New York; 2:00 to 3:00 does not exist
    opens = next_allowed(now, ["America/New_York"], every_day("02:30", "03:30"))
    assert opens == datetime(2026, 3, 8, 7, tzinfo=UTC)  # 3:00 there
    missed = next_allowed(now, ["America/New_York"], every_day("02:00", "03:00"))
    assert missed == datetime(2026, 3, 9, 6, tzinfo=UTC)  # 2:00 on the next day


def test_a_window_in_the_repeated_hour_is_open_twice() -> None:
    hours = every_day("01:00", "01:30")  # comes twice in New York on this day
    first = datetime(2026, 11, 1, 5, tzinfo=UTC)
    assert next_allowed(first, ["America/New_York"], hours) == first
    assert next_allowed(first + 30 * MINUTE, ["America/New_York"], hours) == first + 60 * MINUTE


def test_a_window_over_midnight_ends_at_a_blackout_date() -> None:
    hours = every_day("22:00", "02:00", ["2026-12-25"])
    eve = datetime(2026, 12, 24, 23, 30, tzinfo=UTC)
    assert next_allowed(eve, ["UTC"], hours) == eve
    assert next_allowed(eve + 30 * MINUTE, ["UTC"], hours) == datetime(2026, 12, 26, tzinfo=UTC)


def test_a_toll_free_number_is_called_when_the_whole_plan_is_awake() -> None:
    zones = time_zones_of("+18005550100")
    assert {"America/New_York", "Pacific/Honolulu", "Pacific/Guam"} <= set(zones)
    # From 8:00 on Guam (22:00 UTC) to 21:00 in St. John's (0:30 UTC).
    opens = next_allowed(datetime(2026, 11, 26, 12, tzinfo=UTC), zones, every_day("08:00", "21:00"))
    assert opens == datetime(2026, 11, 26, 22, tzinfo=UTC)


def test_windows_that_are_never_open_together() -> None:
    zones = time_zones_of("+61412345678")
    assert next_allowed(datetime(2026, 11, 26, tzinfo=UTC), zones, every_day("09:00", "10:00")) is None
    dates = [(date(2026, 11, 26) + timedelta(days=number)).isoformat() for number in range(40)]
    assert next_allowed(datetime(2026, 11, 26, tzinfo=UTC), ["UTC"], every_day("09:00", "17:00", dates)) is None


@pytest.mark.parametrize(
    ("number", "zones"),
    [
        ("+14155550100", ("America/Los_Angeles",)),  # reserved for films
        ("+12125550123", ("America/New_York",)),
        ("+442071838750", ("Europe/London",)),
        ("+447700900123", ("Europe/Guernsey", "Europe/Isle_of_Man", "Europe/Jersey", "Europe/London")),
        ("+870773111632", ()),  # a satellite phone
        ("+80012345678", ()),  # freephone of no country
        ("nobody", ()),
    ],
)
def test_zones_of_a_number(number: str, zones: tuple[str, ...]) -> None:
    assert time_zones_of(number) == zones


def test_a_number_without_a_zone_is_never_called() -> None:
    assert next_allowed(datetime(2026, 11, 26, tzinfo=UTC), (), every_day("00:00", "24:00")) is None


def test_rejects_naive_times_and_unknown_time_zones() -> None:
    with pytest.raises(ValueError, match="without a zone"):
        next_allowed(datetime(2026, 11, 26), ["UTC"], every_day("08:00", "21:00"))
    with pytest.raises(ValueError, match="Mars/Olympus"):
        next_allowed(datetime(2026, 11, 26, tzinfo=UTC), ["Mars/Olympus"], every_day("08:00", "21:00"))


@pytest.mark.parametrize(
    ("number", "monday_noon", "sunday_noon"),
    [("+14155550100", True, True), ("+61291234567", True, False), ("+493012345678", True, False)],
)
def test_defaults_by_country(number: str, monday_noon: bool, sunday_noon: bool) -> None:
    hours, zone = default_hours(number), ZoneInfo(time_zones_of(number)[0])
    for day, is_open in ((30, monday_noon), (29, sunday_noon)):
        noon = datetime(2026, 11, day, 12, tzinfo=zone)
        assert (next_allowed(noon, [zone.key], hours) == noon) is is_open


@pytest.mark.parametrize("dates", [["2026-12-25", "2026-12-25"], [""], ["2026-02-30"]])
def test_faulty_blackout_dates(dates: list[str]) -> None:
    weekly: dict[str, Any] = {"monday": [{"opens": "08:00", "closes": "21:00"}]}
    with pytest.raises(ValidationError, match="blackout_dates"):
        CallingHours.model_validate({"weekly": weekly, "blackout_dates": dates})


def test_hours_without_a_window_are_refused() -> None:
    with pytest.raises(ValidationError, match="no window"):
        CallingHours.model_validate({"weekly": {}})
