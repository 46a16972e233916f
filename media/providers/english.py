"""English word lists that several providers use."""

from typing import Final


def word_list(text: str) -> tuple[str, ...]:
    """Split a string of words into a tuple."""
    return tuple(text.split())


WEEKDAYS: Final = word_list("monday tuesday wednesday thursday friday saturday sunday")
MONTHS: Final = word_list("january february march april may june july august september october november december")
