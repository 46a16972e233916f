"""Spreads messages to a carrier that limits their rate."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

# The number of messages that are sent at once, as seconds of the permitted rate.
BURST_S: Final = 0.5
_PERIOD_S: Final = 0.04


class PacedOutput:
    """Passes messages on in order: up to BURST_S worth of messages at once, and then `per_s` per second.

    A voice is faster than real time, so a sentence of ten seconds may arrive as a hundred messages at once.

    Attributes:
        waiting_bytes: The total length of the waiting messages in characters.
    """

    def __init__(
        self, send: Callable[[str | bytes], None], per_s: int, loop: asyncio.AbstractEventLoop | None = None
    ) -> None:
        """Create an output with a full burst.

        Args:
            loop: The event loop. Defaults to the running loop.
        """
        self.waiting_bytes = 0
        self._send, self._per_s, self._loop = send, per_s, loop or asyncio.get_running_loop()
        self._waiting: deque[str | bytes] = deque()
        self._allowed = self._most = per_s * BURST_S
        self._counted_at = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None

    def send(self, message: str | bytes) -> None:
        """Send a message now, or after all waiting messages."""
        if not self._waiting and self._take():
            self._send(message)
            return
        self._waiting.append(message)
        self.waiting_bytes += len(message)
        if self._timer is None:
            self._timer = self._loop.call_later(_PERIOD_S, self._send_waiting)

    def discard(self) -> None:
        """Drop all waiting messages."""
        self._waiting.clear()
        self.waiting_bytes = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _send_waiting(self) -> None:
        self._timer = None
        while self._waiting and self._take():
            message = self._waiting.popleft()
            self.waiting_bytes -= len(message)
            self._send(message)
        if self._waiting:
            self._timer = self._loop.call_later(_PERIOD_S, self._send_waiting)

    def _take(self) -> bool:
        """Return whether one more message may be sent now, and count it."""
        now = self._loop.time()
        self._allowed = min(self._most, self._allowed + (now - self._counted_at) * self._per_s)
        self._counted_at = now
        if self._allowed < 1.0:
            return False
        self._allowed -= 1.0
        return True
