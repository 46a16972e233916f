"""Billing periods: months in the workspace's time zone as half-open intervals of UTC; no SQL.

Periods of a workspace follow one another without a gap. Each begins at the start of the anchor day, or of the month's
last day where the month is shorter. A day that begins in a gap of the clock (daylight saving time) begins at the gap's
end.
"""

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from typing import Final
from zoneinfo import ZoneInfo

# A workspace that moves to another time zone moves its next anchor by up to 26 hours (UTC-12 to UTC+14). The rest of a
# month that this would leave over is part of the period that follows.
_SHORTEST: Final = timedelta(hours=36)
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class BillingPeriod:
    """From start (inclusive) to end (exclusive), UTC. full_start, full_end: the whole period, which the first one of a
    workspace is a part of; else the same. timezone: an IANA name."""

    start: datetime
    end: datetime
    full_start: datetime
    full_end: datetime
    timezone: str

    def share(self, since: datetime, until: datetime) -> Fraction:
        """The part of the whole period that lies between two moments; they are within the period."""
        return _microseconds(until - since) / _microseconds(self.full_end - self.full_start)

    @property
    def full_days(self) -> int:
        """Days of the whole period, by the calendar of its time zone."""
        return (self.date_of(self.full_end) - self.date_of(self.full_start)).days

    def days_between(self, since: datetime, until: datetime) -> set[date]:
        """The days of the period's time zone of which some part lies between two moments within the period."""
        since, until = max(since, self.start), min(until, self.end)
        if since >= until:
            return set()
        first, last = self.date_of(since), self.date_of(until - timedelta(microseconds=1))
        return {first + _DAY * number for number in range((last - first).days + 1)}

    def day_starts(self) -> list[datetime]:
        """When each day of the period begins (UTC), in order; the first is the period's start."""
        starts, day, last = [self.start], self.date_of(self.start), self.date_of(self.end)
        while (day := day + _DAY) <= last:
            begin = datetime.combine(day, time(), ZoneInfo(self.timezone)).astimezone(UTC)
            if self.start < begin < self.end:
                starts.append(begin)
        return starts

    def date_of(self, moment: datetime) -> date:
        """The date of a moment in the period's time zone."""
        return moment.astimezone(ZoneInfo(self.timezone)).date()


def first_period(opened_at: datetime, timezone: str, anchor_day: int) -> BillingPeriod:
    """The period in which an account was opened: it begins at that moment."""
    local = opened_at.astimezone(ZoneInfo(timezone)).date()
    full_start = _anchor(local.year, local.month, timezone, anchor_day)
    if full_start > opened_at:
        full_start = _anchor(*_shift(local.year, local.month, -1), timezone, anchor_day)
    full_end = _next_anchor(full_start, timezone, anchor_day)
    return BillingPeriod(opened_at.astimezone(UTC), full_end, full_start, full_end, timezone)


def next_period(end: datetime, timezone: str, anchor_day: int) -> BillingPeriod:
    """The period after the one that ended then. timezone: of the workspace now."""
    until = _next_anchor(end + _SHORTEST, timezone, anchor_day)
    return BillingPeriod(end.astimezone(UTC), until, end.astimezone(UTC), until, timezone)


def _next_anchor(after: datetime, timezone: str, anchor_day: int) -> datetime:
    """The first anchor later than that moment."""
    local = after.astimezone(ZoneInfo(timezone)).date()
    anchor = _anchor(local.year, local.month, timezone, anchor_day)
    return anchor if anchor > after else _anchor(*_shift(local.year, local.month, 1), timezone, anchor_day)


def _anchor(year: int, month: int, timezone: str, anchor_day: int) -> datetime:
    """The beginning of the month's anchor day. A midnight that does not exist is taken with the offset before the gap
    (PEP 495, fold 0), which is the moment of the gap; of two midnights the first counts."""
    day = min(anchor_day, monthrange(year, month)[1])
    return datetime(year, month, day, tzinfo=ZoneInfo(timezone)).astimezone(UTC)


def _shift(year: int, month: int, months: int) -> tuple[int, int]:
    years, month = divmod(year * 12 + month - 1 + months, 12)
    return years, month + 1


def _microseconds(duration: timedelta) -> Fraction:
    return Fraction(duration // timedelta(microseconds=1))
