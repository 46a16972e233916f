"""Keeps connections to a vendor open, so that the next utterance needs no handshake."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar

from media.providers.cleanup import close_within
from media.providers.ports import ProviderError


class ReusableConnection(Protocol):
    """What is kept."""

    @property
    def is_open(self) -> bool:
        """Whether it can still be used."""

    async def close(self) -> None:
        """Closes it; idempotent."""


C = TypeVar("C", bound=ReusableConnection)

# A vendor closes idle connections after minutes (Cartesia: 5, reference of its WebSocket).
MAX_AGE_S: Final = 240.0
MAX_IDLE: Final = 4


@dataclass(frozen=True, slots=True)
class _Idle(Generic[C]):
    connection: C
    opened_at: float
    expiry: asyncio.TimerHandle


class WarmConnections(Generic[C]):
    """All connections of one vendor, address and key on one event loop; each is used by one request at a time.

    open: makes one; raises ProviderError. max_idle: so many are kept. max_age_s: since it was opened; an older one is
    closed when it comes back, or while it is idle.
    """

    def __init__(
        self, open_one: Callable[[], Awaitable[C]], *, max_idle: int = MAX_IDLE, max_age_s: float = MAX_AGE_S
    ) -> None:
        self._open_one = open_one
        self._max_idle = max_idle
        self._max_age_s = max_age_s
        self._idle: list[_Idle[C]] = []
        self._opened_at: dict[int, float] = {}  # by id(), of those in use
        self._trusted_since = 0.0
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False
        self._preparing: asyncio.Task[None] | None = None  # until somebody waits for it

    @property
    def idle_count(self) -> int:
        """How many are kept."""
        return len(self._idle)

    async def take(self) -> C:
        """A connection that nobody else uses: the one opened last, else a new one. Raises ProviderError."""
        preparing, self._preparing = self._preparing, None
        if preparing is not None and not self._idle:
            await asyncio.wait({preparing})
        now = asyncio.get_running_loop().time()
        while self._idle:
            idle = self._idle.pop()
            idle.expiry.cancel()
            if idle.connection.is_open and now - idle.opened_at < self._max_age_s:
                self._opened_at[id(idle.connection)] = idle.opened_at
                return idle.connection
            self._close_later(idle.connection)
        return await self._open_new()

    def give_back(self, connection: C, *, reusable: bool = True) -> None:
        """The request is over. reusable: nothing of it can come any more."""
        loop, opened_at = asyncio.get_running_loop(), self._opened_at.pop(id(connection), 0.0)
        left_s = opened_at + self._max_age_s - loop.time()
        has_room = len(self._idle) < self._max_idle and not self._closed
        if reusable and left_s > 0 and has_room and connection.is_open:
            self._idle.append(_Idle(connection, opened_at, loop.call_later(left_s, self._expire, connection)))
        else:
            self._close_later(connection)

    def give_back_when(self, connection: C, is_reusable: Awaitable[bool]) -> None:
        """The request is over, and what comes of it still is awaited in the background."""
        self._start(self._give_back_when(connection, is_reusable))

    def distrust(self) -> None:
        """A connection failed or fell silent: what was opened before and is idle may be dead, too, and is not used.
        Else a vendor that is well again would be tried with one dead connection after the other."""
        self._trusted_since = asyncio.get_running_loop().time()
        for idle in self._idle:
            idle.expiry.cancel()
            self._close_later(idle.connection)
        self._idle.clear()

    def prepare(self) -> None:
        """Opens one in the background if none is idle; a failure shows when one is taken."""
        if not self._idle and not self._tasks and not self._closed:
            self._preparing = self._start(self._prepare())

    async def close(self) -> None:
        """Closes all that are idle; those in use are closed when they come back."""
        self._closed = True
        for idle in self._idle:
            idle.expiry.cancel()
            self._close_later(idle.connection)
        self._idle.clear()
        if self._tasks:  # not by gather, which would cancel them with a caller that waits no longer
            await asyncio.wait(self._tasks)

    async def _open_new(self) -> C:
        began = asyncio.get_running_loop().time()
        connection = await self._open_one()
        self._opened_at[id(connection)] = began
        return connection

    async def _prepare(self) -> None:
        try:
            connection = await self._open_new()
        except ProviderError:
            return
        is_trusted = self._opened_at[id(connection)] >= self._trusted_since
        self.give_back(connection, reusable=is_trusted)

    def _expire(self, connection: C) -> None:
        """Closes an idle connection that grew old."""
        self._idle = [idle for idle in self._idle if idle.connection is not connection]
        self._close_later(connection)

    async def _give_back_when(self, connection: C, is_reusable: Awaitable[bool]) -> None:
        self.give_back(connection, reusable=await is_reusable)

    def _close_later(self, connection: C) -> None:
        self._start(close_within(connection.close()))

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
