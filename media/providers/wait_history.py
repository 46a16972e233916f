"""Tracks how long a provider's account takes to its first useful unit. Pure."""

from collections import deque
from dataclasses import dataclass
from typing import Final

# The latest waits that count. Of 200 the p99 is the third longest. Of fewer, it is the second longest at most, so that
# one outlier moves nothing.
KEPT: Final = 200
# So many waits are needed before they say more than the vendor's own figures.
FEWEST: Final = 20
# So many answers correct the vendor's figures upwards.
FEWEST_TO_CORRECT: Final = 3


@dataclass(frozen=True, slots=True)
class UsualWait:
    """Quantiles of the waits, in seconds."""

    median_s: float
    p99_s: float


class WaitHistory:
    """The latest waits of one account. Their quantiles are computed when asked for, and kept until the next."""

    __slots__ = ("_answered", "_usual", "_waits")

    def __init__(self) -> None:
        self._waits: deque[float] = deque(maxlen=KEPT)
        self._answered: deque[float] = deque(maxlen=FEWEST)  # the latest of them that ended with a unit
        self._usual: UsualWait | None = None

    def add(self, seconds: float) -> None:
        """Adds one wait that ended with a unit."""
        self._add(seconds)
        self._answered.append(seconds)

    def add_cut_off(self, seconds: float) -> None:
        """Adds a wait that ended without a unit. It counts as the p99 at most: with its whole length a dead provider
        would raise its own deadline, and without it only waits within the deadline would be learned."""
        usual = self.usual()
        self._add(seconds if usual is None else min(seconds, usual.p99_s))

    def usual(self) -> UsualWait | None:
        """The quantiles; None while too few waits are known."""
        if self._usual is None and len(self._waits) >= FEWEST:
            ordered = sorted(self._waits)
            self._usual = UsualWait(_quantile(ordered, 0.5), min(_quantile(ordered, 0.99), ordered[-2]))
        return self._usual

    def correct(self, figures: UsualWait) -> UsualWait:
        """The vendor's figures, which hold while too few waits are known; longer where two of the first answers took
        longer, because a single slow one says nothing. Waits without an answer change nothing: they would lengthen
        those of a provider that is dead."""
        if len(self._answered) < FEWEST_TO_CORRECT:
            return figures
        ordered = sorted(self._answered)
        return UsualWait(max(figures.median_s, _quantile(ordered, 0.5)), max(figures.p99_s, ordered[-2]))

    def _add(self, seconds: float) -> None:
        self._waits.append(seconds)
        self._usual = None


def _quantile(ordered: list[float], share: float) -> float:
    """The smallest value that at least this share of all does not exceed."""
    rank = -int(-share * len(ordered) // 1)
    return ordered[max(rank, 1) - 1]
