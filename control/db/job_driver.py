"""pgqueuer's connections, with fewer looks for jobs.

pgqueuer looks for jobs once for each change of its table, at the start and at the end of each job, and each look takes
three statements. Its driver here announces changes that follow each other as one.
"""

import asyncio
from typing import Final

from pgqueuer.adapters.drivers.asyncpg import AsyncpgPoolDriver
from pgqueuer.ports.driver import NotifyCallback

# Seconds in which changes are announced once. A job that is enqueued in a quiet moment starts at once.
GATHER_S: Final = 0.1
# The kind of notification that says that the queue's table changed.
CHANGE: Final = "table_changed_event"


class JobDriver(AsyncpgPoolDriver):
    """A driver on a pool, which the caller closes."""

    async def add_listener(self, channel: str, callback: NotifyCallback) -> None:
        """Has `callback` called as ChangeAnnouncer does."""
        await super().add_listener(channel, ChangeAnnouncer(callback))


class ChangeAnnouncer:
    """Passes notifications on. Of changes within GATHER_S after a change, it passes on the last one, at the end of that
    time."""

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
