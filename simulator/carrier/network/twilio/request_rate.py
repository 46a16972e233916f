"""Limits the rate of requests, as Twilio does (docs: api/errors/20429)."""

import asyncio
from collections import deque

from simulator.carrier.network.twilio.rest import RestError


class RequestRate:
    """Counts requests and refuses those above the limit.

    Attributes:
        refused: Number of refused requests.

    Args:
        per_second: Maximum number of requests within any second; None for no limit.
    """

    def __init__(self, per_second: int | None) -> None:
        self.refused = 0
        self._per_second = per_second
        self._times: deque[float] = deque()

    def admit(self) -> None:
        """Count a request. Raises RestError (429, 20429) above the limit; refused requests are not counted."""
        if self._per_second is None:
            return
        now = asyncio.get_running_loop().time()
        while self._times and self._times[0] <= now - 1:
            self._times.popleft()
        if len(self._times) >= self._per_second:
            self.refused += 1
            raise RestError(429, 20429, "Too Many Requests")
        self._times.append(now)
