"""Free times of a calendar: the opening hours without busy times. Pure functions."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from control.agents.config_parts import OpeningHours
from control.agents.hours import spans_of
from control.integrations.bookings.calendar_requests import BusySpan


@dataclass(frozen=True, slots=True)
class FreeSpan:
    """A free time span, in the calendar's time zone."""

    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class CalendarRules:
    """Rules for the times that can be booked.

    Attributes:
        earliest: Lower bound of all appointments.
        latest: Upper bound of all appointments.
    """

    hours: OpeningHours
    zone: ZoneInfo
    length: timedelta
    earliest: datetime
    latest: datetime


def list_free(rules: CalendarRules, busy: Sequence[BusySpan], first: date, days: int) -> list[FreeSpan]:
    """Return the free times of `days` days from `first` on, in order. Each is long enough for an appointment."""
    open_spans = _merge(span for number in range(days) for span in _open_spans(rules, first + timedelta(days=number)))
    free = [part for span in open_spans for part in _subtract(span, busy)]
    local = (FreeSpan(part.starts_at.astimezone(rules.zone), part.ends_at.astimezone(rules.zone)) for part in free)
    return [part for part in local if part.ends_at - part.starts_at >= rules.length]


def is_bookable(rules: CalendarRules, starts_at: datetime, ends_at: datetime) -> bool:
    """Return whether the opening hours and the bounds allow this time, whether or not it is free."""
    day = starts_at.astimezone(rules.zone).date() - timedelta(days=1)
    spans = list_free(rules, (), day, 3)
    return any(span.starts_at <= starts_at and ends_at <= span.ends_at for span in spans)


def exists(local: datetime, zone: ZoneInfo) -> bool:
    """Return whether clocks in the zone ever show this time. The start of daylight saving time skips an hour."""
    return local.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None) == local


def _open_spans(rules: CalendarRules, day: date) -> Iterator[BusySpan]:
    """Yield the open spans within the bounds, in UTC.

    Arithmetic in the local zone would ignore changes to and from daylight saving time.
    """
    for span in spans_of(rules.hours, day):
        opens = span.opens.replace(tzinfo=rules.zone).astimezone(UTC)
        closes = span.closes.replace(tzinfo=rules.zone).astimezone(UTC)
        starts_at, ends_at = max(opens, rules.earliest), min(closes, rules.latest)
        if starts_at < ends_at:
            yield BusySpan(starts_at, ends_at)


def _merge(spans: Iterable[BusySpan]) -> list[BusySpan]:
    """Merge spans that touch or overlap."""
    merged: list[BusySpan] = []
    for span in sorted(spans, key=lambda interval: interval.starts_at):
        if merged and span.starts_at <= merged[-1].ends_at:
            merged[-1] = BusySpan(merged[-1].starts_at, max(merged[-1].ends_at, span.ends_at))
        else:
            merged.append(span)
    return merged


def _subtract(span: BusySpan, busy: Sequence[BusySpan]) -> Iterator[BusySpan]:
    begins = span.starts_at
    for taken in sorted(busy, key=lambda busy_span: busy_span.starts_at):
        if taken.ends_at <= begins or taken.starts_at >= span.ends_at:
            continue
        if taken.starts_at > begins:
            yield BusySpan(begins, taken.starts_at)
        begins = max(begins, taken.ends_at)
    if begins < span.ends_at:
        yield BusySpan(begins, span.ends_at)
