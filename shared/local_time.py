"""Writes a time in a time zone as English words."""

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_UTC: Final = ZoneInfo("UTC")


def to_local(moment: datetime, timezone: str) -> datetime:
    """The moment in a zone, by its name in the IANA database. In UTC for a zone that this machine's database does
    not have: the result's `tzinfo` says which it is."""
    return moment.astimezone(find_zone(timezone))


def find_zone(name: str) -> ZoneInfo:
    """The zone; UTC for one that this machine's database does not have (any more)."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: "Europe" is a folder of the database
        return _UTC


def zone_name(local: datetime) -> str:
    """The IANA name of the moment's zone, such as Europe/Berlin."""
    zone = local.tzinfo
    return zone.key if isinstance(zone, ZoneInfo) else "UTC"


def format_date(local: datetime) -> str:
    """Such as "26 November 2026": the month as a word, because the order of figures differs between countries."""
    return f"{local.day} {local:%B} {local.year}"


def format_moment(local: datetime) -> str:
    """Such as "Thursday, 26 November 2026, 14:05"."""
    return f"{local:%A}, {format_date(local)}, {local:%H:%M}"


def format_utc_offset(local: datetime) -> str:
    """Such as "UTC+01:00"."""
    offset = f"{local:%z}"
    return f"UTC{offset[:3]}:{offset[3:5]}"
