"""Calling hours around the moment of a rehearsal: open, opening soon, closing soon and closed, by time zone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

# Windows of zones an hour apart, all in one week, must be shorter than an hour: each belongs to one zone's clock.
LONGEST: Final = timedelta(minutes=50)
_MINUTE: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class ZoneWindow:
    """When recipients with this area code may be called. opens_at, closes_at: None where they may not be at all."""

    area: str
    zone: str
    opens_at: datetime | None
    closes_at: datetime | None

    def holds(self, at: datetime) -> bool:
        """Whether this is a moment within the window."""
        return self.opens_at is not None and self.closes_at is not None and self.opens_at <= at < self.closes_at


def choose_windows(now: datetime, soon: timedelta) -> list[ZoneWindow]:
    """New York and Denver are open, Los Angeles opens and Chicago closes `soon`, Honolulu is closed. Not for the
    night in which North America's clocks go back: two zones have the same time then."""
    begin = now.astimezone(UTC).replace(second=0, microsecond=0) - _MINUTE
    turn, end = begin + _MINUTE + soon, begin + LONGEST
    return [
        ZoneWindow("212", "America/New_York", begin, end),
        ZoneWindow("303", "America/Denver", begin, end),
        ZoneWindow("415", "America/Los_Angeles", turn, end),
        ZoneWindow("312", "America/Chicago", begin, turn),
        ZoneWindow("808", "Pacific/Honolulu", None, None),
    ]


def make_hours(windows: Sequence[ZoneWindow]) -> dict[str, Any]:
    """The same as the `hours` of a campaign: windows of a week by the clock of the recipient."""
    weekly: dict[str, list[dict[str, str]]] = {}
    for window in windows:
        if window.opens_at is not None and window.closes_at is not None:
            opens, closes = (at.astimezone(ZoneInfo(window.zone)) for at in (window.opens_at, window.closes_at))
            ranges = weekly.setdefault(f"{opens:%A}".lower(), [])
            ranges.append({"opens": f"{opens:%H:%M}", "closes": f"{closes:%H:%M}"})
    return {"weekly": weekly}
