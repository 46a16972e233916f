"""The IANA time zone database of this machine."""

from functools import cache
from typing import Final
from zoneinfo import available_timezones

from shared.errors import Invalid

# Files beside the zones, and aliases of the machine's own zone.
_EXCLUDED: Final = frozenset(("Factory", "localtime", "posixrules"))


@cache
def timezone_names() -> frozenset[str]:
    """Returns all names."""
    return frozenset(available_timezones()) - _EXCLUDED


def require_timezone(name: str) -> None:
    """Raises Invalid (code timezone_unknown)."""
    if name not in timezone_names():
        raise Invalid(f"There is no time zone named {name!r}.", code="timezone_unknown", param="timezone")
