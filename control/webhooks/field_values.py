"""Conversions of single fields that carriers send."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

_MAX_DIFFERENCE: Final = timedelta(days=1)


def parse_uuid(text: str) -> UUID | None:
    """Returns None for an empty text and for one that is no UUID."""
    try:
        return UUID(text) if text else None
    except ValueError:
        return None


def plausible_time(reported: datetime, now: datetime) -> datetime:
    """Returns `reported`, or `now` where it lies in the future, is more than a day off, or has no time zone."""
    if reported.tzinfo is None or abs(reported - now) > _MAX_DIFFERENCE:
        return now
    return min(reported, now)


def non_empty(**fields: str) -> dict[str, str]:
    """Drops empty values."""
    return {name: value for name, value in fields.items() if value}
