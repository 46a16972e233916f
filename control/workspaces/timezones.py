"""Names of the IANA time zone database, as this machine has it."""

from functools import cache
from typing import Final
from zoneinfo import available_timezones

from shared.errors import Invalid

# Files beside the zones, and "the zone of this machine".
_NO_ZONES: Final = frozenset(("Factory", "localtime", "posixrules"))


@cache
def names() -> frozenset[str]:
    """All of them."""
    return frozenset(available_timezones()) - _NO_ZONES


def require_timezone(name: str) -> None:
    """Raises Invalid."""
    if name not in names():
        raise Invalid(f"There is no time zone named {name!r}.", code="timezone_unknown", param="timezone")
