"""Opening hours: whether a business is open at a time, when this changes, and a description in words. Pure functions.

All times are local, as datetimes without a zone. Calls never fall into an hour that daylight saving time skips; in an
hour that occurs twice, both times are treated alike. A range belongs to the day on which it begins, so an exception for
the next day does not cut off a range that runs past midnight.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import groupby
from typing import Final

from control.agents.config_parts import HoursException, OpeningHours, OpeningRange

# How far ahead the next opening is searched, and exceptions are listed.
HORIZON: Final = timedelta(days=60)
MOST_TOLD: Final = 20
# Maximum number of characters that describe_hours returns, rounded up.
LONGEST_DESCRIPTION: Final = 10_000
# A weekly plan that is open for this long from now on never closes.
_ALWAYS: Final = timedelta(days=8)
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class OpenSpan:
    """An open time span from `opens` until `closes` (exclusive)."""

    opens: datetime
    closes: datetime


def is_open(hours: OpeningHours, at: datetime) -> bool:
    """Return whether the business is open at this time."""
    return _span_at(hours, at) is not None


def next_opening(hours: OpeningHours, at: datetime) -> datetime | None:
    """Return when the business opens after a time at which it is closed, or None if not within HORIZON."""
    days = (at.date() + timedelta(days=number) for number in range(HORIZON.days))
    return next((span.opens for day in days for span in spans_of(hours, day) if span.opens > at), None)


def next_closing(hours: OpeningHours, at: datetime) -> datetime | None:
    """Return when the business closes after a time at which it is open, or None if not within a week.

    Ranges that touch count as one range.
    """
    closes = at
    while (span := _span_at(hours, closes)) is not None:
        closes = span.closes
        if closes - at > _ALWAYS:
            return None
    return closes


def describe_hours(hours: OpeningHours, at: datetime, timezone: str) -> str:
    """Return the hours and the state at this time, as lines for a language model.

    Args:
        timezone: Name of the time zone.
    """
    lines = [f"Opening hours (time zone {timezone}):", *_describe_week(hours)]
    lines += [_describe_exception(exception) for exception in _coming(hours.exceptions, at.date())]
    return "\n".join([*lines, _describe_state(hours, at)])


def _span_at(hours: OpeningHours, at: datetime) -> OpenSpan | None:
    """Return the span that contains this time. Of several spans, the span that closes last is returned."""
    spans = (*spans_of(hours, at.date() - _DAY), *spans_of(hours, at.date()))
    return max(
        (span for span in spans if span.opens <= at < span.closes), key=lambda open_span: open_span.closes, default=None
    )


def spans_of(hours: OpeningHours, day: date) -> Iterator[OpenSpan]:
    """Yield the spans that begin on this day, in order."""
    midnight = datetime.combine(day, time())
    for opening in _ranges_of(hours, day):
        end = midnight + _DAY if opening.is_overnight else midnight
        yield OpenSpan(midnight + _since_midnight(opening.opens), end + _since_midnight(opening.closes))


def _ranges_of(hours: OpeningHours, day: date) -> Sequence[OpeningRange]:
    text = day.isoformat()  # Dates in ISO form sort as texts.
    exception = next((candidate for candidate in hours.exceptions if candidate.date <= text <= candidate.last), None)
    return hours.weekly.ranges_of(day.weekday()) if exception is None else exception.ranges


def _since_midnight(text: str) -> timedelta:
    return timedelta(hours=int(text[:2]), minutes=int(text[3:]))


def _describe_week(hours: OpeningHours) -> list[str]:
    """Return the lines of the week. Consecutive days with equal ranges share a line."""
    lines = []
    days = [(name, hours.weekly.ranges_of(number)) for number, name in enumerate(_NAMES)]
    for ranges, group in groupby(days, key=lambda day: day[1]):
        names = [name for name, _ in group]
        whole = names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
        lines.append(f"{whole}: {_describe_ranges(ranges)}.")
    return lines


def _coming(exceptions: Sequence[HoursException], today: date) -> list[HoursException]:
    first, last = today.isoformat(), (today + HORIZON).isoformat()
    near = [exception for exception in exceptions if exception.last >= first and exception.date <= last]
    return sorted(near, key=lambda exception: exception.date)[:MOST_TOLD]


def _describe_exception(exception: HoursException) -> str:
    until = f" to {_describe_date(date.fromisoformat(exception.until))}" if exception.until else ""
    name = f" ({' '.join(exception.name.split())})" if exception.name.strip() else ""
    return f"{_describe_date(date.fromisoformat(exception.date))}{until}{name}: {_describe_ranges(exception.ranges)}."


def _describe_state(hours: OpeningHours, at: datetime) -> str:
    if is_open(hours, at):
        closes = next_closing(hours, at)
        state = "open" if closes is None else f"open, until {_describe_moment(closes, at)}"
    else:
        opens = next_opening(hours, at)
        state = "closed" if opens is None else f"closed, and opens again on {_describe_moment(opens)}"
    return f"When this call began, on {_describe_moment(at)}, the business was {state}."


def _describe_ranges(ranges: Sequence[OpeningRange]) -> str:
    return " and ".join(map(_describe_range, ranges)) or "closed"


def _describe_range(opening: OpeningRange) -> str:
    if (opening.opens, opening.closes) == ("00:00", "24:00"):
        return "all day"
    return f"{opening.opens} to {opening.closes}{' on the next day' if opening.is_overnight else ''}"


def _describe_moment(moment: datetime, today: datetime | None = None) -> str:
    """Return the time as text, without the date if it is `today`."""
    clock = f"{moment:%H:%M}"
    if today is not None and moment.date() == today.date():
        return clock
    return f"{_NAMES[moment.weekday()]} {_describe_date(moment.date())} at {clock}"


def _describe_date(day: date) -> str:
    """Return the date with the month as a word, because the order of day and month differs between countries."""
    return f"{day.day} {day:%B} {day.year}"


_NAMES: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
