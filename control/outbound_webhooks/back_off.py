"""When a delivery that failed is tried again: pure."""

from datetime import timedelta
from typing import Final

FIRST: Final = timedelta(seconds=10)
LONGEST: Final = timedelta(hours=8)
# 10 s, 30 s, 90 s, 4.5, 13.5 and 40.5 minutes, 2 and 6 hours, then 8 hours: 16 attempts in three days.
_FACTOR: Final = 3
_JITTER: Final = 0.2


def next_wait(failures: int, chance: float) -> timedelta:
    """The time from the `failures`-th failure (from 1 on) to the next attempt. chance: 0 to 1, which moves it by up to
    20 % either way, so that what failed together is not tried again together."""
    steps = min(failures - 1, 10)  # beyond the longest wait; the power of a thousand would overflow
    usual: timedelta = min(FIRST * int(_FACTOR**steps), LONGEST)
    return usual * (1 + _JITTER * (2 * chance - 1))
