"""Writes a time in a time zone as English words."""

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_UTC: Final = ZoneInfo("UTC")


def to_local(moment: datetime, timezone: str) -> datetime:
    """Return the moment in a time zone of the IANA database.

    If this machine's database does not have the zone, the result is in UTC. The result's `tzinfo` shows which zone it
    is.
    """
    return moment.astimezone(find_zone(timezone))


def find_zone(name: str) -> ZoneInfo:
    """Return the zone, or UTC if this machine's database does not (or no longer) have it."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: "Europe" is a folder of the database
        return _UTC


def zone_name(local: datetime) -> str:
    """Return the IANA name of the moment's zone, such as Europe/Berlin."""
    zone = local.tzinfo
    return zone.key if isinstance(zone, ZoneInfo) else "UTC"


def format_date(local: datetime) -> str:
    """Return a date such as "26 November 2026". The month is a word, because the order of numbers differs between
    countries."""
    return f"{local.day} {local:%B} {local.year}"


def format_moment(local: datetime) -> str:
    """Return a moment such as "Thursday, 26 November 2026, 14:05"."""
    return f"{local:%A}, {format_date(local)}, {local:%H:%M}"


def format_utc_offset(local: datetime) -> str:
    """Return an offset such as "UTC+01:00"."""
    offset = f"{local:%z}"
    return f"UTC{offset[:3]}:{offset[3:5]}"
