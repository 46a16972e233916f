"""Calling hours: weekly windows in the recipient's local time. Pure functions.

A number only hints at the location of its phone: a US mobile number keeps its area code when its owner moves, and a
toll-free number has no location at all. A call is therefore allowed only while the windows are open in every time zone
that the number may be in.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers
from phonenumbers import timezone as number_zones
from pydantic import AfterValidator, Field, model_validator

from control.agents.config_parts import WEEKDAYS, ConfigPart, DateText, OpeningRange, WeeklyHours
from control.agents.destinations import country_of, ordinary_number

# How far ahead the next allowed time is searched. Hours that open at no time within REACH are treated as never open.
REACH: Final = timedelta(days=31)
MOST_BLACKOUT_DATES: Final = 100
# Number of phone numbers whose zones are cached. Computing the zones takes 17 us, and each attempt needs them again.
_CACHED: Final = 4_096
_DAY: Final = timedelta(days=1)


def _each_once(dates: list[str]) -> list[str]:
    """Return the dates in order. Raises ValueError for an empty date and a repeated date."""
    if not all(dates):
        raise ValueError("a date is empty")
    if len(set(dates)) != len(dates):
        raise ValueError("a date is listed twice")
    return sorted(dates)


class CallingHours(ConfigPart):
    """The times at which recipients may be called, in each recipient's local time."""

    weekly: WeeklyHours = Field(
        description="The windows of a week. A window that closes before it opens ends on the next day."
    )
    blackout_dates: Annotated[list[DateText], AfterValidator(_each_once)] = Field(
        default=[],
        max_length=MOST_BLACKOUT_DATES,
        description="Dates (YYYY-MM-DD) without calls, such as holidays.",
        examples=[["2026-12-25"]],
    )

    @model_validator(mode="after")
    def _opens_at_all(self) -> "CallingHours":
        if not any(self.weekly.ranges_of(day) for day in range(7)):
            raise ValueError("the hours contain no window")
        return self


@lru_cache(maxsize=_CACHED)
def time_zones_of(number: str) -> tuple[str, ...]:
    """Return the zones (IANA names) in which this E.164 number may be, according to libphonenumber.

    These are the zones of its area code or mobile network, or all zones of its country if the number has no location.
    The zones of satellite phones and of freephone numbers without a country are unknown. Their recipients need their
    own zone and are not called without it.
    """
    try:
        names = number_zones.time_zones_for_number(phonenumbers.parse(ordinary_number(number)))
    except phonenumbers.NumberParseException:
        return ()
    return tuple(name for name in names if _is_zone(name))


def next_allowed(now: datetime, zones: Sequence[str], hours: CallingHours) -> datetime | None:
    """Return the first time from `now` on, in UTC, at which the hours are open in all of these zones.

    Returns None if there is no such time within REACH, for example if the windows are never open in all zones at once,
    or if no zone is known. Raises ValueError for a time without a zone and for an unknown zone.

    An hour that a zone skips belongs to no window. An hour that occurs twice is treated alike both times.
    """
    if now.tzinfo is None:
        raise ValueError("now: a time without a zone")
    places = [_load_zone(name) for name in zones]
    latest, at, open_in_row = now + REACH, now.astimezone(UTC), 0
    while places:
        for place in places:
            opens = _next_open(at, place, hours, latest)
            if opens is None:
                return None
            open_in_row, at = (open_in_row + 1, at) if opens == at else (1, opens)
            if open_in_row >= len(places):
                return at
    return None


def default_hours(number: str) -> CallingHours:
    """Return the default hours for a campaign without its own, by the number's country.

    Laws differ by state and by purpose, and the customer is responsible for the hours. These are the published general
    rules, and in other countries the strictest of them.

    US: 8:00 to 21:00 on any day, 47 CFR 64.1200(c)(1). Some states allow less.
    Canada: 9:00 to 21:30, on weekends 10:00 to 18:00, CRTC Unsolicited Telecommunications Rules, part III.
    Australia: 9:00 to 20:00, Saturdays to 17:00, not on Sundays, Telecommunications (Telemarketing and Research Calls)
    Industry Standard 2017; also not on public holidays, for which blackout dates exist.
    Other countries: Monday to Friday 10:00 to 13:00 and 14:00 to 20:00, which is France's rule (décret 2022-1313);
    France also excludes public holidays.
    """
    return _DEFAULTS.get(country_of(number) or "", _STRICTEST)


def _next_open(at: datetime, zone: ZoneInfo, hours: CallingHours, latest: datetime) -> datetime | None:
    """Return the first time from `at` on at which the hours are open in this zone, or None if it is after `latest`.

    Advances by at most a day, in which a zone changes its offset at most once, and stops at each change.
    """
    while at <= latest:
        clock = at.astimezone(zone).replace(tzinfo=None)
        if _is_open(hours, clock):
            return at
        following = at + min(_next_begin(hours, clock) - clock, _DAY)
        at = _find_offset_change(at, following, zone) or following
    return None


def _find_offset_change(first: datetime, last: datetime, zone: ZoneInfo) -> datetime | None:
    """Return the first second in (first, last] with another UTC offset than `first`, or None."""
    before = first.astimezone(zone).utcoffset()
    if last.astimezone(zone).utcoffset() == before:
        return None
    low, high = int(first.timestamp()), int(last.timestamp())
    while high - low > 1:
        middle = (low + high) // 2
        is_before = datetime.fromtimestamp(middle, zone).utcoffset() == before
        low, high = (middle, high) if is_before else (low, middle)
    return datetime.fromtimestamp(high, UTC)


def _is_open(hours: CallingHours, clock: datetime) -> bool:
    if clock.date().isoformat() in hours.blackout_dates:
        return False
    now = f"{clock:%H:%M}"
    today = hours.weekly.ranges_of(clock.weekday())
    yesterday = hours.weekly.ranges_of((clock - _DAY).weekday())
    return any(window.opens <= now and (window.is_overnight or now < window.closes) for window in today) or any(
        window.is_overnight and now < window.closes for window in yesterday
    )


def _next_begin(hours: CallingHours, clock: datetime) -> datetime:
    """Return the next time after this one at which the hours may open: the start of a window, or the next midnight."""
    midnight = datetime.combine(clock.date(), datetime.min.time())
    begins = [_time_on(clock.date(), window) for window in hours.weekly.ranges_of(clock.weekday())]
    return min((begin for begin in begins if begin > clock), default=midnight + _DAY)


def _time_on(day: date, window: OpeningRange) -> datetime:
    return datetime.fromisoformat(f"{day.isoformat()}T{window.opens}")


def _load_zone(name: str) -> ZoneInfo:
    """Return the zone. Raises ValueError if it does not exist."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError):
        raise ValueError(f"zones: the time zone {name!r} does not exist") from None


def _is_zone(name: str) -> bool:
    """Return whether this machine has the zone.

    Etc/Unknown, libphonenumber's name for an unknown zone, does not count.
    """
    try:
        _load_zone(name)
    except ValueError:
        return False
    return True


def _make_hours(*ranges: tuple[Sequence[str], str, str]) -> CallingHours:
    """Return hours with these windows. Each window has its days, opening time and closing time."""
    weekly: dict[str, list[dict[str, str]]] = {}
    for days, opens, closes in ranges:
        for day in days:
            weekly.setdefault(day, []).append({"opens": opens, "closes": closes})
    return CallingHours.model_validate({"weekly": weekly})


_WORKDAYS: Final = WEEKDAYS[:5]
_DEFAULTS: Final = {
    "US": _make_hours((WEEKDAYS, "08:00", "21:00")),
    "CA": _make_hours((_WORKDAYS, "09:00", "21:30"), (WEEKDAYS[5:], "10:00", "18:00")),
    "AU": _make_hours((_WORKDAYS, "09:00", "20:00"), (("saturday",), "09:00", "17:00")),
}
_STRICTEST: Final = _make_hours((_WORKDAYS, "10:00", "13:00"), (_WORKDAYS, "14:00", "20:00"))
