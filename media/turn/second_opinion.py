"""A second judge of the caller's words, whose answer comes later than the first one's, or never.

Found on what the recogniser heard at 305 pauses and 184 ends of the development clips (docs/decisions/0207): where half
of the ends are judged done, so are 14 % of the pauses by the completeness model alone, 10 % with a fifth of the second.
"""

import math
from collections.abc import Callable
from typing import Final, Protocol

SECOND_SHARE: Final = 0.2
# With this answer of the second judge's the average is at the threshold where the first is. So about as many ends pass
# with a second judge as without one; with a higher one fewer would, and the gain be that of a stricter threshold.
NEUTRAL: Final = 0.35
_LEAST: Final = 1e-4


class SecondJudge(Protocol):
    """Judges a text in its own time."""

    def request(self, text: str, on_probability: Callable[[float], None]) -> None:
        """Asks for the probability (0-1) that a caller's turn ends after this text; returns at once. `on_probability`
        is called later, or never."""


def can_change(first: float, threshold: float) -> bool:
    """Whether it depends on the second judge's answer if the average reaches the threshold."""
    return _mix(first, 0.0) < _mix(threshold, NEUTRAL) <= _mix(first, 1.0)


def average(first: float, second: float, threshold: float) -> float:
    """The probability (0-1) that the words end here by both judges, on the first's scale: at the threshold with a
    NEUTRAL second it is the threshold."""
    offset = _logit(threshold) - _logit(_mix(threshold, NEUTRAL))
    return 1 / (1 + math.exp(-(_logit(_mix(first, second)) + offset)))


def _mix(first: float, second: float) -> float:
    return (1 - SECOND_SHARE) * first + SECOND_SHARE * second


def _logit(probability: float) -> float:
    inside = min(1 - _LEAST, max(_LEAST, probability))
    return math.log(inside / (1 - inside))
