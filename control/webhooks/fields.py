"""What both carriers' words are made of: ids of ours, moments, notes."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

_MOST_APART: Final = timedelta(days=1)


def uuid_of(text: str) -> UUID | None:
    """None for one that is missing or none."""
    try:
        return UUID(text) if text else None
    except ValueError:
        return None


def moment_of(told: datetime, now: datetime) -> datetime:
    """As told; now, where that cannot be: from the future, from another day, or of no known zone."""
    if told.tzinfo is None or abs(told - now) > _MOST_APART:
        return now
    return min(told, now)


def noted(**told: str) -> dict[str, str]:
    """Those that were told at all."""
    return {name: value for name, value in told.items() if value}
