"""Calendar periods up to today, and chosen ranges of days."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

from shared.errors import Invalid

Period = Literal["day", "week", "month", "quarter", "year"]
_DAY = timedelta(days=1)
# Errors of operations whose query contains a `RangeChoice`.
RANGE_ERRORS: Final = ("422 range_incomplete", "422 range_invalid", "422 range_too_long")


@dataclass(frozen=True, slots=True)
class DayRange:
    """A range of days in a time zone, with both ends included.

    Attributes:
        zone: Time zone name of the IANA database.
    """

    first: date
    last: date
    zone: str

    @property
    def since(self) -> datetime:
        """Start of the first day."""
        return _begin(self.first, self.zone)

    @property
    def until(self) -> datetime:
        """Start of the day after the last day."""
        return _begin(self.last + _DAY, self.zone)

    @property
    def days(self) -> list[date]:
        """All days of the range."""
        return [self.first + _DAY * number for number in range((self.last - self.first).days + 1)]

    def split(self, today: date) -> tuple[list[date], list[date]]:
        """Split the range into whole calendar months, given by their first days, and the remaining days.

        The current month counts as whole if the range reaches today, because later days have no figures.
        """
        months, rest, day = [], [], self.first
        while day <= self.last:
            after = _next_month(day)
            if day.day == 1 and min(after - _DAY, today) <= self.last:
                months.append(day)
                day = after
            else:
                rest.append(day)
                day += _DAY
        return months, rest


def first_day(period: Period, today: date) -> date:
    """Return the first day of the period that contains today. Weeks start on Monday."""
    match period:
        case "day":
            return today
        case "week":
            return today - timedelta(days=today.weekday())
        case "month":
            return today.replace(day=1)
        case "quarter":
            return today.replace(month=3 * ((today.month - 1) // 3) + 1, day=1)
        case "year":
            return today.replace(month=1, day=1)


@dataclass(frozen=True, slots=True)
class RangeChoice:
    """A requested range: a period, or the days `first` to `last` (both included)."""

    period: Period
    first: date | None = None
    last: date | None = None

    def resolve(self, now: datetime, zone: str, most_days: int) -> DayRange:
        """Return the days up to today.

        Raises Invalid: only one end is given (range_incomplete), the ends are in the wrong order or in the future
        (range_invalid), or there are more than `most_days` days (range_too_long).
        """
        today = now.astimezone(ZoneInfo(zone)).date()
        if self.first is None and self.last is None:
            return DayRange(first_day(self.period, today), today, zone)
        if self.first is None or self.last is None:
            missing = "from" if self.first is None else "to"
            raise Invalid("from and to go together.", param=missing, code="range_incomplete")
        if self.last < self.first:
            raise Invalid("to: must not be before from.", param="to", code="range_invalid")
        if self.first > today:
            raise Invalid(f"from: must not be after today ({today}).", param="from", code="range_invalid")
        if (self.last - self.first).days >= most_days:
            raise Invalid(f"to: at most {most_days} days may be chosen.", param="to", code="range_too_long")
        return DayRange(self.first, min(self.last, today), zone)


def _begin(day: date, zone: str) -> datetime:
    """Return the start of the day in the zone, in UTC.

    If clocks skip midnight, the day starts at the skip. If midnight occurs twice, the day starts at the first.
    """
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


def _next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)
