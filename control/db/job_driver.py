"""pgqueuer's database connections, with fewer searches for jobs.

pgqueuer searches for jobs after each change of its table and at the start and end of each job; each search takes three
statements. This driver merges changes in quick succession into one notification.
"""

import asyncio
from typing import Final

from pgqueuer.adapters.drivers.asyncpg import AsyncpgPoolDriver
from pgqueuer.ports.driver import NotifyCallback

# Changes within this many seconds are announced once. A job that is enqueued in a quiet moment starts immediately.
GATHER_S: Final = 0.1
# The type of the notification that the queue's table changed.
CHANGE: Final = "table_changed_event"


class JobDriver(AsyncpgPoolDriver):
    """A pgqueuer driver on a connection pool, which the caller closes."""

    async def add_listener(self, channel: str, callback: NotifyCallback) -> None:
        """Listen on a channel and pass its notifications to `callback` through a ChangeAnnouncer."""
        await super().add_listener(channel, ChangeAnnouncer(callback))


class ChangeAnnouncer:
    """Forwards notifications, but merges changes in quick succession.

    Of the changes within GATHER_S after a change, it forwards only the last one, at the end of that time.
    """

    def __init__(self, callback: NotifyCallback) -> None:
        self._callback = callback
        self._is_gathering = False
        self._waiting: str | bytes | bytearray | None = None

    def __call__(self, payload: str | bytes | bytearray) -> None:
        if CHANGE not in str(payload):
            self._callback(payload)
        elif self._is_gathering:
            self._waiting = payload
        else:
            self._announce(payload)

    def _announce(self, payload: str | bytes | bytearray) -> None:
        self._callback(payload)
        self._is_gathering = True
        asyncio.get_running_loop().call_later(GATHER_S, self._end_gathering)

    def _end_gathering(self) -> None:
        self._is_gathering = False
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            self._announce(waiting)
