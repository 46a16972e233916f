"""Rate limits that a process counts in its own memory."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

# Maximum number of cells. The least recently counted cell is dropped first.
MOST_CELLS: Final = 100_000


class LocalCells:
    """Leaky buckets by theoretical arrival time (GCRA), like the script in Redis (control/http/limits/rate_limits.py).

    Args:
        most: Maximum number of cells.
    """

    def __init__(self, most: int = MOST_CELLS) -> None:
        self._cells: OrderedDict[str, int] = OrderedDict()
        self._most = most

    def count(self, keys: Sequence[str], interval_us: int, burst_us: int, now_us: int) -> tuple[int, int]:
        """Count a request unless one of the keys blocks it.

        Returns the µs to wait, which are 0 for an admitted request, and the µs until the fullest cell is empty again.
        """
        before = [min(max(self._cells.get(key, now_us), now_us), now_us + burst_us) for key in keys]
        fullest = max(before) - now_us
        longest = fullest + interval_us - burst_us
        if longest > 0:
            return longest, fullest
        for key, arrival in zip(keys, before, strict=True):
            self._cells[key] = arrival + interval_us
            self._cells.move_to_end(key)
        while len(self._cells) > self._most:
            self._cells.popitem(last=False)
        return 0, fullest + interval_us
