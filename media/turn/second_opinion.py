"""The port of a second judge of the caller's words, which may answer late or never."""

from collections.abc import Callable
from typing import Final, Protocol

# If the first judge's probability is in this range, the second judge's answer can change the silence.
_LEAST_OPEN: Final = 0.1
_MOST_OPEN: Final = 0.9


class SecondJudge(Protocol):
    """A judge that answers later, or never."""

    def request(self, text: str, on_probability: Callable[[float], None]) -> None:
        """Request the probability (0 to 1) that a caller's turn ends after this text. Returns at once.

        Args:
            on_probability: Called later, or never.
        """


def is_uncertain(first: float) -> bool:
    """Return whether the first judge's probability leaves the end open."""
    return _LEAST_OPEN <= first <= _MOST_OPEN
