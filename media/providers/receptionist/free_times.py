"""Speaks the free times that the tool `check_availability` found, for the first days only. Pure."""

import re
from typing import Final

CHECK_AVAILABILITY: Final = "check_availability"
# The number of days that a listener can remember.
_DAYS: Final = 2
_DAY: Final = re.compile(r"^(\w+, [^(:]+?) \d{4} \(\d{4}-\d\d-\d\d\): (.+)\.$", re.MULTILINE)


def say_free_times(result: str) -> str:
    """Return the spoken text: "I have Friday, 4 December, 09:00 to 17:00." Returns "" if the result has no time.

    Args:
        result: The tool's text, with a line for each day.
    """
    days = [f"{day}, {times}" for day, times in _DAY.findall(result)[:_DAYS]]
    return f"I have {', and '.join(days)}." if days else ""
