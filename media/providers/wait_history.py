"""Tracks how long a provider's account takes to its first useful unit. Pure."""

from collections import deque
from dataclasses import dataclass
from typing import Final

# The maximum number of recorded waits. The p99 of 200 waits is the third longest. The p99 of fewer waits is the second
# longest at most, so that one outlier has no effect.
KEPT: Final = 200
# The minimum number of waits that replace the vendor's own figures.
FEWEST: Final = 20
# The minimum number of answers that correct the vendor's figures upwards.
FEWEST_TO_CORRECT: Final = 3


@dataclass(frozen=True, slots=True)
class UsualWait:
    """Quantiles of the waits, in seconds."""

    median_s: float
    p99_s: float


class WaitHistory:
    """The latest waits of one account. The quantiles are computed on request and cached until the next wait."""

    __slots__ = ("_answered", "_usual", "_waits")

    def __init__(self) -> None:
        self._waits: deque[float] = deque(maxlen=KEPT)
        self._answered: deque[float] = deque(maxlen=FEWEST)  # the latest waits that ended with a unit
        self._usual: UsualWait | None = None

    def add(self, seconds: float) -> None:
        """Add a wait that ended with a unit."""
        self._add(seconds)
        self._answered.append(seconds)

    def add_cut_off(self, seconds: float) -> None:
        """Add a wait that ended without a unit. The wait counts as the p99 at most.

        With its whole length, a dead provider would raise its own deadline. Without these waits, only waits within the
        deadline would be recorded.
        """
        usual = self.usual()
        self._add(seconds if usual is None else min(seconds, usual.p99_s))

    def usual(self) -> UsualWait | None:
        """Return the quantiles, or None until FEWEST waits are recorded."""
        if self._usual is None and len(self._waits) >= FEWEST:
            ordered = sorted(self._waits)
            self._usual = UsualWait(_quantile(ordered, 0.5), min(_quantile(ordered, 0.99), ordered[-2]))
        return self._usual

    def correct(self, figures: UsualWait) -> UsualWait:
        """Return the vendor's figures, lengthened if at least two of the first answers took longer.

        A single slow answer is no evidence. Waits without an answer are excluded, because they would lengthen the
        figures of a dead provider.
        """
        if len(self._answered) < FEWEST_TO_CORRECT:
            return figures
        ordered = sorted(self._answered)
        return UsualWait(max(figures.median_s, _quantile(ordered, 0.5)), max(figures.p99_s, ordered[-2]))

    def _add(self, seconds: float) -> None:
        self._waits.append(seconds)
        self._usual = None


def _quantile(ordered: list[float], share: float) -> float:
    """Return the smallest value that is at least as large as this share of all values."""
    rank = -int(-share * len(ordered) // 1)
    return ordered[max(rank, 1) - 1]
